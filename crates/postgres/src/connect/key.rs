//! The process number that a server announced when a connection was opened.
//!
//! The client keeps it to itself and uses it in cancel requests only, so a cancel request is written into memory and read there; nothing is
//! sent. A pooler announces a number of its own, which is how it is recognised ([`crate::session::is_pooled`]).

use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio_postgres::Client;
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

/// Second word of an SSL request; a cancel request has another (`NEGOTIATE_SSL_CODE` in `pqcomm.h`).
const SSL_REQUEST: [u8; 4] = 80_877_103_u32.to_be_bytes();

/// The process number that was announced to `client`; `None` when it cannot be had.
pub(crate) async fn announced_process(client: &Client) -> Option<i32> {
    let (ours, theirs) = tokio::io::duplex(64);
    let token = client.cancel_token();
    let (sent, read) = tokio::join!(token.cancel_query_raw(ours, InMemory), process_of_request(theirs));
    sent.ok()?;
    read.ok()
}

/// The other end: agrees to an SSL request and reads the cancel request: length, code, process, secret.
async fn process_of_request(mut stream: DuplexStream) -> io::Result<i32> {
    let mut head = [0; 8];
    stream.read_exact(&mut head).await?;
    if head[4..] == SSL_REQUEST {
        stream.write_all(b"S").await?;
        stream.read_exact(&mut head).await?;
    }
    stream.read_i32().await
}

/// TLS for a stream that never leaves this process: none.
struct InMemory;

struct InMemoryStream(DuplexStream);

impl TlsConnect<DuplexStream> for InMemory {
    type Stream = InMemoryStream;
    type Error = io::Error;
    type Future = Ready<io::Result<InMemoryStream>>;

    fn connect(self, stream: DuplexStream) -> Self::Future {
        ready(Ok(InMemoryStream(stream)))
    }
}

impl TlsStream for InMemoryStream {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for InMemoryStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for InMemoryStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
