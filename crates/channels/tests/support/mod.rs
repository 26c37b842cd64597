//! A mail server that does as it is told, on a loopback port; and messages to send to it.

#![expect(dead_code, reason = "each test file uses its part")]

use overture_channels::{EgressGuard, SmtpOptions, SmtpSender, check_settings};
use overture_domain::entities::{Address, ChannelConnection, ChannelKind, Recipient, Transport};
use overture_domain::ids::{ChannelId, ConversationId, MessageId, Version};
use overture_domain::ports::{Accepted, Cause, MessageSender, Outgoing, SendError};
use overture_domain::time::Timestamp;
use overture_domain::values::{Content, DisplayName, EmailAddress, Subject};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use uuid::Uuid;

/// What the server does once where it would have said yes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    /// Says this instead.
    Say(&'static str),
    /// Says this, and closes the connection.
    SayAndCut(&'static str),
    /// Closes the connection.
    Cut,
    /// Says nothing more.
    Hang,
}

/// A message that the server took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) mail: String,
    pub(crate) rcpt: String,
    /// Without dot-stuffing and without the CRLF before the final dot.
    pub(crate) text: Vec<u8>,
}

#[derive(Default)]
struct State {
    /// The first entry of a verb is used by the next command of that verb.
    script: VecDeque<(&'static str, Act)>,
    offers: Vec<&'static str>,
    connections: usize,
    commands: Vec<String>,
    taken: Vec<Taken>,
}

/// The server. It stops when it is told to, else with the runtime of its test.
pub(crate) struct MailServer {
    pub(crate) port: u16,
    /// The certificate it shows, as PEM.
    pub(crate) certificate: String,
    state: Arc<Mutex<State>>,
    listening: Mutex<Option<JoinHandle<()>>>,
    /// A task for each connection that was opened.
    talks: Arc<Mutex<JoinSet<()>>>,
}

impl MailServer {
    /// A server that says yes to everything but what stands in the script.
    pub(crate) async fn start(script: &[(&'static str, Act)]) -> Self {
        Self::start_with(script, &["8BITMIME", "AUTH PLAIN LOGIN"], false).await
    }

    /// A server that offers these extensions; `implicit` begins every connection with TLS.
    pub(crate) async fn start_with(script: &[(&'static str, Act)], offers: &[&'static str], implicit: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
        let chain: Vec<CertificateDer<'static>> = vec![certified.cert.der().clone()];
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let state = State { script: script.iter().copied().collect(), offers: offers.to_vec(), ..State::default() };
        let state = Arc::new(Mutex::new(state));
        let talks = Arc::<Mutex<JoinSet<()>>>::default();
        let (shared, opened) = (Arc::clone(&state), Arc::clone(&talks));
        let listening = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                shared.lock().unwrap().connections += 1;
                opened.lock().unwrap().spawn(serve(tcp, Arc::clone(&shared), acceptor.clone(), implicit));
            }
        });
        Self { port, certificate: certified.cert.pem(), state, listening: Mutex::new(Some(listening)), talks }
    }

    /// Listens no more and closes every connection. What it took can still be asked for.
    pub(crate) async fn stop(&self) {
        let listening = self.listening.lock().unwrap().take().unwrap();
        listening.abort();
        // Once the task has ended, its port is closed.
        assert!(listening.await.is_err_and(|end| end.is_cancelled()), "the server ended by itself");
        let mut talks = std::mem::take(&mut *self.talks.lock().unwrap());
        talks.shutdown().await;
    }

    /// How many connections were opened.
    pub(crate) fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    /// Every command, in order, without arguments of AUTH.
    pub(crate) fn commands(&self) -> Vec<String> {
        self.state.lock().unwrap().commands.clone()
    }

    /// Every message it took, also those whose sender never learned it.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.state.lock().unwrap().taken.clone()
    }

    /// What it does next, after what the script still holds.
    pub(crate) fn then(&self, verb: &'static str, act: Act) {
        self.state.lock().unwrap().script.push_back((verb, act));
    }
}

async fn serve(tcp: TcpStream, state: Arc<Mutex<State>>, acceptor: TlsAcceptor, implicit: bool) {
    if implicit {
        if let Ok(tls) = acceptor.accept(tcp).await {
            talk(BufReader::new(tls), &state, true).await;
        }
        return;
    }
    if let Some(plain) = talk(BufReader::new(tcp), &state, true).await
        && let Ok(tls) = acceptor.accept(plain.into_inner()).await
    {
        talk(BufReader::new(tls), &state, false).await;
    }
}

