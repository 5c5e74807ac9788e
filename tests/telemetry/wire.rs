//! Clients that mean no good, over a real socket: each gets one short answer or none, and the next
//! one is served.

use std::time::Duration;

use gaoler::telemetry::server::{CONNECTIONS, LIFETIME};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::authority::Authority;
use crate::doors::served;
use crate::http::{Served, ask};

/// What comes back for these bytes, until the server closes; it has a minute for it.
async fn said(server: &Served, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // Who does not wait for the end of what we send may close before it.
    _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    _ = timeout(Duration::from_mins(1), stream.read_to_end(&mut answer)).await.expect("closed");
    String::from_utf8_lossy(&answer).into_owned()
}

/// The statuses of all answers that came for one connection's bytes.
async fn statuses(server: &Served, bytes: &[u8]) -> Vec<u16> {
    let said = said(server, bytes).await;
    let heads = said.lines().filter_map(|line| line.strip_prefix("HTTP/1."));
    heads.map(|head| head[2..5].parse().unwrap()).collect()
}

#[tokio::test]
async fn what_is_no_request_gets_a_short_answer_or_none() {
    let server = Served::start();
    let get = "GET /-/healthy HTTP/1.1\r\nHost: x\r\n";
    let flood = |count: usize| format!("{get}{}\r\n", "A: b\r\n".repeat(count));
    let long = "x".repeat(1 << 20);
    let cases: [(&str, Vec<u8>, &[u16]); 16] = [
        ("HTTP/1.0", b"GET /-/healthy HTTP/1.0\r\n\r\n".into(), &[200]),
        ("bare line feeds", b"GET /-/healthy HTTP/1.1\nHost: x\n\n".into(), &[200]),
        ("a header flood", flood(10_000).into(), &[431]),
        ("a few headers too many", flood(101).into(), &[431]),
        ("an endless target", format!("GET /{long} HTTP/1.1\r\n\r\n").into(), &[431]),
        ("an endless query", format!("GET /metrics?{long} HTTP/1.1\r\n\r\n").into(), &[431]),
        ("an endless method", format!("{long} / HTTP/1.1\r\n\r\n").into(), &[431]),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), &[]),
        ("another protocol", b"SSH-2.0-OpenSSH_9.9\r\n\r\n".into(), &[400]),
        ("TLS", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".into(), &[400]),
        ("zeros", vec![0; 65_536], &[400]),
        ("a header with a zero", format!("{get}A: \0\r\n\r\n").into(), &[400]),
        ("a header with an escape", format!("{get}A\x1b: b\r\n\r\n").into(), &[400]),
        (
            "garbage in the pipe",
            format!("{get}\r\n{}", "\0\x7f garbage\r\n".repeat(99)).into(),
            &[200],
        ),
        ("requests in the pipe", format!("{get}\r\n").repeat(1_000).into(), &[200]),
        (
            "two lengths",
            format!("{get}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx").into(),
            &[400],
        ),
    ];
    for (what, bytes, expected) in cases {
        let told = statuses(&server, &bytes).await;
        // Who is still sending when the server closes may see the connection reset instead.
        assert!(told == expected || told.is_empty() && bytes.len() > 4_096, "{what}: {told:?}");
        assert_eq!(ask(server.address, "GET", "/-/healthy", "").await.status, 200, "after {what}");
    }
}

#[tokio::test]
async fn a_body_is_not_waited_for() {
    let server = Served::start();
    let get = "GET /-/healthy HTTP/1.1\r\nHost: x\r\n";
    for body in
        ["Content-Length: 1000000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nffffffff\r\n"]
    {
        let told = statuses(&server, format!("{get}{body}").as_bytes()).await;
        assert_eq!(told, [200], "{body}");
    }
}

/// Plain text at a port of TLS, and TLS that goes no further, hold no place for ever.
#[tokio::test]
async fn what_is_no_tls_is_closed() {
    let authority = Authority::new();
    authority.sign("localhost");
    let yaml = "tls_server_config: {cert_file: localhost.crt, key_file: localhost.key}\n";
    let server = served(authority.web(yaml));
    for bytes in
        [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], b"\x16\x03\x01\xff\xff\x01", &[0; 9_999]]
    {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        _ = stream.write_all(bytes).await;
        stream.shutdown().await.ok();
        let mut answer = Vec::new();
        _ = timeout(Duration::from_mins(1), stream.read_to_end(&mut answer)).await.expect("closed");
        assert!(!String::from_utf8_lossy(&answer).contains("HTTP/1"), "{bytes:?}");
    }
    assert_eq!(authority.get(&server, "/-/healthy", None).await.unwrap().status, 200);
}

/// Time is the runtime's own here: it jumps to the next deadline when all wait.
#[tokio::test(start_paused = true)]
async fn who_asks_is_served_however_many_do_not() {
    let server = Served::start();
    let began = Instant::now();
    let mut idlers = Vec::new();
    for nth in 0..3 * CONNECTIONS {
        let mut idler = TcpStream::connect(server.address).await.unwrap();
        let part: &[u8] = if nth % 2 == 0 { b"" } else { b"GET / HTTP/1.1\r\nHost: " };
        _ = idler.write_all(part).await;
        idlers.push(idler);
    }
    assert_eq!(ask(server.address, "GET", "/-/healthy", "").await.status, 200);
    assert!(began.elapsed() < LIFETIME, "nobody's time had to be over");
    for mut idler in idlers {
        let mut rest = Vec::new();
        _ = timeout(Duration::from_hours(1), idler.read_to_end(&mut rest)).await.expect("closed");
    }
    assert!(began.elapsed() <= LIFETIME + Duration::from_secs(1), "{:?}", began.elapsed());
}

/// Whoever writes nothing of it serves this host alone.
#[test]
fn nobody_but_this_host_reaches_it_by_default() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("gaoler.yaml");
    std::fs::write(&file, "jails: {sshd: {filter: sshd}}\n").unwrap();
    let config = gaoler::config::load(&file).unwrap();
    assert!(config.listen.expect("it listens").ip().is_loopback(), "{:?}", config.listen);
}

/// One byte at a time, as slow as can be: over when its time is.
#[tokio::test(start_paused = true)]
async fn a_slow_loris_has_its_time_and_no_more() {
    let server = Served::start();
    let began = Instant::now();
    let mut loris = TcpStream::connect(server.address).await.unwrap();
    let request =
        b"GET / HTTP/1.1\r\nHost: a-name-that-takes-its-time-and-more-than-it-has\r\n\r\n";
    for byte in request {
        if loris.write_all(&[*byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let mut rest = Vec::new();
    _ = timeout(Duration::from_hours(1), loris.read_to_end(&mut rest)).await.expect("closed");
    assert_eq!(String::from_utf8_lossy(&rest), "");
    assert!(began.elapsed() >= LIFETIME, "{:?}", began.elapsed());
    assert_eq!(ask(server.address, "GET", "/-/healthy", "").await.status, 200);
}
