//! Email by SMTP (RFC 5321): one recipient per message, over connections that are kept for a while.
//!
//! Owned here: what is certain and what is not. lettre speaks the protocol, step by step; because each step is ours, a
//! failure is known by its stage, and only a connection that is lost, silent or unreadable *after the text was begun*
//! leaves it open whether the message was taken. Everything before is certainly not sent, and every negative answer is
//! certain. Refused here: repeating. Only a kept connection that fails before the text is replaced, once, by a new one.
//!
//! | `SendError` | code | when |
//! |---|---|---|
//! | `Config` | `unusable_settings` | the stored settings cannot be read |
//! | `Config` | `egress_refused` | the host has only addresses that may not be reached |
//! | `Config` | `insecure_authentication` | a password would travel without TLS to another machine |
//! | `Config` | `session_refused` | 5xx as greeting or to EHLO |
//! | `Config` | `starttls_unavailable`, `starttls_refused` | not offered; answered 5xx |
//! | `Config` | `tls_certificate`, `tls_failed` | the certificate does not hold; the handshake failed otherwise |
//! | `Config` | `authentication_unavailable` | neither PLAIN nor LOGIN is offered |
//! | `Config` | `smtputf8_unsupported` | only `from` or `replyTo` has a local part beyond ASCII, and the server cannot |
//! | `Config` | `authentication_failed` | 5xx to AUTH, such as 535 5.7.8 |
//! | `Config` | `authentication_required` | 530, 534, 535, 538 or 5.7.8, 5.7.9, 5.7.11 to MAIL, RCPT or DATA |
//! | `Rejected` | `unusable_message` | no email address, no Message-ID |
//! | `Rejected` | `smtputf8_unsupported` | the recipient has a local part beyond ASCII, and the server cannot |
//! | `Rejected` | `sender_rejected` | 5xx to MAIL |
//! | `Rejected` | `recipient_unknown` | 5.1.1, 5.1.2, 5.1.3, 5.1.6, 5.1.10, 5.2.1: the address is bad |
//! | `Rejected` | `mailbox_full` | 5.2.2: the address is good. A server that wants to be asked again says 4.2.2; one that says 5.2.2 has decided (RFC 3463), and the agent learns it now and not in a day |
//! | `Rejected` | `message_too_large` | 5.2.3, 5.3.4 |
//! | `Rejected` | `policy_rejected` | 5.7.x: spam, policy, authentication of the sender's domain |
//! | `Rejected` | `recipient_rejected`, `message_rejected` | any other 5xx to RCPT; to DATA or after the text |
//! | `Unreachable` | `name_unresolved` | the host has no address now |
//! | `Unreachable` | `connection_failed` | refused, unreachable, or no answer while connecting |
//! | `Unavailable` | `connection_lost`, `timed_out`, `protocol_error` | before the text was begun |
//! | `Unavailable` | `connections_busy` | every connection of this channel was in use for 10 s |
//! | `Unavailable` | `temporarily_refused` | 4xx at any stage: greylisting, full queue, 421 |
//! | `Unclear` | `answer_lost`, `answer_timed_out`, `answer_unreadable` | after the text was begun |
//!
//! A `provider_code` is the reply code with the enhanced status code, if there is one: `550 5.1.1`. The text is what the
//! server said; it may hold an address, except in `Config`, where it is masked because a channel's owner reads it.

mod classification;
mod pool;
mod session;
mod trust;
mod verify;
mod wire;

use crate::cause::{cause, unusable_message, unusable_settings};
use crate::egress::{EgressError, EgressGuard};
use crate::email::Email;
use crate::settings::{SmtpSettings, Tls};
use async_trait::async_trait;
use classification::classify;
use lettre::transport::smtp::client::TlsParameters;
use overture_domain::entities::ChannelConnection;
use overture_domain::ports::{Accepted, MessageSender, Outgoing, SendError};
use pool::{Key, Pool};
use session::{Failure, Fault, Session, Stage};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

pub use trust::TrustedCertificates;

/// A message waits no longer for a connection of its channel: other channels' messages wait behind it.
const LONGEST_WAIT_FOR_A_LANE: Duration = Duration::from_secs(10);

