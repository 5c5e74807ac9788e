//! What can go wrong with the kernel, in words for an operator.

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// We may not.
    #[error(
        "gaoler may not change nftables: it needs the capability CAP_NET_ADMIN; copy \
         /usr/share/gaoler/10-nftables.conf to /etc/systemd/system/gaoler.service.d/, then \
         `systemctl daemon-reload` and `systemctl restart gaoler`"
    )]
    Forbidden,
    /// There is no such thing here.
    #[error(
        "this kernel has no nf_tables ({0}): load the module, or set enforcement.backend to \
         firewalld"
    )]
    Unsupported(String),
    /// The kernel said no, and did nothing.
    #[error("the kernel refused a change of table inet {table}: {why}")]
    Refused {
        /// Our table.
        table: String,
        /// What it said.
        why: String,
    },
    /// Our table's name is taken.
    #[error(
        "the table has rules that are not gaoler's: give gaoler another name in \
         enforcement.nftables.table"
    )]
    Foreign,
    /// Nobody knows whether it was done.
    #[error("the kernel's answer about nftables was lost: {0}")]
    Unknown(String),
}
