//! Figures against an oracle that looks at everything at once.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

const PATHS: [&str; 4] = ["a/x", "a/y", "b/x/1", "b/x/2"];
const ALARMS: usize = 8;

/// One occurrence of an alarm, in seconds: after the one before; how long it lasts; how long until it is acknowledged.
type Cycle = (i64, i64, Option<i64>);

/// Times on a grid of 10 s, so that many fall together.
fn cycles() -> impl Strategy<Value = Vec<Vec<Cycle>>> {
    let tens = |most: i64| (0..most).prop_map(|n| n * 10);
    let cycle = (tens(30), tens(12), prop::option::of(tens(20)));
    prop::collection::vec(prop::collection::vec(cycle, 0..25), ALARMS)
}

/// What happens to one alarm, in order.
fn occurrences(alarm: usize, cycles: &[Cycle]) -> Vec<(i64, usize, What)> {
    let (mut all, mut now) = (Vec::new(), 0);
    for (after, lasts, acknowledged) in cycles {
        let begin = now + after;
        all.push((begin, alarm, What::Activated { annunciated: true }));
        let mut rest = vec![(begin + lasts, alarm, What::Returned)];
        rest.extend(acknowledged.map(|after| (begin + after, alarm, What::Acknowledged)));
        rest.sort_by_key(|(at, ..)| *at);
        now = rest.last().map_or(begin, |(at, ..)| *at);
        all.append(&mut rest);
        if acknowledged.is_some() {
            all.push((now, alarm, What::Cleared));
        }
    }
    all
}

/// Everything by time; of one time, by the alarms' ranks.
fn stream(cycles: &[Vec<Cycle>], rank: impl Fn(usize) -> usize) -> Vec<(i64, usize, What)> {
    let mut all: Vec<_> = cycles.iter().enumerate().flat_map(|(alarm, own)| occurrences(alarm, own)).collect();
    all.sort_by_key(|&(at, alarm, _)| (at, rank(alarm)));
    all
}

fn analysis() -> Analysis {
    let mut areas = Areas::default();
    for path in PATHS {
        areas.intern(Some(path));
    }
    Analysis::new(areas, at(0), Thresholds::default())
}

fn feed(analysis: &mut Analysis, (second, alarm, what): (i64, usize, What)) {
    let area = analysis.areas().find(PATHS[alarm % PATHS.len()]).unwrap();
    let priority = [Priority::Low, Priority::Medium, Priority::High, Priority::Critical][alarm % 3];
    let alarm = AlarmId(u32::try_from(alarm).unwrap());
    analysis.feed(&Occurrence { at: at(second), alarm, area, priority, what });
}

fn fed(stream: Vec<(i64, usize, What)>) -> Analysis {
    let mut analysis = analysis();
    stream.into_iter().for_each(|one| feed(&mut analysis, one));
    analysis
}

const END: i64 = 36_000;

fn whole(analysis: &Analysis) -> Report {
    analysis.report(AreaId::PLANT, at(END))
}

/// Counts of activations in windows of a length, over `0..END`.
fn counts(times: &[i64], length: i64) -> Vec<u64> {
    let of = |window: i64| times.iter().filter(|&&time| time / length == window).count() as u64;
    (0..END / length).map(of).collect()
}

/// Looks at every moment at which the count of the last 10 minutes can change: how many floods, and seconds of them.
fn floods(times: &[i64]) -> (u64, i64) {
    let moments: BTreeSet<i64> = times.iter().flat_map(|&time| [time, time + 600]).filter(|&time| time < END).collect();
    let (mut count, mut seconds, mut since) = (0, 0, None);
    for moment in moments {
        let recent = times.iter().filter(|&&time| time <= moment && time > moment - 600).count();
        match since {
            None if recent > 10 => {
                count += 1;
                since = Some(moment);
            }
            Some(begin) if recent < 5 => {
                seconds += moment - begin;
                since = None;
            }
            _ => {}
        }
    }
    (count, seconds + since.map_or(0, |begin| END - begin))
}

