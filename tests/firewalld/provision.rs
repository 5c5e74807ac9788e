//! `gaoler provision` against the real firewalld: what it writes, firewalld loads; what it loads,
//! the kernel has.

mod bans;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Instant;

use serde_json::Value;

use super::rig::Rig;

const SSH: &str = "  sshd: {filter: sshd, port: [ssh]}\n";
const WEB: &str =
    "  http-get-dos: {filter: http-get-dos, logpath: [/var/log/access], port: [80, 443]}\n";

/// Runs the binary with a configuration of these jails.
fn gaoler(rig: &Rig, jails: &str, args: &[&str]) -> Output {
    command(rig, jails, &[], args).output().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "runs gaoler, as an operator would")]
fn command(rig: &Rig, jails: &str, before: &[&str], args: &[&str]) -> Command {
    let (path, gaoler) = (config(rig, jails), env!("CARGO_BIN_EXE_gaoler"));
    let mut words = before.to_vec();
    words.push(gaoler);
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).args(["provision", "--config"]).arg(path).args(args);
    command
}

fn config(rig: &Rig, jails: &str) -> PathBuf {
    let path = rig.path().join("gaoler.yaml");
    let bus = rig.address();
    let jails = if jails.is_empty() { "jails: {}\n".into() } else { format!("jails:\n{jails}") };
    let text = format!("enforcement: {{firewalld: {{bus: '{bus}'}}}}\n{jails}");
    fs::write(&path, text).unwrap();
    path
}

#[track_caller]
fn said(output: &Output) -> String {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8(text).unwrap()
}

/// It succeeds; gives what it says.
#[track_caller]
fn done(rig: &Rig, jails: &str, args: &[&str]) -> String {
    let output = gaoler(rig, jails, args);
    assert!(output.status.success(), "{args:?}: {}", said(&output));
    said(&output)
}

