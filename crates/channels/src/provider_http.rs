//! HTTP to providers: one client behind the egress guard, without redirects, without retries, with one total time-out.
//!
//! Owned here: what is certain of a request that got no answer. Refused here: what an answer means; that is each provider's.
//! Nothing is ever sent a second time: a request that may have been read is `Lost`, and what follows is decided elsewhere.

use crate::egress::{EgressError, EgressGuard};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use rustls::{ClientConfig, RootCertStore};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// The most that one request may take, from resolving the name to the last byte of the answer.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);
/// The most that a connection may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection is kept that nobody uses: shorter than servers commonly keep it (Apache and Node: 5 s, load
/// balancers a minute). A request that meets such an end may have been read, and its message would be unclear; that it is
/// closed in the very moment of sending stays possible. Who sends less than once in this time pays a handshake for it.
const KEPT_IDLE: Duration = Duration::from_secs(4);
/// The most of an answer that is read: what providers answer has a few kilobytes, a list of templates some hundred.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;

/// A client for a provider's API.
#[derive(Clone)]
pub(crate) struct ProviderHttp {
    client: Client,
    guard: EgressGuard,
}

/// An answer, whole.
pub(crate) struct Answered {
    /// The HTTP status.
    pub(crate) status: u16,
    /// How long `Retry-After` asks to wait, if it stands there in seconds.
    pub(crate) retry_after: Option<Duration>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Unanswered {
    /// The address may not be connected to; asking again will not help. Certainly nothing was sent.
    #[error("{0}")]
    Refused(String),
    /// No connection came to stand. Certainly nothing was sent.
    #[error("{0}")]
    Unreachable(String),
    /// The request may have been read, and its answer is lost: too late, cut off, or too long.
    #[error("{0}")]
    Lost(String),
}

impl ProviderHttp {
    /// A client that goes where the guard lets it go.
    pub(crate) fn new(guard: EgressGuard) -> Self {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        #[expect(clippy::expect_used, reason = "ring speaks TLS 1.2 and 1.3, and nothing else is asked of it")]
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring speaks the versions that rustls knows")
            .with_root_certificates(roots)
            .with_no_client_auth();
        #[expect(clippy::expect_used, reason = "the configuration is made above, and nothing else can fail")]
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(Arc::new(Guarded(guard)))
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .pool_idle_timeout(KEPT_IDLE)
            .user_agent(concat!("overture/", env!("CARGO_PKG_VERSION")))
            .build()
            .expect("a client can be made of a configuration that is whole");
        Self { client, guard }
    }

    /// The client, to make requests with. They are sent by [`ask`](Self::ask) alone.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a request once.
    ///
    /// # Errors
    /// See [`Unanswered`]. No text of it holds a header or a body.
    pub(crate) async fn ask(&self, request: reqwest::RequestBuilder) -> Result<Answered, Unanswered> {
        let request = request.build().map_err(|_| Unanswered::Refused("the request cannot be made".into()))?;
        // An address instead of a name is never asked of the resolver.
        let host = request.url().host_str().unwrap_or_default().trim_matches(['[', ']']);
        if let Some(kind) = host.parse::<IpAddr>().ok().and_then(|address| self.guard.refusal(address)) {
            return Err(Unanswered::Refused(format!("{host} is {kind}")));
        }
        let response = self.client.execute(request).await.map_err(|error| unanswered(&error))?;
        let status = response.status().as_u16();
        let retry_after =
            response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
        Ok(Answered { status, retry_after: retry_after.map(Duration::from_secs), body: whole(response).await? })
    }
}

async fn whole(mut response: Response) -> Result<Vec<u8>, Unanswered> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > LONGEST_ANSWER => {
                return Err(Unanswered::Lost("the answer is too long to be one".into()));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => return Err(unanswered(&error)),
        }
    }
}