proptest! {
    #[test]
    fn one_by_one_gives_what_a_look_at_everything_gives(cycles in cycles()) {
        let stream = stream(&cycles, |alarm| alarm);
        let mut analysis = analysis();
        for &one in &stream {
            feed(&mut analysis, one);
            // A report on the way changes nothing.
            let _on_the_way = analysis.report(AreaId::PLANT, at(one.0));
        }
        let report = whole(&analysis);
        let times: Vec<i64> =
            stream.iter().filter(|(.., what)| matches!(what, What::Activated { .. })).map(|(at, ..)| *at).collect();
        prop_assert_eq!(report.activations, times.len() as u64);
        let (tens, hours) = (counts(&times, 600), counts(&times, 3_600));
        let over = |counts: &[u64], most: u64| counts.iter().filter(|&&count| count > most).count() as u64;
        prop_assert_eq!(report.ten_minutes, WindowShare { windows: 60, over: over(&tens, 10) });
        prop_assert_eq!(report.hours, WindowShare { windows: 10, over: over(&hours, 30) });
        let most = tens.iter().copied().max().filter(|&most| most > 0);
        prop_assert_eq!(report.peak.map(|peak| peak.count), most);
        if let Some(peak) = report.peak {
            let first = tens.iter().position(|&count| Some(count) == most).unwrap();
            prop_assert_eq!(peak.start, at(i64::try_from(first).unwrap() * 600));
        }
        let lasted = i64::try_from(report.floods.duration.as_secs()).unwrap();
        prop_assert_eq!((report.floods.count, lasted), floods(&times));

        let (mut chatters, mut fleeting, mut acknowledged) = (0, 0, Vec::new());
        for own in &cycles {
            let begun: Vec<i64> = occurrences(0, own).iter()
                .filter(|(.., what)| matches!(what, What::Activated { .. })).map(|(at, ..)| *at).collect();
            let close = |n: usize| n >= 2 && begun[n] - begun[n - 2] <= 60;
            chatters += (0..begun.len()).filter(|&n| close(n) && !close(n - 1)).count() as u64;
            fleeting += own.iter().filter(|(_, lasts, _)| *lasts <= 10).count() as u64;
            acknowledged.extend(own.iter().filter_map(|(.., after)| *after));
        }
        prop_assert_eq!((report.chattering.times, report.fleeting.times), (chatters, fleeting));
        acknowledged.sort_unstable();
        let nearest = |percent: usize| {
            let rank = (acknowledged.len() * percent).div_ceil(100).max(1);
            acknowledged.get(rank - 1).copied()
        };
        let told = |quantile: Option<Quantile>| quantile.map(|told| i64::try_from(told.duration.as_secs()).unwrap());
        prop_assert_eq!(told(report.acknowledgement.p50), nearest(50));
        prop_assert_eq!(told(report.acknowledgement.p95), nearest(95));
    }

    #[test]
    fn the_order_of_equal_times_does_not_matter(cycles in cycles(), ranks in Just((0..ALARMS).collect::<Vec<_>>()).prop_shuffle()) {
        let shuffled = whole(&fed(stream(&cycles, |alarm| ranks[alarm])));
        prop_assert_eq!(shuffled, whole(&fed(stream(&cycles, |alarm| alarm))));
    }

    #[test]
    fn what_adds_up_of_an_area_is_the_sum_of_its_leaves(cycles in cycles()) {
        let analysis = fed(stream(&cycles, |alarm| alarm));
        let report = |path: &str| analysis.report(analysis.areas().find(path).unwrap(), at(END));
        let figures = |report: &Report| {
            let spread = report.priorities;
            [
                report.activations, report.load.times, report.load.alarms, report.chattering.times,
                report.fleeting.times, report.acknowledgement.count, report.acknowledgement.waiting,
                spread.low, spread.medium, spread.high, spread.critical,
            ]
        };
        let sum = |paths: &[&str]| paths.iter().map(|path| figures(&report(path))).fold([0; 11], |sum, one| {
            std::array::from_fn(|n| sum[n] + one[n])
        });
        prop_assert_eq!(figures(&report("a")), sum(&["a/x", "a/y"]));
        prop_assert_eq!(figures(&report("b")), sum(&["b/x/1", "b/x/2"]));
        prop_assert_eq!(figures(&whole(&analysis)), sum(&PATHS));
    }
}
