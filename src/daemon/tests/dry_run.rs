//! Jails that do everything but ban.

use super::*;

fn dry() -> String {
    JAILS.replace("  sshd: {", "  sshd: {dry_run: true, ")
}

#[tokio::test]
async fn a_dry_jail_says_whom_it_would_ban_and_the_others_ban() {
    let mut stage = Stage::new(&dry(), false);
    stage.failures("sshd", "203.0.113.7", 6).failures("web", "203.0.113.7", 2).kept().await;
    assert_eq!(stage.ordered(), ["enforce web 203.0.113.7/32 80"]);
    assert_eq!(stage.numbers("sshd"), [0, 6, 0, 0, 0]);
    assert_eq!(stage.sample("gaoler_bans_withheld_total", "dry_run"), 1, "once, not at each line");
    assert_eq!(stage.sample("gaoler_bans_desired", "sshd"), 0);
    let listed = stage.daemon.banned(Some("sshd"), stage.now).unwrap().bans;
    assert_eq!(listed.iter().map(|ban| ban.state.as_str()).collect::<Vec<_>>(), ["dry_run"]);
    let status = stage.daemon.status(stage.now);
    assert!(status.jails[0].dry_run && !status.jails[1].dry_run);
    assert_eq!(status.jails[0].actions.would_ban, ["203.0.113.7"]);

    stage.after(60_000).kept().await;
    assert_eq!(stage.ordered(), ["release web 203.0.113.7/32"]);
    assert_eq!(stage.daemon.banned(Some("sshd"), stage.now).unwrap().bans, []);
    assert_eq!(stage.sample("gaoler_unbans_total", "sshd"), 0);
}

#[tokio::test]
async fn by_hand_a_dry_jail_bans_nobody_and_lets_go_at_once() {
    let mut stage = Stage::new(&dry(), false);
    let addresses: Vec<IpNet> = vec!["203.0.113.7/32".parse().unwrap()];
    let request = BanRequest { jail: "sshd".into(), addresses: addresses.clone(), bantime: None };
    let refused = stage.ask(Request::Ban(request)).try_recv().unwrap().unwrap_err();
    assert!(refused.to_string().contains("dry run"), "{refused}");
    stage.failures("sshd", "203.0.113.7", 2);
    let request = UnbanRequest { addresses, ..UnbanRequest::default() };
    assert_eq!(changed(&mut stage.ask(Request::Unban(request))).changed, 1);
    assert_eq!(stage.ordered(), [""; 0]);
}

#[tokio::test]
async fn switched_on_it_lifts_its_bans_and_switched_off_it_enforces_the_next() {
    let mut stage = Stage::new(JAILS, false);
    stage.failures("sshd", "203.0.113.7", 2).kept().await;
    stage.ordered();
    stage.reload(&dry()).await.unwrap();
    stage.kept().await;
    assert_eq!(stage.ordered(), ["release sshd 203.0.113.7/32"]);
    assert_eq!(stage.sample("gaoler_unbans_total", "dry_run"), 1);
    stage.failures("sshd", "203.0.113.8", 2);
    stage.reload(JAILS).await.unwrap();
    stage.failures("sshd", "203.0.113.9", 2).kept().await;
    assert_eq!(stage.ordered(), ["enforce sshd 203.0.113.9/32 22"]);
    stage.failures("sshd", "203.0.113.8", 2).kept().await;
    assert_eq!(stage.ordered(), ["enforce sshd 203.0.113.8/32 22"], "it is not banned on paper");
}

#[tokio::test]
async fn a_restart_as_a_dry_run_takes_no_ban_up() {
    let mut stage = Stage::new(JAILS, false);
    stage.failures("sshd", "203.0.113.7", 2).failures("web", "203.0.113.7", 2).kept().await;
    let mut stage = Stage::resumed(stage.end(), &dry(), false);
    assert_eq!((stage.numbers("sshd")[2], stage.numbers("web")[2]), (0, 1));
    stage.turn(Event::Deadline).kept().await;
    let mut stage = Stage::resumed(stage.end(), JAILS, false);
    assert_eq!(stage.numbers("sshd")[2], 0, "and it does not come back");
}
