//! How long, how wide, and whom again: the ban policy through the loop and over restarts.

use super::*;
use crate::control::api::OriginStatus;
use crate::jail::ban::BanOrigin;

/// Bans of 60 s that double; `again` bans for good who is banned twice within an hour.
const GROWING: &str = "
defaults: {maxretry: 2, findtime: 30s, bantime: 60s, bantime.increment: true}
jails:
  sshd: {filter: sshd, logpath: [/nonexistent/secure], port: [22]}
  web: {filter: http-get-dos, logpath: [/nonexistent/access], port: [80]}
";

const RECIDIVE: &str = "
defaults: {maxretry: 2, findtime: 30s, bantime: 60s}
jails:
  sshd: {filter: sshd, logpath: [/nonexistent/secure], port: [22]}
  web: {filter: http-get-dos, logpath: [/nonexistent/access], port: [80]}
  again: {filter: recidive, findtime: 1h, bantime: permanent}
";

impl Stage {
    /// The bans as `gaoler banned` has them: jail, address, seconds (for ever: none).
    fn banned(&mut self) -> Vec<(String, String, Option<i64>)> {
        let bans = self.daemon.banned(None, self.now).unwrap().bans;
        let length = |until: Timestamp, since| until.duration_since(since).as_secs();
        let told = bans
            .into_iter()
            .map(|ban| (ban.jail, ban.address, ban.until.map(|until| length(until, ban.since))));
        told.collect()
    }

    pub(super) fn unban(&mut self, address: &str) {
        let addresses = vec![address.parse().unwrap()];
        drop(self.ask(Request::Unban(UnbanRequest { addresses, ..UnbanRequest::default() })));
        self.after(1);
    }
}

fn lasting(jail: &str, address: &str, seconds: Option<i64>) -> (String, String, Option<i64>) {
    (jail.to_owned(), address.to_owned(), seconds)
}

fn by_hand(jail: &str, address: &str, bantime: Option<Bantime>) -> Request {
    let addresses = vec![address.parse().unwrap()];
    Request::Ban(BanRequest { jail: jail.into(), addresses, bantime })
}

#[tokio::test]
async fn the_next_ban_is_longer_also_after_a_restart() {
    let mut stage = Stage::new(GROWING, false);
    stage.failures("sshd", "203.0.113.7", 2).kept().await;
    assert_eq!(stage.banned(), [lasting("sshd", "203.0.113.7", Some(60))]);
    stage.after(60_000);
    stage.failures("sshd", "203.0.113.7", 2).failures("web", "203.0.113.7", 2).kept().await;
    let expected =
        [lasting("sshd", "203.0.113.7", Some(120)), lasting("web", "203.0.113.7", Some(60))];
    assert_eq!(stage.banned(), expected);
    // The one that goes on counts like the one that has ended.
    let mut stage = Stage::resumed(stage.end(), GROWING, false);
    stage.after(200_000);
    stage.failures("sshd", "203.0.113.7", 2).kept().await;
    assert_eq!(stage.banned(), [lasting("sshd", "203.0.113.7", Some(240))]);
}

#[tokio::test]
async fn a_restart_keeps_the_length_that_a_ban_grew_to() {
    let mut stage = Stage::new(GROWING, false);
    stage.failures("sshd", "203.0.113.7", 2).kept().await.after(60_000);
    stage.failures("sshd", "203.0.113.7", 2).kept().await;
    let shorter = GROWING.replace("bantime: 60s", "bantime: 10s");
    let stage = Stage::resumed(stage.end(), &shorter, false);
    let bans = stage.daemon.jails[0].jail.ledger().list(stage.now.boot);
    let lengths: Vec<_> = bans.iter().map(|(ban, left)| (ban.bantime, *left)).collect();
    let whole = Some(SignedDuration::from_secs(120));
    assert_eq!(lengths, [(whole, whole)]);
}

#[tokio::test]
async fn bans_of_other_jails_count_where_that_is_asked_for() {
    let yaml = GROWING.replace("increment: true", "increment: true, bantime.overalljails: true");
    let mut stage = Stage::new(&yaml, false);
    stage.failures("sshd", "203.0.113.7", 2).failures("web", "203.0.113.7", 2).kept().await;
    let expected =
        [lasting("sshd", "203.0.113.7", Some(60)), lasting("web", "203.0.113.7", Some(120))];
    assert_eq!(stage.banned(), expected);
    let mut stage = Stage::resumed(stage.end(), &yaml, false);
    stage.after(200_000).failures("web", "203.0.113.7", 2);
    assert_eq!(stage.banned(), [lasting("web", "203.0.113.7", Some(240))]);
}

