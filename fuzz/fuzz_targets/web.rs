//! The pages: what a browser writes, byte for byte, to the real server.

#![no_main]

use std::cell::LazyCell;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use gaoler::config::checked::Web;
use gaoler::control::Call;
use gaoler::control::api::{Answer, Banned};
use gaoler::moment::{Boot, Moment};
use gaoler::telemetry::asking::Asking;
use gaoler::telemetry::door::{Door, Rules};
use gaoler::telemetry::metrics::Metrics;
use gaoler::telemetry::overview::Overview;
use gaoler::telemetry::server::{Site, speak};
use gaoler_fuzz::NOW;
use jiff::SignedDuration;
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};

thread_local! {
    static PAGES: LazyCell<(Runtime, Site)> = LazyCell::new(pages);
}

fn now() -> Moment {
    Moment { wall: NOW, boot: Boot(SignedDuration::from_hours(1)) }
}

fn pages() -> (Runtime, Site) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (calls, mut called) = mpsc::channel::<Call>(8);
    runtime.spawn(async move {
        while let Some(call) = called.recv().await {
            let _ = call.reply.send(Ok(Answer::Banned(Banned { bans: Vec::new() })));
        }
    });
    let (_, overview) = watch::channel(Overview::default());
    let site = Site {
        metrics: Arc::new(Metrics::new("0", "fuzz", now(), "/proc".into())),
        overview,
        asking: Asking::new(calls),
        door: Door::open(Web::default(), now).expect("no file is named"),
        host: "fuzz".to_owned(),
        clock: now,
    };
    (runtime, site)
}

fuzz_target!(|data: &[u8]| {
    PAGES.with(|pages| {
        let (runtime, site) = &**pages;
        let answer = runtime.block_on(async {
            let (mut client, server) = tokio::io::duplex(1 << 20);
            let talk = async {
                let _ = client.write_all(data).await;
                let _ = client.shutdown().await;
                let mut answer = Vec::new();
                let _ = client.read_to_end(&mut answer).await;
                answer
            };
            let (rules, asks) = (Rules::default(), AtomicBool::new(false));
            let both = async { tokio::join!(speak(server, site, &rules, &asks), talk).1 };
            tokio::time::timeout(Duration::from_secs(10), both).await
        });
        let answer = answer.expect("who has said all is answered, or hung up on");
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{answer:?}");
    });
});
