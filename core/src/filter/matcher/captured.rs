//! What a pattern captured of a text.

use std::net::IpAddr;

use crate::filter::engine::Locations;
use crate::filter::pattern::{Pattern, captured};

/// A pattern that matched, and where it captured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Captured<'a> {
    pub(super) pattern: &'a Pattern,
    pub(super) locations: &'a Locations,
    pub(super) text: &'a [u8],
}

impl<'a> Captured<'a> {
    pub(super) fn group(&self, group: Option<usize>) -> Option<&'a [u8]> {
        captured(group, self.locations, self.text)
    }

    pub(super) fn address(&self) -> Option<IpAddr> {
        self.pattern.groups.address(self.locations, self.text)
    }

    pub(super) fn user(&self) -> Option<&'a [u8]> {
        self.group(self.pattern.groups.user)
    }

    pub(super) fn session(&self) -> Option<&'a [u8]> {
        self.group(self.pattern.groups.session)
    }

    /// The named groups that took part.
    pub(super) fn groups(self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let names = self.pattern.regex.capture_names().enumerate();
        names.filter_map(move |(number, name)| Some((name?, self.group(Some(number))?)))
    }
}
