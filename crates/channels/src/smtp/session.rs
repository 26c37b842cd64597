//! One conversation with a mail server, step by step, so that every failure is known by its stage.
//!
//! Owned here: the order of the commands and one deadline over all of them. Refused here: saying what a failure means
//! for the message; that is `classification`.

use super::Limits;
use super::wire::Wire;
use crate::email::Email;
use crate::settings::{SmtpSettings, Tls};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Noop};
use lettre::transport::smtp::extension::{ClientId, Extension};
use lettre::transport::smtp::response::{Response, Severity};
use std::error::Error as _;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

/// The longest that connecting to one address may take, so that the next address gets its turn.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// The longest that a kept connection may take to say that it lives.
const CHECK_LIMIT: Duration = Duration::from_secs(5);
/// The longest that we wait for the answer to QUIT.
const FAREWELL_LIMIT: Duration = Duration::from_secs(2);

/// PLAIN first; LOGIN is obsolete, and some providers offer nothing else.
const MECHANISMS: &[Mechanism] = &[Mechanism::Plain, Mechanism::Login];

/// How far a session had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Connecting.
    Connect,
    /// Waiting for the greeting and the answer to EHLO.
    Greeting,
    /// Asking for TLS, and its handshake.
    Tls,
    /// Logging in.
    Auth,
    /// Asking a kept connection whether it lives.
    Check,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA: nothing of the message has been sent yet.
    Data,
    /// The message itself, and the answer to it.
    Text,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The server answered no.
    Reply {
        /// Its reply code: 400 to 599.
        code: u16,
        /// What it said, lines joined.
        text: String,
    },
    /// It does not offer what this stage needs.
    NotOffered,
    /// Its certificate does not hold.
    Certificate(String),
    /// TLS failed otherwise.
    Handshake(String),
    /// The connection failed or ended.
    Lost(String),
    /// It answered what makes no sense here.
    Unreadable,
    /// It did not answer in time.
    TimedOut,
}

/// What went wrong, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// When.
    pub(super) stage: Stage,
    /// What.
    pub(super) fault: Fault,
}

impl Failure {
    /// Whether a new connection may do better where a kept one failed: the message is certainly not sent, and the
    /// server was gone, closed the connection (421), or had enough of it (any refusal before a recipient was named).
    pub(super) fn may_be_the_connection(&self) -> bool {
        match &self.fault {
            Fault::Reply { code, .. } => self.stage <= Stage::Mail || (*code == 421 && self.stage < Stage::Text),
            Fault::Lost(_) | Fault::Unreadable => self.stage < Stage::Text,
            // A silent NOOP only used up its own limit.
            Fault::TimedOut => self.stage == Stage::Check,
            Fault::NotOffered | Fault::Certificate(_) | Fault::Handshake(_) => false,
        }
    }
}

/// A connection on which mail can be handed over.
pub(super) struct Session {
    connection: AsyncSmtpConnection,
}

impl Session {
    /// Connects, greets, protects the connection and logs in, as the settings say. `tls` is there unless they say none.
    pub(super) async fn open(
        address: SocketAddr,
        settings: &SmtpSettings,
        tls: Option<TlsParameters>,
        deadline: Instant,
    ) -> Result<Self, Failure> {
        let mut connection = match (settings.tls, tls) {
            (Tls::Implicit, tls) => connect_tls(address, tls, deadline).await?,
            (Tls::None, _) => connect(address, deadline).await?.0,
            (Tls::Upgrade, None) => return Err(Failure { stage: Stage::Tls, fault: Fault::NotOffered }),
            (Tls::Upgrade, Some(tls)) => {
                let (mut connection, hello) = connect(address, deadline).await?;
                if !connection.can_starttls() {
                    return Err(Failure { stage: Stage::Tls, fault: Fault::NotOffered });
                }
                within(deadline, Stage::Tls, connection.starttls(tls, &hello)).await?;
                connection
            }
        };
        if let Some(credentials) = &settings.credentials {
            if connection.server_info().get_auth_mechanism(MECHANISMS).is_none() {
                return Err(Failure { stage: Stage::Auth, fault: Fault::NotOffered });
            }
            let credentials = Credentials::new(credentials.username.clone(), credentials.password.expose().to_owned());
            within(deadline, Stage::Auth, connection.auth(MECHANISMS, &credentials)).await?;
        }
        Ok(Self { connection })
    }

    /// Asks whether the connection lives.
    pub(super) async fn check(&mut self, deadline: Instant) -> Result<(), Failure> {
        let deadline = deadline.min(Instant::now() + CHECK_LIMIT);
        within(deadline, Stage::Check, self.connection.command(Noop)).await.map(drop)
    }

    /// Hands one email over. `Ok` once the server has taken responsibility for it (RFC 5321, section 6.1).
    pub(super) async fn hand_over(&mut self, email: &Email, limits: Limits) -> Result<(), Failure> {
        let mut parameters = "";
        if email.needs_smtputf8 {
            if !self.connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(Failure { stage: Stage::Mail, fault: Fault::NotOffered });
            }
            // RFC 6531, section 3.1: whoever offers SMTPUTF8 offers 8BITMIME.
            parameters = " SMTPUTF8 BODY=8BITMIME";
        }
        let mail = format!("MAIL FROM:<{}>{parameters}\r\n", email.sender);
        let rcpt = format!("RCPT TO:<{}>\r\n", email.recipient);

