//! The socket's server: HTTP in, [`Call`]s out.
//!
//! It decides nothing but who may ask. A caller that stalls holds a connection and no more.

use std::io;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Method, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use ipnet::IpNet;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::Call;
use super::access::Access;
use super::api::{Refused, Request};
use super::peer::Peer;

/// Callers at a time; more wait to be accepted.
const CONNECTIONS: usize = 32;
/// A request's longest body: some thousands of addresses.
const BODY_BYTES: usize = 256 * 1024;
/// How long a caller may take to say what it wants.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

type Response = hyper::Response<Full<Bytes>>;

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another daemon answers on it.
    #[error("{0}: another gaoler is running (its control socket answers)")]
    InUse(PathBuf),
    /// It cannot be made.
    #[error(
        "{path}: cannot make the control socket: {error}; the directory must exist and be writable \
         by the user gaoler runs as (`control: {{socket: …}}`)"
    )]
    Io {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// Makes the socket: mode 0660, in place of one that a dead daemon left behind.
///
/// # Errors
///
/// Fails if another daemon answers on it, or the directory cannot be written.
pub async fn bind(path: &Path) -> Result<UnixListener, SocketError> {
    if UnixStream::connect(path).await.is_ok() {
        return Err(SocketError::InUse(path.to_owned()));
    }
    listen(path).map_err(|error| SocketError::Io { path: path.to_owned(), error })
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

/// Answers callers until the process ends.
pub async fn serve(listener: UnixListener, access: Access, calls: mpsc::Sender<Call>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "control socket: cannot accept a caller");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let calls = calls.clone();
        tokio::spawn(async move {
            converse(stream, access, calls).await;
            drop(slot);
        });
    }
}

async fn converse(stream: UnixStream, access: Access, calls: mpsc::Sender<Call>) {
    let peer = match Peer::of(&stream) {
        Ok(peer) => Arc::new(peer),
        Err(error) => {
            tracing::warn!(%error, "control socket: cannot tell who calls");
            return;
        }
    };
    let service = service_fn(|request| {
        let (peer, calls) = (Arc::clone(&peer), calls.clone());
        async move { Ok::<_, std::convert::Infallible>(answer(request, &peer, access, &calls).await) }
    });
    // A caller that hangs up early is no news.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: hyper::Request<Incoming>,
    peer: &Peer,
    access: Access,
    calls: &mpsc::Sender<Call>,
) -> Response {
    let request = match parse(request).await {
        Ok(request) => request,
        Err(response) => return response,
    };
    if let Err(refused) = access.check(peer, &request) {
        tracing::warn!(uid = peer.uid, "control socket: {refused}");
        return refusal(&refused);
    }
    let (reply, answer) = oneshot::channel();
    let call = Call { uid: peer.uid, request, reply };
    if calls.send(call).await.is_err() {
        return refusal(&Refused::Stopping);
    }
    match answer.await {
        Ok(Ok(answer)) => json(StatusCode::OK, &answer),
        Ok(Err(refused)) => refusal(&refused),
        Err(_) => refusal(&Refused::Stopping),
    }
}

/// What is asked, or the response that says why it cannot be told.
async fn parse(request: hyper::Request<Incoming>) -> Result<Request, Response> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let wanted = match path {
        "/api/v1/status" | "/api/v1/banned" | "/api/v1/settings" | "/api/v1/explain" => Method::GET,
        "/api/v1/ban" | "/api/v1/unban" | "/api/v1/resume" | "/api/v1/reload" => Method::POST,
        _ => return Err(message(StatusCode::NOT_FOUND, "no such path; see /api/v1/status")),
    };
    if parts.method != wanted {
        let mut response = message(StatusCode::METHOD_NOT_ALLOWED, "wrong method");
        if let Ok(allow) = wanted.as_str().parse() {
            response.headers_mut().insert(ALLOW, allow);
        }
        return Err(response);
    }
    let request = match path {
        "/api/v1/status" => Request::Status,
        "/api/v1/settings" => Request::Settings,
        "/api/v1/banned" => {
            Request::Banned { jail: value_of("jail=", parts.uri.query()).map(str::to_owned) }
        }
        "/api/v1/explain" => {
            let address = address_of(parts.uri.query()).ok_or_else(|| {
                message(StatusCode::BAD_REQUEST, "which address? ?address=192.0.2.7, or a network")
            })?;
            Request::Explain { address }
        }
        "/api/v1/ban" => Request::Ban(read(body).await?),
        "/api/v1/unban" => Request::Unban(read(body).await?),
        "/api/v1/resume" => Request::Resume(read(body).await?),
        _ => Request::Reload,
    };
    Ok(request)
}

