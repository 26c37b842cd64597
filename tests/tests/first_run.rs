//! What a newcomer does: one command in an empty folder, one pasted line, one file. And each configuration that comes
//! with the repository starts the binary.

#![expect(clippy::unwrap_used, reason = "what fails in a helper fails its test")]

use anyhow::{Context, Result, ensure};
use overture_tests::binary::overture;
use overture_tests::conditions::{SOON, eventually};
use overture_tests::installation::Installation;
use overture_tests::places::{Scratch, repository, scratch};
use overture_tests::postgres::Postgres;
use overture_tests::process::Process;
use overture_tests::production::SECRETS_KEY;
use overture_tests::reserved_port::ReservedPort;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The last line that `overture dev` prints.
const LAST: &str = "Ctrl-C stops.";

/// `overture dev` as the README runs it, in a folder of its own, and what it printed. Only the port is not the default one:
/// that may be taken on this machine.
async fn dev(folder: &Path, arguments: &[&str]) -> Result<(Process, String)> {
    let mut command = Command::new(overture()?);
    command.args(arguments).current_dir(folder).env("OVERTURE__HTTP__BIND", "127.0.0.1:0");
    let mut process = Process::start(command, &folder.join("dev.log"))?;
    let printed = process.says("dev prints its lines", SOON, |output| output.contains(LAST).then(|| output.to_owned()));
    let printed = printed.await?;
    Ok((process, printed))
}

fn curl_lines(printed: &str) -> Vec<&str> {
    printed.lines().filter(|line| line.starts_with("curl ")).collect()
}

fn paste(line: &str) -> Result<Output> {
    Command::new("sh").args(["-c", line]).output().context("the tests need sh and curl: apt-get install curl")
}

/// The body of what a pasted line answers, below its headers where curl shows them.
fn pasted(line: &str) -> Result<Value> {
    let output = paste(line)?;
    ensure!(output.status.success(), "{line}: {output:?}");
    let text = String::from_utf8(output.stdout)?;
    let body = match text.split_once("\r\n\r\n") {
        Some((head, body)) => {
            ensure!(head.starts_with("HTTP/1.1 200 OK"), "{line}: {text}");
            body
        }
        None => &text,
    };
    serde_json::from_str(body).with_context(|| format!("{line}: {text}"))
}

fn delivered(folder: &Path, kind: &str) -> Result<Vec<PathBuf>> {
    let outbox = folder.join("data/outbox");
    if !outbox.exists() {
        return Ok(Vec::new());
    }
    let paths = std::fs::read_dir(outbox)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let visible = |path: &PathBuf| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    Ok(paths.into_iter().filter(|path| path.extension().is_some_and(|own| own == kind)).filter(visible).collect())
}

fn empty_folder() -> Scratch {
    scratch().unwrap()
}

#[tokio::test]
async fn every_printed_curl_line_works_when_pasted_and_the_files_appear_in_the_outbox() {
    let folder = empty_folder();
    let (_process, printed) = dev(folder.path(), &[]).await.unwrap();
    let lines = curl_lines(&printed);
    assert_eq!(lines.len(), 4, "{printed}");
    let (composing, reading) = lines.split_at(3);
    for line in composing {
        assert_eq!(pasted(line).unwrap(), json!({ "ok": true }), "{line}");
    }
    let email =
        eventually("the email lies in the outbox", SOON, async || Ok(delivered(folder.path(), "eml")?.pop())).await;
    let email = std::fs::read_to_string(email.unwrap()).unwrap();
    assert!(email.contains("<jan.mueller@acme-customer.de>"), "{email}");
    assert!(email.contains("Subject: Follow-up: Your recent order inquiry"), "{email}");
    assert!(email.contains("inquiry about order #4521"), "{email}");
    eventually("SMS and WhatsApp lie there too", SOON, async || {
        Ok((delivered(folder.path(), "json")?.len() == 2).then_some(()))
    })
    .await
    .unwrap();
    let read = pasted(reading[0]).unwrap();
    assert_eq!(read["data"][0]["direction"], "outbound", "{read}");
}

