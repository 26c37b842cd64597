//! `dev`, `serve`, `worker` and `try`: the processes that do the work.

use crate::support::http::ask;
use crate::support::mail_server::MailServer;
use crate::support::{Installation, PROGRAM, Running, eventually, files, text};
use overture_tests::reserved_port::ReservedPort;
use serde_json::{Value, json};
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

/// What a running server was told to say about itself, and a way to compose through it.
struct Demo {
    announced: Value,
}

impl Demo {
    fn of(running: &Running) -> Self {
        Self { announced: running.announced() }
    }

    fn text(&self, name: &str) -> String {
        self.announced[name].as_str().unwrap_or_else(|| panic!("{name} is missing: {}", self.announced)).to_owned()
    }

    fn compose(&self) -> Option<crate::support::http::Answer> {
        let body = json!({
            "workspaceId": self.text("workspaceId"), "channelId": self.announced["channels"]["email"],
            "contactEmail": "jan.mueller@acme-customer.de", "contactName": "Jan Mueller",
            "subject": "Follow-up: Your recent order inquiry", "content": "Dear Jan",
        });
        let authorization = format!("Authorization: Bearer {}", self.text("apiKey"));
        ask(
            "POST",
            &format!("{}/api/conversations/compose", self.text("url")),
            &[&authorization, "Content-Type: application/json"],
            &body.to_string(),
        )
    }
}

#[test]
fn every_line_that_dev_prints_works_when_it_is_sent() {
    let installation = Installation::new();
    let running = installation.start(&[]);
    let lines = running.lines_until("Ctrl-C");
    let composes: Vec<_> = lines.iter().filter(|line| line.starts_with("curl -i http://")).collect();
    assert_eq!(composes.len(), 3, "{lines:#?}");
    for line in composes {
        let url = line.split_whitespace().nth(2).unwrap();
        let quoted: Vec<_> = line.split('\'').skip(1).step_by(2).collect();
        let [authorization, content_type, body] = quoted[..] else { panic!("{line}") };
        let answer = ask("POST", url, &[authorization, content_type], body).unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"ok":true}"#), "{line}");
        let location = answer.header("location").unwrap();
        let base = url.split("/api/").next().unwrap();
        let read = ask("GET", &format!("{base}{location}/messages"), &[authorization], "").unwrap();
        assert_eq!(read.status, 200, "{}", read.body);
    }
    let outbox = installation.path("data/outbox");
    eventually("an .eml and two .json files in the outbox", || {
        (files(&outbox, ".eml").len() == 1 && files(&outbox, ".json").len() == 2).then_some(())
    });
    let (status, _, log) = running.stop();
    assert!(status.success(), "{log}");
}

#[test]
fn dev_prints_the_same_key_again_and_delivers_with_it() {
    let installation = Installation::new();
    let first = installation.start(&["dev", "--json"]);
    let key = Demo::of(&first).text("apiKey");
    first.stop();
    let second = installation.start(&["dev", "--json"]);
    let demo = Demo::of(&second);
    assert_eq!(demo.text("apiKey"), key);
    assert_eq!(demo.compose().unwrap().status, 200);
    let message = eventually("the message", || {
        let items = installation.json(&["message", "list"])["items"].clone();
        (items[0]["status"] == "sent").then(|| items[0].clone())
    });
    let shown = installation.json(&["message", "show", message["id"].as_str().unwrap()]);
    assert_eq!(shown["attempts"][0]["outcome"], "sent");
    assert_eq!(shown["content"], "Dear Jan");
    assert_eq!(installation.json(&["status"])["messages"]["sent"], 1);
}

#[test]
fn dev_refuses_an_address_others_can_reach() {
    let installation = Installation::new().with("OVERTURE__HTTP__BIND", "0.0.0.0:0");
    let (code, told) = installation.refusal(&["dev"]);
    assert!(code == 2 && told.contains("overture serve"), "{code}: {told}");
    assert!(!installation.path("data").exists());
}

#[test]
fn serve_without_a_key_says_how_to_make_one_and_never_prints_one() {
    let installation = Installation::new();
    let serving = installation.start(&["serve", "--json"]);
    serving.announced();
    let (_, out, log) = serving.stop();
    assert!(log.contains("overture init") && out.is_empty(), "{log}");

    let key = installation.json(&["init"])["apiKey"].as_str().unwrap().to_owned();
    let serving = installation.start(&["serve"]);
    let first = serving.line();
    let (status, out, log) = serving.stop();
    assert!(status.success() && !log.contains("overture init"), "{log}");
    assert!(![first, out, log].join("\n").contains(&key[3..]));
}

