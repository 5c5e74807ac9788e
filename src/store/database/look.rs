//! What the store remembers of one address.

use std::sync::Arc;

use ipnet::IpNet;
use rusqlite::{Row, params_from_iter};

use super::Database;
use super::read::{instant, jail, origin, parsed, trace};
use crate::jail::ban::BanKey;
use crate::record::exhibit::Exhibit;
use crate::store::look::{Dossier, Earlier, Look, MOST_EARLIER};
use crate::trace::TraceId;

/// How far back the parts of a network are looked for, in ended bans: a look must not hold up a ban
/// that waits to be written.
const DEPTH: usize = 10_000;

const COLUMNS: &str = "jail, address, origin, since, ended, reason, failures, trace";

impl Database {
    /// Reads what is remembered of an address.
    pub(in crate::store) fn look(&self, look: &Look) -> rusqlite::Result<Dossier> {
        let mut earlier = self.holding(&look.address)?;
        if look.address.prefix_len() < look.address.max_prefix_len() {
            earlier.extend(self.parts(&look.address)?);
        }
        earlier.sort_by_key(|ban| std::cmp::Reverse(ban.ended));
        earlier.truncate(MOST_EARLIER);
        let traces = look.traces.iter().copied();
        let traces = traces.chain(earlier.iter().filter_map(|ban| ban.trace));
        let evidence = traces.map(|trace| Ok((trace, self.records(trace)?)));
        let evidence = evidence.collect::<rusqlite::Result<_>>()?;
        Ok(Dossier { earlier, evidence })
    }

    /// The ended bans of exactly this address or network, and of those that hold it.
    fn holding(&self, address: &IpNet) -> rusqlite::Result<Vec<Earlier>> {
        let lengths = 0..=address.prefix_len();
        let names = lengths.filter_map(|length| IpNet::new(address.addr(), length).ok());
        let names: Vec<String> = names.map(|network| network.trunc().to_string()).collect();
        let places = vec!["?"; names.len()].join(", ");
        let query = format!(
            "SELECT {COLUMNS} FROM history WHERE address IN ({places})
             ORDER BY ended DESC LIMIT {MOST_EARLIER}"
        );
        let mut query = self.connection.prepare(&query)?;
        query.query_map(params_from_iter(names), earlier)?.collect()
    }

    /// The ended bans of parts of this network, as far back as is looked.
    fn parts(&self, network: &IpNet) -> rusqlite::Result<Vec<Earlier>> {
        let query = format!("SELECT {COLUMNS} FROM history ORDER BY id DESC LIMIT {DEPTH}");
        let mut query = self.connection.prepare(&query)?;
        let rows = query.query_map([], earlier)?;
        let part =
            |ban: &Earlier| network != &ban.key.address && network.contains(&ban.key.address);
        let parts = rows.filter(|ban| ban.as_ref().map_or(true, part));
        parts.take(MOST_EARLIER).collect()
    }

    /// The records of a trace, the oldest first.
    fn records(&self, trace: TraceId) -> rusqlite::Result<Vec<Arc<Exhibit>>> {
        let query = "SELECT time, address, source, pattern, user, text, cut FROM evidence
                     WHERE trace = ?1 ORDER BY id";
        let mut query = self.connection.prepare_cached(query)?;
        query.query_map([trace.to_string()], exhibit)?.collect()
    }
}

fn earlier(row: &Row) -> rusqlite::Result<Earlier> {
    Ok(Earlier {
        key: BanKey { jail: jail(row)?, address: parsed(row, 1, |text| text.parse().ok())? },
        origin: origin(row, 2)?,
        since: instant(row, 3)?,
        ended: instant(row, 4)?,
        reason: row.get(5)?,
        failures: row.get(6)?,
        trace: match row.get::<_, Option<String>>(7)? {
            Some(_) => Some(trace(row, 7)?),
            None => None,
        },
    })
}

fn exhibit(row: &Row) -> rusqlite::Result<Arc<Exhibit>> {
    let source: String = row.get(2)?;
    let pattern: String = row.get(3)?;
    let user: Option<Vec<u8>> = row.get(4)?;
    let text: Vec<u8> = row.get(5)?;
    Ok(Arc::new(Exhibit {
        time: instant(row, 0)?,
        address: parsed(row, 1, |text| text.parse().ok())?,
        source: source.into(),
        pattern: pattern.into(),
        user: user.map(Into::into),
        text: text.into(),
        cut: row.get(6)?,
    }))
}
