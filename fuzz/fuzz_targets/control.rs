//! The control socket: what a caller writes, byte for byte, to the real server.

#![no_main]

use std::cell::LazyCell;
use std::path::PathBuf;
use std::time::Duration;

use gaoler::control::access::Access;
use gaoler::control::api::{Refused, Request};
use gaoler::control::{Call, server};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

struct Daemon {
    runtime: Runtime,
    socket: PathBuf,
    _directory: TempDir,
}

thread_local! {
    static DAEMON: LazyCell<Daemon> = LazyCell::new(Daemon::start);
}

impl Daemon {
    fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let directory = tempfile::tempdir().expect("a directory for the socket");
        let socket = directory.path().join("gaoler.sock");
        let (calls, mut called) = mpsc::channel::<Call>(8);
        runtime.block_on(async {
            let listener = server::bind(&socket).await.expect("the directory is ours");
            let access = Access::of_this_process().expect("there are groups");
            tokio::spawn(server::serve(listener, access, calls));
            tokio::spawn(async move {
                while let Some(call) = called.recv().await {
                    check(&call.request);
                    let _ = call.reply.send(Err(Refused::Invalid(format!("{:?}", call.request))));
                }
            });
        });
        Self { runtime, socket, _directory: directory }
    }
}

/// What the daemon relies on.
fn check(request: &Request) {
    if let Request::Explain { address } = request {
        assert!(address.to_string().parse() == Ok(*address));
    }
}

fuzz_target!(|data: &[u8]| {
    DAEMON.with(|daemon| {
        let answered = daemon.runtime.block_on(async {
            let mut stream = UnixStream::connect(&daemon.socket).await.expect("it listens");
            let talk = async {
                // The server may have heard enough before all is written.
                let _ = stream.write_all(data).await;
                let _ = stream.shutdown().await;
                let mut answer = Vec::new();
                let _ = stream.read_to_end(&mut answer).await;
                answer
            };
            tokio::time::timeout(Duration::from_secs(10), talk).await
        });
        let answer = answered.expect("who has said all is answered, or hung up on");
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{answer:?}");
    });
});