#[test]
fn serve_on_an_address_in_use_says_how_to_choose_another() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, told) = Installation::new().with("OVERTURE__HTTP__BIND", &address).refusal(&["serve"]);
    assert!(code == 1 && told.contains("OVERTURE__HTTP__BIND"), "{code}: {told}");
    assert_eq!((told.matches(&address).count(), told.matches("isten on").count()), (1, 1), "{told}");
}

#[test]
fn logs_are_json_where_no_terminal_is_and_hold_nothing_personal() {
    let installation = Installation::new().with("OVERTURE__LOG__LEVEL", "debug");
    let running = installation.start(&["dev", "--json"]);
    let demo = Demo::of(&running);
    assert_eq!(demo.compose().unwrap().status, 200);
    eventually("the file", || files(&installation.path("data/outbox"), ".eml").pop());
    let key = demo.text("apiKey");
    let (_, _, log) = running.stop();
    assert!(log.lines().count() > 3, "{log}");
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
    }
    for secret in ["jan.mueller", "Jan Mueller", "Dear Jan", "Follow-up", &key[3..]] {
        assert!(!log.contains(secret), "the log holds {secret}");
    }
}

#[test]
fn a_worker_beside_a_server_on_one_database_delivers_and_stops() {
    let installation = Installation::new();
    let serving = installation.start(&["dev", "--json"]);
    let demo = Demo::of(&serving);
    let worker = installation.start(&["worker", "--json"]);
    assert_eq!(worker.announced()["adapters"]["engine"], "embedded");
    for _ in 0..5 {
        assert_eq!(demo.compose().unwrap().status, 200);
    }
    eventually("five messages", || (installation.json(&["status"])["messages"]["sent"] == 5).then_some(()));
    assert_eq!(files(&installation.path("data/outbox"), ".eml").len(), 5);
    assert!(worker.stop().0.success() && serving.stop().0.success());
}

#[test]
fn a_worker_tells_operators_what_it_does_where_it_is_told_to() {
    let installation = Installation::new().with("OVERTURE__ENGINE__IN_SERVE", "false");
    let serving = installation.start(&["dev", "--json"]);
    let demo = Demo::of(&serving);
    let silent = installation.start(&["worker", "--json"]);
    assert_eq!(silent.announced()["adminUrl"], Value::Null);
    assert!(silent.stop().0.success());

    let installation = installation.with("OVERTURE__HTTP__WORKER_BIND", "127.0.0.1:0");
    let worker = installation.start(&["worker", "--json"]);
    let admin = worker.announced()["adminUrl"].as_str().unwrap().to_owned();
    let get = |path: &str| ask("GET", &format!("{admin}{path}"), &[], "").unwrap();
    assert_eq!(demo.compose().unwrap().status, 200);
    let sent = eventually("the count of what it sent", || {
        get("/metrics").body.lines().find(|line| line.starts_with("overture_send_total")).map(str::to_owned)
    });
    assert!(sent.contains("outcome=\"accepted\"") && sent.ends_with(" 1"), "{sent}");
    let ready = get("/readyz?verbose");
    assert!(ready.status == 200 && ready.body.contains("relay"), "{}", ready.body);
    assert_eq!(get("/api/channels").status, 404, "it serves no API");

    let second = installation.with("OVERTURE__HTTP__WORKER_BIND", admin.trim_start_matches("http://"));
    let (code, told) = second.refusal(&["worker"]);
    assert!(code == 1 && told.contains("OVERTURE__HTTP__WORKER_BIND"), "{code}: {told}");
    assert!(worker.stop().0.success());
}

#[test]
fn a_server_that_does_not_deliver_leaves_it_to_a_worker_at_once() {
    let installation = Installation::new().with("OVERTURE__ENGINE__IN_SERVE", "false");
    let serving = installation.start(&["dev", "--json"]);
    let demo = Demo::of(&serving);
    assert_eq!(demo.compose().unwrap().status, 200);
    assert_eq!(installation.json(&["status"])["messages"]["queued"], 1);
    let worker = installation.start(&["worker", "--json"]);
    worker.announced();
    let begun = std::time::Instant::now();
    eventually("the message", || (installation.json(&["status"])["messages"]["sent"] == 1).then_some(()));
    // A wakeup that was claimed by the server would have waited out its claim of 30 s.
    assert!(begun.elapsed().as_secs() < 20);
}

