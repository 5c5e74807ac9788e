//! Who is at the other end of a unix socket.

/// The peer, by the kernel's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its user.
    pub uid: u32,
    /// Its main group.
    pub gid: u32,
    /// Its process, where it is in our PID namespace.
    pub pid: Option<i32>,
    /// Its supplementary groups.
    pub groups: Vec<u32>,
}

impl Peer {
    /// Whether it has this group.
    #[must_use]
    pub fn in_group(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }

    /// Asks the kernel who is at the other end.
    ///
    /// # Errors
    ///
    /// As `getsockopt(2)`.
    pub fn of(socket: &impl std::os::fd::AsFd) -> std::io::Result<Self> {
        let credentials = rustix::net::sockopt::socket_peercred(socket)?;
        Ok(Self {
            uid: credentials.uid.as_raw(),
            gid: credentials.gid.as_raw(),
            pid: None,
            groups: Vec::new(),
        })
    }
}