/// It succeeds; gives its JSON.
#[track_caller]
fn json(rig: &Rig, jails: &str, args: &[&str]) -> Value {
    let output = gaoler(rig, jails, &[args, &["--format", "json"]].concat());
    assert!(output.status.success(), "{args:?}: {}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

/// The sets of ours that firewalld knows; `--permanent` or not.
fn sets(rig: &Rig, permanent: bool) -> BTreeSet<String> {
    let mut args = vec!["--get-ipsets"];
    args.extend(permanent.then_some("--permanent"));
    let names = rig.cmd(&args);
    names.split_whitespace().filter(|n| n.starts_with("gaoler")).map(str::to_owned).collect()
}

/// How many rules of a policy's chains in the kernel name a set of ours.
fn kernel_rules(rig: &Rig, policy: &str) -> usize {
    let ruleset = rig.output(&["nft", "-n", "list", "table", "inet", "firewalld"]);
    let chains = ruleset
        .split("\tchain ")
        .filter(|chain| chain.split_whitespace().next().is_some_and(|name| name.contains(policy)));
    chains.flat_map(str::lines).filter(|line| line.contains("saddr @gaoler")).count()
}

#[test]
fn what_is_shown_is_applied_and_after_a_reload_it_is_in_force() {
    let rig = Rig::started();
    let shown = done(&rig, SSH, &[]);
    contains(
        &shown,
        &[
            "+ group all, every port: 18 sets",
            "+ group tcp22, tcp port 22: 18 sets",
            "+ policy gaoler-in, from ANY to HOST, priority -32000: 36 rules",
            "+ policy gaoler-fwd, from ANY to ANY, priority -32000: 36 rules",
            "38 changes are due. --apply makes them",
        ],
    );
    assert_eq!(sets(&rig, true), BTreeSet::new());

    contains(&done(&rig, SSH, &["--apply"]), &["Done: 38 changes", "not loaded this yet"]);
    let permanent = sets(&rig, true);
    assert_eq!(permanent.len(), 36);
    assert_eq!(sets(&rig, false), BTreeSet::new());
    let again = json(&rig, SSH, &["--apply"]);
    assert_eq!(
        (&again["steps"], &again["reload_due"]),
        (&Value::Array(vec![]), &Value::Bool(true))
    );

    rig.cmd(&["--reload"]);
    assert_eq!(sets(&rig, false), permanent);
    assert_eq!(kernel_rules(&rig, "gaoler-in"), 36);
    assert_eq!(kernel_rules(&rig, "gaoler-fwd"), 36);
    let again = done(&rig, SSH, &["--apply"]);
    contains(&again, &["Nothing to do: all 38 sets and policies"]);
    assert!(!again.contains("reload"), "{again}");
    assert_eq!(rig.complaints(), "");
}

#[test]
fn an_entry_is_refused_before_any_zone_is_asked() {
    let rig = Rig::started();
    done(&rig, SSH, &["--apply"]);
    rig.cmd(&["--reload"]);
    let in_force = "ip saddr @gaoler4-tcp22-07 tcp dport 22 reject";
    let ruleset = rig.output(&["nft", "-n", "list", "table", "inet", "firewalld"]);
    contains(&ruleset, &["ip saddr @gaoler4-07 reject", "ip6 saddr @gaoler6-net reject"]);
    let rules = ruleset.lines().filter(|line| {
        line.contains("@gaoler4-tcp22-07")
            && line.contains("tcp dport 22")
            && line.contains("reject")
    });
    assert_eq!(rules.count(), 2, "{in_force}: {ruleset}");
    let chain = rig.output(&[
        "nft",
        "-n",
        "list",
        "chain",
        "inet",
        "firewalld",
        "filter_INPUT_POLICIES_pre",
    ]);
    let first = chain.lines().find(|line| line.contains("jump")).unwrap();
    contains(first, &["gaoler-in"]);
}

#[test]
fn other_ports_get_a_group_and_what_is_surplus_goes_only_when_asked() {
    let rig = Rig::started();
    done(&rig, SSH, &["--apply"]);
    let added = done(&rig, WEB, &["--apply"]);
    contains(
        &added,
        &[
            "+ group tcp80.443, tcp port 80, 443: 18 sets",
            "~ policy gaoler-in: 36 rules to be added",
            "? group tcp22: 18 sets that no jail here needs; --prune removes them",
            "Done: 20 changes",
        ],
    );
    assert_eq!(sets(&rig, true).len(), 54);
    rig.cmd(&["--reload"]);
    // The group of ssh is in force still: 18 + 18 + 2 x 18.
    assert_eq!(kernel_rules(&rig, "gaoler-in"), 72);

    let pruned = done(&rig, WEB, &["--apply", "--prune"]);
    contains(&pruned, &["- group tcp22: 18 sets", "~ policy gaoler-in: 18 rules to be removed"]);
    assert_eq!(sets(&rig, true).len(), 36);
    rig.cmd(&["--reload"]);
    assert_eq!(kernel_rules(&rig, "gaoler-in"), 54);

    contains(&done(&rig, WEB, &["--remove"]), &["- policy gaoler-in", "38 changes are due"]);
    assert_eq!(sets(&rig, true).len(), 36);
    contains(&done(&rig, WEB, &["--remove", "--apply"]), &["Done: 38", "not loaded this yet"]);
    assert_eq!(sets(&rig, true), BTreeSet::new());
    rig.cmd(&["--reload"]);
    assert_eq!(kernel_rules(&rig, "gaoler"), 0);
    contains(&done(&rig, WEB, &["--remove", "--apply"]), &["has nothing of gaoler's"]);
    assert_eq!(rig.complaints(), "");
}

#[test]
fn what_was_spoilt_is_set_right_and_what_is_others_is_kept() {
    let rig = Rig::started();
    done(&rig, "", &["--apply"]);
    let theirs = r#"rule family="ipv4" source address="192.0.2.1" accept"#;
    rig.cmd(&["--permanent", "--new-ipset=theirs", "--type=hash:ip"]);
    rig.cmd(&["--permanent", "--policy=gaoler-in", &format!("--add-rich-rule={theirs}")]);
    rig.cmd(&["--permanent", "--policy=gaoler-in", "--set-priority=-5"]);
    rig.cmd(&["--permanent", "--delete-ipset=gaoler6-net"]);
    rig.cmd(&["--permanent", "--ipset=gaoler4-03", "--add-entry=192.0.2.7"]);
    rig.cmd(&["--permanent", "--delete-ipset=gaoler4-04"]);
    rig.cmd(&["--permanent", "--new-ipset=gaoler4-04", "--type=hash:ip", "--option=timeout=60"]);
    contains(
        &done(&rig, "", &["--apply"]),
        &[
            "+ group all, every port: 1 sets",
            "~ set gaoler4-03: it has 1 permanent entries",
            "~ set gaoler4-04: its type is hash:ip and should be hash:net; it has a timeout (60)",
            "~ policy gaoler-in: priority -32000 instead of -5",
            "Done: 4 changes",
        ],
    );
    contains(&done(&rig, "", &[]), &["Nothing to do: all 20 sets and policies"]);
    rig.cmd(&["--reload"]);
    assert_eq!(rig.cmd(&["--permanent", "--ipset=gaoler4-03", "--get-entries"]), "");
    assert_eq!(rig.cmd(&["--policy=gaoler-in", "--query-rich-rule", theirs]), "yes");
    contains(&rig.cmd(&["--get-ipsets"]), &["theirs"]);
    let removed = done(&rig, "", &["--apply", "--remove"]);
    contains(&removed, &["Done: 20 changes"]);
    contains(&rig.cmd(&["--permanent", "--get-ipsets"]), &["theirs"]);
}

/// Ports whose list is too long for a name, so that names are as long as they get.
const LONG: &str = "  http-get-dos: {filter: http-get-dos, logpath: [/var/log/access], port: [80, 443, 8000-8010, 9090]}\n";

#[test]
fn files_mean_the_same_as_apply() {
    let [applied, filed] = [Rig::started(), Rig::new()];
    let mut filed = filed;
    let etc = filed.path().join("etc");
    let written = done(&filed, LONG, &["--xml", etc.to_str().unwrap()]);
    contains(&written, &["38 files below"]);
    let offline = ["firewall-offline-cmd", "--system-config", etc.to_str().unwrap()];
    filed.run(&[&offline[..], &["--check-config"]].concat());
    filed.start();
    done(&applied, LONG, &["--apply"]);
    applied.cmd(&["--reload"]);
    for rig in [&applied, &filed] {
        assert_eq!(rig.cmd(&["--check-config"]), "success");
        let again = json(rig, LONG, &[]);
        assert_eq!(again["steps"], Value::Array(vec![]));
        assert_eq!(again["unchanged"], 38);
        assert_eq!(again["reload_due"], false);
        assert_eq!(rig.complaints(), "");
    }
    let names = sets(&filed, false);
    assert_eq!((names.len(), &names), (36, &sets(&applied, false)));
    let long = names.iter().find(|name| name.starts_with("gaoler6-h") && name.ends_with("net"));
    let long = long.unwrap().as_str();
    contains(&filed.output(&["nft", "-n", "list", "sets", "inet"]), &[long]);
    for set in ["gaoler4-00", long] {
        let info = |rig: &Rig| rig.cmd(&["--permanent", &format!("--info-ipset={set}")]);
        assert_eq!(info(&applied), info(&filed));
        contains(&info(&filed), &["type: hash:net"]);
    }
    for policy in ["gaoler-in", "gaoler-fwd"] {
        let info = |rig: &Rig| {
            let info = rig.cmd(&["--permanent", "-v", &format!("--info-policy={policy}")]);
            info.lines().map(str::to_owned).collect::<BTreeSet<_>>()
        };
        assert_eq!(info(&applied), info(&filed));
    }
}

#[test]
fn who_may_not_is_told_so_and_what_was_done_is_told() {
    let rig = Rig::started();
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let output = command(&rig, "", &nobody, &["--apply"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    contains(&said(&output), &["does not let this user", "run it as root"]);
    assert_eq!(sets(&rig, true), BTreeSet::new());

    rig.deny("org.fedoraproject.FirewallD1.config", "addPolicy");
    let output = gaoler(&rig, "", &["--apply"]);
    assert_eq!(output.status.code(), Some(1));
    contains(&said(&output), &["FAILED after 18 of 20 changes", "run this again to go on"]);
    assert_eq!(sets(&rig, true).len(), 18);
    rig.allow();
    contains(&done(&rig, "", &["--apply"]), &["Done: 2 changes"]);

    let mut rig = rig;
    rig.stop(false);
    let output = gaoler(&rig, "", &[]);
    assert_eq!(output.status.code(), Some(1));
    contains(&said(&output), &["firewalld is not running", "--xml"]);
}

#[test]
#[ignore = "a measurement"]
fn what_provisioning_costs() {
    let rig = Rig::started();
    let reload = || {
        let mut took: Vec<_> = (0..5)
            .map(|_| {
                let begun = Instant::now();
                rig.cmd(&["--reload"]);
                begun.elapsed()
            })
            .collect();
        took.sort();
        format!("reload {:?} (median of 5), firewalld has {} MiB", took[2], rig.resident())
    };
    eprintln!("no sets: {}", reload());
    for (jails, count) in [("", 18), (SSH, 36), (&[SSH, WEB].concat(), 54)] {
        let begun = Instant::now();
        done(&rig, jails, &["--apply"]);
        let applied = begun.elapsed();
        let begun = Instant::now();
        done(&rig, jails, &[]);
        let looked = begun.elapsed();
        eprintln!("{count} sets: applied in {applied:?}, looked at in {looked:?}; {}", reload());
    }
}
