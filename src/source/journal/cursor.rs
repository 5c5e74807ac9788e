//! What a cursor says (`sd_journal_get_cursor(3)`): `s=…;i=…;b=…;m=…;t=…;x=…`, of a file's sequence
//! and a number in it, and of a boot, the time in it, the time of day, and a hash of the entry.
//!
//! An entry has another sequence in another file: journald copies entries when it moves its journal
//! from `/run` to `/var`, and so do backups and `systemd-journal-remote(8)`. The rest stays.

/// Whether two cursors are of the same entry, in whichever file.
pub(super) fn same_entry(one: &str, other: &str) -> bool {
    ["b=", "m=", "t=", "x="].into_iter().all(|name| {
        let value = |cursor: &'_ str| {
            cursor.split(';').find_map(|part| part.strip_prefix(name)).map(str::to_owned)
        };
        value(one).is_some_and(|one| value(other) == Some(one))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(one: &str, other: &str, expected: bool) {
        assert_eq!(same_entry(one, other), expected, "{one} {other}");
    }

    #[test]
    fn the_same_entry_may_have_another_sequence() {
        let cursor = "s=a0;i=1;b=b0;m=2;t=3;x=4";
        check(cursor, cursor, true);
        check(cursor, "s=ff;i=9;b=b0;m=2;t=3;x=4", true);
        check(cursor, "s=a0;i=1;b=b1;m=2;t=3;x=4", false);
        check(cursor, "s=a0;i=1;b=b0;m=9;t=3;x=4", false);
        check(cursor, "s=a0;i=1;b=b0;m=2;t=9;x=4", false);
        check(cursor, "s=a0;i=1;b=b0;m=2;t=3;x=9", false);
        check(cursor, "s=a0;i=1;b=b0;m=2;t=3", false);
        check("", "", false);
    }
}
