//! What is counted, told, forgotten and given back; against oracles that keep everything.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;

use super::*;

fn host(number: u32) -> IpNet {
    std::net::IpAddr::from(std::net::Ipv4Addr::from(0x0a00_0000 + number)).into()
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn threshold(maxretry: usize) -> Threshold {
    Threshold::new(maxretry, SignedDuration::from_secs(600)).unwrap()
}

/// How many failures it takes if one more meets the threshold.
fn met(windows: &mut Windows, maxretry: usize, number: u32, at: i64) -> Option<u32> {
    let name = || TraceId::new(u128::from(number));
    let count = windows.record(threshold(maxretry), host(number), second(at), name);
    count.met.then_some(count.failures)
}

fn kept(number: u32, seconds: &[i64]) -> Kept {
    let times: Vec<Timestamp> = seconds.iter().map(|&at| second(at)).collect();
    let trace = (!times.is_empty()).then(|| TraceId::new(u128::from(number)));
    Kept { address: host(number), times, trace }
}

#[test]
fn a_flood_does_not_save_whom_a_ban_is_near() {
    let mut windows = Windows::new(100);
    for at in 0..4 {
        assert_eq!(met(&mut windows, 5, 0, at), None);
    }
    for other in 1..10_000 {
        assert_eq!(met(&mut windows, 5, other, 5), None);
        assert!(windows.len() <= 100);
    }
    assert!(windows.take_forgotten() >= 9_900);
    assert_eq!(windows.take_forgotten(), 0);
    assert_eq!(met(&mut windows, 5, 0, 6), Some(5));
}

#[test]
fn a_met_threshold_starts_over() {
    let mut windows = Windows::new(10);
    assert_eq!(met(&mut windows, 2, 1, 0), None);
    assert_eq!(met(&mut windows, 2, 1, 1), Some(2));
    assert_eq!(met(&mut windows, 2, 1, 2), None);
}

#[test]
fn a_sweep_drops_what_can_no_longer_count() {
    let mut windows = Windows::new(10);
    let findtime = SignedDuration::from_secs(600);
    let _ = met(&mut windows, 5, 1, 0);
    let _ = met(&mut windows, 5, 2, 1);
    assert!(windows.sweep(findtime, second(600)));
    assert_eq!(windows.len(), 2);
    assert!(windows.sweep(findtime, second(601)));
    assert_eq!(windows.len(), 1);
}

#[test]
fn what_has_changed_is_told_once_and_can_be_taken_up() {
    let mut windows = Windows::new(10);
    let _ = met(&mut windows, 3, 1, 0);
    let _ = met(&mut windows, 3, 1, 1);
    let _ = met(&mut windows, 1, 2, 1);
    let mut changed = windows.take_changed();
    changed.sort();
    assert_eq!(changed, [kept(1, &[0, 1])], "what came and went is not told");
    assert_eq!(windows.take_changed(), []);
    assert!(windows.sweep(SignedDuration::from_secs(600), second(602)));
    assert_eq!(windows.take_changed(), [kept(1, &[])]);
    let mut restarted = Windows::new(10);
    restarted.restore(threshold(3), &kept(1, &[0, 1]), || TraceId::new(77));
    assert_eq!(restarted.take_changed(), []);
    let findtime = SignedDuration::from_secs(600);
    let count = Count { trace: TraceId::new(1), failures: 2, met: false };
    assert_eq!(restarted.count(findtime, &host(1)), Some(count));
    assert_eq!(restarted.count(findtime, &host(2)), None);
    assert_eq!(met(&mut restarted, 3, 1, 2), Some(3));
}

#[test]
fn failures_that_count_together_share_a_trace_and_later_ones_have_another() {
    let mut windows = Windows::new(10);
    let mut names = (1..).map(TraceId::new);
    let mut record = |number, at| {
        let name = || names.next().unwrap();
        windows.record(threshold(2), host(number), second(at), name).trace
    };
    let [first, other, again] = [record(1, 0), record(2, 0), record(1, 1)];
    assert_eq!((first, other, again), (TraceId::new(1), TraceId::new(2), first));
    assert_eq!(record(1, 2), TraceId::new(3), "those of the ban are spent");
}

#[test]
fn a_flood_between_two_tellings_is_told_by_what_is_left_of_it() {
    let mut windows = Windows::new(100);
    for host in 0..100 {
        let _ = met(&mut windows, 5, host, 0);
    }
    assert_eq!(windows.take_changed().len(), 100);
    for host in 100..10_000 {
        let _ = met(&mut windows, 5, host, 1);
        assert!(windows.changed.len() <= 200 && windows.slots.places().end <= 200);
    }
    let told = windows.take_changed();
    let gone = told.iter().filter(|kept| kept.times.is_empty()).count();
    assert_eq!((told.len() - gone, gone), (windows.len(), 100));
    // One that went, was not told of, and came again is still known to somebody.
    let _ = met(&mut windows, 5, 9_999, 2);
    windows.forget(&host(9_999));
    let _ = met(&mut windows, 5, 9_999, 3);
    windows.forget(&host(9_999));
    assert_eq!(windows.take_changed(), [kept(9_999, &[])]);
}

#[test]
fn what_an_earlier_run_counted_is_bounded_too() {
    let mut windows = Windows::new(10);
    for number in 0..100 {
        windows.restore(threshold(3), &kept(number, &[1]), || TraceId::new(1));
        assert!(windows.len() <= 10);
    }
}

/// How a window would be missed: by how many failures it has, then by how new they are.
type Rank = (usize, i64);

proptest! {
    /// The oracle keeps everything, and says of each that was forgotten what it was worth then.
    #[test]
    fn whoever_is_forgotten_was_no_nearer_to_a_ban_than_whoever_stayed(
        cap in 1usize..20,
        steps in prop::collection::vec((0u32..40, 0i64..100), 1..200),
    ) {
        let maxretry = 6;
        let mut windows = Windows::new(cap);
        let mut all: HashMap<u32, Vec<i64>> = HashMap::new();
        let rank = |times: &Vec<i64>| -> Rank { (times.len(), *times.iter().max().unwrap()) };
        for (number, at) in steps {
            let before: Vec<u32> = all.keys().copied().collect();
            let met = met(&mut windows, maxretry, number, at).is_some();
            let is_there = |number: &u32| windows.find(&host(*number)).is_some();
            let gone: Vec<u32> =
                before.into_iter().filter(|n| *n != number && !is_there(n)).collect();
            let worst = gone.iter().map(|number| rank(&all[number])).max();
            for number in gone {
                all.remove(&number);
            }
            // Whoever came just now is not judged: somebody had to go for him.
            let stayed = all.iter().filter(|(n, _)| **n != number).map(|(_, t)| rank(t)).min();
            if let (Some(worst), Some(stayed)) = (worst, stayed) {
                prop_assert!(worst <= stayed, "{worst:?} went and {stayed:?} stayed");
            }
            let times = all.entry(number).or_default();
            times.push(at);
            times.sort_unstable();
            let surplus = times.len().saturating_sub(maxretry);
            times.drain(..surplus);
            if met {
                all.remove(&number);
            }
            prop_assert_eq!(windows.len(), all.len());
            prop_assert!(windows.len() <= cap);
        }
    }

    /// However the flood is mixed, who has more failures than any of it stays, and is banned.
    #[test]
    fn who_is_near_a_ban_survives_a_flood_of_addresses_with_fewer(
        near in 2usize..5,
        cap in 8usize..64,
        flood in prop::collection::vec(0usize..2, 200..600),
    ) {
        let mut windows = Windows::new(cap);
        for at in 0..near {
            let _ = met(&mut windows, 5, 0, i64::try_from(at).unwrap());
        }
        for (number, more) in (1..).zip(flood) {
            for _ in 0..=more.min(near - 2) {
                prop_assert_eq!(met(&mut windows, 5, number, 10), None);
            }
        }
        for at in near..4 {
            prop_assert_eq!(met(&mut windows, 5, 0, 20 + i64::try_from(at).unwrap()), None);
        }
        prop_assert_eq!(met(&mut windows, 5, 0, 30), Some(5));
    }
}

#[test]
fn a_lowered_cap_holds_at_once() {
    let mut windows = Windows::new(100);
    for number in 0..100 {
        let _ = met(&mut windows, 5, number, 0);
    }
    windows.set_cap(10);
    assert!(windows.len() <= 10);
}

#[test]
fn memory_that_a_flood_took_is_given_back_and_whoever_is_left_is_where_he_was() {
    let mut windows = Windows::new(100_000);
    for number in 0..40_000 {
        let _ = met(&mut windows, 5, number, if number % 1000 == 7 { 900 } else { 0 });
    }
    assert_eq!(windows.take_changed().len(), 40_000);
    let _ = met(&mut windows, 5, 1007, 901);
    let findtime = SignedDuration::from_secs(600);
    let sweep = |windows: &mut Windows| while !windows.sweep(findtime, second(1000)) {};
    sweep(&mut windows);
    assert_eq!(windows.len(), 40);
    let mut told = windows.take_changed();
    told.retain(|kept| !kept.times.is_empty());
    assert_eq!(told, [kept(1007, &[900, 901])]);
    let _ = met(&mut windows, 5, 2007, 902);
    // Those that are gone have been told of by now.
    sweep(&mut windows);
    assert!(windows.slots.places().end < 1024, "{:?}", windows.slots.places());
    assert_eq!(windows.take_changed(), [kept(2007, &[900, 902])]);
    for number in (7..40_000).step_by(1000) {
        assert!(windows.count(findtime, &host(number)).is_some(), "{number}");
    }
}

/// What can happen to windows.
#[derive(Clone, Copy, Debug)]
enum Step {
    Fail(u32),
    Forget(u32),
    ForgetAll,
    Sweep,
    Tell,
    Retell,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..8u32).prop_map(Step::Fail),
        2 => (0..8u32).prop_map(Step::Forget),
        1 => Just(Step::ForgetAll),
        1 => Just(Step::Sweep),
        2 => Just(Step::Tell),
        1 => Just(Step::Retell),
    ]
}

