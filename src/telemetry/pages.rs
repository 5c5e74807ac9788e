//! What each path answers: a request's head in, a response out, and no socket in between.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode, Uri};

use super::api;
use super::exposition::render;
use super::metrics::Metrics;
use super::negotiation;
use super::overview::Overview;
use super::status_page::{Facts, STYLE, status_page};

/// What pages are made from.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The counters.
    pub metrics: &'a Metrics,
    /// How things stand, and who is banned.
    pub facts: Facts<'a>,
}

/// A page before it is dressed for the wire.
struct Page {
    status: StatusCode,
    content_type: &'static str,
    body: Vec<u8>,
}

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JSON: &str = "application/json";

/// The paths there are, for who tries others.
const PATHS: &str = "there are /, /metrics, /api/v1/status, /-/healthy and /-/ready\n";

/// Nothing may be loaded but our own style and nothing may run, whatever a name in the page turns out
/// to hold.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; \
                                       base-uri 'none'; form-action 'none'; \
                                       frame-ancestors 'none'";

/// Whether a path shows who is banned.
#[must_use]
pub fn shows_bans(path: &str) -> bool {
    matches!(path, "/" | "/api/v1/banned")
}

/// Answers one request. The body is there for `HEAD` too; whoever sends it leaves it out.
#[must_use]
pub fn answer(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    shown: Shown,
) -> Response<Full<Bytes>> {
    let page = page(uri, headers, shown);
    let reads = method == Method::GET || method == Method::HEAD;
    if reads || page.status == StatusCode::NOT_FOUND {
        return dressed(page, headers);
    }
    let refusal = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    let mut response = dressed(refusal, headers);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

/// Refuses a request without the right password.
#[must_use]
pub fn refusal(headers: &HeaderMap) -> Response<Full<Bytes>> {
    let page = plain(StatusCode::UNAUTHORIZED, "a user and a password, please\n");
    let mut response = dressed(page, headers);
    let challenge = HeaderValue::from_static("Basic realm=\"gaoler\", charset=\"UTF-8\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

fn page(uri: &Uri, headers: &HeaderMap, Shown { metrics, facts }: Shown) -> Page {
    match uri.path() {
        "/" => of_type(HTML, status_page(facts)),
        "/style.css" => of_type(CSS, STYLE),
        "/metrics" => self::metrics(headers, metrics),
        "/-/healthy" => plain(StatusCode::OK, "gaoler is healthy\n"),
        "/-/ready" => ready(facts.overview),
        path if path.starts_with("/api/") => {
            let (status, body) = api::answer(path, uri.query().unwrap_or_default(), facts);
            Page { status, content_type: JSON, body }
        }
        _ => plain(StatusCode::NOT_FOUND, PATHS),
    }
}

fn metrics(headers: &HeaderMap, metrics: &Metrics) -> Page {
    let format = negotiation::format(&list(headers, &header::ACCEPT));
    of_type(format.content_type(), render(&metrics.families(), format))
}

fn ready(overview: &Overview) -> Page {
    let reasons = overview.reasons();
    if reasons.is_empty() {
        return plain(StatusCode::OK, "gaoler is ready\n");
    }
    let body = format!("gaoler is not ready\n{}\n", reasons.join("\n"));
    Page { status: StatusCode::SERVICE_UNAVAILABLE, content_type: TEXT, body: body.into_bytes() }
}

fn plain(status: StatusCode, text: &str) -> Page {
    Page { status, content_type: TEXT, body: text.as_bytes().to_vec() }
}

fn of_type(content_type: &'static str, body: impl Into<Vec<u8>>) -> Page {
    Page { status: StatusCode::OK, content_type, body: body.into() }
}

/// A list header that came in one piece or several; empty if it did not come, or is not text.
fn list(headers: &HeaderMap, name: &HeaderName) -> String {
    let pieces: Vec<_> = headers.get_all(name).iter().filter_map(|v| v.to_str().ok()).collect();
    pieces.join(",")
}

/// Adds what keeps a browser from making more of a page than it is, and compresses it for who can
/// read that.
fn dressed(page: Page, request: &HeaderMap) -> Response<Full<Bytes>> {
    let gzip = negotiation::gzip(&list(request, &header::ACCEPT_ENCODING));
    let body = if gzip { compress(&page.body) } else { page.body };
    let length = body.len();
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = page.status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, page.content_type),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "Accept, Accept-Encoding"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn compress(body: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::with_capacity(body.len() / 8), Compression::fast());
    gzip.write_all(body).and_then(|()| gzip.finish()).expect("a Vec takes any bytes")
}
