//! Serves the pages over HTTP/1.1, to whoever the socket lets in; it asks for no credentials.
//!
//! One request a connection, at most [`CONNECTIONS`] at a time, each over within [`LIFETIME`]: who
//! sends slowly, reads slowly or only connects holds a place for that long and no more.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::metrics::Metrics;
use super::overview::Overview;
use super::pages::{Shown, answer};

/// Connections served at a time; more wait in the kernel's queue.
pub const CONNECTIONS: usize = 64;

/// How long a connection may last: to send its request, and to read the answer. Prometheus gives up
/// after 10 s unless told otherwise.
pub const LIFETIME: Duration = Duration::from_secs(20);

/// How long what is being served may take once gaoler stops.
const DRAIN: Duration = Duration::from_secs(2);

/// How large a request's head may be; hyper takes no less.
const HEAD_BYTES: usize = 8 * 1024;

/// Why nothing can be served.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process listens there.
    #[error(
        "cannot listen on {0}: another process does; `ss -ltnp` says which: stop it, or change \
         telemetry.listen"
    )]
    InUse(SocketAddr),
    /// The host has no such address.
    #[error(
        "cannot listen on {0}: this host has no such address; change telemetry.listen to one that \
         `ip address` shows, such as 127.0.0.1:9642"
    )]
    NoSuchAddress(SocketAddr),
    /// Anything else.
    #[error(
        "cannot listen on {address}: {source}; change telemetry.listen, such as to 127.0.0.1:9642"
    )]
    Other {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// Listens on `address`, for [`serve`].
///
/// # Errors
///
/// Names the address and the remedy.
pub fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    let listen = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    listen().map_err(|error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(address),
        io::ErrorKind::AddrNotAvailable => BindError::NoSuchAddress(address),
        _ => BindError::Other { address, source: error },
    })
}

/// Serves until `stop` is ready, in tasks of its own; what is being served then is finished.
///
/// # Errors
///
/// Fails if the listener is not one that [`bind`] made.
///
/// # Panics
///
/// Outside a tokio runtime.
pub fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    overview: watch::Receiver<Overview>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    Ok(tokio::spawn(async move {
        let mut connections = JoinSet::new();
        tokio::select! {
            () = stop => {}
            () = accept(&listener, &mut connections, &metrics, &overview) => {}
        }
        drop(listener);
        // What is not done in time is dropped with the set.
        _ = timeout(DRAIN, async { while connections.join_next().await.is_some() {} }).await;
    }))
}

/// Accepts for ever.
async fn accept(
    listener: &tokio::net::TcpListener,
    connections: &mut JoinSet<()>,
    metrics: &Arc<Metrics>,
    overview: &watch::Receiver<Overview>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("nobody closes it");
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let (metrics, overview) = (Arc::clone(metrics), overview.clone());
                connections.spawn(async move {
                    converse(stream, &metrics, &overview).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of descriptors, mostly: trying again at once would only burn the processor.
                tracing::warn!(%error, "cannot accept a connection to the metrics");
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Serves one connection. How it goes wrong is its client's business.
async fn converse(stream: TcpStream, metrics: &Metrics, overview: &watch::Receiver<Overview>) {
    let service = service_fn(|request: Request<Incoming>| {
        // A copy: who holds the borrow keeps the daemon from saying what is new.
        let overview = overview.borrow().clone();
        let shown = Shown { metrics, overview: &overview };
        let page = answer(request.method(), request.uri().path(), request.headers(), shown);
        async move { Ok::<_, Infallible>(page) }
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(LIFETIME, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a client of the metrics went wrong"),
        Err(_) => tracing::debug!("a client of the metrics took too long"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_address_and_the_remedy() {
        let first = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let taken = first.local_addr().unwrap();
        let told = bind(taken).unwrap_err().to_string();
        assert!(told.contains(&taken.to_string()) && told.contains("telemetry.listen"), "{told}");

        let absent = bind("192.0.2.1:9642".parse().unwrap()).unwrap_err();
        assert!(matches!(absent, BindError::NoSuchAddress(_)), "{absent}");
    }
}
