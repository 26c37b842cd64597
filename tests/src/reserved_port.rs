//! A port of this machine that stays ours, also while the server that it is for starts, or is stopped for a while.

use anyhow::Result;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::TcpSocket;

/// A port of 127.0.0.1 that nobody is given until this is dropped. Whoever connects to it is refused until a server that
/// was told its number listens there.
///
/// A socket that is bound, but does not listen, keeps it: Linux then chooses the port for nobody (`ip_autobind_reuse` in the
/// kernel's ip-sysctl), while a server that sets `SO_REUSEADDR`, as all of ours do, may still listen there (socket(7)).
#[derive(Debug)]
pub struct ReservedPort {
    number: u16,
    _kept: TcpSocket,
}

impl ReservedPort {
    /// One that nobody uses.
    ///
    /// # Errors
    /// The system has none.
    pub fn new() -> Result<Self> {
        let kept = TcpSocket::new_v4()?;
        kept.set_reuseaddr(true)?;
        kept.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        Ok(Self { number: kept.local_addr()?.port(), _kept: kept })
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// The address of an HTTP server that listens there.
    pub fn http(&self) -> String {
        format!("http://127.0.0.1:{self}")
    }
}

impl fmt::Display for ReservedPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn nobody_answers_there_until_whoever_was_told_its_number_listens_and_it_is_free_once_it_is_dropped() {
        let port = ReservedPort::new().unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.number()));
        // Without SO_REUSEADDR, as whoever is given a port by the system.
        let somebody = || TcpSocket::new_v4().unwrap().bind(address);
        assert!(somebody().is_err());
        assert!(TcpStream::connect(address).is_err());
        let listener = TcpListener::bind(address).unwrap();
        TcpStream::connect(address).unwrap();
        drop(listener);
        assert!(TcpStream::connect(address).is_err());
        TcpListener::bind(address).unwrap();
        drop(port);
        somebody().unwrap();
    }
}
