//! What firewalld takes for the calls alone, one after the other: no backend can do better by the
//! same calls. Run in the box by a copy of this very program, as gaoler's user: polkit takes some
//! milliseconds more to decide about that one than about root.

use std::time::Instant;

use anyhow::{Result, bail};
use zbus::Connection;

use crate::backend::Backend;
use crate::host::Host;
use crate::ms;

/// The calls that are timed, each so often.
const CALLS: u32 = 1_000;

/// Has the calls made that a backend makes, and prints how long they took.
pub(crate) fn measure(host: &Host, backend: Backend) -> Result<()> {
    std::fs::copy(std::env::current_exe()?, host.path("/usr/bin/bare"))?;
    let calls: &[&str] = match backend {
        Backend::RichRule => &["addRichRule"],
        Backend::Ipset => &["addEntry", "setEntries"],
        Backend::Nftables => &[],
    };
    host.sh("firewall-cmd -q --permanent --new-ipset=bare --type=hash:net
         firewall-cmd -q --reload")?;
    for what in calls {
        print!("{}", host.sh(&format!("runuser -u gaoler -- bare bare {what} {CALLS}"))?);
        host.sh("firewall-cmd -q --reload")?;
    }
    host.sh("firewall-cmd -q --permanent --delete-ipset=bare; firewall-cmd -q --reload")?;
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
            other => bail!("{other} is none of the calls"),
        }
        println!("  {count:7} by bare calls of {what} {:>37}", ms(began.elapsed()));
        Ok(())
    })
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
