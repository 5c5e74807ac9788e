//! The commands' end of the socket.

use std::io;
use std::path::{Path, PathBuf};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

/// Why a command got no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error(
        "{0}: gaoler does not answer: is it running? (`systemctl status gaoler`; another socket: --socket)"
    )]
    NotRunning(PathBuf),
    /// The socket may not be opened.
    #[error(
        "{0}: permission denied: root and the group gaoler may ask (`usermod -aG gaoler USER`)"
    )]
    Denied(PathBuf),
    /// The socket fails otherwise.
    #[error("{0}: {1}")]
    Io(PathBuf, #[source] io::Error),
    /// The conversation broke off.
    #[error("gaoler broke off: {0}")]
    Http(#[from] hyper::Error),
    /// What was typed does not fit into a request, such as a jail's name with blanks.
    #[error("the request cannot be made: {0}")]
    Request(#[from] hyper::http::Error),
    /// It answered, and said no.
    #[error("{0}")]
    Refused(String),
    /// Its answer is not what this version expects.
    #[error(
        "gaoler's answer is not understood: {0} (is the daemon of another version? restart it)"
    )]
    Answer(#[from] serde_json::Error),
}

/// Asks the daemon, and waits for its answer.
///
/// # Errors
///
/// Fails if the daemon does not answer, or refuses.
pub async fn ask<T: DeserializeOwned>(
    socket: &Path,
    method: Method,
    path_and_query: &str,
    body: Vec<u8>,
) -> Result<T, ClientError> {
    let stream = UnixStream::connect(socket).await.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            ClientError::NotRunning(socket.to_owned())
        }
        io::ErrorKind::PermissionDenied => ClientError::Denied(socket.to_owned()),
        _ => ClientError::Io(socket.to_owned(), error),
    })?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = hyper::Request::builder()
        .method(method)
        .uri(path_and_query)
        .header(hyper::header::HOST, "gaoler")
        .body(Full::new(Bytes::from(body)))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if status == StatusCode::OK {
        return Ok(serde_json::from_slice(&body)?);
    }
    Err(ClientError::Refused(error_text(&body).unwrap_or_else(|| status.to_string())))
}

fn error_text(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(value.get("error")?.as_str()?.to_owned())
}
