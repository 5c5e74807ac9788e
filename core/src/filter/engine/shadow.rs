//! What a pattern that backtracks must at least look like, as a linear regex.
//!
//! Its *shadow* matches every text that the pattern matches, and more: look-around is left out, a
//! back-reference may be anything, an atomic group may take back steps. So a line that the shadow does
//! not match needs no backtracking, and the regex crate's literal prefilters hold for such patterns too.

use fancy_regex::internal::{FLAG_DOTNL, FLAG_UNICODE};
use fancy_regex::{Assertion, BacktrackingControlVerb, Expr};

use super::Over;

/// Reads a pattern; over bytes, `.` is any of them.
pub(super) fn parse(pattern: &str, over: Over) -> Result<Expr, Box<fancy_regex::Error>> {
    let flags = match over {
        Over::Bytes => FLAG_DOTNL,
        Over::Text => FLAG_UNICODE,
    };
    Expr::parse_tree_with_flags(pattern, flags).map(|tree| tree.expr).map_err(Box::new)
}

/// What in a pattern needs the backtracking engine; `None`: nothing does.
pub(super) fn why(tree: &Expr) -> Option<&'static str> {
    let own = match tree {
        Expr::LookAround(..) => Some("look-around"),
        Expr::Backref { .. } | Expr::BackrefWithRelativeRecursionLevel { .. } => {
            Some("a back-reference")
        }
        Expr::AtomicGroup(_) => Some("an atomic group or a possessive repetition"),
        Expr::Conditional { .. } | Expr::BackrefExistsCondition { .. } => Some("a condition"),
        Expr::SubroutineCall(_) => Some("a call of a group"),
        Expr::KeepOut => Some(r"`\K`"),
        _ => None,
    };
    own.or_else(|| tree.children_iter().find_map(why))
}

/// The highest group that a pattern refers to: `\2` wants it again, `(?(2)…)` asks for it, `\g<2>` calls it.
pub(super) fn highest_reference(tree: &Expr) -> Option<usize> {
    let own = match tree {
        Expr::Backref { group, .. }
        | Expr::BackrefWithRelativeRecursionLevel { group, .. }
        | Expr::BackrefExistsCondition { group, .. }
        | Expr::SubroutineCall(group) => Some(*group),
        _ => None,
    };
    own.max(tree.children_iter().filter_map(highest_reference).max())
}

/// How many groups a pattern has.
pub(super) fn groups(tree: &Expr) -> usize {
    let own = usize::from(matches!(tree, Expr::Group(_)));
    own + tree.children_iter().map(groups).sum::<usize>()
}

/// The shadow of a pattern; `None`: it has parts of which we can prove nothing.
pub(super) fn shadow(tree: &Expr) -> Option<String> {
    let mut regex = String::new();
    cast(tree)?.to_str(&mut regex, 0);
    Some(regex)
}

/// The same tree with whatever needs backtracking replaced by what matches at least as much.
fn cast(tree: &Expr) -> Option<Expr> {
    Some(match tree {
        Expr::Empty | Expr::Any { .. } | Expr::Literal { .. } | Expr::Delegate { .. } => {
            tree.clone()
        }
        Expr::Assertion(Assertion::StartText | Assertion::EndText) => tree.clone(),
        Expr::Concat(parts) => Expr::Concat(parts.iter().map(cast).collect::<Option<_>>()?),
        Expr::Alt(branches) => Expr::Alt(branches.iter().map(cast).collect::<Option<_>>()?),
        Expr::Group(inner) => grouped(cast(inner)?),
        Expr::AtomicGroup(inner) => grouped(cast(inner)?),
        Expr::Repeat { child, lo, hi, greedy } => {
            // In parentheses, or the repetition of nothing would repeat what stands before it.
            let child = Box::new(grouped(cast(child)?));
            Expr::Repeat { child, lo: *lo, hi: *hi, greedy: *greedy }
        }
        Expr::Conditional { condition, true_branch, false_branch } => {
            let (held, missed) = (cast(true_branch)?, cast(false_branch)?);
            let both = Expr::Concat(vec![cast(condition)?, held.clone()]);
            Expr::Alt(vec![both, held, missed])
        }
        // These take up no text.
        Expr::LookAround(..)
        | Expr::Assertion(_)
        | Expr::KeepOut
        | Expr::ContinueFromPreviousMatchEnd
        | Expr::BackrefExistsCondition { .. }
        | Expr::DefineGroup { .. }
        | Expr::BacktrackingControlVerb(BacktrackingControlVerb::Fail) => Expr::Empty,
        Expr::Backref { .. }
        | Expr::BackrefWithRelativeRecursionLevel { .. }
        | Expr::SubroutineCall(_)
        | Expr::GeneralNewline { .. }
        | Expr::LiteralBytes { .. } => anything(),
        // `(*ACCEPT)` ends the match wherever it stands; an absent operator moves the line's end.
        Expr::BacktrackingControlVerb(_) | Expr::Absent(_) | Expr::AstNode(..) => return None,
    })
}

/// `(?:…)`: a repetition of one branch repeats nothing but that.
fn grouped(inner: Expr) -> Expr {
    Expr::Alt(vec![inner])
}

fn anything() -> Expr {
    let any = Box::new(Expr::Any { newline: true, crlf: false });
    Expr::Repeat { child: any, lo: 0, hi: usize::MAX, greedy: true }
}
