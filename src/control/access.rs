//! Who may ask what over the socket.
//!
//! Reading is for root and the group the daemon runs as (`gaoler`); changing is for root and the
//! group `gaoler-admin`. The kernel says who the caller is (`SO_PEERCRED`, `SO_PEERGROUPS`, see
//! `unix(7)`), so nothing here can be claimed.

use super::api::{Refused, Request};
use super::peer::{self, Peer};

/// The group whose members may ban, unban, resume and reload.
pub const ADMIN_GROUP: &str = "gaoler-admin";

/// Whom the socket obeys.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    /// The daemon's own user; it may read.
    pub uid: u32,
    /// The daemon's own group; its members may read.
    pub gid: u32,
    /// The group whose members may change, where it exists.
    pub admin: Option<u32>,
}

impl Access {
    /// Of the user and group that this process runs as.
    ///
    /// # Errors
    ///
    /// Fails if the groups of the system cannot be read (`getgrnam_r(3)`).
    pub fn of_this_process() -> std::io::Result<Self> {
        let admin = peer::gid_of(ADMIN_GROUP)?;
        let uid = nix::unistd::geteuid().as_raw();
        let gid = nix::unistd::getegid().as_raw();
        Ok(Self { uid, gid, admin })
    }

    /// Whether the caller may make this request.
    ///
    /// # Errors
    ///
    /// Says which group is missing, and how to join it.
    pub fn check(&self, peer: &Peer, request: &Request) -> Result<(), Refused> {
        let admin = peer.uid == 0 || self.admin.is_some_and(|admin| peer.in_group(admin));
        let uid = peer.uid;
        let refusal = match request {
            _ if admin => return Ok(()),
            Request::Status
            | Request::Settings
            | Request::Banned { .. }
            | Request::Explain { .. } => {
                if uid == self.uid || peer.in_group(self.gid) {
                    return Ok(());
                }
                format!(
                    "user {uid} is not in the group gaoler; `usermod -aG gaoler USER` lets it read"
                )
            }
            Request::Ban(_) | Request::Unban(_) | Request::Resume(_) | Request::Reload => format!(
                "user {uid} is neither root nor in the group {ADMIN_GROUP}; \
                 `usermod -aG gaoler,{ADMIN_GROUP} USER` lets it ban, unban, resume and reload"
            ),
        };
        Err(Refused::Forbidden(refusal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAOLER: u32 = 990;
    const ADMIN: u32 = 991;

    fn may(uid: u32, groups: &[u32], request: &Request) -> bool {
        let access = Access { uid: 980, gid: GAOLER, admin: Some(ADMIN) };
        let peer = Peer { uid, gid: uid, pid: None, groups: groups.to_vec() };
        access.check(&peer, request).is_ok()
    }

    #[test]
    fn reading_is_for_the_group_and_changing_for_the_admins() {
        for (uid, groups, reads, changes) in [
            (0, &[][..], true, true),
            (980, &[GAOLER], true, false),
            (1000, &[GAOLER], true, false),
            (1000, &[ADMIN], true, true),
            (1000, &[GAOLER, ADMIN], true, true),
            (1000, &[1000, 10], false, false),
        ] {
            assert_eq!(may(uid, groups, &Request::Status), reads, "{uid} {groups:?}");
            let address = "192.0.2.7/32".parse().unwrap();
            assert_eq!(may(uid, groups, &Request::Explain { address }), reads);
            assert_eq!(may(uid, groups, &Request::Reload), changes, "{uid} {groups:?}");
        }
    }

    #[test]
    fn nobody_but_root_changes_anything_where_the_admin_group_is_missing() {
        let access = Access { uid: 980, gid: GAOLER, admin: None };
        let peer = Peer { uid: 1000, gid: GAOLER, pid: None, groups: vec![GAOLER] };
        assert!(access.check(&peer, &Request::Status).is_ok());
        assert!(access.check(&peer, &Request::Reload).is_err());
    }
}