#[test]
fn a_server_that_does_not_deliver_says_so_and_who_does() {
    let worker = format!("`{PROGRAM} worker`");
    let installation = Installation::new().with("OVERTURE__ENGINE__IN_SERVE", "false");
    installation.json(&["init"]);
    let serving = installation.start(&["serve"]);
    let said = serving.lines_until("This process delivers nothing").join("\n");
    assert!(said.contains(&worker), "{said}");
    let (_, _, log) = serving.stop();
    assert!(log.contains("delivers nothing") && log.contains(&worker), "{log}");

    let serving = Installation::new().start(&["dev", "--json"]);
    serving.announced();
    assert!(!serving.stop().2.contains("delivers nothing"));
}

#[test]
fn work_that_nobody_does_is_warned_of_by_status_doctor_and_readiness() {
    let installation = Installation::new().with("OVERTURE__ENGINE__IN_SERVE", "false");
    let serving = installation.start(&["dev", "--json"]);
    let demo = Demo::of(&serving);
    let readiness = || {
        let answer = ask("GET", &format!("{}/readyz?verbose", demo.text("url")), &[], "").unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        serde_json::from_str::<Value>(&answer.body).unwrap()["warnings"].clone()
    };
    assert_eq!(demo.compose().unwrap().status, 200);
    assert_eq!((&installation.json(&["status"])["warnings"], readiness()), (&json!([]), json!([])));

    installation.let_two_minutes_pass();
    let worker = format!("`{PROGRAM} worker`");
    let doctor = text(&installation.run(&["doctor"]).stdout);
    let doctor = doctor.lines().find(|line| line.starts_with("warn  delivery:")).expect(&doctor);
    let warnings = [installation.json(&["status"])["warnings"].to_string(), readiness().to_string(), doctor.to_owned()];
    for warning in warnings {
        assert!(warning.contains("1 conversation waits") && warning.contains(&worker), "{warning}");
    }
    assert!(text(&installation.run(&["status"]).stdout).contains("warning "));
}

#[test]
fn readiness_tells_room_beside_what_runs_at_once() {
    let installation = Installation::new().with("OVERTURE__ENGINE__CONCURRENCY", "7");
    let running = installation.start(&["dev", "--json"]);
    let url = Demo::of(&running).text("url");
    let verbose = ask("GET", &format!("{url}/readyz?verbose"), &[], "").unwrap().body;
    assert!(verbose.contains("more conversations; 7 run at once"), "{verbose}");
}

#[test]
fn readiness_and_metrics_are_there() {
    let installation = Installation::new();
    let running = installation.start(&["dev", "--json"]);
    let url = Demo::of(&running).text("url");
    eventually("readiness", || (ask("GET", &format!("{url}/readyz"), &[], "")?.status == 200).then_some(()));
    let verbose = ask("GET", &format!("{url}/readyz?verbose"), &[], "").unwrap().body;
    for part in ["database", "engine", "relay"] {
        assert!(verbose.contains(part), "{verbose}");
    }
    let metrics = ask("GET", &format!("{url}/metrics"), &[], "").unwrap();
    assert!(metrics.status == 200 && metrics.body.contains("overture_wakeups"), "{}", metrics.body);
}

#[test]
fn try_shows_the_life_of_a_message_until_the_sandbox_has_it() {
    let installation = Installation::new();
    let output = installation.run(&["try", "--to", "ann@example.com"]);
    let told = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for line in ["200 OK", "attempt 1 begins", "attempt 1: sent", "the message is sent"] {
        assert!(told.contains(line), "{line} is missing: {told}");
    }
    assert_eq!(files(&installation.path("data/outbox"), ".eml").len(), 1);
    assert!(!installation.path("data/overture.db").exists());

    let told = installation.json(&["try", "--to", "+4915112345678"]);
    assert_eq!(told["status"], "sent");
    assert!(std::path::Path::new(&installation.path(told["file"].as_str().unwrap())).exists());
}

