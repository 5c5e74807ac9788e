//! Pieces of HTML into which no name can break out.

use std::fmt::{self, Write};

use jiff::{SignedDuration, Timestamp};

use crate::printable::is_unseen;

/// Text that stays text in HTML, in an element as in a quoted attribute.
pub(super) struct Text<'a>(pub(super) &'a str);

/// A sentence, in which what stands between backticks is code.
pub(super) struct Prose<'a>(pub(super) &'a str);

/// A number, its thousands apart.
pub(super) struct Number(pub(super) u64);

/// A time, and how far from `now` it is.
pub(super) struct Time {
    pub(super) at: Timestamp,
    pub(super) now: Timestamp,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // Some browsers act on these.
                c if is_unseen(c) => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Prose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, part) in self.0.split('`').enumerate() {
            let part = Text(part);
            if nth % 2 == 0 {
                write!(f, "{part}")?;
            } else {
                write!(f, "<code>{part}</code>")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (nth, digit) in digits.chars().enumerate() {
            if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
                // A narrow space at which no line breaks (ISO 80000-1).
                f.write_char('\u{202f}')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.at.strftime("%Y-%m-%dT%H:%M:%SZ");
        let date = self.at.strftime("%Y-%m-%d %H:%M:%S UTC");
        let distance = distance(self.at.duration_since(self.now));
        write!(f, "<time datetime=\"{whole}\" title=\"{date}\">{distance}</time>")
    }
}

/// Characters that turn around how what follows is read (Unicode UAX #9).
/// `3 min ago`, `in 2 h`.
fn distance(span: SignedDuration) -> String {
    let seconds = span.as_secs().unsigned_abs();
    let (count, unit) = match seconds {
        0..=99 => (seconds, "s"),
        100..=5_999 => (seconds / 60, "min"),
        6_000..=172_799 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, "d"),
    };
    match (seconds, span.is_negative()) {
        (0, _) => "now".to_owned(),
        (_, true) => format!("{count} {unit} ago"),
        (_, false) => format!("in {count} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        let check = |text: &str, expected| assert_eq!(Text(text).to_string(), expected);
        check("<a href='x'>&\"", "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
        check("\u{202e}evil\u{0}\u{9b}", "\u{fffd}evil\u{fffd}\u{fffd}");
        check("sshd-ü", "sshd-ü");
    }

    #[test]
    fn prose_has_code_and_nothing_else() {
        let check = |text: &str, expected| assert_eq!(Prose(text).to_string(), expected);
        check("Run `gaoler resume <b>`.", "Run <code>gaoler resume &lt;b&gt;</code>.");
        check("an ` alone", "an <code> alone</code>");
    }

    #[test]
    fn thousands_stand_apart() {
        let check = |number, expected| assert_eq!(Number(number).to_string(), expected);
        check(0, "0");
        check(999, "999");
        check(1_000, "1\u{202f}000");
        check(u64::MAX, "18\u{202f}446\u{202f}744\u{202f}073\u{202f}709\u{202f}551\u{202f}615");
    }

    #[test]
    fn distances_read_well() {
        let check = |seconds, expected| {
            assert_eq!(distance(SignedDuration::from_secs(seconds)), expected);
        };
        check(0, "now");
        check(-1, "1 s ago");
        check(99, "in 99 s");
        check(-100, "1 min ago");
        check(-5_999, "99 min ago");
        check(6_000, "in 1 h");
        check(-172_800, "2 d ago");
        check(i64::MIN, "106751991167300 d ago");
    }

    #[test]
    fn a_time_says_both() {
        let at: Timestamp = "2026-11-22T10:00:00.5Z".parse().unwrap();
        let time = Time { at, now: at + SignedDuration::from_mins(3) };
        assert_eq!(
            time.to_string(),
            "<time datetime=\"2026-11-22T10:00:00Z\" title=\"2026-11-22 10:00:00 UTC\">3 min ago</time>"
        );
    }
}