/// Everything that was counted, in plain maps.
#[derive(Default)]
struct Oracle {
    counted: BTreeMap<u32, Vec<i64>>,
    changed: BTreeSet<u32>,
    told: BTreeSet<u32>,
}

impl Oracle {
    fn forget(&mut self, gone: impl Fn(u32, &[i64]) -> bool) {
        self.counted.retain(|number, times| !gone(*number, times));
    }

    fn tell(&mut self) -> Vec<Kept> {
        let mut told: Vec<Kept> = Vec::new();
        for number in std::mem::take(&mut self.changed) {
            told.extend(self.counted.get(&number).map(|times| kept(number, times)));
        }
        let gone = self.told.iter().filter(|number| !self.counted.contains_key(number));
        told.extend(gone.map(|number| kept(*number, &[])));
        self.told.retain(|number| self.counted.contains_key(number));
        self.told.extend(told.iter().filter(|kept| !kept.times.is_empty()).map(number_of));
        told.sort();
        told
    }
}

fn number_of(kept: &Kept) -> u32 {
    (0..8).find(|number| host(*number) == kept.address).unwrap()
}

proptest! {
    /// The oracle is [`Oracle`]; three failures meet the threshold.
    #[test]
    fn counts_forgets_and_tells_as_plain_maps_do(
        steps in prop::collection::vec((step(), 0..200i64), 0..80),
    ) {
        let findtime = SignedDuration::from_secs(600);
        let (mut windows, mut oracle) = (Windows::new(100), Oracle::default());
        let mut now = 0;
        for (step, pause) in steps {
            now += pause;
            match step {
                Step::Fail(number) => {
                    let met = met(&mut windows, 3, number, now);
                    let times = oracle.counted.entry(number).or_default();
                    times.push(now);
                    times.drain(..times.len().saturating_sub(3));
                    let enough = times.len() == 3 && now - times[0] <= 600;
                    prop_assert_eq!(met, enough.then_some(3));
                    oracle.changed.insert(number);
                    oracle.forget(|other, _| enough && other == number);
                }
                Step::Forget(number) => {
                    windows.forget(&host(number));
                    oracle.forget(|other, _| other == number);
                }
                Step::ForgetAll => {
                    windows.forget_all();
                    oracle.forget(|_, _| true);
                }
                Step::Sweep => {
                    prop_assert!(windows.sweep(findtime, second(now)));
                    oracle.forget(|_, times| now - times[times.len() - 1] > 600);
                }
                Step::Tell => {
                    let mut told = windows.take_changed();
                    told.sort();
                    prop_assert_eq!(told, oracle.tell());
                }
                Step::Retell => {
                    windows.retell();
                    oracle.changed.extend(oracle.counted.keys());
                }
            }
            prop_assert_eq!(windows.len(), oracle.counted.len());
            for number in 0..8 {
                let count = windows.count(findtime, &host(number));
                let count = count.map(|count| count.failures as usize);
                let expected = oracle.counted.get(&number).map(|times| {
                    let newest = times[times.len() - 1];
                    times.iter().filter(|time| newest - **time <= 600).count()
                });
                prop_assert_eq!(count, expected);
            }
        }
    }
}
