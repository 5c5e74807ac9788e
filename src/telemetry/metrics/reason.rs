//! The closed vocabularies of labels: why something did not count, begin or go on.

use crate::jail::ignore::IgnoreReason;

/// An enum, and the word of each variant in labels.
macro_rules! words {
    ($(#[$of_enum:meta])* $name:ident { $($(#[$of_variant:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$of_enum])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$of_variant])* $variant,)+
        }

        impl $name {
            /// Every word there is.
            pub(super) const WORDS: &[&'static str] = &[$($word),+];

            /// As it stands in a label.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }
    };
}

words! {
    /// Why a record or a failure did not count.
    Ignored {
        /// An ignoreregex took the record.
        Ignoreregex = "ignoreregex",
        /// The address is on the jail's `ignoreip`.
        Ignoreip = "ignoreip",
        /// The address is the host's own.
        Ignoreself = "ignoreself",
        /// The address is loopback, link-local, multicast or unspecified: no remote attacker's.
        Special = "special",
        /// The address is a trusted proxy's.
        Proxy = "proxy",
        /// It cannot be told whose it is: the log has no address, or the one that a trusted proxy
        /// should name is none.
        Unattributed = "unattributed",
        /// The address is a default gateway's.
        Gateway = "gateway",
        /// An administrator is logged in from the address.
        Session = "session",
    }
}

words! {
    /// Why a ban that was due did not begin.
    Withheld {
        /// gaoler only watches.
        DryRun = "dry_run",
        /// The address must not be banned: the host's own, a gateway's, an administrator's, of a
        /// special kind, or the network is too wide.
        Guard = "guard",
        /// The address is in `ignoreip` or `trusted_proxies`.
        Allowlist = "allowlist",
        /// There is no room for it.
        Capacity = "capacity",
        /// The jail has banned too many, too fast.
        Breaker = "breaker",
    }
}

words! {
    /// Why a ban ended.
    Unbanned {
        /// Its time was over.
        Expired = "expired",
        /// An operator said so.
        Manual = "manual",
        /// A reload put the address on an allow list.
        Allowlist = "allowlist",
        /// It turned out that the address must not be banned: a session began, a gateway changed.
        Guard = "guard",
        /// A reload made the jail a dry run.
        DryRun = "dry_run",
        /// A reload took the jail away.
        JailRemoved = "jail_removed",
        /// There are so many that the one that would end first went.
        Capacity = "capacity",
    }
}

words! {
    /// What was forgotten, or not kept, for want of room.
    Forgotten {
        /// Earlier bans of an address, which `bantime.increment` goes by.
        EarlierBans = "earlier_bans",
        /// Records that failures and bans rest on, which `gaoler explain` shows.
        Records = "records",
        /// The traces of an address's earlier bans, which new ones are linked to.
        Traces = "traces",
        /// Failure windows that could not be written while the state database failed; they are handed
        /// over anew once it works.
        UnsavedWindows = "unsaved_windows",
        /// Changes of bans that could not be written while the state database failed.
        UnsavedBans = "unsaved_bans",
    }
}

impl From<IgnoreReason> for Ignored {
    fn from(reason: IgnoreReason) -> Self {
        match reason {
            IgnoreReason::IgnoreIp => Self::Ignoreip,
            IgnoreReason::IgnoreSelf => Self::Ignoreself,
            IgnoreReason::Special => Self::Special,
            IgnoreReason::Proxy => Self::Proxy,
            IgnoreReason::Gateway => Self::Gateway,
            IgnoreReason::Session => Self::Session,
        }
    }
}

impl From<IgnoreReason> for Withheld {
    /// What the operator lists is an allow list; the rest guards the host.
    fn from(reason: IgnoreReason) -> Self {
        match reason {
            IgnoreReason::IgnoreIp | IgnoreReason::Proxy => Self::Allowlist,
            _ => Self::Guard,
        }
    }
}
