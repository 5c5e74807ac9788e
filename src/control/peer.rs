//! Who is at the other end of a unix socket, as the kernel has it.
//!
//! The kernel notes a peer's user and groups when it connects; nothing the peer says can change
//! them. Which group may do what is not decided here.
//!
//! Source: unix(7) for `SO_PEERCRED` and `SO_PEERGROUPS` (Linux 4.13).

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::unistd::Group;

/// A process that connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
    /// Its id, for the log; `None` where our namespace cannot see it. Never decide by it: ids are
    /// used again.
    pub pid: Option<i32>,
    /// Its supplementary groups.
    pub groups: Vec<u32>,
}

impl Peer {
    /// Who connected to `socket`, at the time it did.
    ///
    /// # Errors
    ///
    /// Fails if it is no connected unix socket, or the kernel is older than 4.13.
    pub fn of(socket: &impl AsFd) -> io::Result<Self> {
        let fd = socket.as_fd();
        // Not rustix's: its type for a process id has no room for the 0 of a foreign namespace.
        let credentials = getsockopt(&fd, PeerCredentials)?;
        Ok(Self {
            uid: credentials.uid(),
            gid: credentials.gid(),
            pid: Some(credentials.pid()).filter(|&pid| pid != 0),
            groups: groups(fd)?,
        })
    }

    /// Whether it is in the group, by whichever of its groups.
    #[must_use]
    pub fn in_group(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }
}

/// The number of the group called `name`, from wherever the host keeps groups (getgrnam(3): the
/// file, sssd, …); `None` if there is none. May ask a directory server: never on the loop.
///
/// # Errors
///
/// Fails if the host could not look.
pub fn gid_of(name: &str) -> io::Result<Option<u32>> {
    Ok(Group::from_name(name)?.map(|group| group.gid.as_raw()))
}

/// The supplementary groups of the peer. Linux allows 65,536 (`NGROUPS_MAX`); most have few.
fn groups(socket: BorrowedFd) -> io::Result<Vec<u32>> {
    let mut groups = vec![0; 64];
    loop {
        match peer_groups(socket, &mut groups) {
            Ok(count) => {
                groups.truncate(count);
                return Ok(groups);
            }
            Err(TooFew::Needs(count)) if groups.len() < count => groups.resize(count, 0),
            Err(TooFew::Needs(_)) => return Err(io::ErrorKind::InvalidData.into()),
            Err(TooFew::Failed(error)) => return Err(error),
        }
    }
}

/// Why [`peer_groups`] gave none.
enum TooFew {
    /// The buffer must have so many places.
    Needs(usize),
    /// The kernel refused.
    Failed(io::Error),
}

/// Fills `groups` from the front; returns how many there are.
///
/// No safe wrapper of this option exists (rustix 1.1, nix 0.31, zbus 6.2 have none).
#[expect(unsafe_code, reason = "getsockopt has no safe form for SO_PEERGROUPS")]
fn peer_groups(socket: BorrowedFd, groups: &mut [libc::gid_t]) -> Result<usize, TooFew> {
    let size = size_of::<libc::gid_t>();
    let mut length = libc::socklen_t::try_from(size_of_val(groups))
        .map_err(|_| TooFew::Failed(io::ErrorKind::InvalidInput.into()))?;
    // SAFETY: `groups` is valid for writes of `length` bytes, exclusively borrowed, and any bytes
    // are valid `gid_t`s; the kernel writes at most `length` bytes there, and one `socklen_t` to
    // `length`, which lives on this stack. The descriptor is borrowed, so open.
    let status = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERGROUPS,
            groups.as_mut_ptr().cast::<c_void>(),
            &raw mut length,
        )
    };
    // Either way the kernel has set `length` to the bytes there are.
    let count = length as usize / size;
    if status == 0 {
        return Ok(count);
    }
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::ERANGE) => Err(TooFew::Needs(count)),
        error => Err(TooFew::Failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::net::{UnixListener, UnixStream};

    use rustix::process::{Gid, Uid};
    use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};

    use super::*;

    fn sorted(groups: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
        groups.into_iter().collect()
    }

    #[test]
    fn knows_this_process() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let peer = Peer::of(&ours).unwrap();
        assert_eq!(peer.uid, rustix::process::geteuid().as_raw());
        assert_eq!(peer.gid, rustix::process::getegid().as_raw());
        assert_eq!(peer.pid, Some(rustix::process::getpid().as_raw_nonzero().get()));
        let own = rustix::process::getgroups().unwrap();
        assert_eq!(sorted(peer.groups.clone()), sorted(own.iter().map(|gid| gid.as_raw())));
    }

    /// Users and groups are a thread's own to Linux, so one thread can be somebody else.
    #[test]
    fn knows_a_user_with_many_groups() {
        if !rustix::process::geteuid().is_root() {
            return; // Only root can become somebody else.
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        for place in [directory.path(), path.as_path()] {
            std::fs::set_permissions(place, Permissions::from_mode(0o777)).unwrap();
        }
        let groups: Vec<u32> = (70_000..70_200).collect();
        let raw: Vec<Gid> = groups.iter().map(|&gid| Gid::from_raw(gid)).collect();
        let connected = std::thread::spawn(move || {
            set_thread_groups(&raw).unwrap();
            set_thread_gid(Gid::from_raw(60_001)).unwrap();
            set_thread_uid(Uid::from_raw(60_000)).unwrap();
            UnixStream::connect(path).unwrap()
        })
        .join()
        .unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let peer = Peer::of(&accepted).unwrap();
        assert_eq!((peer.uid, peer.gid), (60_000, 60_001));
        assert_eq!(sorted(peer.groups.clone()), sorted(groups));
        assert!(peer.in_group(70_199) && !peer.in_group(0) && !peer.in_group(70_200));
        drop(connected);
    }

    #[test]
    fn what_has_no_peer_has_none() {
        assert!(Peer::of(&tempfile::tempfile().unwrap()).is_err());
        assert!(Peer::of(&std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).is_err());
        assert!(Peer::of(&std::os::unix::net::UnixDatagram::unbound().unwrap()).is_err());
    }

    #[test]
    fn a_group_is_the_effective_one_or_a_supplementary_one() {
        let peer = Peer { uid: 1, gid: 2, pid: None, groups: vec![4, 5] };
        let is_in: Vec<u32> = (0..7).filter(|&gid| peer.in_group(gid)).collect();
        assert_eq!(is_in, [2, 4, 5]);
    }

    #[test]
    fn finds_groups_by_name() {
        assert_eq!(gid_of("root").unwrap(), Some(0));
        assert_eq!(gid_of("no-such-group").unwrap(), None);
    }
}
