//! The forms that are tried unless a filter says otherwise: each where the line begins, then each
//! wherever it stands.

use std::sync::LazyLock;

use super::template::Template;
use crate::filter::error::Problem;

/// What logs write, the surer forms first.
const FORMS: [&str; 17] = [
    // ISO 8601 and kin.
    r"%ExY(?P<_sep>[./-])%m(?P=_sep)%d(?:T| {1,2})%H:%M:%S(?:[,.]%f)?(?:\s*%z)?",
    // syslog and asctime(3), the year last or after the day.
    r"(?:%a )?%b %d %k:%M:%S(?:\.%f)?(?: %ExY)?",
    r"(?:%a )?%b %d %ExY %k:%M:%S(?:\.%f)?",
    // The day first.
    r"%d(?P<_sep>[/-])%m(?P=_sep)(?:%ExY|%Exy) %k:%M:%S",
    // Access logs, named.
    r"%d(?P<_sep>[/-])%b(?P=_sep)%ExY[ :]?%H:%M:%S(?:\.%f)?(?: %z)?",
    // The month first.
    r"%m/%d/%ExY:%H:%M:%S",
    r"%m-%d-%ExY %k:%M:%S(?:\.%f)?",
    "EPOCH",
    // A time of today or yesterday.
    "{^LN-BEG}%H:%M:%S",
    "^<%m/%d/%Exy@%H:%M:%S>",
    // MySQL.
    r"%Exy%Exm%Exd {1,2}%H:%M:%S",
    // Tomcat.
    r"%b %d, %ExY %I:%M:%S %p",
    "^%b-%d-%Exy %k:%M:%S",
    // ISO 8601, basic.
    r"%ExY%Exm%Exd(?:T| {1,2})%ExH%ExM%ExS(?:[,.]%f)?(?:\s*%z)?",
    // A zone before all else.
    r"(?:%Z )?(?:%a )?%b %d %k:%M:%S(?:\.%f)?(?: %ExY)?",
    r"(?:%z )?(?:%a )?%b %d %k:%M:%S(?:\.%f)?(?: %ExY)?",
    "TAI64N",
];

const LINE: &str = "{^LN-BEG}";

/// All of them.
pub(super) fn all() -> &'static [Template] {
    static ALL: LazyLock<Vec<Template>> = LazyLock::new(|| {
        let own = |form: &&&str| !form.starts_with(LINE) && !form.starts_with('^');
        let anchored = FORMS.iter().filter(own).map(|form| format!("{LINE}{form}"));
        let forms = anchored.chain(FORMS.iter().map(|form| (*form).to_owned()));
        let compile = |form: String| Template::compile(&form).expect("each compiles in a test");
        forms.map(compile).collect()
    });
    &ALL
}

/// Each of them amid a form: what stands for `{DATE}` in it.
pub(super) fn within(before: &str, after: &str) -> Result<Vec<Template>, Problem> {
    let forms = FORMS.iter().filter(|form| form.contains('%'));
    let bare = forms.map(|form| form.strip_prefix(LINE).unwrap_or(form));
    // Two forms that differ in their bounds alone are one here.
    bare.map(|form| Template::compile(&format!("{before}{form}{after}"))).collect()
}
