//! The keys that say how long and how wide a jail bans, and whom for longer.

use super::{Key, Keys, Kind, Text};
use crate::config::values;

/// They stand in `defaults` and in jails.
pub(in crate::config) const POLICY: &[Key] = &[
    Key::new(
        "bantime.increment",
        Kind::Flag,
        "Whether a ban lasts longer for an address that was banned before: by `bantime.multipliers` \
         where given, else by `bantime.formula`. `gaoler check` shows what the first bans come to.",
    )
    .or("false"),
    Key::new(
        "bantime.factor",
        Kind::Text(&FACTOR),
        "What multipliers are multiplied by; `banFactor` in a formula.",
    )
    .or("1"),
    Key::new(
        "bantime.formula",
        Kind::Text(&FORMULA),
        "How long a ban lasts, in seconds, never less than `bantime`: an expression of `ban.Time` \
         (`bantime`), `ban.Count` (how many earlier bans), `banFactor`, numbers, `+ - * / % ** <<`, \
         comparisons, `A if C else B`, `min`, `max`, `abs`, `int`, `float`, and `exp`, `log`, \
         `sqrt`, `floor`, `ceil` of `math.`. What has no value is `bantime`.",
    )
    .or("'ban.Time * (1<<(ban.Count if ban.Count<20 else 20)) * banFactor'"),
    Key::new(
        "bantime.multipliers",
        Kind::Texts(&FACTOR),
        "Instead of a formula: how many times `bantime` the first ban lasts, the second, and so on; \
         the last goes on.",
    ),
    Key::new(
        "bantime.maxtime",
        Kind::Duration { permanent: false },
        "What no ban grows past. Not given: a hundred years.",
    ),
    Key::new(
        "bantime.rndtime",
        Kind::Duration { permanent: false },
        "Up to so much is added to each ban by chance, so that nobody can tell when it ends. Past \
         `bantime.maxtime` it is taken off instead.",
    ),
    Key::new(
        "bantime.overalljails",
        Kind::Flag,
        "Whether bans of the address by other jails count as earlier bans, too.",
    )
    .or("false"),
    Key::new(
        "ipv6_prefix",
        Kind::Count(32, 128),
        "How much of an IPv6 address names the attacker. Failures count for the host and for its \
         network of this length; a ban takes as much of that network as holds nothing that is never \
         banned. On the host's own links an address is banned alone.",
    )
    .or("64"),
    Key::new(
        "widen",
        Kind::Section(WIDEN),
        "When enough of a network is banned, all of it is. `widen: {}` turns this off in a jail.",
    ),
];

const WIDEN: Keys = &[&[
    Key::new(
        "addresses",
        Kind::Count(2, 65_536),
        "How many distinct bans in one network, at the same time, have it banned as a whole. Not \
         given: never.",
    ),
    Key::new("ipv4_prefix", Kind::Count(8, 31), "The length of such IPv4 networks.").or("24"),
    Key::new(
        "ipv6_prefix",
        Kind::Count(32, 127),
        "The length of such IPv6 networks; shorter than the jail's `ipv6_prefix`.",
    )
    .or("48"),
]];

const BLANKS: &[char] = &[',', ' ', '\t', '\n'];

const NUMBER: Text = Text {
    what: "a number above 0",
    example: "1.5",
    numbers: true,
    fractions: true,
    separators: &[],
    secret: false,
    check: values::factor_form,
};

static FACTOR: Text = Text { separators: BLANKS, ..NUMBER };
static FORMULA: Text = Text {
    what: "a formula",
    example: "ban.Time * (ban.Count + 1)",
    check: values::formula_form,
    ..NUMBER
};
