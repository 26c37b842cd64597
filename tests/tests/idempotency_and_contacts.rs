//! Many at once: one key is one conversation, one address is one contact, and a client that goes away leaves nothing open.

use anyhow::{Context, Result, ensure};
use overture_tests::client::{Answer, Client};
use overture_tests::conditions::{SOON, pause};
use overture_tests::installation::{Demo, Installation, Server};
use overture_tests::mail_server::MailServer;
use overture_tests::python::{python, run};
use overture_tests::randomness::Random;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

struct Serving {
    installation: Installation,
    demo: Demo,
    client: Client,
    _server: Server,
}

async fn serving() -> Result<Serving> {
    let installation = Installation::new()?;
    let demo = installation.init()?;
    let server = installation.serve().await?;
    let client = server.client(&demo)?;
    Ok(Serving { installation, demo, client, _server: server })
}

/// Sends all of them at the same moment, each on a connection of its own; the answers come in the same order.
async fn at_once(client: &Client, requests: Vec<(Value, Option<&'static str>)>) -> Result<Vec<Answer>> {
    let barrier = std::sync::Arc::new(Barrier::new(requests.len()));
    let mut tasks = JoinSet::new();
    for (place, (body, key)) in requests.into_iter().enumerate() {
        let (barrier, client) = (std::sync::Arc::clone(&barrier), Client::new(client.url(), client.key())?);
        tasks.spawn(async move {
            barrier.wait().await;
            let answer = match key {
                Some(key) => client.compose_once(&body, key).await,
                None => client.compose(&body).await,
            };
            answer.map(|answer| (place, answer))
        });
    }
    let mut answers = BTreeMap::new();
    while let Some(ended) = tasks.join_next().await {
        let (place, answer) = ended??;
        answers.insert(place, answer.composed()?);
    }
    Ok(answers.into_values().collect())
}

fn conversations(answers: &[Answer]) -> Result<BTreeSet<&str>> {
    answers.iter().map(Answer::conversation).collect()
}

/// The addresses of every contact.
fn contacts(installation: &Installation) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let rows = installation
        .rows("SELECT c.id, a.canonical FROM contacts c LEFT JOIN contact_addresses a ON a.contact_id = c.id")?;
    let mut contacts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in &rows {
        let id = row["id"].as_str().context("no id")?;
        let address = row["canonical"].as_str().with_context(|| format!("the contact {id} has no address"))?;
        ensure!(contacts.entry(id.to_owned()).or_default().insert(address.to_owned()), "{id} has {address} twice");
    }
    Ok(contacts)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_equal_requests_at_once_with_one_key_make_one_conversation_and_one_delivered_message() {
    let installation = Installation::new().unwrap();
    let demo = installation.init().unwrap();
    let mail_server = MailServer::start().await.unwrap();
    let channel = installation.add_mail_channel(&demo, &mail_server, &Value::Null).unwrap();
    let server = installation.serve().await.unwrap();
    let client = server.client(&demo).unwrap();
    let body = demo.mail(&channel, "one@example.com", "Once");
    let answers = at_once(&client, vec![(body, Some("the one key")); 64]).await.unwrap();
    assert_eq!(conversations(&answers).unwrap().len(), 1);
    let replayed = answers.iter().filter(|answer| answer.header("idempotency-replayed") == Some("true")).count();
    assert_eq!(replayed, 63);
    installation.settles(SOON).await.unwrap();
    for table in ["conversations", "messages", "contacts"] {
        assert_eq!(installation.count(&format!("SELECT count(*) FROM {table}")).unwrap(), 1, "{table}");
    }
    assert_eq!(mail_server.mails().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_requests_at_once_to_one_new_address_make_sixty_four_conversations_and_one_contact() {
    let serving = serving().await.unwrap();
    let spellings = [
        "New.Person@bücher.example",
        "new.person@xn--bcher-kva.example",
        "NEW.PERSON@BÜCHER.example",
        " new.person@bücher.example ",
    ];
    let bodies = (0..64).map(|n| (serving.demo.mail(&serving.demo.email, spellings[n % 4], "Hello"), None)).collect();
    let answers = at_once(&serving.client, bodies).await.unwrap();
    assert_eq!(conversations(&answers).unwrap().len(), 64);
    let contacts = contacts(&serving.installation).unwrap();
    assert_eq!(contacts.len(), 1, "{contacts:?}");
    assert_eq!(serving.installation.count("SELECT count(DISTINCT contact_id) FROM conversations").unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_pairs_of_email_and_phone_from_both_sides_at_once_are_two_hundred_contacts() {
    let serving = serving().await.unwrap();
    let demo = &serving.demo;
    for round in 0..10 {
        let mut bodies = Vec::new();
        for n in round * 20..round * 20 + 20 {
            let (email, phone) = (format!("pair{n}@example.com"), format!("+49151{:08}", 23_450_000 + n));
            let mut by_email = demo.mail(&demo.email, &email, "By email");
            by_email["contactPhone"] = json!(phone);
            let mut by_phone = demo.sms(&phone);
            by_phone["contactEmail"] = json!(email);
            bodies.extend([(by_email, None), (by_phone, None)]);
        }
        for answer in at_once(&serving.client, bodies).await.unwrap() {
            assert!(
                answer.notices().is_empty(),
                "a pair that belongs together was taken apart: {:?}",
                answer.notices()
            );
        }
    }
    let contacts = contacts(&serving.installation).unwrap();
    let expected: BTreeSet<BTreeSet<String>> = (0..200)
        .map(|n| BTreeSet::from([format!("pair{n}@example.com"), format!("+49151{:08}", 23_450_000 + n)]))
        .collect();
    assert_eq!(contacts.into_values().collect::<BTreeSet<_>>(), expected);
    assert_eq!(serving.installation.count("SELECT count(*) FROM contacts").unwrap(), 200);
    assert_eq!(serving.installation.count("SELECT count(*) FROM conversations").unwrap(), 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_email_with_two_phones_at_once_is_one_contact_by_email_and_two_by_phone() {
    let serving = serving().await.unwrap();
    let demo = &serving.demo;
    for n in 0..20 {
        let email = format!("shared{n}@example.com");
        let phones = [format!("+49152{:08}", 10_000_000 + n), format!("+49152{:08}", 20_000_000 + n)];
        let with = |phone: &String| {
            let mut body = demo.mail(&demo.email, &email, "Two phones");
            body["contactPhone"] = json!(phone);
            (body, None)
        };
        let answers = at_once(&serving.client, phones.iter().map(with).collect()).await.unwrap();
        let mut notices: Vec<_> = answers.iter().map(Answer::notices).collect();
        notices.sort();
        assert_eq!(notices, [vec![], vec!["contact_hint_ignored"]], "the second phone is a hint that does not fit");
    }
    let by_email = contacts(&serving.installation).unwrap();
    assert_eq!(by_email.len(), 20);
    assert!(by_email.values().all(|addresses| addresses.len() == 2), "{by_email:?}");

    for n in 0..20 {
        let email = format!("second{n}@example.com");
        let phones = [format!("+49157{:08}", 10_000_000 + n), format!("+49157{:08}", 20_000_000 + n)];
        let with = |phone: &String| {
            let mut body = demo.sms(phone);
            body["contactEmail"] = json!(email);
            (body, None)
        };
        let answers = at_once(&serving.client, phones.iter().map(with).collect()).await.unwrap();
        let mut notices: Vec<_> = answers.iter().map(Answer::notices).collect();
        notices.sort();
        assert_eq!(notices, [vec![], vec!["contact_hint_ignored"]], "the email belongs to whoever came first");
    }
    let all = contacts(&serving.installation).unwrap();
    assert_eq!(all.len(), 20 + 40);
    let addresses: Vec<_> = all.values().flatten().collect();
    assert_eq!(addresses.len(), addresses.iter().collect::<BTreeSet<_>>().len(), "an address belongs to two");
    assert_eq!(addresses.len(), 20 * 2 + 20 * 3);
}

/// A request as bytes, with a key of its own.
fn raw_request(client: &Client, body: &Value, key: &str) -> Vec<u8> {
    let body = body.to_string();
    let host = client.url().trim_start_matches("http://");
    format!(
        "POST /api/conversations/compose HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Idempotency-Key: {key}\r\nContent-Length: {}\r\n\r\n{body}",
        client.key(),
        body.len()
    )
    .into_bytes()
}

/// Sends a part of a request, or all of it, and goes away at some point, also while the answer is on its way.
async fn cut(address: &str, request: &[u8], random: &mut Random) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let sent = if random.below(4) == 0 { random.below(request.len() as u64) } else { request.len() as u64 };
    stream.write_all(&request[..usize::try_from(sent)?]).await?;
    match random.below(3) {
        0 => {}
        1 => pause(random.time_below(Duration::from_millis(10))).await,
        _ => {
            // One byte of the answer, if it comes in time.
            let _ = tokio::time::timeout(random.time_below(Duration::from_millis(20)), stream.read_u8()).await;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_requests_cut_at_random_points_leave_no_transaction_open_and_lose_no_committed_compose() {
    const CUTS: usize = 1_000;
    let serving = serving().await.unwrap();
    let (demo, client) = (&serving.demo, &serving.client);
    let body = |n: usize| demo.mail(&demo.email, &format!("cut{}@example.com", n % 50), &format!("Cut {n}"));
    let address = client.url().trim_start_matches("http://").to_owned();
    let mut seeds = Random::new();
    let mut tasks = JoinSet::new();
    for first in 0..16 {
        let requests: Vec<_> =
            (first..CUTS).step_by(16).map(|n| raw_request(client, &body(n), &format!("cut-{n}"))).collect();
        let (address, mut random) = (address.clone(), Random::from_seed(seeds.next_number()));
        tasks.spawn(async move {
            for request in requests {
                cut(&address, &request, &mut random).await?;
            }
            anyhow::Ok(())
        });
    }
    tasks.join_all().await.into_iter().collect::<Result<()>>().unwrap();

    let began = Instant::now();
    client.compose(&demo.mail(&demo.email, "after@example.com", "After")).await.unwrap().composed().unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "a compose after the cuts took {:?}", began.elapsed());
    serving.installation.settles(SOON).await.unwrap();
    begin_writing(&serving.installation).unwrap();

    let committed =
        serving.installation.rows("SELECT subject, id FROM conversations WHERE subject LIKE 'Cut %'").unwrap();
    eprintln!("{} of {CUTS} cut requests were committed", committed.len());
    assert!((100..CUTS).contains(&committed.len()), "{} of {CUTS} cut requests were committed", committed.len());
    for row in &committed {
        let (subject, id) = (row["subject"].as_str().unwrap(), row["id"].as_str().unwrap());
        let n: usize = subject.rsplit(' ').next().unwrap().parse().unwrap();
        let again = client.compose_once(&body(n), &format!("cut-{n}")).await.unwrap().composed().unwrap();
        assert_eq!(again.conversation().unwrap(), id, "{subject}");
        assert_eq!(client.only_message(id).await.unwrap()["status"], "sent", "{subject}");
    }
    let subjects = serving.installation.count("SELECT count(DISTINCT subject) FROM conversations").unwrap();
    let conversations = serving.installation.count("SELECT count(*) FROM conversations").unwrap();
    assert_eq!(subjects, conversations, "a cut request was committed twice");
}

/// Takes the write lock of the file, which waits for whoever holds it.
fn begin_writing(installation: &Installation) -> Result<()> {
    let program = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=5, isolation_level=None).execute('BEGIN IMMEDIATE').execute('ROLLBACK')";
    run(Command::new(python()?).args(["-c", program]).arg(installation.database())).map(drop)
}
