//! A network of the test's own, and threads that live in it.

use std::fs;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// How long anything may take before a test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A network namespace. It ends with this.
pub(crate) struct Net {
    holder: Child,
}

impl Net {
    /// A network that has loopback alone.
    pub(crate) fn new() -> Self {
        assert!(Path::new("/usr/sbin/nft").exists(), "nft is missing: `apt-get install nftables`");
        assert!(rustix::process::geteuid().is_root(), "a network namespace needs root: use sudo");
        let mut unshare = tied(&["unshare", "--net", "sleep", "infinity"]);
        let holder = unshare.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let net = Self { holder };
        let own = fs::read_link("/proc/self/ns/net").unwrap();
        wait_until("the network namespace is there", || {
            fs::read_link(net.path()).is_ok_and(|theirs| theirs != own)
        });
        net.run(&["ip", "link", "set", "lo", "up"]);
        net
    }

    /// Runs a command in the network; it must succeed. Gives what it prints.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> String {
        let (done, output) = self.attempt(args);
        assert!(done, "{args:?}: {output}");
        output
    }

    /// Runs a command in the network; gives whether it succeeded, and what it prints.
    pub(crate) fn attempt(&self, args: &[&str]) -> (bool, String) {
        let output = self.command(args).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    /// Has nft carry out a script.
    #[track_caller]
    pub(crate) fn nft(&self, script: &str) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), script).unwrap();
        self.run(&["nft", "-f", file.path().to_str().unwrap()]);
    }

    /// What nft lists of our table; empty if it is not there.
    pub(crate) fn table(&self) -> String {
        let (there, text) = self.attempt(&["nft", "list", "table", "inet", "gaoler"]);
        if there { text } else { String::new() }
    }

    /// Does something in a thread that lives in the network, and gives what came of it.
    #[track_caller]
    pub(crate) fn within<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let namespace = fs::File::open(self.path()).unwrap();
        let thread = thread::spawn(move || {
            let network = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(namespace.as_fd(), network).unwrap();
            work()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Joins this network and another by a pair of interfaces, each `(name, addresses)`.
    pub(crate) fn join(&self, here: (&str, &[&str]), other: &Self, there: (&str, &[&str])) {
        let pid = other.holder.id().to_string();
        let pair = ["ip", "link", "add", here.0, "type", "veth", "peer", "name", there.0];
        self.run(&[&pair[..], &["netns", &pid]].concat());
        for (net, (name, addresses)) in [(self, here), (other, there)] {
            for address in addresses {
                net.run(&["ip", "addr", "add", address, "dev", name, "nodad"]);
            }
            net.run(&["ip", "link", "set", name, "up"]);
        }
    }

    fn path(&self) -> String {
        format!("/proc/{}/ns/net", self.holder.id())
    }

    fn command(&self, args: &[&str]) -> Command {
        let target = self.holder.id().to_string();
        let mut command = tied(&["nsenter", "--net", "--target", &target, "--"]);
        command.args(args);
        command
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Waits for a condition, and fails when it does not come.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < DEADLINE, "in vain: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A command that dies with the test's thread, however that ends.
#[expect(clippy::disallowed_methods, reason = "the rig runs the real programs")]
fn tied(args: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).args(args).stdin(Stdio::null());
    command
}
