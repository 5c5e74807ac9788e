//! What gaoler's store remembers of the run, held against what gaoler said.

use std::collections::BTreeMap;

use anyhow::Result;
use ipnet::IpNet;
use rusqlite::{Connection, OpenFlags};

use crate::check::{Evidence, Said};
use crate::stage::Stage;

/// Of whom it remembers more or fewer bans than were said. Where gaoler was killed between saying a
/// ban and keeping it, it found the same ban again: it is said twice and kept once.
pub(crate) fn disagrees(stage: &Stage, evidence: &Evidence) -> Result<Vec<String>> {
    let host = stage.host();
    host.sh("systemctl stop gaoler; cp -r /var/lib/gaoler /var/log/state")?;
    let path = host.path("/var/log/state/state.db");
    let store = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut kept: BTreeMap<IpNet, usize> = BTreeMap::new();
    let query = "SELECT address FROM history UNION ALL SELECT address FROM bans";
    let mut statement = store.prepare(query)?;
    let addresses = statement.query_map([], |row| row.get::<_, String>(0))?;
    for address in addresses {
        *kept.entry(address?.parse()?).or_default() += 1;
    }
    let mut said: BTreeMap<IpNet, usize> = BTreeMap::new();
    for line in evidence.lines.iter().filter(|line| line.said == Said::Unban) {
        *said.entry(line.subject).or_default() += 1;
    }
    let all = said.keys().chain(kept.keys()).collect::<std::collections::BTreeSet<_>>();
    let count = |book: &BTreeMap<IpNet, usize>, who: &IpNet| book.get(who).copied().unwrap_or(0);
    let wrong = all.into_iter().filter(|who| {
        let (said, kept) = (count(&said, who), count(&kept, who));
        said < kept || kept == 0
    });
    Ok(wrong
        .map(|who| {
            let (said, kept) = (count(&said, who), count(&kept, who));
            format!("the store has {kept} bans of {who}, and {said} were said to have ended")
        })
        .collect())
}
