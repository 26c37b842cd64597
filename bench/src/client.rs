//! A client that costs little: prepared bytes on kept connections, so that the machine's time goes to the service.

use anyhow::{Context, Result, bail};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One kept connection.
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4_096) })
    }

    /// Sends a request and reads its answer; the status and the body.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<(u16, String)> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if let Some(answer) = complete(&self.buffer)? {
                return Ok(answer);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the service closed the connection");
            }
        }
    }
}

/// The answer, once all of it has come.
fn complete(buffer: &[u8]) -> Result<Option<(u16, String)>> {
    let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&buffer[..end])?;
    let status = head.split_whitespace().nth(1).context("no status line")?.parse()?;
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase().strip_prefix("content-length:").map(|value| value.trim().parse::<usize>())
    });
    let length = length.context("an answer without content-length")??;
    let body = &buffer[end + 4..];
    if body.len() < length {
        return Ok(None);
    }
    Ok(Some((status, String::from_utf8_lossy(&body[..length]).into_owned())))
}

/// One GET on a connection of its own.
pub(crate) async fn get(address: &str, path: &str) -> Result<String> {
    let mut client = Client::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let (status, body) = client.ask(request.as_bytes()).await?;
    if status != 200 {
        bail!("{path} answered {status}");
    }
    Ok(body)
}

/// What all composes of a load have in common.
#[derive(Clone)]
pub(crate) struct Template {
    pub(crate) address: String,
    pub(crate) api_key: String,
    pub(crate) workspace: String,
    pub(crate) channel: String,
}

impl Template {
    /// A compose to an address nobody else has.
    pub(crate) fn request(&self, unique: &str) -> Vec<u8> {
        let Self { address, api_key, workspace, channel } = self;
        let body = format!(
            r#"{{"workspaceId":"{workspace}","channelId":"{channel}","contactEmail":"{unique}@example.com","contactName":"Jan Mueller","subject":"Follow-up: Your recent order inquiry","content":"Dear Jan, I wanted to follow up on your recent inquiry about order #4521. Is there anything we can help with?"}}"#
        );
        format!(
            "POST /api/conversations/compose HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {api_key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}

/// How many loads there were: every one uses addresses of its own.
static RUNS: AtomicU32 = AtomicU32::new(0);

/// Composes from so many clients at once, for a time or until so many are made; the time each took, sorted.
pub(crate) async fn load(template: &Template, clients: usize, time: Duration, most: u64) -> Result<Vec<Duration>> {
    let end = Instant::now() + time;
    let each = most.div_ceil(clients as u64);
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..clients {
        let mut client = Client::connect(&template.address).await?;
        let template = template.clone();
        let tag = format!("{run}-{number}");
        tasks.spawn(async move {
            let mut times = Vec::new();
            for count in 0..each {
                let request = template.request(&format!("{tag}-{count}"));
                let asked = Instant::now();
                if asked >= end {
                    break;
                }
                let (status, body) = client.ask(&request).await?;
                if status != 200 {
                    bail!("a compose answered {status}: {body}");
                }
                times.push(asked.elapsed());
            }
            anyhow::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = tasks.join_next().await {
        times.extend(done??);
    }
    times.sort_unstable();
    Ok(times)
}
