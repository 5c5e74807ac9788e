//! gaoler on a real host, as its user: systemd, journald, firewalld, sshd and httpd in a box
//! (`box.sh`), attackers at the other end of a wire. Nothing on the path is a stand-in.
//!
//! The tests run one after the other on a few boxes, in the order below, each with addresses of its own.
//! Needs root: `make host`, or `cargo test --test host -- NAME`. The box goes when the suite does.
#![allow(clippy::disallowed_methods, reason = "drives the box by its commands")]

mod backend;
mod client;
mod host;
mod lane;
mod load;
mod observe;

mod acl;
mod addresses;
mod adopt;
mod backtracking;
mod control;
mod cut;
mod dashboards;
mod explain;
mod fail2ban;
mod fail2ban_client;
mod filters;
mod firewall;
mod foreign;
mod guards;
mod hostile;
mod journal;
mod killed;
mod loss;
mod metrics;
mod newer;
mod nftables;
mod packets;
mod proxied;
mod reload;
mod restart;
mod rotation;
mod seed;
mod trouble;
mod unit;
mod watch;
mod watched;

use std::process::ExitCode;

use anyhow::Result;
use libtest_mimic::Arguments;

use crate::backend::Backend;
use crate::host::Host;
use crate::lane::Lane;
use crate::newer::Newer;