#[tokio::test]
async fn a_second_start_prints_the_same_key_and_makes_nothing_new() {
    let folder = empty_folder();
    let printed_first = {
        let (mut process, printed) = dev(folder.path(), &["dev"]).await.unwrap();
        assert!(process.stop(SOON).await.unwrap().success());
        printed
    };
    let (_process, printed) = dev(folder.path(), &["dev"]).await.unwrap();
    let without_port = |printed: &str| {
        let line = curl_lines(printed)[0].to_owned();
        let (_, after) = line.split_once("/api/").unwrap();
        after.to_owned()
    };
    assert_eq!(without_port(&printed_first), without_port(&printed));
    assert_eq!(pasted(curl_lines(&printed)[0]).unwrap(), json!({ "ok": true }));
}

#[tokio::test]
async fn dev_refuses_an_address_that_others_can_reach() {
    let installation = Installation::new().unwrap();
    let output = installation.command(&["dev"]).unwrap().env("OVERTURE__HTTP__BIND", "0.0.0.0:0").output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("http.bind") && told.contains("loopback"), "{told}");
    assert!(output.stdout.is_empty(), "nothing is printed, no key above all");
}

#[tokio::test]
async fn nothing_that_serve_prints_or_logs_holds_the_key_an_address_a_name_or_a_text() {
    let installation = Installation::new().unwrap().with("OVERTURE__LOG__LEVEL", "debug");
    let demo = installation.init().unwrap();
    let mut server = installation.serve().await.unwrap();
    let mut body = demo.mail(&demo.email, "secret.person@example.com", "Secret subject");
    body["contactName"] = json!("Secret Name");
    body["content"] = json!("Secret content");
    let client = server.client(&demo).unwrap();
    client.compose(&body).await.unwrap().composed().unwrap();
    body["contactEmail"] = json!("secret.person@@example.com");
    assert_eq!(client.compose(&body).await.unwrap().status, 400);
    installation.settles(SOON).await.unwrap();
    server.process.stop(SOON).await.unwrap();
    let written = server.process.output() + &server.process.log().unwrap();
    assert!(written.contains("answered"), "the log says nothing of the requests:\n{written}");
    let lower = written.to_lowercase();
    for secret in
        [demo.api_key.to_lowercase().as_str(), "secret.person", "secret subject", "secret name", "secret content"]
    {
        assert!(!lower.contains(secret), "{secret} stands in:\n{written}");
    }
}

/// Every configuration file, so that a new one is tested without being named here.
fn configurations() -> Result<Vec<PathBuf>> {
    let paths =
        std::fs::read_dir(repository().join("config"))?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    Ok(paths.into_iter().filter(|path| path.extension().is_some_and(|kind| kind == "toml")).collect())
}

#[tokio::test]
async fn each_configuration_file_starts_the_binary_and_names_the_adapters_it_chose() {
    let (files, nobody) = (configurations().unwrap(), ReservedPort::new().unwrap());
    assert!(files.iter().any(|file| file.ends_with("config/default.toml")), "{files:?}");
    for file in files {
        let (installation, expected) = match file.file_stem().unwrap().to_str().unwrap() {
            "default" => (Installation::new().unwrap(), json!({ "database": "sqlite", "engine": "embedded" })),
            "production" => {
                (beside_servers(&nobody).await.unwrap(), json!({ "database": "postgres", "engine": "temporal" }))
            }
            other => panic!("say which adapters config/{other}.toml chooses"),
        };
        let config = file.display().to_string();
        installation.ask(&["migrate", "--config", &config]).unwrap();
        let mut command = installation.command(&["serve", "--json", "--config", &config]).unwrap();
        // The file says where the data lies: in the folder it is started in.
        command.env_remove("OVERTURE__DATA_DIR");
        let server = installation.serve_by(command).await.unwrap();
        for (adapter, expected) in expected.as_object().unwrap() {
            assert_eq!(&server.told["adapters"][adapter], expected, "{config}");
        }
        assert_eq!(
            server.told["adapters"]["senders"],
            json!(["sandbox", "smtp", "twilio", "whatsapp-cloud"]),
            "{config}"
        );
        assert_eq!(installation.database().exists(), expected["database"] == "sqlite", "{config}");
    }
}

/// What production.toml leaves to the environment, on this machine. Temporal may be away when a process starts.
async fn beside_servers(temporal: &ReservedPort) -> Result<Installation> {
    let database = Postgres::shared().await?.database().await?;
    Ok(Installation::new()?
        .with("OVERTURE__DATABASE__URL", &database)
        .with("OVERTURE__SECRETS__KEY", SECRETS_KEY)
        .with("OVERTURE__TEMPORAL__ADDRESS", &temporal.http()))
}
