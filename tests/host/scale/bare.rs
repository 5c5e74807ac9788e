//! What firewalld takes for the calls alone, one after the other: no backend can do better by the
//! same calls. Run in the box by a copy of this very program, as gaoler's user: polkit takes some
//! milliseconds more to decide about that one than about root.

use std::time::Instant;

use anyhow::{Result, bail};
use zbus::Connection;

use crate::backend::Backend;
use crate::host::Host;
use crate::{IN_FORCE, ms};

/// The calls that are timed, each so often.
const CALLS: u32 = 1_000;

/// Has the calls made that a backend makes, and prints how long they took.
pub(crate) fn measure(host: &Host, backend: Backend) -> Result<()> {
    std::fs::copy(std::env::current_exe()?, host.path("/usr/bin/bare"))?;
    let calls: &[&str] = match backend {
        Backend::RichRule => &["addRichRule"],
        Backend::Ipset => &["addEntry", "setEntries", "one more"],
        Backend::Nftables => &[],
    };
    host.sh("firewall-cmd -q --permanent --new-ipset=bare --type=hash:net
         firewall-cmd -q --permanent --new-ipset=bare-empty --type=hash:net
         firewall-cmd -q --reload")?;
    for what in calls {
        print!("{}", host.sh(&format!("runuser -u gaoler -- bare bare '{what}' {CALLS}"))?);
        host.sh("firewall-cmd -q --reload")?;
    }
    host.sh("firewall-cmd -q --permanent --delete-ipset=bare
         firewall-cmd -q --permanent --delete-ipset=bare-empty; firewall-cmd -q --reload")?;
    Ok(())
}

/// In the box: makes the calls.
pub(crate) fn calls(what: &str, count: u32) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let bus = Connection::system().await?;
        let addresses = (0..count).map(|n| format!("198.18.{}.{}", n / 250, n % 250 + 1));
        let began = Instant::now();
        match what {
            "addRichRule" => {
                for address in addresses {
                    let rule = format!(
                        "rule priority=\"-31007\" family=\"ipv4\" source address=\"{address}\" \
                         port port=\"22\" protocol=\"tcp\" reject type=\"icmp-port-unreachable\""
                    );
                    call(&bus, "zone", what, &("public", rule, 0_i32)).await?;
                }
            }
            "addEntry" => {
                for address in addresses {
                    call(&bus, "ipset", what, &("bare", address)).await?;
                }
            }
            "setEntries" => {
                let all: Vec<String> = addresses.collect();
                call(&bus, "ipset", what, &("bare", all)).await?;
            }
            "one more" => return one_more(&bus).await,
            other => bail!("{other} is none of the calls"),
        }
        println!("  {count:7} by bare calls of {what} {:>37}", ms(began.elapsed()));
        Ok(())
    })
}

/// One after the other, while as many are in force as when gaoler is timed: into the one set that
/// holds them all, and into an empty one beside it. The second is what no layout of sets can beat:
/// for every command, firewalld's libnftables fetches all rules and elements of its table.
async fn one_more(bus: &Connection) -> Result<()> {
    let all: Vec<String> =
        (0..IN_FORCE).map(|n| format!("198.18.{}.{}", n / 250, n % 250 + 1)).collect();
    call(bus, "ipset", "setEntries", &("bare", all)).await?;
    for (set, what) in [("bare", "the set of them"), ("bare-empty", "an empty set")] {
        let mut took = Vec::new();
        for n in 1..=50 {
            let began = Instant::now();
            call(bus, "ipset", "addEntry", &(set, format!("198.19.0.{n}"))).await?;
            took.push(began.elapsed());
        }
        took.sort_unstable();
        println!("  one more at {IN_FORCE} into {what}, by a bare addEntry: p50 {}", ms(took[24]));
    }
    Ok(())
}

async fn call<B>(bus: &Connection, interface: &str, method: &str, body: &B) -> Result<()>
where
    B: serde::Serialize + zbus::zvariant::DynamicType + Sync,
{
    let interface = format!("org.fedoraproject.FirewallD1.{interface}");
    let path = "/org/fedoraproject/FirewallD1";
    let name = Some("org.fedoraproject.FirewallD1");
    bus.call_method(name, path, Some(interface.as_str()), method, body).await?;
    Ok(())
}
