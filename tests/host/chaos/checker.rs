//! The checker of `make chaos` is checked itself: of a run in which all is well it says nothing, and
//! for each way to break one it says what is broken.

#[allow(dead_code, reason = "made for the run, which uses all of it")]
mod check;

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use crate::check::{
    Checked, Evidence, Failure, Line, Look, Micros, Rule, SECOND, Said, Slack, Start, Trouble,
};

/// The wall clock was so far ahead of the boot clock at first.
const AHEAD: Micros = 1_800_000_000 * SECOND;
const HOUR: Micros = 3600 * SECOND;

/// A run, made up from what happened at which second.
struct Run(Evidence);

impl Run {
    /// Nothing happens, for 300 s: 3 failures in 30 s make a ban of 25 s.
    fn quiet() -> Self {
        let second = |second| Look {
            from: second * SECOND,
            to: second * SECOND + SECOND / 10,
            refused: BTreeSet::new(),
        };
        let rule = Rule { maxretry: 3, findtime: 30 * SECOND, bantime: 25 * SECOND };
        Self(Evidence {
            rule,
            failures: BTreeMap::new(),
            lines: Vec::new(),
            looks: (0..300).map(second).collect(),
            troubles: Vec::new(),
            starts: Vec::new(),
            clock: vec![(0, AHEAD)],
            end: 300 * SECOND,
        })
    }

    /// Failures of an address, logged at these seconds by the clock as it is then.
    fn fails(mut self, who: &str, seconds: &[Micros]) -> Self {
        for second in seconds {
            let at = second * SECOND;
            let wall = self.0.walls(at, 0)[0];
            let failure = Failure { wall, early: at, late: at, sure: true };
            self.0.failures.entry(net(who)).or_default().push(failure);
        }
        self
    }

    fn says(mut self, said: Said, who: &str, second: Micros) -> Self {
        self.0.lines.push(Line { subject: net(who), at: second * SECOND, said });
        self
    }

    /// Looks of these seconds show it refused.
    fn refused(mut self, who: &str, seconds: std::ops::Range<usize>) -> Self {
        for look in &mut self.0.looks[seconds] {
            look.refused.insert(net(who));
        }
        self
    }

    /// All that a ban is.
    fn banned(self, who: &str, from: Micros, to: Micros) -> Self {
        let looks = usize::try_from(from).unwrap() + 1..usize::try_from(to).unwrap();
        self.says(Said::Ban, who, from).says(Said::Unban, who, to).refused(who, looks)
    }

    fn trouble(mut self, from: Micros, over: Micros) -> Self {
        self.0.troubles.push(Trouble { from: from * SECOND, over: over * SECOND });
        self
    }

    fn restart(mut self, died: Micros, at: Micros) -> Self {
        self.0.starts.push(Start { died: died * SECOND, at: at * SECOND });
        self
    }

    /// The wall clock is so much further ahead from then on.
    fn jump(mut self, second: Micros, by: Micros) -> Self {
        let before = self.0.clock.last().unwrap().1;
        self.0.clock.push((second * SECOND, before + by));
        self
    }

    fn check(&self) -> Checked {
        check::check(&self.0, Slack::STRICT)
    }