/// Talks until the client or the script ends it; gives the stream back where TLS is to begin.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: BufReader<S>,
    state: &Mutex<State>,
    greets: bool,
) -> Option<BufReader<S>> {
    if greets && !answer(&mut stream, state, "GREETING", "220 ready").await {
        return None;
    }
    let (mut mail, mut rcpt) = (String::new(), String::new());
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_owned();
        let verb = line.split(' ').next().unwrap_or_default().to_uppercase();
        let noted = if verb == "AUTH" { "AUTH".to_owned() } else { line.clone() };
        state.lock().unwrap().commands.push(noted);
        let yes = match verb.as_str() {
            "EHLO" => {
                let offers = state.lock().unwrap().offers.clone();
                let lines: Vec<_> = std::iter::once("localhost").chain(offers).collect();
                let (last, first) = lines.split_last().unwrap();
                first.iter().map(|line| format!("250-{line}\r\n")).collect::<String>() + &format!("250 {last}")
            }
            "STARTTLS" => "220 go on".to_owned(),
            "AUTH" => "235 2.7.0 welcome".to_owned(),
            "DATA" => "354 go on".to_owned(),
            "QUIT" => "221 bye".to_owned(),
            _ => "250 2.0.0 ok".to_owned(),
        };
        let verb = VERBS.into_iter().find(|known| *known == verb).unwrap_or("OTHER");
        match verb {
            "MAIL" => mail = line,
            "RCPT" => rcpt = line,
            _ => {}
        }
        if !answer(&mut stream, state, verb, &yes).await {
            return None;
        }
        match verb {
            "STARTTLS" => return Some(stream),
            "QUIT" => return None,
            "DATA" => {
                let text = read_text(&mut stream).await?;
                state.lock().unwrap().taken.push(Taken { mail: mail.clone(), rcpt: rcpt.clone(), text });
                if !answer(&mut stream, state, "TEXT", "250 2.0.0 queued as 1").await {
                    return None;
                }
            }
            _ => {}
        }
    }
}

const VERBS: [&str; 8] = ["EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "NOOP", "QUIT"];

/// Says yes, or does what the script says. `false` if the connection ends.
async fn answer<S: AsyncWrite + Unpin>(stream: &mut S, state: &Mutex<State>, verb: &'static str, yes: &str) -> bool {
    let act = {
        let mut state = state.lock().unwrap();
        let found = state.script.iter().position(|(on, _)| *on == verb);
        found.and_then(|index| state.script.remove(index)).map(|(_, act)| act)
    };
    let (say, goes_on) = match act {
        None => (yes, true),
        Some(Act::Say(other)) => (other, !other.starts_with("421")),
        Some(Act::SayAndCut(other)) => (other, false),
        Some(Act::Cut) => return false,
        Some(Act::Hang) => std::future::pending().await,
    };
    let sent = stream.write_all(format!("{say}\r\n").as_bytes()).await;
    sent.is_ok() && stream.flush().await.is_ok() && goes_on
}

async fn read_text<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n.\r\n") {
        text.push(stream.read_u8().await.ok()?);
    }
    text.truncate(text.len() - b"\r\n.\r\n".len());
    let stuffed = String::from_utf8(text).unwrap();
    Some(stuffed.replace("\r\n..", "\r\n.").into_bytes())
}

/// An email channel over this server, with these settings put in or replaced.
pub(crate) fn channel(server: &MailServer, members: &Value) -> ChannelConnection {
    let mut whole = json!({
        "host": "127.0.0.1", "port": server.port, "tls": "none", "from": "Müller Söhne <support@bücher.example>",
    });
    whole.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    connection(ChannelKind::Email, Transport::Smtp, &whole)
}

/// A channel with these settings.
pub(crate) fn connection(kind: ChannelKind, transport: Transport, json: &Value) -> ChannelConnection {
    let checked = check_settings(kind, transport, json, &|_| None).unwrap_or_else(|problem| panic!("{problem}"));
    ChannelConnection {
        channel_id: ChannelId::from_uuid(Uuid::from_u128(3)),
        version: Version::FIRST,
        kind,
        transport,
        settings: checked.settings,
    }
}

/// A message to Jan, told apart by its number.
pub(crate) fn message(number: u128) -> Outgoing {
    Outgoing {
        message_id: MessageId::from_uuid(Uuid::from_u128(number)),
        conversation_id: ConversationId::from_uuid(Uuid::from_u128(2)),
        channel_id: ChannelId::from_uuid(Uuid::from_u128(3)),
        kind: ChannelKind::Email,
        recipient: Recipient {
            address: Address::Email(EmailAddress::parse("jan@bücher.example").unwrap()),
            name: DisplayName::parse("Jan Müller").unwrap(),
        },
        subject: Subject::parse("Grüße: your order").unwrap(),
        content: Content::parse("Dear Jan,\n\n.a line that begins with a dot\nSchöne Grüße 👍").unwrap().unwrap(),
        template: None,
        wire_message_id: Some(format!("<{number}@xn--bcher-kva.example>")),
        created_at: Timestamp::from_millis(1_700_000_000_120),
        time_left: Duration::from_secs(3_600),
    }
}

/// The same message to another address.
pub(crate) fn to(address: &str, number: u128) -> Outgoing {
    let mut message = message(number);
    message.recipient.address = Address::Email(EmailAddress::parse(address).unwrap());
    message
}

/// Waits until this is so.
pub(crate) async fn eventually(what: &str, so: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !so() {
        assert!(tokio::time::Instant::now() < deadline, "not within 10 s: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A sender that has time.
pub(crate) fn sender() -> SmtpSender {
    SmtpSender::new(SmtpOptions { timeout: Duration::from_secs(20), ..SmtpOptions::new(EgressGuard::new(true)) })
}

/// Sends one message to a server with this script.
pub(crate) async fn send(script: &[(&'static str, Act)]) -> (MailServer, Result<Accepted, SendError>) {
    let server = MailServer::start(script).await;
    let result = sender().send(&channel(&server, &json!({})), &message(1)).await;
    (server, result)
}

/// The cause of a failure that is the channel's fault.
#[track_caller]
pub(crate) fn config(result: Result<Accepted, SendError>) -> Cause {
    match result {
        Err(SendError::Config(cause)) => cause,
        other => panic!("not the channel's fault: {other:?}"),
    }
}
