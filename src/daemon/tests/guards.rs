//! Whom the host must go on hearing.

use super::*;

fn addresses(texts: &[&str]) -> Vec<std::net::IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[tokio::test]
async fn a_gateway_and_an_administrator_are_not_banned() {
    let mut stage = Stage::new(JAILS, false);
    stage.turn(Event::Sessions(addresses(&["203.0.113.9"])));
    stage.failures("sshd", "203.0.113.9", 9).failures("sshd", "192.0.2.1", 9).after(100);
    assert_eq!(stage.ordered(), [""; 0]);
    stage.turn(Event::Sessions(Vec::new())).failures("sshd", "203.0.113.9", 2).kept().await;
    assert_eq!(stage.ordered(), ["enforce sshd 203.0.113.9/32 22"], "once the session has ended");
    assert_eq!(stage.sample("gaoler_ignored_total", "session"), 9);
    assert_eq!(stage.sample("gaoler_ignored_total", "gateway"), 9);
}

#[tokio::test]
async fn a_session_that_begins_lifts_the_ban_of_its_network() {
    let mut stage = Stage::new(JAILS, false);
    let addresses_of = |text: &str| vec![text.parse().unwrap()];
    let request = BanRequest {
        jail: "sshd".into(),
        addresses: addresses_of("203.0.113.0/24"),
        bantime: None,
    };
    drop(stage.ask(Request::Ban(request)));
    stage.failures("web", "203.0.113.9", 2).failures("web", "203.0.113.10", 2).kept().await;
    stage.ordered();
    stage.turn(Event::Sessions(addresses(&["203.0.113.9"]))).kept().await;
    let mut ordered = stage.ordered();
    ordered.sort();
    assert_eq!(ordered, ["release sshd 203.0.113.0/24", "release web 203.0.113.9/32"]);
    assert_eq!(stage.sample("gaoler_unbans_total", "guard"), 2);
    assert_eq!(stage.numbers("web")[2], 1, "the neighbour stays banned");
}

#[tokio::test]
async fn an_address_or_gateway_that_comes_lifts_its_ban_unless_told_not_to() {
    let yaml = JAILS.replace("  web: {", "  web: {ignoreself: false, ");
    let mut stage = Stage::new(&yaml, false);
    for jail in ["sshd", "web"] {
        stage.failures(jail, "203.0.113.5", 2).failures(jail, "203.0.113.6", 2);
    }
    stage.kept().await;
    stage.ordered();
    let (own, gateways) = (addresses(&["203.0.113.5"]), addresses(&["203.0.113.6"]));
    let guards = Guards { own, gateways, ..Guards::default() };
    stage.turn(Event::Addresses(guards)).kept().await;
    let mut ordered = stage.ordered();
    ordered.sort();
    let expected = [
        "release sshd 203.0.113.5/32",
        "release sshd 203.0.113.6/32",
        "release web 203.0.113.6/32",
    ];
    assert_eq!(ordered, expected, "web does not mind its own address");
}

#[tokio::test]
async fn a_restart_does_not_take_up_what_is_guarded_now() {
    let mut stage = Stage::new(JAILS, false);
    let addresses = ["203.0.113.7/32", "198.18.0.0/16", "203.0.113.8/32"];
    let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
    drop(stage.ask(Request::Ban(BanRequest { jail: "sshd".into(), addresses, bantime: None })));
    stage.kept().await;
    let yaml = JAILS
        .replace("198.51.100.0/24", "203.0.113.7")
        .replace("jails:", "enforcement: {widest: {ipv4: 24}}\njails:");
    let mut stage = Stage::resumed(stage.end(), &yaml, false);
    assert_eq!(stage.numbers("sshd")[2], 1);
    assert_eq!(stage.sample("gaoler_bans_withheld_total", "allowlist"), 1);
    assert_eq!(stage.sample("gaoler_bans_withheld_total", "guard"), 1);
    stage.turn(Event::Deadline).kept().await;
    let mut stage = Stage::resumed(stage.end(), JAILS, false);
    assert_eq!(stage.numbers("sshd")[2], 1, "what was refused once does not come back");
}

#[tokio::test]
async fn a_ban_by_hand_that_a_guard_refuses_is_counted() {
    let mut stage = Stage::new(JAILS, false);
    for address in ["192.0.2.1/32", "192.0.2.0/24", "10.0.0.0/7", "198.51.100.1/32"] {
        let addresses = vec![address.parse().unwrap()];
        let request = BanRequest { jail: "sshd".into(), addresses, bantime: None };
        let told = changed(&mut stage.ask(Request::Ban(request)));
        assert_eq!((told.changed, told.problems.len()), (0, 1), "{address}");
    }
    assert_eq!(stage.sample("gaoler_bans_withheld_total", "guard"), 3);
    assert_eq!(stage.sample("gaoler_bans_withheld_total", "allowlist"), 1);
}
