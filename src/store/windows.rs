//! Failure windows that changed and are not yet written.
//!
//! Pure. A flood changes hundreds of thousands a second, most of them more than once before the file
//! has them, and the loop that judges has no time to find out which: it puts them down as they come,
//! and the thread that writes them looks for the newest of each.

use std::borrow::Borrow;
use std::cmp::Ordering;

use super::change::Window;

/// How many windows are kept at most while they cannot be written.
const MOST: usize = 200_000;

/// From how many on those that changed again later are let go.
const CROWDED: usize = 2 * MOST;

/// For how many the room is kept when they are written: what a busy batch changes.
const ROOM: usize = 4_096;

/// Windows as they changed, the newest last.
#[derive(Debug, Default)]
pub(super) struct Windows(Vec<Window>);

/// There were too many, and all of them are dropped: half of the truth would count failures that are
/// forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dropped(pub(super) u64);

impl Windows {
    /// Adds what changed after those it holds.
    pub(super) fn add(&mut self, later: impl IntoIterator<Item = Window>) -> Result<(), Dropped> {
        self.0.extend(later);
        if self.0.len() <= CROWDED {
            return Ok(());
        }
        keep_newest(&mut self.0);
        if self.0.len() <= MOST { Ok(()) } else { Err(self.drop_all()) }
    }

    /// The newest of each, in the order of the table's key, or nearly: what lies in one page of the
    /// file is written together, and each page is taken up once instead of once for each of its rows.
    pub(super) fn newest(&self) -> Vec<&Window> {
        let mut newest: Vec<&Window> = self.0.iter().collect();
        keep_newest(&mut newest);
        newest
    }

    /// Gives up all of them.
    pub(super) fn drop_all(&mut self) -> Dropped {
        let mut windows = std::mem::take(&mut self.0);
        keep_newest(&mut windows);
        Dropped(windows.len() as u64)
    }

    /// Forgets all of them, which are written, but keeps some room.
    pub(super) fn clear(&mut self) {
        self.0.clear();
        self.0.shrink_to(ROOM);
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for Windows {
    type Item = Window;
    type IntoIter = std::vec::IntoIter<Window>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Lets go of those that changed again later, and puts the others in the order of their keys.
fn keep_newest(windows: &mut Vec<impl Borrow<Window>>) {
    windows.reverse();
    windows.sort_by(|one, other| by_key(one.borrow(), other.borrow()));
    windows.dedup_by(|one, newer| by_key((*one).borrow(), (*newer).borrow()).is_eq());
}

fn by_key(one: &Window, other: &Window) -> Ordering {
    (&one.jail, one.kept.address).cmp(&(&other.jail, other.kept.address))
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::jail::ban::JailName;
    use crate::jail::windows::Kept;

    /// The window of a host, told by when its failure was.
    fn window(jail: &str, host: u32, second: i64) -> Window {
        let address = IpAddr::from(Ipv4Addr::from(host)).into();
        let times = vec![Timestamp::from_second(second).unwrap()];
        Window { jail: JailName::new(jail), kept: Kept { address, times, trace: None } }
    }

    #[test]
    fn too_many_are_all_dropped_and_those_that_change_again_are_not_too_many() {
        let windows = |hosts: std::ops::Range<u32>| hosts.map(|host| window("sshd", host, 0));
        let mut kept = Windows::default();
        for _ in 0..10 {
            kept.add(windows(0..150_000)).unwrap();
            assert!(kept.0.len() <= CROWDED);
        }
        assert_eq!(kept.newest().len(), 150_000);
        kept.add(windows(150_000..200_000)).unwrap();
        let mut more = 200_000..;
        let dropped = loop {
            let host = more.next().unwrap();
            if let Err(dropped) = kept.add([window("sshd", host, 0)]) {
                break dropped;
            }
        };
        assert_eq!(dropped, Dropped(u64::from(more.start)));
        assert!(kept.is_empty());
    }

    #[test]
    fn what_is_written_leaves_only_some_room() {
        let mut kept = Windows::default();
        kept.add((0..100_000).map(|host| window("sshd", host, 0))).unwrap();
        kept.clear();
        assert!(kept.is_empty() && kept.0.capacity() <= ROOM, "{}", kept.0.capacity());
    }

    proptest! {
        /// However they come, the newest of each jail's and address's is found, in their order.
        #[test]
        fn the_newest_of_each_counts(
            changes in prop::collection::vec((prop::sample::select(vec!["a", "b"]), 0u32..6), 0..40),
            split in 0usize..40,
            crowded: bool,
        ) {
            let mut kept = Windows::default();
            let mut map = std::collections::BTreeMap::new();
            let (split, mut at) = (split.min(changes.len()), 0);
            for part in [&changes[..split], &changes[split..]] {
                let part: Vec<Window> = part.iter().map(|(jail, host)| {
                    at += 1;
                    map.insert((*jail, *host), window(jail, *host, at));
                    window(jail, *host, at)
                }).collect();
                kept.add(part).unwrap();
                if crowded {
                    keep_newest(&mut kept.0);
                }
            }
            let newest: Vec<Window> = kept.newest().into_iter().cloned().collect();
            prop_assert_eq!(newest, map.into_values().collect::<Vec<_>>());
        }
    }
}
