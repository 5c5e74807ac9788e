//! Whether the kernel tells of all that changes in a file system (`inotify(7)`).
//!
//! It tells of what is done through it. A server of files, a cluster's disk or a file system in user
//! space changes behind its back; so a kind that is not known here is taken for one of those, and
//! looked at again and again.

use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{FsWord, fstatfs, statfs};

/// Those of this host alone, by their magic numbers (statfs(2), `linux/magic.h`).
const TELLING: [FsWord; 13] = [
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // XFS
    0x9123_683e, // Btrfs
    0x0102_1994, // tmpfs
    0x8584_58f6, // ramfs
    0x794c_7630, // overlayfs
    0x2fc1_2fc1, // ZFS
    0xf2f5_2010, // F2FS
    0xca45_1a4e, // bcachefs
    0x3153_464a, // JFS
    0x5265_4973, // ReiserFS
    0x3434,      // NILFS
    0x4d44,      // FAT
];

/// Whether all changes of an open file are told of.
pub(super) fn tells_of(file: impl AsFd) -> bool {
    fstatfs(file).is_ok_and(|system| TELLING.contains(&system.f_type))
}

/// Whether all changes of what is in a directory are told of.
pub(super) fn tells_in(directory: &Path) -> bool {
    statfs(directory).is_ok_and(|system| TELLING.contains(&system.f_type))
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_disk_of_this_host_tells_and_what_the_kernel_makes_up_does_not() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(tells_of(file.as_file()) && tells_in(file.path().parent().unwrap()));
        assert!(!tells_of(File::open("/proc/self/stat").unwrap()) && !tells_in(Path::new("/proc")));
        assert!(!tells_in(Path::new("/nonexistent")));
    }
}
