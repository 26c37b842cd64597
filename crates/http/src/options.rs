//! The settings of the HTTP adapter, each with its default. Reading them from files is the binary's business.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Where and how to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpOptions {
    /// The public address; port 0 picks a free one.
    pub bind: SocketAddr,
    /// The administration address. `None`: the public one if that is loopback, else `127.0.0.1:9080`.
    pub admin_bind: Option<SocketAddr>,
    /// Threads that read requests and write answers. Use cases do not run on them.
    pub workers: usize,
    /// The largest body in bytes.
    pub body_limit: usize,
    /// How long a client may take to send its body.
    pub body_timeout: Duration,
    /// How long a second request with an idempotency key waits for the first.
    pub idempotency_wait: Duration,
    /// How many use cases may run at once; what comes beyond is answered 503 `busy`.
    pub concurrency: usize,
    /// How long an idle connection is kept.
    pub keep_alive: Duration,
    /// How long stopping waits for requests that run.
    pub stop_grace: Duration,
}

impl HttpOptions {
    /// Everything at its default, listening there.
    pub fn at(bind: SocketAddr) -> Self {
        Self {
            bind,
            admin_bind: None,
            workers: 2,
            body_limit: 1024 * 1024,
            body_timeout: Duration::from_secs(30),
            idempotency_wait: Duration::from_secs(2),
            concurrency: 2048,
            keep_alive: Duration::from_secs(75),
            stop_grace: Duration::from_secs(15),
        }
    }

    /// The administration address, if it is another than the public one.
    ///
    /// # Errors
    /// `InvalidInput` if it is the public one and not loopback: metrics are nobody's business outside.
    pub fn separate_admin(&self) -> io::Result<Option<SocketAddr>> {
        match self.admin_bind {
            None if self.bind.ip().is_loopback() => Ok(None),
            None => Ok(Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 9080)))),
            Some(admin) if admin != self.bind => Ok(Some(admin)),
            Some(_) if self.bind.ip().is_loopback() => Ok(None),
            Some(admin) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("the administration address {admin} is the public one, which is not loopback"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(bind: &str, admin: Option<&str>) -> io::Result<Option<String>> {
        let mut options = HttpOptions::at(bind.parse().unwrap());
        options.admin_bind = admin.map(|admin| admin.parse().unwrap());
        Ok(options.separate_admin()?.map(|address| address.to_string()))
    }

    #[test]
    fn a_loopback_address_serves_administration_itself() {
        assert_eq!(at("127.0.0.1:8080", None).unwrap(), None);
        assert_eq!(at("[::1]:8080", Some("[::1]:8080")).unwrap(), None);
    }

    #[test]
    fn any_other_address_gets_administration_on_a_loopback_one() {
        assert_eq!(at("0.0.0.0:8080", None).unwrap().as_deref(), Some("127.0.0.1:9080"));
        assert_eq!(at("0.0.0.0:8080", Some("10.0.0.1:9090")).unwrap().as_deref(), Some("10.0.0.1:9090"));
    }

    #[test]
    fn administration_on_a_public_address_that_is_not_loopback_is_refused() {
        for both in ["0.0.0.0:8080", "0.0.0.0:0"] {
            assert_eq!(at(both, Some(both)).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{both}");
        }
    }
}
