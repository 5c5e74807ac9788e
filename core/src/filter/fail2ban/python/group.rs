//! `(…)` and all that `(?` may begin.

use super::{PythonError, Scope, Translator};

impl Translator<'_> {
    /// A group; its `(` is read.
    pub(super) fn group(&mut self) -> Result<(), PythonError> {
        const PLAIN: [(&str, &str); 6] = [
            (":", "(?:"),
            ("=", "(?="),
            ("!", "(?!"),
            (">", "(?>"),
            ("<=", "(?<="),
            ("<!", "(?<!"),
        ];
        if !self.takes("?") {
            self.opens("(");
        } else if let Some((_, ours)) = PLAIN.iter().find(|(python, _)| self.takes(python)) {
            self.opens(ours);
        } else if self.takes("P<") {
            let name = self.name(">")?;
            self.opens(&format!("(?P<{name}>"));
        } else if self.takes("P=") {
            let name = self.name(")")?;
            self.out.extend(["(?P=", &name, ")"]);
        } else if self.takes("#") {
            self.take_while(|c| c != ')');
            return if self.takes(")") { Ok(()) } else { Err(PythonError::Open("(?#")) };
        } else if self.takes("(") {
            return self.condition();
        } else {
            return self.flags();
        }
        Ok(())
    }

    /// Opens a group. Flags that come at once hold in it alone, as fail2ban has them since Python
    /// takes flags only where a pattern begins: `((?i)x)` is `(?i:x)`.
    fn opens(&mut self, head: &str) {
        let scope = self.scope();
        self.scopes.push(scope);
        if (head == "(" || head == "(?:") && self.rest.starts_with("(?") {
            let before = self.rest;
            self.rest = &self.rest[2..];
            let flags = self.take_while(|c| c.is_ascii_lowercase());
            if !flags.is_empty() && self.takes(")") {
                let flags = self.keep(flags);
                self.out.extend(["(?", &flags, ":"]);
                return;
            }
            self.rest = before;
        }
        self.out.push_str(head);
    }

    fn name(&mut self, end: &'static str) -> Result<String, PythonError> {
        let name = self.take_while(|c| c == '_' || c.is_alphanumeric()).to_owned();
        let digit = name.starts_with(|c: char| c.is_numeric());
        if name.is_empty() || digit || !self.takes(end) {
            return Err(PythonError::Group(format!("P<{name}")));
        }
        Ok(name)
    }

    /// `(?(1)…|…)`, `(?(name)…|…)`; both `(` are read.
    fn condition(&mut self) -> Result<(), PythonError> {
        let group = self.take_while(|c| c == '_' || c.is_alphanumeric());
        if group.is_empty() || !self.takes(")") {
            return Err(PythonError::Group(format!("({group}")));
        }
        let numbered = group.bytes().all(|byte| byte.is_ascii_digit());
        self.scopes.push(self.scope());
        let (open, close) = if numbered { ("(?(", ")") } else { ("(?(<", ">)") };
        self.out.extend([open, group, close]);
        Ok(())
    }

    /// `(?i)`, `(?i:…)`, `(?i-s:…)`; the `(?` is read.
    fn flags(&mut self) -> Result<(), PythonError> {
        let letter = |c: char| "aiLmsux".contains(c);
        let on = self.take_while(letter);
        let off = if self.takes("-") { self.take_while(letter) } else { "" };
        let before = self.scope();
        let on_kept = self.keep(on);
        let off_kept = self.drop(off);
        let minus = if off_kept.is_empty() { "" } else { "-" };
        let kept = format!("{on_kept}{minus}{off_kept}");
        if self.takes(":") && !(on.is_empty() && off.is_empty()) {
            let inner = self.scope();
            self.replace(before);
            self.scopes.push(inner);
            self.out.extend(["(?", &kept, ":"]);
            return Ok(());
        }
        if on.is_empty() || !off.is_empty() || !self.takes(")") {
            let seen: String = self.rest.chars().take(1).collect();
            return Err(PythonError::Group(format!("{on}{seen}")));
        }
        if !kept.is_empty() {
            self.out.extend(["(?", &kept, ")"]);
        }
        Ok(())
    }

    /// Sets flags; those that the engine is to know.
    fn keep(&mut self, flags: &str) -> String {
        let scope = self.scope();
        self.replace(Scope {
            verbose: scope.verbose || flags.contains('x'),
            each_line: scope.each_line || flags.contains('m'),
        });
        known(flags)
    }

    fn drop(&mut self, flags: &str) -> String {
        let scope = self.scope();
        self.replace(Scope {
            verbose: scope.verbose && !flags.contains('x'),
            each_line: scope.each_line && !flags.contains('m'),
        });
        known(flags)
    }

    fn replace(&mut self, scope: Scope) {
        if let Some(last) = self.scopes.last_mut() {
            *last = scope;
        }
    }
}

/// Of the flags, those that the engine has; text is Unicode anyhow, and `m` and `x` are ours.
fn known(flags: &str) -> String {
    ['i', 's'].into_iter().filter(|flag| flags.contains(*flag)).collect()
}
