//! A firewalld of the test's own: a network namespace, a bus and a configuration that end with it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long anything may take before a test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=DIR/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    DENIED
  </policy>
</busconfig>
"#;

/// A firewalld, its bus and its network.
pub(crate) struct Rig {
    dir: TempDir,
    network: Child,
    bus: Child,
    firewalld: Option<Child>,
}

impl Rig {
    /// A bus and a network with the interfaces `eth0` and `eth1`; firewalld is not yet started.
    pub(crate) fn new() -> Self {
        for program in ["/usr/sbin/firewalld", "/usr/bin/dbus-daemon", "/usr/sbin/nft"] {
            assert!(
                Path::new(program).exists(),
                "{program} is missing: `apt-get install firewalld dbus nftables` (or dnf)"
            );
        }
        assert!(rustix::process::geteuid().is_root(), "a network namespace needs root: use sudo");
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        configure(dir.path());
        let network = spawn(&["unshare", "--net", "sleep", "infinity"], dir.path());
        let bus = bus(dir.path());
        let rig = Self { dir, network, bus, firewalld: None };
        rig.prepare_network();
        rig
    }

    /// As [`new`](Self::new), with firewalld started and ready.
    pub(crate) fn started() -> Self {
        let mut rig = Self::new();
        rig.start();
        rig
    }

    /// Starts firewalld and waits until it answers.
    pub(crate) fn start(&mut self) {
        let etc = self.dir.path().join("etc");
        let log = self.dir.path().join("log");
        let args = ["firewalld", "--nofork", "--nopid", "--log-target", "file"];
        let mut command = self.inside(&args);
        command.arg("--system-config").arg(etc).arg("--log-file").arg(log);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.firewalld = Some(command.spawn().unwrap());
        wait_until("firewalld answers", || self.try_cmd(&["--state"]).0);
    }

    /// Ends firewalld, as `systemctl stop` does or as a crash does.
    pub(crate) fn stop(&mut self, kill: bool) {
        let mut child = self.firewalld.take().expect("firewalld was started");
        if kill {
            child.kill().unwrap();
        } else {
            let pid = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        }
        child.wait().unwrap();
    }

    /// The processor time that firewalld has taken so far, in milliseconds, to ten of them.
    pub(crate) fn processor_time(&self) -> u64 {
        let pid = self.firewalld.as_ref().expect("firewalld was started").id();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        // proc_pid_stat(5): utime and stime are the 14th and 15th, in hundredths of a second.
        let fields = stat.rsplit_once(") ").unwrap().1.split(' ');
        fields.skip(11).take(2).map(|ticks| 10 * ticks.parse::<u64>().unwrap()).sum()
    }

