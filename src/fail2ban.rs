//! fail2ban's configuration, read as fail2ban reads it.
//!
//! Its files are ini files in layers ([`layers`]): `X.conf`, `X.d/*.conf`, `X.local`, `X.d/*.local`,
//! each with what it includes. A value may name others, as `%(name)s` ([`interpolate`]) and, in
//! filters, as `<name>` ([`tags`]). What comes out is a filter's [`Definition`] ([`mod@filter`]) and a
//! jail's options ([`jail`]), every one with the file and line it is from. What they mean to gaoler
//! is for `config` to say.
//!
//! Nothing is evaluated and no program is run. The files are met where they are installed; none is
//! part of gaoler.

pub mod database;
mod error;
pub mod filter;
mod ini;
mod interpolate;
pub mod jail;
mod layers;
pub mod seconds;
mod section;
pub mod spec;
mod tags;

use std::path::Path;

pub(crate) use self::error::shown;
pub use self::error::{Place, Problem, ReadError};
pub use self::filter::{Logtype, Reading};
pub use self::layers::Directory;
pub use self::section::{Section, Value};

use crate::filter::Definition;

/// The filter that a command line names, such as `sshd` or `sshd[mode=aggressive]`, out of the
/// configuration directory `dir` (the one that holds `filter.d`).
///
/// # Errors
///
/// There is none, or something in its files is wrong: says where, and what to do.
pub fn filter(dir: &Path, spec: &str, logtype: Logtype) -> Result<Definition, ReadError> {
    let mut directory = Directory::new(dir);
    let place = Place::command_line();
    let spec = spec::parse(spec).map_err(|error| ReadError::new(place.clone(), error.into()))?;
    let mut reader = filter::Reader::open(&mut directory, &spec, &place)?;
    reader.choose_logtype(logtype);
    Ok(reader.read(&Section::default())?.definition())
}
