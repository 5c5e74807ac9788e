//! The closed vocabularies of labels: why something did not count, begin or go on.

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
    }
}

words! {
    /// Why a ban that was due did not begin.
    Withheld {
        /// gaoler only watches.
        DryRun = "dry_run",
        /// The address is of a kind that is never banned, such as loopback.
        Guard = "guard",
        /// The address is on an allow list.
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
        /// A reload took the jail away.
        JailRemoved = "jail_removed",
    }
}
