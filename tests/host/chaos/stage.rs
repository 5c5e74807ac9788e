//! The box that all of it happens in: the host's suite's own, and in addition a wall clock that can
//! be set (libfaketime in gaoler, sshd, httpd and journald, all by one file; nobody sets a real one),
//! small disks, a collector, and attackers by the thousand.

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::backend::Backend;
use crate::check::{Micros, SECOND};
use crate::clock::{boot, wall_ahead};
use crate::collector::Collector;
use crate::host::Host;

/// What those whose clock is faked are started with. The clocks that only move forward are left
/// alone: gaoler asks the kernel itself for `CLOCK_BOOTTIME`, and for others there is the variable.
const FAKED: &str = "[Service]
Environment=LD_PRELOAD=/run/faketime/true_timers.so:/run/faketime/libfaketime.so
Environment=FAKETIME_TIMESTAMP_FILE=/run/faketime/offset FAKETIME_NO_CACHE=1
Environment=FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1
";

/// The state's disk and the log's: big enough for a long run, and full in no time.
const DISKS: &str = "
    install -d /var/lib/gaoler
    mount -t tmpfs -o size=16m,mode=0700,uid=gaoler,gid=gaoler tmpfs /var/lib/gaoler
    mount -t tmpfs -o size=16m,mode=0700 tmpfs /var/log/httpd";

/// The box, and what it has more than a box of the suite.
pub(crate) struct Stage {
    host: Host,
    collector: RefCell<Option<Collector>>,
    /// How far the faked wall clock is ahead of the boot clock, and since when.
    clock: RefCell<Vec<(Micros, Micros)>>,
}

impl Stage {
    /// Boots it; gaoler runs.
    pub(crate) fn up(backend: Backend) -> Result<Self> {
        let config = include_str!("gaoler.yaml").replace("ENFORCEMENT", backend.enforcement());
        let host = Host::up(env!("CARGO_BIN_EXE_gaoler"), 'x', false, config)?;
        let clock = RefCell::new(vec![(0, wall_ahead())]);
        let stage = Self { host, collector: RefCell::default(), clock };
        match stage.furnish(backend) {
            Ok(()) => Ok(stage),
            Err(error) => {
                stage.host.down()?;
                Err(error)
            }
        }
    }

    fn furnish(&self, backend: Backend) -> Result<()> {
        let host = &self.host;
        host.sh("mkdir -p /run/faketime && echo +0 >/run/faketime/offset
             cp /usr/lib/*/faketime/libfaketimeMT.so.1 /run/faketime/libfaketime.so")?;
        host.feed(
            "cc -shared -fPIC -o /run/faketime/true_timers.so -x c -",
            include_bytes!("true_timers.c"),
        )?;
        for unit in ["gaoler", "sshd", "httpd", "systemd-journald"] {
            let directory = format!("/etc/systemd/system/{unit}.service.d");
            let script = format!("mkdir -p {directory}; cat >{directory}/90-faketime.conf");
            host.feed(&script, FAKED.as_bytes())?;
        }
        self.wire()?;
        backend.prepare(host)?;
        host.sh(DISKS)?;
        host.sh("systemctl daemon-reload; systemctl restart systemd-journald sshd httpd")?;
        host.sh("systemctl start gaoler")?;
        let faked = "grep -lc libfaketime /proc/$(systemctl show -P MainPID UNIT)/maps";
        for unit in ["gaoler", "sshd", "httpd", "systemd-journald"] {
            host.sh(&faked.replace("UNIT", unit))
                .with_context(|| format!("the clock of {unit} is not faked"))?;
        }
        Ok(())
    }

    /// Whole networks are the client's (`ip-route(8)`, type local), and the host knows the way.
    fn wire(&self) -> Result<()> {
        let name = self.host.name();
        let (client, server) = (format!("{name}-cli"), format!("{name}-srv"));
        for (netns, command) in [
            (&client, "ip route add local 198.18.0.0/15 dev lo"),
            (&client, "ip -6 route add local 2001:db8:66::/47 dev lo"),
            (&client, "sysctl -qw net.ipv6.ip_nonlocal_bind=1"),
            (&server, "ip route add 198.18.0.0/15 via 192.0.2.213"),
            (&server, "ip -6 route add 2001:db8:66::/47 via 2001:db8::213"),
        ] {
            let words = command.split(' ');
            let ran = Command::new("ip").args(["netns", "exec", netns]).args(words).output()?;
            ensure!(ran.status.success(), "{command}: {}", String::from_utf8_lossy(&ran.stderr));
        }
        Ok(())
    }

    /// The box.
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// Sets the faked wall clock, so many hours from the true time, for all who see it at one
    /// moment; then runs a script.
    pub(crate) fn set_clock(&self, hours: i32, then: &str) -> Result<()> {
        let before = boot();
        self.host.sh(&format!(
            "echo {:+} >/run/faketime/next; mv /run/faketime/next /run/faketime/offset\n{then}",
            hours * 3600
        ))?;
        // It jumped between the two; which is nearer does not matter at this scale.
        let mut clock = self.clock.borrow_mut();
        let ahead = clock[0].1 + Micros::from(hours) * 3600 * SECOND;
        clock.push((before, ahead));
        Ok(())
    }

    /// How far the faked wall clock was ahead of the boot clock, and since when.
    pub(crate) fn clock(&self) -> Vec<(Micros, Micros)> {
        self.clock.borrow().clone()
    }

    /// Starts the collector that gaoler pushes to.
    pub(crate) fn start_collector(&self) -> Result<()> {
        let collector = Collector::start(&format!("{}-srv", self.host.name()))?;
        self.collector.replace(collector);
        Ok(())
    }

    /// Ends it.
    pub(crate) fn stop_collector(&self) {
        self.collector.replace(None);
    }

    /// Copies all logs to a directory, to be looked at.
    pub(crate) fn save_logs(&self, directory: &str) -> Result<()> {
        fs::create_dir_all(directory)?;
        for (file, script) in [
            ("journal", "journalctl -q -o short-monotonic --no-hostname"),
            ("access_log", "cat /var/log/httpd/access_log*"),
        ] {
            fs::write(Path::new(directory).join(file), self.host.sh(script)?)?;
        }
        Ok(())
    }

    /// Ends all of it.
    pub(crate) fn down(self) -> Result<()> {
        self.stop_collector();
        self.host.down()
    }
}
