//! What keeps a jail from banning whom it should not.

use super::Meaning;
use super::jail::Draft;
use crate::config::keys::gaoler::FILE;
use crate::config::tree::Node;
use crate::config::values;
use crate::config::view::View;
use crate::jail::breaker::Rate;
use crate::jail::guards::Floors;

/// `enforcement.widest`.
pub(super) fn floors(tree: &Node) -> Floors {
    let widest = View::new(vec![tree], FILE).section("enforcement").section("widest");
    let floor = |family, default| match widest.count(family) {
        // It was refused.
        0 => default,
        length => u8::try_from(length).unwrap_or(default),
    };
    let default = Floors::default();
    Floors { ipv4: floor("ipv4", default.ipv4), ipv6: floor("ipv6", default.ipv6) }
}

/// `max_new_bans`, of a jail or of `enforcement`.
pub(super) fn rate(view: &View) -> Option<Rate> {
    values::rate(&view.text("max_new_bans")?.text).ok()?
}

impl Meaning<'_> {
    /// A floor below the usual lets more of the Internet be banned at once.
    pub(super) fn advise_of_floors(&mut self, floors: Floors) {
        let usual = Floors::default();
        let families = [("ipv4", floors.ipv4, usual.ipv4), ("ipv6", floors.ipv6, usual.ipv6)];
        for (family, floor, usual) in families {
            if floor < usual {
                self.warnings.push(format!(
                    "enforcement.widest.{family}: networks as wide as /{floor} may be banned; /{usual} \
                     is wide already"
                ));
            }
        }
    }

    /// What of a jail's safeguards is off.
    pub(super) fn advise_of_guards(&mut self, draft: &Draft) {
        let (name, view) = (draft.name, &draft.view);
        if rate(view).is_none() && view.text("max_new_bans").is_some() {
            self.warnings.push(format!(
                "jail {name}: max_new_bans is off: nothing stops it from banning everybody at once"
            ));
        }
        if !view.flag("ignoresessions") {
            self.warnings.push(format!(
                "jail {name}: ignoresessions is off: it may ban an administrator who is logged in"
            ));
        }
        if view.flag("dry_run") {
            self.warnings.push(format!("jail {name}: dry_run is on: it bans nobody"));
        }
    }
}
