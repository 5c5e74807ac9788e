//! Serves the pages over HTTP/1.1, plain or in TLS, to whoever the [`Door`] lets in.
//!
//! One request a connection, at most [`CONNECTIONS`] at a time, each over within [`LIFETIME`]: who
//! sends slowly, reads slowly or only connects holds a place for that long and no more. When all
//! places are taken, the one goes that has waited longest without a request: who asks at once is
//! served, however many only connect.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::AUTHORIZATION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::asking::Asking;
use super::door::{Door, Rules};
use super::metrics::Metrics;
use super::overview::Overview;
use super::pages::{Shown, answer, refusal, shows_bans};
use super::shown::Bans;
use super::status_page::Facts;
use crate::moment::Clock;

/// Connections served at a time; more wait in the kernel's queue, or take an idle one's place.
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

/// What is served, and to whom.
#[derive(Debug)]
pub struct Site {
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// How things stand.
    pub overview: watch::Receiver<Overview>,
    /// Who knows who is banned.
    pub asking: Asking,
    /// Who may come in.
    pub door: Door,
    /// The host's name.
    pub host: String,
    /// What time it is.
    pub clock: Clock,
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
    site: Site,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let site = Arc::new(site);
    Ok(tokio::spawn(async move {
        let mut connections = JoinSet::new();
        tokio::select! {
            () = stop => {}
            () = accept(&listener, &mut connections, &site) => {}
        }
        drop(listener);
        // What is not done in time is dropped with the set.
        _ = timeout(DRAIN, async { while connections.join_next().await.is_some() {} }).await;
    }))
}

/// Who has a place, in the order they came.
struct Guests {
    places: Arc<Semaphore>,
    guests: Vec<Guest>,
}

/// One connection, and whether a request has come over it.
struct Guest {
    asked: Arc<AtomicBool>,
    task: AbortHandle,
}

impl Guests {
    fn new() -> Self {
        Self { places: Arc::new(Semaphore::new(CONNECTIONS)), guests: Vec::new() }
    }

    /// A place for one more: a free one, or that of whom asked for nothing longest. Waits if all are
    /// being served.
    async fn place(&mut self) -> OwnedSemaphorePermit {
        self.guests.retain(|guest| !guest.task.is_finished());
        if self.places.available_permits() == 0 {
            let idle = |guest: &Guest| !guest.asked.load(Ordering::Relaxed);
            if let Some(at) = self.guests.iter().position(idle) {
                tracing::debug!("a client of the pages that asks for nothing makes room");
                self.guests.remove(at).task.abort();
            }
        }
        Arc::clone(&self.places).acquire_owned().await.expect("nobody closes it")
    }
}

/// Accepts for ever.
async fn accept(
    listener: &tokio::net::TcpListener,
    connections: &mut JoinSet<()>,
    site: &Arc<Site>,
) {
    let mut guests = Guests::new();
    loop {
        let accepted = listener.accept().await;
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) => {
                let place = guests.place().await;
                let asked = Arc::new(AtomicBool::new(false));
                let (site, asks) = (Arc::clone(site), Arc::clone(&asked));
                let task = connections.spawn(async move {
                    if timeout(LIFETIME, converse(stream, &site, &asks)).await.is_err() {
                        tracing::debug!("a client of the pages took too long");
                    }
                    drop(place);
                });
                guests.guests.push(Guest { asked, task });
            }
            Err(error) => {
                // Out of descriptors, mostly: trying again at once would only burn the processor.
                tracing::warn!(%error, "cannot accept a connection to the pages");
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Serves one connection. How it goes wrong is its client's business.
async fn converse(stream: TcpStream, site: &Site, asks: &AtomicBool) {
    let rules = site.door.rules();
    let Some(tls) = &rules.tls else { return speak(stream, site, &rules, asks).await };
    match tls.accept(stream).await {
        Ok(stream) => speak(stream, site, &rules, asks).await,
        Err(error) => tracing::debug!(%error, "a client of the pages speaks no TLS that we do"),
    }
}

/// Serves one connection to whom the rules have let in, or ask for a password; `asks` becomes true
/// with its first request. It may last for ever: [`serve`] bounds it.
pub async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    site: &Site,
    rules: &Rules,
    asks: &AtomicBool,
) {
    let service = service_fn(|request: Request<Incoming>| async move {
        asks.store(true, Ordering::Relaxed);
        Ok::<_, Infallible>(respond(&request, site, rules).await)
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a client of the pages went wrong");
    }
}

async fn respond(request: &Request<Incoming>, site: &Site, rules: &Rules) -> Response<Full<Bytes>> {
    let mut response = admitted(request, site, rules).await;
    for (name, value) in &rules.headers {
        response.headers_mut().insert(name, value.clone());
    }
    response
}

/// What there is for whom the door lets in.
async fn admitted(
    request: &Request<Incoming>,
    site: &Site,
    rules: &Rules,
) -> Response<Full<Bytes>> {
    let headers = request.headers();
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if !rules.passwords.admit(authorization).await {
        return refusal(headers);
    }
    let bans = match site.door.sees_addresses(rules) {
        Err(why) => Bans::Hidden(why),
        Ok(()) if shows_bans(request.uri().path()) => site.asking.bans().await,
        Ok(()) => Bans::Unavailable,
    };
    // A copy: who holds the borrow keeps the daemon from saying what is new.
    let overview = site.overview.borrow().clone();
    let now = (site.clock)().wall;
    let facts = Facts { host: &site.host, overview: &overview, bans: &bans, now };
    answer(request.method(), request.uri(), headers, Shown { metrics: &site.metrics, facts })
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