#[tokio::test]
async fn an_unban_forgives_also_after_a_restart() {
    let mut stage = Stage::new(GROWING, false);
    stage.failures("sshd", "203.0.113.7", 2).failures("sshd", "203.0.113.8", 2).kept().await;
    stage.unban("203.0.113.7/32");
    stage.failures("sshd", "203.0.113.7", 2).kept().await;
    assert!(stage.banned().contains(&lasting("sshd", "203.0.113.7", Some(60))));
    stage.unban("203.0.113.7/32");
    stage.kept().await;
    let mut stage = Stage::resumed(stage.end(), GROWING, false);
    stage.after(100_000);
    stage.failures("sshd", "203.0.113.7", 2).failures("sshd", "203.0.113.8", 2);
    let expected =
        [lasting("sshd", "203.0.113.7", Some(60)), lasting("sshd", "203.0.113.8", Some(120))];
    assert_eq!(stage.banned(), expected);
}

#[tokio::test]
async fn a_permanent_ban_outlives_everything_but_an_unban() {
    let yaml = JAILS.replace("findtime: 30s, bantime: 60s", "findtime: 30s, bantime: permanent");
    let mut stage = Stage::new(&yaml, false);
    stage.failures("sshd", "203.0.113.7", 2).kept().await;
    drop(stage.ask(by_hand("web", "203.0.113.8/32", Some(Bantime::Permanent))));
    stage.kept().await;
    let expected = [lasting("sshd", "203.0.113.7", None), lasting("web", "203.0.113.8", None)];
    assert_eq!(stage.banned(), expected);
    stage.after(1000 * 86_400 * 1000);
    assert_eq!(stage.banned(), expected);
    let mut stage = Stage::resumed(stage.end(), &yaml, false);
    assert_eq!(stage.banned(), expected);
    let bans = stage.daemon.banned(Some("sshd"), stage.now).unwrap();
    let json = serde_json::to_value(&bans).unwrap();
    assert_eq!(json["bans"][0]["until"], serde_json::Value::Null);
    stage.unban("203.0.113.7/32");
    assert_eq!(stage.banned(), [lasting("web", "203.0.113.8", None)]);
}

#[tokio::test]
async fn who_is_banned_again_and_again_is_banned_for_good() {
    let mut stage = Stage::new(RECIDIVE, false);
    stage.failures("sshd", "203.0.113.7", 2).kept().await;
    assert_eq!(stage.numbers("again"), [1, 1, 0, 0, 0]);
    // What a ban means here is kept together with the ban.
    let mut stage = Stage::resumed(stage.end(), RECIDIVE, false);
    assert_eq!(stage.numbers("again"), [1, 1, 0, 0, 0]);
    stage.failures("web", "203.0.113.7", 2).kept().await;
    assert_eq!(stage.numbers("again"), [0, 2, 1, 1, 0]);
    let mut ordered = stage.ordered();
    ordered.sort();
    assert_eq!(ordered, ["enforce again 203.0.113.7/32 ", "enforce web 203.0.113.7/32 80"]);
    let permanent = lasting("again", "203.0.113.7", None);
    assert!(stage.banned().contains(&permanent));
    let mut stage = Stage::resumed(stage.end(), RECIDIVE, false);
    stage.after(600_000);
    assert_eq!(stage.banned(), [permanent]);
    assert_eq!(stage.numbers("again")[1], 2, "a ban restored is no ban begun");
}

#[tokio::test]
async fn only_the_named_jails_and_no_ban_twice_count() {
    let yaml = RECIDIVE.replace("filter: recidive", "filter: recidive, jails: [web]");
    let mut stage = Stage::new(&yaml, false);
    stage.failures("sshd", "203.0.113.7", 2).kept().await;
    assert_eq!(stage.numbers("again")[..2], [0, 0]);
    drop(stage.ask(by_hand("web", "203.0.113.9/32", None)));
    drop(stage.ask(by_hand("web", "203.0.113.9/32", None)));
    assert_eq!(stage.numbers("again")[..2], [1, 1], "by hand it counts, once more it is none more");
    let status = stage.daemon.status(stage.now);
    let again = status.jails.iter().find(|jail| jail.name == "again").unwrap();
    assert_eq!(again.filter.origin, OriginStatus::Bans("bans of web".into()));
    assert!(status.sources.is_empty());
}