/// The value in `?key=VALUE`. Names of jails and addresses need no escapes, so none is undone.
fn value_of<'q>(key: &str, query: Option<&'q str>) -> Option<&'q str> {
    query?.split('&').find_map(|pair| pair.strip_prefix(key))
}

/// The address or network in `?address=A`.
fn address_of(query: Option<&str>) -> Option<IpNet> {
    let text = value_of("address=", query)?;
    let host = text.parse().map(|host: IpAddr| IpNet::from(host.to_canonical()));
    host.or_else(|_| text.parse()).ok()
}

async fn read<T: serde::de::DeserializeOwned>(body: Incoming) -> Result<T, Response> {
    let body = Limited::new(body, BODY_BYTES).collect().await.map_err(|error| {
        message(StatusCode::BAD_REQUEST, &format!("the request's body cannot be read: {error}"))
    })?;
    serde_json::from_slice(&body.to_bytes()).map_err(|error| {
        message(StatusCode::BAD_REQUEST, &format!("the request's body is not understood: {error}"))
    })
}

fn refusal(refused: &Refused) -> Response {
    let status = match refused {
        Refused::NoSuchJail(_) => StatusCode::NOT_FOUND,
        Refused::Forbidden(_) => StatusCode::FORBIDDEN,
        Refused::Invalid(_) => StatusCode::BAD_REQUEST,
        Refused::Configuration(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Refused::Stopping => StatusCode::SERVICE_UNAVAILABLE,
    };
    message(status, &refused.to_string())
}

fn message(status: StatusCode, text: &str) -> Response {
    json(status, &serde_json::json!({ "error": text }))
}

fn json(status: StatusCode, body: &impl serde::Serialize) -> Response {
    let text = serde_json::to_vec(body).expect("our types are maps with string keys");
    let mut response = hyper::Response::new(Full::from(text));
    *response.status_mut() = status;
    let value = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, value);
    response
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::control::api::{BanRequest, Bantime, ResumeRequest, UnbanRequest};

    fn networks() -> impl Strategy<Value = Vec<IpNet>> {
        let network = any::<IpAddr>().prop_map(IpNet::from);
        prop::collection::vec(network, 0..4)
    }

    proptest! {
        /// A request's body is read back as it was written, and nothing panics.
        #[test]
        fn bodies_come_back(jail in ".{0,20}", addresses in networks(), seconds: Option<i64>, bytes: Vec<u8>) {
            let bantime = Some(seconds.map_or(Bantime::Permanent, Bantime::Seconds));
            let ban = BanRequest { jail: jail.clone(), addresses: addresses.clone(), bantime };
            let unban = UnbanRequest { jail: Some(jail.clone()), addresses, all: false };
            let resume = ResumeRequest { jail };
            let (a, b, c) = (serde_json::to_vec(&ban), serde_json::to_vec(&unban), serde_json::to_vec(&resume));
            prop_assert_eq!(serde_json::from_slice::<BanRequest>(&a.unwrap()).unwrap(), ban);
            prop_assert_eq!(serde_json::from_slice::<UnbanRequest>(&b.unwrap()).unwrap(), unban);
            prop_assert_eq!(serde_json::from_slice::<ResumeRequest>(&c.unwrap()).unwrap(), resume);
            let _ = serde_json::from_slice::<BanRequest>(&bytes);
            let _ = serde_json::from_slice::<UnbanRequest>(&bytes);
        }

        /// The first of its name is a query's value; of an address, only an address or a network.
        #[test]
        fn a_query_says_what_it_says(before in "[a-z=]{0,9}", address: IpAddr, any in ".{0,40}") {
            prop_assume!(!before.starts_with("address="));
            let query = format!("{before}&address={address}&address=::");
            prop_assert_eq!(address_of(Some(&query)), Some(IpNet::from(address.to_canonical())));
            let told = address_of(Some(&format!("address={any}")));
            let meant = any.split('&').next().unwrap_or_default();
            let is_one = meant.parse::<IpAddr>().is_ok() || meant.parse::<IpNet>().is_ok();
            prop_assert_eq!(told.is_some(), is_one);
        }
    }
}
