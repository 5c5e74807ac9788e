//! A jail that suddenly bans the world.

use super::*;
use crate::control::api::{JailStatus, ResumeRequest, Resumed};

/// With a breaker of two bans a minute for sshd.
fn fused() -> String {
    JAILS.replace("  sshd: {", "  sshd: {max_new_bans: 2/1m, ")
}

impl Stage {
    fn resume(&mut self, jail: &str) -> Resumed {
        let mut answered = self.ask(Request::Resume(ResumeRequest { jail: jail.into() }));
        match answered.try_recv().unwrap() {
            Ok(Answer::Resumed(resumed)) => resumed,
            other => panic!("{other:?}"),
        }
    }

    fn jail_status(&mut self, jail: &str) -> JailStatus {
        let status = self.daemon.status(self.now);
        status.jails.into_iter().find(|status| status.name == jail).unwrap()
    }

    /// Bans of five addresses decided by `jail`, from `203.0.113.FIRST` on.
    fn flood(&mut self, jail: &str, first: u8) -> &mut Self {
        for host in first..first + 5 {
            self.failures(jail, &format!("203.0.113.{host}"), 2);
        }
        self
    }
}

#[tokio::test]
async fn past_its_limit_a_jail_watches_until_somebody_resumes_it() {
    let mut stage = Stage::new(&fused(), false);
    stage.flood("sshd", 10).flood("web", 10).kept().await;
    assert_eq!(stage.numbers("sshd"), [0, 10, 2, 2, 0]);
    assert_eq!(stage.numbers("web")[2], 5, "each jail trips alone");
    assert_eq!(stage.sample("gaoler_bans_withheld_total", "breaker"), 3);
    assert_eq!(stage.sample("gaoler_breaker_open", "sshd"), 1);
    assert_eq!(stage.jail_status("sshd").breaker.map(|breaker| breaker.withheld), Some(3));
    stage.after(59_000).failures("sshd", "203.0.113.20", 2);
    assert_eq!(stage.numbers("sshd")[2], 2, "existing bans stay, and time does not close it");
    stage.after(1_000);
    assert_eq!(stage.numbers("sshd")[2], 0, "and end");

    let resumed = stage.resume("sshd");
    assert_eq!((resumed.was_open, resumed.withheld), (true, 4));
    assert!(!stage.resume("sshd").was_open);
    assert_eq!(stage.sample("gaoler_breaker_open", "sshd"), 0);
    assert_eq!(stage.jail_status("sshd").breaker, None);
    stage.failures("sshd", "203.0.113.20", 2);
    assert_eq!(stage.numbers("sshd")[2], 1);
}

#[tokio::test]
async fn an_open_breaker_lets_bans_by_hand_pass() {
    let mut stage = Stage::new(&fused(), false);
    stage.flood("sshd", 10).kept().await;
    let addresses = vec!["203.0.113.99/32".parse().unwrap()];
    drop(stage.ask(Request::Ban(BanRequest { jail: "sshd".into(), addresses, bantime: None })));
    assert_eq!(stage.numbers("sshd")[2], 3);
}

#[tokio::test]
async fn an_open_breaker_survives_a_restart_and_a_reload() {
    let mut stage = Stage::new(&fused(), false);
    stage.flood("sshd", 10).kept().await;
    let mut stage = Stage::resumed(stage.end(), &fused(), false);
    assert_eq!(stage.sample("gaoler_breaker_open", "sshd"), 1);
    stage.reload(&fused().replace("2/1m", "3/1m")).await.unwrap();
    stage.failures("sshd", "203.0.113.30", 2);
    assert_eq!(stage.numbers("sshd")[2], 2, "it holds back still");
    stage.resume("sshd");
    stage.kept().await;
    let mut stage = Stage::resumed(stage.end(), &fused(), false);
    assert_eq!(stage.jail_status("sshd").breaker, None, "closed is kept, too");
    stage.failures("sshd", "203.0.113.30", 2).failures("sshd", "203.0.113.31", 2);
    assert_eq!(stage.numbers("sshd")[2], 4, "restored bans did not count");
}

#[tokio::test]
async fn a_breaker_that_is_gone_is_not_open() {
    let mut stage = Stage::new(&fused(), false);
    stage.flood("sshd", 10).kept().await;
    stage.reload(&fused().replace("2/1m", "off")).await.unwrap();
    stage.flood("sshd", 20).kept().await;
    assert_eq!(stage.numbers("sshd")[2], 7);
    assert_eq!(stage.sample("gaoler_breaker_open", "sshd"), 0);
    let mut stage = Stage::resumed(stage.end(), &fused(), false);
    assert_eq!(stage.jail_status("sshd").breaker, None, "the store has forgotten it");
}

#[tokio::test]
async fn all_jails_together_trip_the_one_that_bans_one_too_many() {
    let yaml = format!("enforcement: {{max_new_bans: 6/1m}}\n{JAILS}");
    let mut stage = Stage::new(&yaml, false);
    stage.flood("web", 10).flood("sshd", 10).kept().await;
    assert_eq!(stage.numbers("web")[2], 5);
    assert_eq!(stage.numbers("sshd")[2], 2, "the seventh ban begins, and trips");
    assert!(stage.jail_status("sshd").breaker.is_some());
    assert_eq!(stage.jail_status("web").breaker, None);
}

#[tokio::test]
async fn a_ban_once_more_is_not_new() {
    let mut stage = Stage::new(&fused(), false);
    for _ in 0..5 {
        stage.failures("sshd", "203.0.113.7", 2);
    }
    assert_eq!(stage.jail_status("sshd").breaker, None);
}
