//! Follows log files.

use super::Start;
use super::outlet::Outlet;
use crate::record::origin::FilesOrigin;

pub(super) fn follow(_origin: &FilesOrigin, _start: Start, _outlet: Outlet) {}
