//! The faults: how each is done, and undone.

use std::fmt;
use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::schedule::Turn;
use crate::stage::Stage;

/// What befalls the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `kill -9` of gaoler; systemd starts it again.
    Kill,
    /// journald is restarted.
    Journald,
    /// firewalld is restarted, and forgets what it held.
    Firewalld,
    /// The bus is restarted; firewalld 1.3.3 ends with it, and is started again.
    Dbus,
    /// Logs are rotated as on RHEL: httpd's by rename, the journal by journald.
    Rename,
    /// httpd's log is copied and cut to nothing.
    Copytruncate,
    /// The disks of gaoler's state and of httpd's log are full.
    Disk,
    /// The collector of OpenTelemetry is gone.
    Collector,
    /// The wall clock jumps, to so many hours from the true time.
    Clock { hours: i32 },
    /// Likewise, and gaoler is killed at that moment: it starts by the new time.
    ClockAndKill { hours: i32 },
    /// gaoler stands still (SIGSTOP). Past 30 s its watchdog makes a restart of it.
    Suspend,
}

const KILL: &str = "systemctl kill -s KILL --kill-who=main gaoler";
const FILL: &str = "for disk in /var/lib/gaoler /var/log/httpd; do
                        cat /dev/zero >$disk/fill 2>/dev/null || true
                    done";
const LOG: &str = "/var/log/httpd/access_log";

impl Fault {
    /// Does it, lets it last, and undoes it.
    pub(crate) fn befall(turn: &Turn, stage: &Stage) -> Result<()> {
        let host = stage.host();
        let sh = |script: &str| host.sh(script).map(drop);
        match turn.fault {
            Self::Kill => sh(KILL),
            Self::Journald => sh("systemctl restart systemd-journald"),
            Self::Firewalld => sh("systemctl reset-failed firewalld; systemctl restart firewalld"),
            Self::Dbus => {
                sh("systemctl restart dbus")?;
                thread::sleep(turn.hold.min(Duration::from_secs(4)));
                sh("systemctl reset-failed firewalld || true; systemctl restart firewalld")
            }
            Self::Rename => sh(&format!(
                "mv {LOG} {LOG}.$(cat /proc/uptime | cut -d' ' -f1); systemctl reload httpd
                 journalctl --rotate"
            )),
            Self::Copytruncate => {
                sh(&format!("cp {LOG} {LOG}.$(cat /proc/uptime | cut -d' ' -f1); : >{LOG}"))
            }
            Self::Disk => {
                sh(FILL)?;
                thread::sleep(turn.hold);
                sh("rm -f /var/lib/gaoler/fill /var/log/httpd/fill")
            }
            Self::Collector => {
                stage.stop_collector();
                thread::sleep(turn.hold);
                stage.start_collector()
            }
            Self::Clock { hours } => stage.set_clock(hours, ""),
            Self::ClockAndKill { hours } => stage.set_clock(hours, KILL),
            Self::Suspend => {
                sh("systemctl kill -s STOP --kill-who=main gaoler")?;
                thread::sleep(turn.hold);
                sh("systemctl kill -s CONT --kill-who=main gaoler")
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill => f.write_str("kill -9 gaoler"),
            Self::Journald => f.write_str("restart journald"),
            Self::Firewalld => f.write_str("restart firewalld"),
            Self::Dbus => f.write_str("restart D-Bus"),
            Self::Rename => f.write_str("rotate by rename"),
            Self::Copytruncate => f.write_str("rotate by copytruncate"),
            Self::Disk => f.write_str("disk full"),
            Self::Collector => f.write_str("collector gone"),
            Self::Clock { hours } => write!(f, "clock to {hours:+} h"),
            Self::ClockAndKill { hours } => write!(f, "clock to {hours:+} h, kill -9"),
            Self::Suspend => f.write_str("SIGSTOP gaoler"),
        }
    }
}