    /// Expects findings whose texts hold these words, in this order; each once.
    #[track_caller]
    fn expect(&self, words: &[&str]) {
        let findings: Vec<String> = self.check().findings.iter().map(ToString::to_string).collect();
        assert_eq!(findings.len(), words.len(), "{findings:#?}");
        for (finding, words) in findings.iter().zip(words) {
            assert!(finding.contains(words), "no `{words}` in {findings:#?}");
        }
    }
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

const EVE: &str = "198.18.0.1/32";

#[test]
fn a_run_in_which_all_is_well() {
    let run = Run::quiet()
        .fails(EVE, &[10, 12, 14])
        .banned(EVE, 14, 39)
        .fails(EVE, &[45, 46, 47])
        .banned(EVE, 47, 72)
        .fails("198.18.0.2/32", &[20, 21])
        .fails("198.18.0.3/32", &[20, 40, 60, 80]);
    run.expect(&[]);
    let checked = run.check();
    assert_eq!((checked.due, checked.bans, checked.ended), (2, 2, 2));
    assert_eq!((checked.failures, checked.subjects), (12, (3, 2)));
}

#[test]
fn a_missed_ban() {
    Run::quiet().fails(EVE, &[10, 12, 14]).expect(&["should have been banned"]);
    // The second of two.
    let again = Run::quiet().fails(EVE, &[10, 12, 14, 50, 51, 52]).banned(EVE, 14, 39);
    again.expect(&["should have been banned"]);
    // It came, and much too late.
    let late = Run::quiet().fails(EVE, &[10, 12, 14]).banned(EVE, 30, 55);
    late.expect(&["should have been banned"]);
}

#[test]
fn a_trouble_puts_a_ban_off_and_excuses_none() {
    let run = Run::quiet().fails(EVE, &[10, 12, 14]).trouble(13, 27);
    run.expect(&["14.000: 198.18.0.1/32 should have been banned"]);
    run.banned(EVE, 28, 53).expect(&[]);
    // What was read too late to count any more makes no ban.
    Run::quiet().fails(EVE, &[10, 12, 14]).trouble(9, 60).expect(&[]);
}

#[test]
fn a_false_ban() {
    let run = Run::quiet().fails(EVE, &[10, 12]).banned(EVE, 12, 37);
    run.expect(&["banned without a reason"]);
    let counted_twice = Run::quiet().fails(EVE, &[10, 12, 14, 45, 46]);
    let counted_twice = counted_twice.banned(EVE, 14, 39).banned(EVE, 46, 71);
    counted_twice.expect(&["46.000: 198.18.0.1/32 was banned without a reason"]);
    let too_slow = Run::quiet().fails(EVE, &[10, 26, 42]).banned(EVE, 42, 67);
    too_slow.expect(&["banned without a reason"]);
    Run::quiet()
        .says(Said::Restore, EVE, 12)
        .says(Said::Unban, EVE, 37)
        .expect(&["banned without a reason", "banned, and let in"]);
}

/// nftables: its time is over, and who is let in fails again before gaoler goes on and says so.
#[test]
fn a_ban_that_the_kernel_ends_while_gaoler_is_stopped() {
    let run = Run::quiet().fails(EVE, &[10, 12, 14]).says(Said::Ban, EVE, 14).refused(EVE, 15..39);
    let run = run.trouble(30, 52).fails(EVE, &[41, 42, 43]).says(Said::Unban, EVE, 50);
    let run = run.says(Said::Ban, EVE, 50).refused(EVE, 51..75).says(Said::Unban, EVE, 75);
    run.expect(&[]);
}

#[test]
fn a_refusal_without_a_ban() {
    Run::quiet().refused(EVE, 50..51).expect(&["no ban of it ever was"]);
}

#[test]
fn an_overlong_ban() {
    let run = Run::quiet().fails(EVE, &[10, 12, 14]);
    run.says(Said::Ban, EVE, 14).refused(EVE, 15..60).expect(&[
        "44.000: 198.18.0.1/32 is refused, though its ban ended at 39.000",
        "ban of 198.18.0.1/32 was ended",
    ]);
    // gaoler says that it ended, and the kernel goes on.
    let left = Run::quiet().fails(EVE, &[10, 12, 14]).banned(EVE, 14, 39);
    left.refused(EVE, 39..46).expect(&["though its ban ended"]);
    // A fault puts that off, but not for long.
    let put_off = |over| {
        let run = Run::quiet().fails(EVE, &[10, 12, 14]).trouble(38, 50);
        run.says(Said::Ban, EVE, 14).says(Said::Unban, EVE, over)
    };
    put_off(52).refused(EVE, 15..52).expect(&[]);
    put_off(52).refused(EVE, 15..56).expect(&["though its ban ended"]);
    put_off(56).refused(EVE, 15..54).expect(&["was to end"]);
}

#[test]
fn a_ban_that_is_cut_short() {
    let run = Run::quiet().fails(EVE, &[10, 12, 14]);
    run.banned(EVE, 14, 30).expect(&["was to end between 39.000", "banned, and let in"]);
    let gap = Run::quiet().fails(EVE, &[10, 12, 14]).says(Said::Ban, EVE, 14);
    let gap = gap.says(Said::Unban, EVE, 39).refused(EVE, 15..25).refused(EVE, 26..39);
    gap.expect(&["25.000: 198.18.0.1/32 is banned, and let in"]);
}

#[test]
fn a_running_ban_knows_no_wall_clock() {
    for by in [2 * HOUR, -2 * HOUR] {
        let run = Run::quiet().fails(EVE, &[10, 12, 14]).jump(20, by).trouble(20, 21);
        run.banned(EVE, 14, 39).expect(&[]);
    }
    let ended_by_it = Run::quiet().fails(EVE, &[10, 12, 14]).jump(20, HOUR).trouble(20, 21);
    ended_by_it.banned(EVE, 14, 21).expect(&["was to end", "banned, and let in"]);
}

#[test]
fn a_restart_asks_the_wall_clock_and_never_for_more_than_bantime() {
    let restarted = |by| {
        let run = Run::quiet().fails(EVE, &[10, 12, 14]).jump(20, by);
        run.trouble(20, 25).restart(20, 23)
    };
    restarted(HOUR).banned(EVE, 14, 23).expect(&[]);
    restarted(HOUR).banned(EVE, 14, 39).expect(&["though its ban ended at 23.000", "was to end"]);
    restarted(-HOUR).banned(EVE, 14, 48).expect(&[]);
    restarted(-HOUR).banned(EVE, 14, 60).expect(&["though its ban ended at 48.000", "was to end"]);
    // What ended while gaoler was dead, by a clock that was set back meanwhile, did not end; what
    // ended before did.
    let dead = |from| {
        let run = Run::quiet().fails(EVE, &[10, 12, 14]).jump(from, -HOUR);
        run.trouble(from, 50).restart(from, 48)
    };
    dead(34).banned(EVE, 14, 73).expect(&[]);
    dead(42).banned(EVE, 14, 73).expect(&["though its ban ended at 39.000", "was to end"]);
    dead(42).banned(EVE, 14, 39).expect(&[]);
    let plain = Run::quiet().fails(EVE, &[10, 12, 14]).trouble(20, 25).restart(20, 23);
    plain.banned(EVE, 14, 39).expect(&[]);
}

#[test]
fn failures_count_by_the_logs_own_time() {
    // Hours lie between them by the log.
    Run::quiet().fails(EVE, &[10, 12]).jump(20, HOUR).trouble(20, 21).fails(EVE, &[25]).expect(&[]);
    // A clock that was set back lets no one off.
    let run = Run::quiet().fails(EVE, &[10]).jump(20, -HOUR).trouble(20, 21);
    run.fails(EVE, &[25, 26, 27]).expect(&["27.000: 198.18.0.1/32 should have been banned"]);
    // And back again: the first and the last two are within the window.
    let run = Run::quiet().fails(EVE, &[10]).jump(15, -HOUR).trouble(15, 16);
    let run = run.fails(EVE, &[18]).jump(20, HOUR).trouble(20, 21);
    run.fails(EVE, &[25, 26]).expect(&["26.000: 198.18.0.1/32 should have been banned"]);
}

#[test]
fn a_ban_said_twice_around_a_kill_is_one() {
    let run = Run::quiet().fails(EVE, &[10, 12, 14]).trouble(14, 17).restart(14, 16);
    let run = run.says(Said::Ban, EVE, 14).says(Said::Ban, EVE, 16);
    run.says(Said::Unban, EVE, 39).refused(EVE, 17..39).expect(&[]);
}

#[test]
fn a_network_is_refused_for_its_hosts() {
    let net = "2001:db8:66:1::/64";
    Run::quiet().fails(net, &[10, 12, 14]).banned(net, 14, 39).expect(&[]);
}
