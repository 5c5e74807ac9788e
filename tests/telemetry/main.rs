//! The metrics, from the daemon's calls to what Prometheus makes of the page.

#![expect(
    clippy::disallowed_methods,
    reason = "the tests run what users run: promtool, Prometheus"
)]
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(unreachable_pub, reason = "a test has no outside")]

mod authority;
mod browser;
mod certificates;
mod documented;
mod doors;
mod golden;
mod host;
mod http;
mod page;
mod scraped;
mod script;
mod wire;