        let connection = &mut self.connection;
        let done = Severity::PositiveCompletion;
        expect(Stage::Mail, done, &within(limits.begin, Stage::Mail, connection.command(mail)).await?)?;
        expect(Stage::Rcpt, done, &within(limits.begin, Stage::Rcpt, connection.command(rcpt)).await?)?;
        let go_on = within(limits.begin, Stage::Data, connection.command(Data)).await?;
        expect(Stage::Data, Severity::PositiveIntermediate, &go_on)?;
        let taken = within(limits.end, Stage::Text, connection.message(&email.bytes)).await?;
        expect(Stage::Text, done, &taken)
    }

    /// Lets go of the connection after a failure: with QUIT where the server still listens.
    pub(super) fn abandon(self, failure: &Failure) {
        if matches!(failure.fault, Fault::Reply { .. } | Fault::NotOffered) {
            self.close();
        }
    }

    /// Ends the conversation, in the background.
    pub(super) fn close(mut self) {
        tokio::spawn(async move {
            // Whether the farewell arrives matters to nobody.
            let _ = timeout(FAREWELL_LIMIT, self.connection.quit()).await;
        });
    }
}

/// A connection that begins in plain text, and the name we gave ourselves on it: our own address, since a name that a
/// server could verify is not known here (RFC 5321, section 4.1.4).
async fn connect(address: SocketAddr, deadline: Instant) -> Result<(AsyncSmtpConnection, ClientId), Failure> {
    let failed = |fault| Failure { stage: Stage::Connect, fault };
    let limit = deadline.min(Instant::now() + CONNECT_LIMIT);
    let tcp = match timeout_at(limit, TcpStream::connect(address)).await {
        Ok(Ok(tcp)) => tcp,
        Ok(Err(error)) => return Err(failed(Fault::Lost(error.to_string()))),
        Err(_) => return Err(failed(Fault::TimedOut)),
    };
    // The text and the dot after it are two writes; without this the second waits for the first to be acknowledged.
    let hello = tcp.set_nodelay(true).and_then(|()| tcp.local_addr());
    let hello = match hello.map_err(|error| failed(Fault::Lost(error.to_string())))?.ip().to_canonical() {
        IpAddr::V4(ip) => ClientId::Ipv4(ip),
        IpAddr::V6(ip) => ClientId::Ipv6(ip),
    };
    let transport = Box::new(Wire::new(tcp));
    let greeted = AsyncSmtpConnection::connect_with_transport(transport, &hello);
    let connection = within(deadline, Stage::Greeting, greeted).await?;
    Ok((connection, hello))
}

/// A connection that is TLS from its first byte.
async fn connect_tls(
    address: SocketAddr,
    tls: Option<TlsParameters>,
    deadline: Instant,
) -> Result<AsyncSmtpConnection, Failure> {
    let hello = ClientId::default();
    let connecting = AsyncSmtpConnection::connect_tokio1(address, Some(CONNECT_LIMIT), &hello, tls, None);
    // lettre does three stages in one here; which of them failed shows in what came of it.
    within(deadline, Stage::Connect, connecting).await.map_err(|failure| Failure {
        stage: match failure.fault {
            Fault::Reply { .. } | Fault::Unreadable | Fault::NotOffered => Stage::Greeting,
            Fault::Certificate(_) | Fault::Handshake(_) => Stage::Tls,
            Fault::Lost(_) | Fault::TimedOut => Stage::Connect,
        },
        ..failure
    })
}

/// One step, within the deadline of all of them.
async fn within<T>(
    deadline: Instant,
    stage: Stage,
    step: impl Future<Output = Result<T, SmtpError>>,
) -> Result<T, Failure> {
    match timeout_at(deadline, step).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(Failure { stage, fault: fault(&error) }),
        Err(_) => Err(Failure { stage, fault: Fault::TimedOut }),
    }
}

/// A reply that lettre calls positive must also be the one that this stage ends with.
fn expect(stage: Stage, wanted: Severity, response: &Response) -> Result<(), Failure> {
    if response.code().severity == wanted { Ok(()) } else { Err(Failure { stage, fault: Fault::Unreadable }) }
}

/// What lettre's error says about the server.
fn fault(error: &SmtpError) -> Fault {
    if let Some(code) = error.status() {
        let text = error.source().map(ToString::to_string).unwrap_or_default();
        return Fault::Reply { code: code.into(), text };
    }
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(failed) = cause.downcast_ref::<io::Error>() {
            return io_fault(failed);
        }
        source = cause.source();
    }
    let text = error.to_string();
    // lettre's words for a connection that ended where a reply was due.
    if text.contains("incomplete response") {
        Fault::Lost("the server closed the connection".into())
    } else {
        Fault::Unreadable
    }
}

fn io_fault(error: &io::Error) -> Fault {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(reason @ rustls::Error::InvalidCertificate(_)) => Fault::Certificate(reason.to_string()),
        Some(reason) => Fault::Handshake(reason.to_string()),
        // Not UTF-8, and nothing else reads as invalid data here.
        None if error.kind() == io::ErrorKind::InvalidData => Fault::Unreadable,
        None => Fault::Lost(error.to_string()),
    }
}
