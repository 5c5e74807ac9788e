//! gaoler on a real host, as its user: systemd, journald, firewalld, sshd and httpd in a box
//! (`box.sh`), attackers at the other end of a wire. Nothing on the path is a stand-in.
//!
//! The tests run one after the other on one box, in the order below, each with addresses of its own.
//! Needs root: `make host`, or `cargo test --test host -- NAME`. The box goes when the suite does.
#![allow(clippy::disallowed_methods, reason = "drives the box by its commands")]

mod client;
mod host;
mod observe;

mod addresses;
mod control;
mod cut;
mod firewall;
mod hostile;
mod journal;
mod metrics;
mod nftables;
mod proxied;
mod reload;
mod restart;
mod rotation;
mod seed;
mod unit;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;
use std::sync::OnceLock;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};

use crate::host::Host;

static HOST: OnceLock<Host> = OnceLock::new();

type Test = (&'static str, fn(&Host) -> Result<()>);

/// In the order they run: what a user sees first comes first.
const TESTS: &[Test] = &[
    ("unit::verifies_and_is_hardened", unit::verifies_and_is_hardened),
    ("seed::starts_with_two_jails_and_nothing_banned", seed::starts),
    ("metrics::every_series_starts_at_zero", metrics::every_series_starts_at_zero),
    ("seed::third_ssh_try_is_refused_until_unban", seed::sshd),
    ("seed::ban_of_60_s_begins", seed::ban_of_60_s_begins),
    ("seed::third_request_is_refused_until_unban", seed::http_get_dos),
    ("unit::runs_as_its_own_user", unit::runs_as_its_own_user),
    ("addresses::ipv6_ssh", addresses::ipv6_ssh),
    ("addresses::ipv6_http", addresses::ipv6_http),
    ("addresses::ignoreip_is_never_banned", addresses::ignoreip),
    ("addresses::ban_and_unban_by_hand", addresses::by_hand),
    ("hostile::ssh_user_names", hostile::ssh_user_names),
    ("hostile::journal_entries_of_any_bytes", hostile::journal_entries_of_any_bytes),
    ("hostile::request_lines", hostile::request_lines),
    ("hostile::local_programs_named_sshd", hostile::local_programs_named_sshd),
    ("control::who_may_what", control::who_may_what),
    ("control::json_parses", control::json_parses),
    ("control::errors_say_what_to_do", control::errors_say_what_to_do),
    ("reload::keeps_bans_and_misses_no_line", reload::keeps_bans_and_misses_no_line),
    ("reload::broken_configuration_keeps_the_old", reload::broken_configuration),
    ("proxied::by_header", proxied::by_header),
    ("proxied::by_mod_remoteip", proxied::by_mod_remoteip),
    ("cut::without_the_key_a_session_lives_on", cut::without_the_key),
    ("cut::without_the_capability_it_says_so", cut::without_the_capability),
    ("cut::a_live_session_ends_with_the_ban", cut::a_live_session_ends),
    ("nftables::without_the_capability_it_says_so", nftables::without_the_capability),
    ("nftables::bans_without_firewalld", nftables::bans_without_firewalld),
    ("rotation::by_rename", rotation::by_rename),
    ("rotation::by_copytruncate", rotation::by_copytruncate),
    ("restart::keeps_bans", restart::keeps_bans),
    ("restart::kill_9_keeps_bans", restart::kill_9_keeps_bans),
    ("restart::failures_before_it_count", restart::failures_before_it_count),
    ("restart::removes_what_expired_while_down", restart::expired_while_down),
    ("restart::leaves_nothing_where_told_to", restart::leaves_nothing_where_told_to),
    ("firewall::reload_is_healed", firewall::reload_is_healed),
    ("firewall::restart_is_healed", firewall::restart_is_healed),
    ("firewall::absence_is_waited_out", firewall::absence_is_waited_out),
    ("seed::ban_of_60_s_ends_by_itself", seed::ban_of_60_s_ends),
    ("journal::is_rotated_vacuumed_and_restarted", journal::is_rotated_vacuumed_and_restarted),
    ("journal::of_a_namespace_is_read", journal::of_a_namespace_is_read),
    ("metrics::promtool_accepts_the_page", metrics::promtool_accepts_the_page),
    ("metrics::formats_and_pages", metrics::formats_and_pages),
    ("unit::stops_cleanly_and_complained_of_nothing", unit::stops_cleanly),
];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let trials = TESTS.iter().map(|&(name, test)| Trial::test(name, move || trial(test))).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Some(Err(error)) = HOST.get().map(Host::down) {
        eprintln!("{error:#}");
    }
    conclusion.exit_code()
}

fn trial(test: fn(&Host) -> Result<()>) -> Result<(), Failed> {
    let host = the_host().map_err(|error| format!("{error:#}"))?;
    let before = host.journal(None)?.1;
    match catch_unwind(AssertUnwindSafe(|| test(host))) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("{error:#}\n{}", host.explain(Some(&before))).into()),
        Err(panic) => {
            eprintln!("{}", host.explain(Some(&before)));
            resume_unwind(panic)
        }
    }
}

/// The box, booted when first asked for.
fn the_host() -> Result<&'static Host> {
    if let Some(host) = HOST.get() {
        return Ok(host);
    }
    let host = Host::up(env!("CARGO_BIN_EXE_gaoler"))?;
    Ok(HOST.get_or_init(|| host))
}
