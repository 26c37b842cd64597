//! Messages to a few people on WhatsApp, against a server that enforces Meta's limits and refuses what comes too soon: how
//! long they take beside the least that the limits allow, and how many are refused.

use crate::client::Client;
use crate::installation::Installation;
use crate::service::Service;
use anyhow::{Context, Result, bail, ensure};
use overture_tests::carrier::{Carrier, News, Voice};
use overture_tests::limits::Limits;
use overture_tests::paces::PAIR;
use overture_tests::provider_server::{Delivered, ProviderServer};
use overture_tests::whatsapp::{APP_SECRET, BUSINESS};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How many clients compose.
const CLIENTS: usize = 8;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// Composes `messages` messages to `people` people in turn, of which `per_second` may leave in a second.
pub(crate) async fn run(messages: u64, people: u64, per_second: u64) -> Result<String> {
    let (people, each) = (usize::try_from(people)?, usize::try_from(messages / people.max(1))?);
    let provider = Carrier::Cloud.start().await?;
    let limits = || anyhow::Ok(Limits::new(PAIR, usize::try_from(per_second)?));
    let least = limits()?.least(people, each);
    provider.enforce(limits()?);
    let mut installation = Installation::embedded(true).await?;
    installation.set("OVERTURE__WHATSAPP__BASE_URL", provider.url());
    let (settings, most) = (Carrier::Cloud.settings().to_string(), per_second.to_string());
    let how = ["--type", "whatsapp", "--transport", "whatsapp-cloud", "--config", &settings, "--max-per-second", &most];
    let channel = installation.add_channel(&how).await?;
    let service = installation.serve().await?;
    let numbers: Vec<String> = (0..people).map(|n| format!("+491511239{n:04}")).collect();
    write_first(&service, &channel, &numbers).await?;
    let begun = Instant::now();
    compose(&service, &channel, &numbers, each).await?;
    let composed = begun.elapsed();
    let taken = all_taken(&provider, people * each, least).await?;
    let last = taken.iter().map(|one| one.asked.at.into_std()).max().context("nothing was taken")? - begun;
    service.stop().await?;
    let refused = provider.limited().len();
    Ok(format!(
        "| messages | people | a second | least s | took s | ratio | refused | worst wait between two to one person, s |\n\
         |---|---|---|---|---|---|---|---|\n\
         | {} | {people} | {per_second} | {:.1} | {:.1} | **{:.2}** | **{refused}** | {:.2} |\n\nComposed in {:.1} s.",
        taken.len(),
        least.as_secs_f64(),
        last.as_secs_f64(),
        last.as_secs_f64() / least.as_secs_f64(),
        longest_gap(&taken).as_secs_f64(),
        composed.as_secs_f64(),
    ))
}

/// Each of them writes, so that texts may leave as they are.
async fn write_first(service: &Service, channel: &str, numbers: &[String]) -> Result<()> {
    let voice = Voice { channel: channel.to_owned(), secret: APP_SECRET.to_owned(), account: BUSINESS.to_owned() };
    let mut client = Client::connect(&service.address).await?;
    for number in numbers {
        let id = format!("wamid.first{}", number.trim_start_matches('+'));
        let call = Carrier::Cloud.call(&voice, &News::Text(&id, number, "Is anybody there?"))?;
        let headers: String = call.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        asked(&mut client, &service.address, &call.path, &headers, &call.body).await?;
    }
    Ok(())
}

/// The first to everybody, then the second to everybody …
async fn compose(service: &Service, channel: &str, numbers: &[String], each: usize) -> Result<()> {
    let template = service.template();
    let headers = format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", template.api_key);
    let workspace = &template.workspace;
    let bodies: Vec<String> = (0..each)
        .flat_map(|round| numbers.iter().map(move |number| (round, number)))
        .map(|(round, number)| {
            format!(r#"{{"workspaceId":"{workspace}","channelId":"{channel}","contactPhone":"{number}","content":"Message {round}"}}"#)
        })
        .collect();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(Client::connect(&service.address).await?);
    }
    for some in bodies.chunks(CLIENTS) {
        let mut tasks = tokio::task::JoinSet::new();
        for (body, mut client) in some.iter().cloned().zip(clients.drain(..some.len())) {
            let (headers, address) = (headers.clone(), service.address.clone());
            tasks.spawn(async move {
                asked(&mut client, &address, "/api/conversations/compose", &headers, body.as_bytes()).await?;
                anyhow::Ok(client)
            });
        }
        while let Some(client) = tasks.join_next().await {
            clients.push(client??);
        }
    }
    Ok(())
}

/// A POST that must be taken.
async fn asked(client: &mut Client, address: &str, path: &str, headers: &str, body: &[u8]) -> Result<()> {
    let head = format!("POST {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    let (status, said) = client.ask(&[head.as_bytes(), body].concat()).await?;
    ensure!(status == 200, "{path} answered {status}: {said}");
    Ok(())
}

async fn all_taken(provider: &ProviderServer, wanted: usize, least: Duration) -> Result<Vec<Delivered>> {
    let deadline = Instant::now() + least * 3 + Duration::from_secs(60);
    loop {
        let taken = provider.delivered();
        if taken.len() >= wanted {
            return Ok(taken);
        }
        if Instant::now() > deadline {
            bail!("{} of {wanted} messages were taken in three times the least time", taken.len());
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

/// The longest that somebody waited from one message to the next.
fn longest_gap(taken: &[Delivered]) -> Duration {
    let (mut last, mut longest) = (HashMap::new(), Duration::ZERO);
    for one in taken {
        if let Some(before) = last.insert(&one.to, one.asked.at) {
            longest = longest.max(one.asked.at - before);
        }
    }
    longest
}