    /// Freezes firewalld, or lets it go on.
    pub(crate) fn freeze(&self, on: bool) {
        use rustix::process::Signal;
        let pid = rustix::process::Pid::from_child(self.firewalld.as_ref().unwrap());
        let signal = if on { Signal::STOP } else { Signal::CONT };
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Ends the bus, and starts another at the same address. firewalld does not find to it.
    pub(crate) fn restart_bus(&mut self) {
        self.bus.kill().unwrap();
        self.bus.wait().unwrap();
        fs::remove_file(self.dir.path().join("bus")).unwrap();
        self.bus = bus(self.dir.path());
    }

    /// Has the bus refuse `addRichRule` to everybody, or refuse it no longer.
    pub(crate) fn deny_adding(&self, deny: bool) {
        if deny {
            self.deny("org.fedoraproject.FirewallD1.zone", "addRichRule");
        } else {
            self.allow();
        }
    }

    /// Has the bus refuse a method to everybody.
    pub(crate) fn deny(&self, interface: &str, member: &str) {
        self.rule(&format!(r#"<deny send_interface="{interface}" send_member="{member}"/>"#));
    }

    /// Has the bus refuse nothing any longer.
    pub(crate) fn allow(&self) {
        self.rule("");
    }

    fn rule(&self, rule: &str) {
        configure_bus(self.dir.path(), rule);
        let bus = "--dest=org.freedesktop.DBus";
        let reload = ["/org/freedesktop/DBus", "org.freedesktop.DBus.ReloadConfig"];
        self.run(&["dbus-send", "--system", "--print-reply=literal", bus, reload[0], reload[1]]);
    }

    /// firewalld's resident memory, in MiB.
    pub(crate) fn resident(&self) -> u64 {
        let pid = self.firewalld.as_ref().expect("firewalld was started").id();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }

    /// What firewalld has complained of.
    pub(crate) fn complaints(&self) -> String {
        let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        let loud = |line: &&str| line.contains("WARNING") || line.contains("ERROR");
        log.lines().filter(loud).collect::<Vec<_>>().join("\n")
    }

    /// The directory of the rig; firewalld's configuration is in `etc` there.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// What a command in the rig's network says; it must succeed.
    #[track_caller]
    pub(crate) fn output(&self, args: &[&str]) -> String {
        let output = self.inside(args).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {}: {errors}", output.status);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The bus's address.
    pub(crate) fn address(&self) -> String {
        format!("unix:path={}", self.dir.path().join("bus").display())
    }

    /// Runs `firewall-cmd`, which must succeed; gives what it prints.
    #[track_caller]
    pub(crate) fn cmd(&self, args: &[&str]) -> String {
        let (done, output) = self.try_cmd(args);
        assert!(done, "firewall-cmd {args:?}: {output}");
        output
    }

    fn try_cmd(&self, args: &[&str]) -> (bool, String) {
        let output = self.inside(&["firewall-cmd"]).args(args).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).trim().to_owned())
    }

    /// The rules of ours that firewalld says a zone has, sorted.
    #[track_caller]
    pub(crate) fn rules(&self, zone: &str) -> Vec<String> {
        let text = self.cmd(&[&format!("--zone={zone}"), "--list-rich-rules"]);
        let ours = text.lines().filter(|line| line.contains("-31007")).map(str::trim);
        let mut rules: Vec<String> = ours.map(str::to_owned).collect();
        rules.sort();
        rules
    }

    /// The rules of a zone's chain in the kernel that name `address`.
    #[track_caller]
    pub(crate) fn kernel(&self, zone: &str, address: &str) -> Vec<String> {
        let chain = format!("filter_IN_{zone}_pre");
        let output = self
            .inside(&["nft", "-n", "list", "chain", "inet", "firewalld", &chain])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines().map(str::trim).filter(|l| l.contains(address)).map(str::to_owned).collect()
    }

    /// Runs a command in the rig's network; it must succeed.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) {
        let status = self.inside(args).status().unwrap();
        assert!(status.success(), "{args:?}: {status}");
    }

    fn prepare_network(&self) {
        let holder = self.network.id();
        let own = fs::read_link("/proc/self/ns/net").unwrap();
        wait_until("the network namespace is there", || {
            fs::read_link(format!("/proc/{holder}/ns/net")).is_ok_and(|theirs| theirs != own)
        });
        self.run(&["ip", "link", "set", "lo", "up"]);
        self.run(&["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1"]);
    }

    fn inside(&self, args: &[&str]) -> Command {
        let target = self.network.id().to_string();
        let mut command = tied(&["nsenter", "--net", "--target", &target, "--"]);
        command.args(args).env("DBUS_SYSTEM_BUS_ADDRESS", self.address());
        command
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let children = self.firewalld.iter_mut().chain([&mut self.bus, &mut self.network]);
        for child in children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits for a condition, and fails when it does not come.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < DEADLINE, "in vain: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Nothing but the default zone differs from what firewalld ships.
fn configure(dir: &Path) {
    for part in
        ["etc/zones", "etc/services", "etc/icmptypes", "etc/ipsets", "etc/policies", "etc/helpers"]
    {
        fs::create_dir_all(dir.join(part)).unwrap();
    }
    let conf =
        "DefaultZone=public\nCleanupOnExit=yes\nFirewallBackend=nftables\nFlushAllOnReload=yes\n";
    fs::write(dir.join("etc/firewalld.conf"), conf).unwrap();
    configure_bus(dir, "");
}

fn configure_bus(dir: &Path, denied: &str) {
    let config = BUS.replace("DIR", &dir.display().to_string()).replace("DENIED", denied);
    fs::write(dir.join("bus.conf"), config).unwrap();
}

fn bus(dir: &Path) -> Child {
    let config = format!("--config-file={}", dir.join("bus.conf").display());
    let bus = spawn(&["dbus-daemon", "--nofork", "--nopidfile", &config], dir);
    wait_until("the bus listens", || dir.join("bus").exists());
    bus
}

fn spawn(args: &[&str], dir: &Path) -> Child {
    tied(args).current_dir(dir).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// A command that dies with the test's thread, however that ends.
#[expect(clippy::disallowed_methods, reason = "the rig runs the real programs")]
fn tied(args: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).args(args).stdin(Stdio::null());
    command
}