type Test = (&'static str, fn(&Host) -> Result<()>);

/// A test that plays once for each backend.
type BackendTest = (&'static str, fn(&Host, Backend) -> Result<()>);

/// In the order they run: what a user sees first comes first.
const TESTS: &[Test] = &[
    ("unit::verifies_and_is_hardened", unit::verifies_and_is_hardened),
    ("seed::starts_with_two_jails_and_nothing_banned", seed::starts),
    ("metrics::every_series_starts_at_zero", metrics::every_series_starts_at_zero),
    ("seed::third_ssh_try_is_refused_until_unban", seed::sshd),
    ("seed::ban_of_60_s_begins", seed::ban_of_60_s_begins),
    ("seed::third_request_is_refused_until_unban", seed::http_get_dos),
    ("unit::runs_as_its_own_user", unit::runs_as_its_own_user),
    ("unit::sees_no_secret", unit::sees_no_secret),
    ("unit::listens_on_loopback_alone", unit::listens_on_loopback_alone),
    ("addresses::ipv6_ssh", addresses::ipv6_ssh),
    ("addresses::ipv6_http", addresses::ipv6_http),
    ("addresses::ignoreip_is_never_banned", addresses::ignoreip),
    ("addresses::ban_and_unban_by_hand", addresses::by_hand),
    ("hostile::ssh_user_names", hostile::ssh_user_names),
    ("hostile::journal_entries_of_any_bytes", hostile::journal_entries_of_any_bytes),
    ("hostile::request_lines", hostile::request_lines),
    ("hostile::headers_without_end", hostile::headers_without_end),
    ("hostile::local_programs_named_sshd", hostile::local_programs_named_sshd),
    ("backtracking::a_line_that_uses_up_its_steps_is_told", backtracking::a_costly_line_is_told),
    ("control::who_may_what", control::who_may_what),
    ("explain::a_ban_and_its_end", explain::a_ban_and_its_end),
    ("explain::a_log_in_fail2bans_layout", explain::a_log_in_fail2bans_layout),
    ("fail2ban::its_jails_ban", fail2ban::its_jails_ban),
    ("fail2ban::its_bans_are_taken_over", fail2ban::its_bans_are_taken_over),
    ("control::json_parses", control::json_parses),
    ("control::errors_say_what_to_do", control::errors_say_what_to_do),
    ("fail2ban_client::a_runbook_goes_on_working", fail2ban_client::a_runbook_goes_on_working),
    ("reload::keeps_bans_and_misses_no_line", reload::keeps_bans_and_misses_no_line),
    ("reload::broken_configuration_keeps_the_old", reload::broken_configuration),
    ("cut::without_the_key_a_session_lives_on", cut::without_the_key),
    ("cut::without_the_capability_it_says_so", cut::without_the_capability),
    ("cut::a_live_session_ends_with_the_ban", cut::a_live_session_ends),
    ("nftables::without_the_capability_it_says_so", nftables::without_the_capability),
    ("nftables::bans_without_firewalld", nftables::bans_without_firewalld),
    ("acl::a_lost_acl_is_told_and_put_back", acl::a_lost_acl_is_told_and_put_back),
    ("restart::keeps_bans", restart::keeps_bans),
    ("restart::kill_9_keeps_bans", restart::kill_9_keeps_bans),
    ("restart::failures_before_it_count", restart::failures_before_it_count),
    ("restart::removes_what_expired_while_down", restart::expired_while_down),
    ("restart::leaves_nothing_where_told_to", restart::leaves_nothing_where_told_to),
    ("firewall::reload_is_healed", firewall::reload_is_healed),
    ("firewall::restart_is_healed", firewall::restart_is_healed),
    ("firewall::absence_is_waited_out", firewall::absence_is_waited_out),
    ("seed::ban_of_60_s_ends_by_itself", seed::ban_of_60_s_ends),
    ("metrics::promtool_accepts_the_page", metrics::promtool_accepts_the_page),
    ("metrics::formats_and_pages", metrics::formats_and_pages),
    ("unit::stops_cleanly_and_complained_of_nothing", unit::stops_cleanly),
];

/// Likewise, on another box like it: what takes longest, and needs nothing of the above.
const SECOND_TESTS: &[Test] = &[
    ("filters::of_httpd", filters::of_httpd),
    ("filters::of_the_journal", filters::of_the_journal),
    ("proxied::by_header", proxied::by_header),
    ("proxied::by_mod_remoteip", proxied::by_mod_remoteip),
    ("guards::a_breaker_holds_back_until_resumed", guards::breaker),
    ("guards::a_gateway_is_never_banned", guards::gateway),
    ("guards::an_administrator_is_never_banned", guards::session),
    ("guards::a_dry_jail_refuses_nobody", guards::dry_run),
    ("rotation::by_rename", rotation::by_rename),
    ("rotation::by_copytruncate", rotation::by_copytruncate),
    ("killed::every_line_counts_once", killed::every_line_counts_once),
    (
        "killed::what_was_written_while_it_was_away_counts",
        killed::what_was_written_while_it_was_away_counts,
    ),
    (
        "killed::what_was_written_while_it_slept_counts",
        killed::what_was_written_while_it_slept_counts,
    ),
    ("journal::is_rotated_vacuumed_and_restarted", journal::is_rotated_vacuumed_and_restarted),
    ("journal::is_killed_and_damaged", journal::is_killed_and_damaged),
    ("journal::of_a_namespace_is_read", journal::of_a_namespace_is_read),
    ("watched::an_attack_is_told", watched::an_attack_is_told),
    (
        "watched::a_stopped_firewalld_is_told_and_over",
        watched::a_stopped_firewalld_is_told_and_over,
    ),
    ("watched::a_silenced_source_is_told_and_over", watched::a_silenced_source_is_told_and_over),
    ("unit::stops_cleanly_there_too", unit::stops_cleanly),
];

/// Likewise, for each backend, on a box of its own.
const BACKEND_TESTS: &[BackendTest] = &[
    ("adopt::restart_changes_nothing", adopt::restart_changes_nothing),
    ("adopt::flush_leaves_nothing", adopt::flush_leaves_nothing),
    ("adopt::a_damaged_store_costs_no_ban", adopt::a_damaged_store_costs_no_ban),
    ("adopt::a_store_without_a_place_stops_nobody", adopt::a_store_without_a_place_stops_nobody),
    ("packets::every_zone", packets::every_zone),
    ("packets::forwarded", packets::forwarded),
    ("packets::published", packets::published),
    ("trouble::firewalld_hangs", trouble::hangs),
    ("trouble::firewalld_is_absent_at_start", trouble::absent_at_start),
    ("trouble::polkit_says_no", trouble::unauthorized),
    ("loss::reload", |host, backend| loss::of(host, backend, &loss::RELOAD)),
    ("loss::complete_reload", |host, backend| loss::of(host, backend, &loss::COMPLETE_RELOAD)),
    ("loss::restart", |host, backend| loss::of(host, backend, &loss::RESTART)),
    ("loss::kill_9", |host, backend| loss::of(host, backend, &loss::KILL_9)),
    ("loss::panic_mode", |host, backend| loss::of(host, backend, &loss::PANIC_MODE)),
    ("loss::interface_moved", |host, backend| loss::of(host, backend, &loss::INTERFACE_MOVED)),
    ("loss::default_zone", |host, backend| loss::of(host, backend, &loss::DEFAULT_ZONE)),
    ("loss::bus_restart", |host, backend| loss::of(host, backend, &loss::BUS_RESTART)),
    ("loss::ruleset_flushed", |host, backend| loss::of(host, backend, &loss::RULESET_FLUSHED)),
];

/// Those of [`BACKEND_TESTS`] that tell most of another firewalld, and what holds the bans there.
const NEWER_TESTS: [&str; 4] =
    ["adopt::restart_changes_nothing", "packets::every_zone", "loss::reload", "loss::restart"];
const NEWER: [(Newer, Backend); 2] =
    [(Newer { suite: "trixie" }, Backend::Ipset), (Newer { suite: "sid" }, Backend::RichRule)];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let (mut trials, mut lanes) = (Vec::new(), Vec::new());
    for (tests, letter) in [(TESTS, 's'), (SECOND_TESTS, 't')] {
        let lane = Lane::new(letter, None, None);
        trials.extend(lane.trials(&arguments, tests.iter().map(seeds_own).collect()));
        lanes.push(lane);
    }
    let own = Backend::ALL.map(|backend| (backend.to_string(), None, backend));
    let newer = NEWER.map(|(newer, backend)| {
        (format!("firewalld-of-{}::{backend}", newer.suite), Some(newer), backend)
    });
    for ((prefix, firewalld, backend), letter) in own.into_iter().chain(newer).zip('u'..) {
        let lane = Lane::new(letter, Some(backend), firewalld);
        let tests = BACKEND_TESTS.iter();
        let tests = tests.filter(|(name, _)| firewalld.is_none() || NEWER_TESTS.contains(name));
        let tests = tests.map(|&(name, test)| {
            let test: lane::Test = Box::new(move |host| test(host, backend));
            (format!("{prefix}::{name}"), test)
        });
        trials.extend(lane.trials(&arguments, tests.collect()));
        lanes.push(lane);
    }
    // A thread each: all but one of a lane wait for their turn.
    arguments.test_threads = Some(trials.len().max(1));
    let conclusion = libtest_mimic::run(&arguments, trials);
    loss::print_table();
    for error in lanes.iter().filter_map(|lane| lane.down().err()) {
        eprintln!("{error:#}");
    }
    conclusion.exit_code()
}

fn seeds_own((name, test): &Test) -> (String, lane::Test) {
    ((*name).to_owned(), Box::new(*test))
}
