//! The bytes between us and a mail server before TLS: a TCP stream that gives out at most one line at a time.
//!
//! Owned here: that nothing a server said before TLS is ever taken for something it says under TLS. Whoever sits between
//! can put answers of their own behind the server's answer to STARTTLS; a reader that takes both at once would read the
//! second as the answer to what it asks under TLS. Here it stays behind, and the handshake fails over it.

use lettre::transport::smtp::client::AsyncTokioStream;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Enough for a line of any reply.
const CHUNK: usize = 1024;

/// A TCP stream, read line by line.
pub(super) struct Wire {
    tcp: TcpStream,
    /// What was read and not yet given out.
    ahead: Vec<u8>,
}

impl Wire {
    pub(super) fn new(tcp: TcpStream) -> Self {
        Self { tcp, ahead: Vec::new() }
    }

    /// Gives out what was read ahead, up to and with its first line feed.
    fn give(&mut self, buffer: &mut ReadBuf<'_>) {
        let line = self.ahead.iter().position(|&byte| byte == b'\n').map_or(self.ahead.len(), |feed| feed + 1);
        let length = line.min(buffer.remaining());
        buffer.put_slice(&self.ahead[..length]);
        self.ahead.drain(..length);
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ahead.is_empty() {
            let mut chunk = [0; CHUNK];
            let mut read = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut this.tcp).poll_read(cx, &mut read))?;
            this.ahead.extend_from_slice(read.filled());
        }
        this.give(buffer);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.peer_addr()
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}