/// What the SMTP sender needs to know.
#[derive(Debug, Clone)]
pub struct SmtpOptions {
    /// Decides whom it may connect to.
    pub guard: EgressGuard,
    /// The most that one send may take, from resolving the name to the answer after the text; at most
    /// [`SmtpOptions::LONGEST_TIMEOUT`].
    pub timeout: Duration,
    /// What is trusted beside the roots of Mozilla.
    pub trusted: TrustedCertificates,
    /// A connection that was idle for longer is asked with NOOP before it is used.
    pub check_after: Duration,
    /// A connection that was idle for longer is closed.
    pub idle_limit: Duration,
    /// The most connections of one channel at a time; further messages wait within their own time-out.
    pub connections: usize,
}

impl SmtpOptions {
    /// lettre's own default. RFC 5321 asks for ten minutes after the text; what takes longer than this is `Unclear`,
    /// and email resends that with the same Message-ID.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

    /// No send takes longer, whatever the options say: what RFC 5321 (section 4.5.3.2.6) gives the answer after the text,
    /// and less than an engine gives a run.
    pub const LONGEST_TIMEOUT: Duration = Duration::from_secs(10 * 60);

    /// The usual options behind this guard.
    pub fn new(guard: EgressGuard) -> Self {
        Self {
            guard,
            timeout: Self::DEFAULT_TIMEOUT,
            trusted: TrustedCertificates::default(),
            check_after: Duration::from_secs(5),
            idle_limit: Duration::from_secs(30),
            connections: 10,
        }
    }
}

/// Hands messages to mail servers.
pub struct SmtpSender {
    options: SmtpOptions,
    pool: Pool,
}

impl SmtpSender {
    /// A sender with these options. Nothing is connected before the first message.
    pub fn new(options: SmtpOptions) -> Self {
        let pool = Pool::new(options.idle_limit, options.connections);
        Self { options, pool }
    }

    /// The addresses to connect to: checked, and fit for what the settings would send there.
    async fn addresses(&self, settings: &SmtpSettings, deadline: Instant) -> Result<Vec<SocketAddr>, SendError> {
        let found = timeout_at(deadline, self.options.guard.resolve(&settings.host, settings.port)).await;
        let mut addresses = match found {
            Ok(Ok(addresses)) => addresses,
            Ok(Err(error @ EgressError::Refused { .. })) => {
                let text = format!("This server may not connect there: {error}.");
                return Err(SendError::Config(cause("egress_refused", text)));
            }
            Ok(Err(error @ EgressError::Unresolved { .. })) => {
                return Err(SendError::Unreachable(cause("name_unresolved", format!("Mail server: {error}."))));
            }
            Err(_) => {
                let text = format!("The name {} was not resolved in time.", settings.host);
                return Err(SendError::Unreachable(cause("name_unresolved", text)));
            }
        };
        if settings.tls == Tls::None && settings.credentials.is_some() {
            addresses.retain(|address| address.ip().to_canonical().is_loopback());
            if addresses.is_empty() {
                let text = format!("The password for {} would travel without TLS. Use starttls or tls.", settings.host);
                return Err(SendError::Config(cause("insecure_authentication", text)));
            }
        }
        Ok(addresses)
    }

    /// Hands the email over on a kept connection or a new one, and keeps the connection if all went well.
    async fn deliver(&self, errand: &Errand<'_>) -> Result<(), Failure> {
        if let Some((key, mut session, idle)) = self.pool.take(errand.channel, errand.addresses) {
            let checked =
                if idle > self.options.check_after { session.check(errand.limits.begin).await } else { Ok(()) };
            let outcome = match checked {
                Ok(()) => session.hand_over(errand.email, errand.limits).await,
                Err(failure) => Err(failure),
            };
            match outcome {
                Ok(()) => return self.keep(key, session),
                Err(failure) if failure.may_be_the_connection() => session.abandon(&failure),
                Err(failure) => {
                    session.abandon(&failure);
                    return Err(failure);
                }
            }
        }
        let (address, mut session) = self.open(errand).await?;
        match session.hand_over(errand.email, errand.limits).await {
            Ok(()) => self.keep(Key { channel: errand.channel, address }, session),
            Err(failure) => {
                session.abandon(&failure);
                Err(failure)
            }
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "it ends every successful branch of deliver")]
    fn keep(&self, key: Key, session: Session) -> Result<(), Failure> {
        self.pool.put(key, session);
        Ok(())
    }

