//! Connections of clients, which the service can end.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Time after which the connection of a client ends that takes nothing of what is sent.
#[cfg(target_os = "linux")]
const SILENCE: Duration = Duration::from_secs(30);

/// The client of a request, and its connection.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) connection: Connection,
}

/// A handle of a connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connection(CancellationToken);

impl Connection {
    /// Ends the connection after this time, even if its client does not react or it carries other requests.
    pub(crate) fn end_in(&self, time: Duration) {
        let over = self.0.clone();
        tokio::spawn(async move {
            // A connection that is closed before ends this task.
            if tokio::time::timeout(time, over.cancelled()).await.is_err() {
                over.cancel();
            }
        });
    }
}

/// Accepts connections.
pub(crate) struct Connections(pub(crate) TcpListener);

impl Listener for Connections {
    type Io = Guarded;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        limit_silence(&stream);
        let over = CancellationToken::new();
        let ended = Box::pin(over.clone().cancelled_owned());
        let connection = Connection(over);
        let guarded = Guarded {
            stream,
            connection,
            ended,
        };
        (guarded, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Connections>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Connections>) -> Self {
        Self {
            address: *stream.remote_addr(),
            connection: stream.io().connection.clone(),
        }
    }
}

/// Ends the connection of a client that takes nothing of what is sent for a while. Nothing else would:
/// an answer waits for its client without end.
fn limit_silence(connection: &TcpStream) {
    #[cfg(target_os = "linux")]
    if let Err(error) = socket2::SockRef::from(connection).set_tcp_user_timeout(Some(SILENCE)) {
        tracing::debug!(%error, "cannot limit the silence of a client");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = connection;
}

/// A connection that fails from when it was ended.
pub(crate) struct Guarded {
    stream: TcpStream,
    connection: Connection,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Guarded {
    /// The connection, unless it was ended. The task is woken when it is.
    fn stream(&mut self, context: &mut Context<'_>) -> io::Result<Pin<&mut TcpStream>> {
        if self.ended.as_mut().poll(context).is_ready() {
            // The kernel drops the bytes that wait to be sent, instead of sending them on.
            let socket = socket2::SockRef::from(&self.stream);
            let _ = socket.set_linger(Some(Duration::ZERO));
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(Pin::new(&mut self.stream))
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.connection.0.cancel();
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.stream(context)?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.stream(context)?.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.stream(context)?.poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.stream(context)?.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.stream(context)?.poll_shutdown(context)
    }
}