/// What is certain after an error: only where no connection came to stand was nothing sent.
fn unanswered(error: &reqwest::Error) -> Unanswered {
    if let Some(EgressError::Refused { address, kind, .. }) = egress_error(error) {
        return Unanswered::Refused(format!("the provider is at {address}, which is {kind}"));
    }
    if error.is_connect() {
        return Unanswered::Unreachable(format!("no connection came to stand: {}", last_cause(error)));
    }
    let how = if error.is_timeout() {
        "no answer came in time"
    } else {
        "the connection was cut before the answer was whole"
    };
    Unanswered::Lost(how.into())
}

fn egress_error(error: &reqwest::Error) -> Option<&EgressError> {
    causes(error).find_map(|cause| cause.downcast_ref::<EgressError>())
}

/// The innermost cause in words: the outer ones name our request.
fn last_cause(error: &reqwest::Error) -> String {
    causes(error).last().map_or_else(|| "for no known reason".into(), ToString::to_string)
}

fn causes<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(std::error::Error::source(error), |&cause| cause.source())
}

/// The guard as the client's resolver: what was checked is what is connected to.
struct Guarded(EgressGuard);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.0;
        Box::pin(async move {
            let addresses = guard.resolve(name.as_str(), 0).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    const LENIENT: EgressGuard = EgressGuard::new(true);

    async fn ask(guard: EgressGuard, url: &str) -> Result<Answered, Unanswered> {
        let http = ProviderHttp::new(guard);
        http.ask(http.client().post(url).body("x")).await
    }

    /// A server that answers its first connection with these bytes and hangs up; its port.
    async fn answering(bytes: &'static [u8]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _ = connection.read(&mut request).await.unwrap();
            connection.write_all(bytes).await.unwrap();
        });
        port
    }

    #[tokio::test]
    async fn private_addresses_are_refused_by_number_and_by_name() {
        for url in ["http://127.0.0.1:9/", "http://[::1]:9/", "http://localhost:9/", "http://169.254.169.254/"] {
            let refused = ask(EgressGuard::new(false), url).await.err();
            assert!(matches!(refused, Some(Unanswered::Refused(_))), "{url}: {refused:?}");
        }
    }

    #[tokio::test]
    async fn where_nobody_listens_nothing_was_sent() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let refused = ask(LENIENT, &format!("http://{free}/")).await.err();
        assert!(matches!(refused, Some(Unanswered::Unreachable(_))), "{refused:?}");
    }

    #[tokio::test]
    async fn a_connection_that_is_cut_loses_the_answer() {
        for bytes in [b"".as_slice(), b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"] {
            let port = answering(bytes).await;
            let lost = ask(LENIENT, &format!("http://127.0.0.1:{port}/")).await.err();
            assert!(matches!(lost, Some(Unanswered::Lost(_))), "{lost:?}");
        }
    }

    /// A server that keeps the connection, answers, and closes it while it is idle. Its port, and how many bytes each
    /// connection still had before the client closed it too.
    async fn closing_when_idle(connections: usize) -> (u16, mpsc::Receiver<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, told) = mpsc::channel(connections);
        tokio::spawn(async move {
            for _ in 0..connections {
                let (mut connection, _) = listener.accept().await.unwrap();
                let mut request = [0; 1024];
                let _ = connection.read(&mut request).await.unwrap();
                connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
                connection.shutdown().await.unwrap();
                tell.send(connection.read(&mut request).await.unwrap()).await.unwrap();
            }
        });
        (port, told)
    }

    #[tokio::test]
    async fn a_kept_connection_that_the_provider_closed_takes_no_further_request() {
        let (port, mut left) = closing_when_idle(3).await;
        let http = ProviderHttp::new(LENIENT);
        for _ in 0..3 {
            let answered = http.ask(http.client().post(format!("http://127.0.0.1:{port}/")).body("x")).await;
            assert_eq!(answered.map(|answered| answered.status), Ok(200));
            assert_eq!(left.recv().await, Some(0), "it was asked again on a connection that it had closed");
        }
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_not_followed() {
        let bytes = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n";
        let port = answering(bytes).await;
        let answered = ask(LENIENT, &format!("http://127.0.0.1:{port}/")).await.unwrap();
        assert_eq!((answered.status, answered.retry_after), (307, Some(Duration::from_secs(7))));
    }
}
