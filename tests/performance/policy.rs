//! The policy of jails that are measured.

use gaoler::jail::Policy;
use gaoler::jail::window::Threshold;
use jiff::SignedDuration;

/// Of a jail that counts so many and bans nobody whose failures come a second after each other: five
/// within a second are too many.
pub(crate) fn counting(max_addresses: usize) -> Policy {
    let threshold = Threshold::new(5, SignedDuration::from_secs(1)).expect("both are positive");
    Policy { max_addresses, ..Policy::plain(threshold, None) }
}