    /// A new session with the first address that lets itself be connected to.
    async fn open(&self, errand: &Errand<'_>) -> Result<(SocketAddr, Session), Failure> {
        let tls = self.tls_parameters(errand.settings)?;
        let mut last = Failure { stage: Stage::Connect, fault: Fault::TimedOut };
        for &address in errand.addresses {
            match Session::open(address, errand.settings, tls.clone(), errand.limits.begin).await {
                Ok(session) => return Ok((address, session)),
                Err(failure) if failure.stage == Stage::Connect => last = failure,
                Err(failure) => return Err(failure),
            }
        }
        Err(last)
    }

    fn tls_parameters(&self, settings: &SmtpSettings) -> Result<Option<TlsParameters>, Failure> {
        if settings.tls == Tls::None {
            return Ok(None);
        }
        let failed = |error: lettre::transport::smtp::Error| Failure {
            stage: Stage::Tls,
            fault: Fault::Handshake(error.to_string()),
        };
        let parameters = self.options.trusted.beside_the_usual(settings.host.clone());
        parameters.build_rustls().map(Some).map_err(failed)
    }
}

/// Until when what may happen.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// The text must have been begun.
    begin: Instant,
    /// The server must have answered.
    end: Instant,
}

impl Limits {
    /// The whole takes no longer than `timeout`, and no text is begun when the message's own time is over.
    fn of(timeout: Duration, time_left: Duration) -> Self {
        let now = Instant::now();
        let end = now + timeout;
        Self { begin: now.checked_add(time_left).map_or(end, |over| end.min(over)), end }
    }

    /// Whether it was the message's own time that ended.
    fn own_time_is_over(&self) -> bool {
        self.begin < self.end && self.begin <= Instant::now()
    }
}

/// Everything one delivery needs.
struct Errand<'a> {
    channel: pool::Channel,
    settings: &'a SmtpSettings,
    addresses: &'a [SocketAddr],
    email: &'a Email,
    limits: Limits,
}

#[async_trait]
impl MessageSender for SmtpSender {
    async fn send(&self, connection: &ChannelConnection, outgoing: &Outgoing) -> Result<Accepted, SendError> {
        let limits = Limits::of(self.options.timeout.min(SmtpOptions::LONGEST_TIMEOUT), outgoing.time_left);
        match self.send_within(connection, outgoing, limits).await {
            // That its own time was too short for a connection says nothing about the server.
            Err(SendError::Unreachable(cause)) if limits.own_time_is_over() => Err(SendError::Unavailable(cause)),
            result => result,
        }
    }
}

impl SmtpSender {
    async fn send_within(
        &self,
        connection: &ChannelConnection,
        outgoing: &Outgoing,
        limits: Limits,
    ) -> Result<Accepted, SendError> {
        let settings = SmtpSettings::read(&connection.settings).ok_or_else(unusable_settings)?;
        let email = Email::render(&settings.from, settings.reply_to.as_ref(), outgoing).map_err(unusable_message)?;
        let addresses = self.addresses(&settings, limits.begin).await?;
        let patience = limits.begin.min(Instant::now() + LONGEST_WAIT_FOR_A_LANE);
        let Ok(_lane) = timeout_at(patience, self.pool.lane(connection.channel_id)).await else {
            let text = format!("Every connection of this channel to {} was in use.", settings.host);
            return Err(SendError::Unavailable(cause("connections_busy", text)));
        };
        let channel = pool::Channel { id: connection.channel_id, version: connection.version };
        let errand = Errand { channel, settings: &settings, addresses: &addresses, email: &email, limits };
        match self.deliver(&errand).await {
            Ok(()) => Ok(Accepted { provider_message_id: outgoing.wire_message_id.clone(), recipient_alias: None }),
            Err(failure) => Err(classify(failure, &settings, &email.recipient)),
        }
    }
}

#[cfg(test)]
mod tests;
