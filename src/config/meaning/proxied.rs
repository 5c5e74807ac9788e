//! Logs of servers behind proxies: how they are written, and whose word counts.

use ipnet::IpNet;

use super::Meaning;
use super::jail::Draft;
use crate::config::filters::{Adapted, Found};
use crate::config::values;
use crate::config::view::View;
use crate::filter::Filter;

/// The jail's `trusted_proxies`.
pub(super) fn trusted(view: &View) -> Vec<IpNet> {
    let networks = view.texts("trusted_proxies");
    networks.iter().filter_map(|item| values::network(&item.text).ok()).collect()
}

impl Meaning<'_> {
    /// What a jail has otherwise than its filter.
    pub(super) fn adapted(&mut self, draft: &Draft, found: &Found) -> Option<Adapted> {
        let own = |key| draft.own.text(key).map(|item| item.text);
        let datepattern = own("datepattern");
        if found.definition.httpd.is_some() {
            let (logformat, trusted_proxies) = (own("logformat"), trusted(&draft.view));
            return Some(Adapted { datepattern, logformat, trusted_proxies });
        }
        if let Some(logformat) = draft.own.text("logformat") {
            let why = format!(
                "the filter `{}` is one of patterns, not of access logs; leave it out",
                found.definition.name
            );
            self.error(&logformat.place, &draft.key("logformat"), why);
            return None;
        }
        Some(Adapted { datepattern, ..Adapted::default() })
    }

    /// Proxies that are trusted to say what the log does not tell.
    pub(super) fn advise_of_proxies(&mut self, name: &str, filter: &Filter) {
        let rule = filter.definition.httpd.as_ref();
        let trusts = rule.is_some_and(|rule| !rule.trusted_proxies.is_empty());
        if trusts && filter.tells_of_clients() == Some(false) {
            self.warnings.push(format!(
                "jail {name}: trusted_proxies are given, and the log tells of one address a request \
                 only: unless httpd's mod_remoteip puts the client there, requests through a proxy \
                 count for nobody; say in `logformat` where \"%{{X-Forwarded-For}}i\", or %a beside \
                 %{{c}}a, stands"
            ));
        }
    }
}