#[test]
fn try_without_a_good_address_is_refused_in_words_of_the_command_line() {
    let installation = Installation::new();
    for to in ["ann@", "ann", "004915112345678", "+49 (0)151 12345678"] {
        let output = installation.run(&["try", "--to", to]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.starts_with("--to ") && !told.contains("contact") && output.stdout.is_empty(), "{told}");
    }
    let (code, told) = installation.refusal(&["try", "--to", "+4915112345678", "--smtp", "smtp://127.0.0.1:1"]);
    assert!(code == 2 && told.contains("--smtp"), "{code}: {told}");
}

#[test]
fn a_crash_point_kills_the_process_as_kill_9_would_and_a_restart_finds_what_was_committed() {
    let installation = Installation::new();
    installation.json(&["init"]);
    let crashing = Installation::new()
        .with("OVERTURE_CRASH_AT", "after_open")
        .with("OVERTURE__DATA_DIR", &installation.path("data").display().to_string());
    let mut dying = crashing.start(&["dev", "--json"]);
    let demo = Demo::of(&dying);
    assert!(demo.compose().is_none(), "it answered");
    assert_eq!(dying.ended().signal(), Some(9));
    assert_eq!(installation.json(&["message", "list"])["items"].as_array().unwrap().len(), 1);
    let (code, told) = Installation::new().with("OVERTURE_CRASH_AT", "nowhere").refusal(&["serve"]);
    assert!(code == 2 && told.contains("before_settle"), "{code}: {told}");
}

#[test]
fn try_asks_for_the_password_on_the_terminal_and_does_not_show_it() {
    // A terminal of its own, with a person who answers.
    const PERSON: &str = r#"
import os, pty, sys
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen, answered = b"", False
while True:
    try:
        read = os.read(terminal, 1024)
    except OSError:
        break
    if not read:
        break
    seen += read
    if not answered and b"Password of ann" in seen:
        os.write(terminal, b"hunter2\r")
        answered = True
sys.stdout.buffer.write(seen)
"#;
    let installation = Installation::new();
    let port = ReservedPort::new().unwrap();
    let smtp = format!("smtp://ann@127.0.0.1:{port}");
    let output = installation.python(PERSON, &["try", "--to", "ann@example.com", "--smtp", &smtp]);
    let seen = text(&output.stdout);
    assert!(seen.contains("Password of ann:") && seen.contains("attempt 1: channel_fault"), "{seen}");
    assert!(!seen.contains("hunter2"), "{seen}");
}

#[test]
fn try_ends_at_once_where_the_channel_is_at_fault_with_the_cause_first_and_what_to_change() {
    let installation = Installation::new().with("OVERTURE_TRY_SMTP_PASSWORD", "hunter2");
    let told_by = |server: MailServer, url: &str| {
        let begun = Instant::now();
        let url = url.replace("PORT", &server.port.to_string());
        let (code, told) = installation.refusal(&["try", "--to", "ann@example.com", "--smtp", &url]);
        // The message itself would be tried for a minute.
        assert!(code == 1 && begun.elapsed() < Duration::from_secs(30), "{code}: {told}");
        told
    };
    let told = told_by(MailServer::that_offers(""), "smtp://127.0.0.1:PORT?tls=starttls");
    assert!(told.starts_with("The message was not sent: 127.0.0.1 does not offer STARTTLS"), "{told}");
    assert!(told.contains("?tls=none'"), "{told}");
    let told = told_by(MailServer::that_offers("AUTH PLAIN"), "smtp://ann@127.0.0.1:PORT?tls=none");
    assert!(told.starts_with("The message was not sent: 127.0.0.1 refused the user name or password"), "{told}");
    assert!(told.contains("OVERTURE_TRY_SMTP_PASSWORD") && !told.contains("hunter2"), "{told}");
}

#[test]
fn try_names_a_password_variable_that_is_set_but_empty() {
    let installation = Installation::new().with("OVERTURE_TRY_SMTP_PASSWORD", "");
    let (code, told) = installation.refusal(&["try", "--to", "ann@example.com", "--smtp", "smtp://ann@127.0.0.1:1"]);
    assert!(code == 2 && told.starts_with("OVERTURE_TRY_SMTP_PASSWORD is set but empty"), "{code}: {told}");
}

#[test]
fn try_refuses_a_password_on_the_command_line_and_names_the_variable() {
    let (code, told) =
        Installation::new().refusal(&["try", "--to", "ann@example.com", "--smtp", "smtp://ann:hunter2@h"]);
    assert!(code == 2 && told.contains("OVERTURE_TRY_SMTP_PASSWORD") && !told.contains("hunter2"), "{code}: {told}");
}