#[tokio::test]
async fn its_own_bans_and_those_of_a_dry_run_do_not_count() {
    let mut stage = Stage::new(RECIDIVE, false);
    drop(stage.ask(by_hand("again", "203.0.113.9/32", None)));
    assert_eq!(stage.numbers("again")[..3], [0, 0, 1]);
    let mut stage = Stage::new(RECIDIVE, true);
    stage.failures("sshd", "203.0.113.7", 2).failures("web", "203.0.113.7", 2);
    assert_eq!(stage.numbers("again")[..3], [0, 0, 0]);
}

#[tokio::test]
async fn an_ipv6_attacker_is_banned_and_released_with_his_network() {
    let mut stage = Stage::new(JAILS, false);
    stage.failures("sshd", "2001:db8::1", 1).failures("sshd", "2001:db8::2", 1).kept().await;
    assert_eq!(stage.ordered(), ["enforce sshd 2001:db8::/64 22"]);
    stage.failures("sshd", "2001:db8::3", 2).failures("sshd", "fd00:1::7", 2).kept().await;
    assert_eq!(stage.ordered(), ["enforce sshd fd00:1::7/128 22"], "a neighbour is banned alone");
    let mut stage = Stage::resumed(stage.end(), JAILS, false);
    let expected =
        [lasting("sshd", "2001:db8::/64", Some(60)), lasting("sshd", "fd00:1::7", Some(60))];
    assert_eq!(stage.banned(), expected);
    let addresses = vec!["2001:db8::5/128".parse().unwrap()];
    let request = UnbanRequest { addresses, ..UnbanRequest::default() };
    let mut answered = stage.ask(Request::Unban(request));
    stage.kept().await;
    assert_eq!(stage.ordered(), ["release sshd 2001:db8::/64"]);
    let key = BanKey { jail: JailName::new("sshd"), address: "2001:db8::/64".parse().unwrap() };
    stage.turn(Event::Firewall(Report::Released { key }));
    let told = changed(&mut answered);
    let note = "2001:db8::5 was banned in sshd as 2001:db8::/64: all of that is released";
    assert_eq!((told.changed, told.notes), (1, vec![note.to_owned()]));
    assert_eq!(told.problems, [""; 0]);
}

#[tokio::test]
async fn a_ban_of_a_network_that_is_our_own_link_now_is_not_restored() {
    let yaml = JAILS.replace("defaults: {", "defaults: {ipv6_prefix: 48, ");
    let mut stage = Stage::new(&yaml, false);
    stage.turn(Event::Addresses(Guards::default()));
    stage.failures("sshd", "fd00:1::7", 2).failures("sshd", "fd00:2::7", 2).kept().await;
    drop(stage.ask(by_hand("web", "fd00:1:0:0::/64", None)));
    stage.kept().await;
    assert_eq!(stage.banned().len(), 3);
    let mut stage = Stage::resumed(stage.end(), &yaml, false);
    let expected =
        [lasting("sshd", "fd00:2::/48", Some(60)), lasting("web", "fd00:1::/64", Some(60))];
    assert_eq!(stage.banned(), expected, "an operator's word stands");
}

#[tokio::test]
async fn enough_bans_in_a_network_ban_it() {
    let yaml = JAILS.replace("defaults: {", "defaults: {widen: {addresses: 3}, ");
    let mut stage = Stage::new(&yaml, false);
    for host in ["203.0.113.7", "203.0.113.8", "203.0.113.9"] {
        stage.failures("sshd", host, 2).after(1000);
    }
    stage.kept().await;
    let ordered = stage.ordered();
    assert_eq!(ordered.last().map(String::as_str), Some("enforce sshd 203.0.113.0/24 22"));
    assert_eq!(ordered.len(), 4);
    assert_eq!(stage.numbers("sshd")[2..4], [4, 4]);
    let bans = stage.daemon.banned(None, stage.now).unwrap().bans;
    let wide = bans.iter().find(|ban| ban.address == "203.0.113.0/24").unwrap();
    assert_eq!((wide.origin, wide.failures), (BanOrigin::Detected, 6));
    let told = changed(&mut stage.ask(Request::Unban(UnbanRequest {
        addresses: vec!["203.0.113.77/32".parse().unwrap()],
        ..UnbanRequest::default()
    })));
    assert_eq!((told.changed, told.problems.len()), (0, 1), "the network is named, not lifted");
}
