//! The Graph API of Meta, as far as a channel uses it, on a loopback port. It takes every message until it is told what to
//! answer instead, byte for byte, so that an answer can also be cut off or be none.

use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as it came.
#[derive(Clone)]
pub(crate) struct Asked {
    /// Method and target, such as `GET /v23.0/1/messages`.
    pub(crate) line: String,
    /// Its headers with lower-case names, a line each.
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
}

#[derive(Default)]
struct State {
    answers: VecDeque<Vec<u8>>,
    asked: Vec<Asked>,
}

/// The server. It stops when it is told to, else with the runtime of its test.
pub(crate) struct Graph {
    pub(crate) base_url: String,
    state: Arc<Mutex<State>>,
    listening: Mutex<Option<JoinHandle<()>>>,
}

impl Graph {
    /// A server that gives these answers first.
    pub(crate) async fn start(answers: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let state = State { answers: answers.into_iter().collect(), asked: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let listening = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(serve(tcp, Arc::clone(&shared)));
            }
        });
        Self { base_url, state, listening: Mutex::new(Some(listening)) }
    }

    /// Listens no more. What it was asked can still be looked at.
    pub(crate) async fn stop(&self) {
        let listening = self.listening.lock().unwrap().take().unwrap();
        listening.abort();
        // Once the task has ended, its port is closed.
        assert!(listening.await.is_err_and(|end| end.is_cancelled()), "the server ended by itself");
    }

    /// Every request, in order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }
}

/// An answer with this status, these further headers and this body.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
        .into_bytes()
}

/// An answer in JSON.
pub(crate) fn says(status: u16, body: &Value) -> Vec<u8> {
    answer(status, "Content-Type: application/json\r\n", &body.to_string())
}

async fn serve(mut tcp: TcpStream, state: Arc<Mutex<State>>) {
    let Some(asked) = read(&mut tcp).await else { return };
    let answer = {
        let mut state = state.lock().unwrap();
        state.asked.push(asked.clone());
        let number = state.asked.len();
        state.answers.pop_front().unwrap_or_else(|| says(200, &taken(&asked, number)))
    };
    // Whoever asked may be gone by now.
    let _ = tcp.write_all(&answer).await;
    let _ = tcp.shutdown().await;
}

/// What Meta answers when it has taken a message.
fn taken(asked: &Asked, number: usize) -> Value {
    let body: Value = serde_json::from_slice(&asked.body).unwrap();
    let to = body["to"].as_str().unwrap();
    json!({
        "messaging_product": "whatsapp",
        "contacts": [{"input": to, "wa_id": to.trim_start_matches('+')}],
        "messages": [{"id": format!("wamid.{number}"), "message_status": "accepted"}],
    })
}

async fn read(tcp: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if tcp.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let (line, headers) = head.split_once("\r\n").unwrap();
    let headers: Vec<_> = headers
        .lines()
        .map(|header| header.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect();
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        if tcp.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Asked {
        line: line.trim_end_matches(" HTTP/1.1").to_owned(),
        headers: headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect(),
        body,
    })
}
