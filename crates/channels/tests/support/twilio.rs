//! Twilio's API, as far as a channel uses it, on a loopback port. It answers as it is told, byte for byte, so that an
//! answer can also be cut off or be none.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use url::form_urlencoded;

/// A request as it came.
#[derive(Clone)]
pub(crate) struct Asked {
    /// Method and target, such as `GET /v1/ContentAndApprovals`.
    pub(crate) line: String,
    /// Its headers, by lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
    /// Its body.
    pub(crate) body: Vec<u8>,
}

impl Asked {
    /// The parameters of its form.
    pub(crate) fn form(&self) -> BTreeMap<String, String> {
        assert_eq!(self.headers["content-type"], "application/x-www-form-urlencoded");
        form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

/// What follows a request: these bytes and the end of the connection, or nothing at all.
pub(crate) type Reply = Option<Vec<u8>>;

/// The server. It stops when it is told to, else with the runtime of its test.
pub(crate) struct Twilio {
    pub(crate) base_url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    listening: Mutex<Option<JoinHandle<()>>>,
}

impl Twilio {
    /// A server that answers like this. What it is given first is its own address.
    pub(crate) async fn start(replies: impl Fn(&str, &Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (seen, own, replies) = (Arc::clone(&asked), base_url.clone(), Arc::new(replies));
        let listening = tokio::spawn(async move {
            while let Ok((mut tcp, _)) = listener.accept().await {
                let (seen, own, replies) = (Arc::clone(&seen), own.clone(), Arc::clone(&replies));
                tokio::spawn(async move {
                    let Some(request) = read(&mut tcp).await else { return };
                    let reply = replies(&own, &request);
                    seen.lock().unwrap().push(request);
                    let Some(bytes) = reply else { return std::future::pending().await };
                    // Whoever asked may be gone by now.
                    let _ = tcp.write_all(&bytes).await;
                    let _ = tcp.shutdown().await;
                });
            }
        });
        Self { base_url, asked, listening: Mutex::new(Some(listening)) }
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
        self.asked.lock().unwrap().clone()
    }
}

/// An answer with this status, these further headers and this body.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Reply {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n");
    Some([head.as_bytes(), body.as_bytes()].concat())
}

/// An answer in JSON.
pub(crate) fn says(status: u16, body: &Value) -> Reply {
    answer(status, "Content-Type: application/json\r\n", &body.to_string())
}

/// What Twilio answers when it has taken a message; its id comes of ours, if that stands in the request.
pub(crate) fn taken(asked: &Asked) -> Reply {
    let form = asked.form();
    let ours = form.get("StatusCallback").and_then(|url| url.rsplit_once('=')).map_or("1", |(_, id)| id);
    says(
        201,
        &json!({
            "sid": format!("SM{:0>32}", ours.replace('-', "")), "status": "queued", "num_segments": "0", "error_code": null,
            "error_message": null, "to": form["To"], "body": form.get("Body"), "date_created": "Tue, 24 Nov 2026 10:00:00 +0000",
        }),
    )
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
    let headers: BTreeMap<_, _> = headers
        .lines()
        .map(|header| header.split_once(':').unwrap())
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        if tcp.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Asked { line: line.trim_end_matches(" HTTP/1.1").to_owned(), headers, body })
}
