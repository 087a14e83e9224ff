//! A day whose every figure is computed by hand.

use super::*;
use flyball_schema::definition::Priority::{Critical, High, Low, Medium};

/// Seconds of the time of day.
const fn clock(hours: i64, minutes: i64, seconds: i64) -> i64 {
    hours * 3_600 + minutes * 60 + seconds
}

const ON: What = What::Activated { annunciated: true };
const OFF: What = What::Returned;
const ACK: What = What::Acknowledged;
const CLEAR: What = What::Cleared;

/// * Alarm 1, low, and 2, medium, are in `north/tanks`; 3, high, in `north/pumps`; 4, critical, in `south`; 5, low, nowhere.
/// * 4 stands unacknowledged since 23:30 of the day before; 5 stands acknowledged since 25 hours before the day.
/// * At 00:20 somebody acknowledges 4 (after 50 min), at 00:30 it is over.
/// * From 01:00:00 on, 1 comes four times: for 5, 5, 5 and 20 s; the last one, of 01:01:10, is acknowledged after 60 s.
/// * From 02:00:00 on, 2 comes twelve times, every 30 s for 15 s; acknowledged at 02:10:00, 270 s after the last.
/// * From 03:00:00 on, 3 comes 31 times, every minute for 30 s; acknowledged at 03:45:00, 900 s after the last.
/// * At 05:00 somebody shelves 3; at 05:10 it comes for a minute and nobody is told.
/// * At 06:00, 4 comes and stays, and nobody acknowledges.
fn day() -> (Analysis, [AreaId; 4]) {
    let mut areas = Areas::default();
    let [tanks, pumps] = ["north/tanks", "north/pumps"].map(|path| areas.intern(Some(path)));
    let [north, south] = ["north", "south"].map(|path| areas.intern(Some(path)));
    let places = [(tanks, Low), (tanks, Medium), (pumps, High), (south, Critical), (AreaId::PLANT, Low)];

    let mut script = vec![(4, clock(0, 20, 0), ACK), (4, clock(0, 30, 0), OFF), (4, clock(0, 30, 0), CLEAR)];
    for (second, lasts) in [(0, 5), (20, 5), (50, 5), (70, 20)] {
        script.extend([(1, clock(1, 0, second), ON), (1, clock(1, 0, second + lasts), OFF)]);
    }
    script.extend([(1, clock(1, 2, 10), ACK), (1, clock(1, 2, 10), CLEAR)]);
    for n in 0..12 {
        script.extend([(2, clock(2, 0, n * 30), ON), (2, clock(2, 0, n * 30 + 15), OFF)]);
    }
    script.extend([(2, clock(2, 10, 0), ACK), (2, clock(2, 10, 0), CLEAR)]);
    for n in 0..31 {
        script.extend([(3, clock(3, n, 0), ON), (3, clock(3, n, 30), OFF)]);
    }
    script.extend([(3, clock(3, 45, 0), ACK), (3, clock(3, 45, 0), CLEAR)]);
    script.push((3, clock(5, 0, 0), What::Withheld(Withholding::Shelved)));
    script.extend([(3, clock(5, 10, 0), What::Activated { annunciated: false }), (3, clock(5, 11, 0), OFF)]);
    script.extend([(3, clock(5, 11, 0), CLEAR), (4, clock(6, 0, 0), ON)]);

    let mut analysis = Analysis::new(areas, at(0), Thresholds::default());
    for (alarm, area, since, acknowledged) in
        [(4, south, clock(0, -30, 0), false), (5, AreaId::PLANT, clock(-25, 0, 0), true)]
    {
        analysis.stood(&Standing { alarm: AlarmId(alarm), area, since: at(since), active: true, acknowledged });
    }
    for (alarm, second, what) in script {
        let (area, priority) = places[alarm as usize - 1];
        analysis.feed(&Occurrence { at: at(second), alarm: AlarmId(alarm), area, priority, what });
    }
    (analysis, [tanks, pumps, north, south])
}

fn ranking(of: &[(u32, u64)]) -> Ranking {
    let worst: Vec<Load> = of.iter().map(|&(alarm, times)| Load { alarm: AlarmId(alarm), times }).collect();
    Ranking { alarms: of.len() as u64, times: of.iter().map(|(_, times)| times).sum(), worst }
}

fn exactly(seconds: u64) -> Option<Quantile> {
    Some(Quantile { duration: Duration::from_secs(seconds), exact: true })
}

#[test]
fn every_figure_of_a_day_is_as_computed_by_hand() {
    let (analysis, _) = day();
    let report = analysis.report(AreaId::PLANT, at(86_400));
    // 4 + 12 + 31 + 1 activations in 24 hours and 144 windows of 10 minutes; the shelved one is apart.
    assert_eq!((report.activations, report.withheld_activations), (48, 1));
    assert!((report.per_hour() - 2.0).abs() < 1e-12 && (report.per_10_minutes() - 1.0 / 3.0).abs() < 1e-12);
    // The hour of 03:00 has 31; that of 02:00 has 12.
    assert_eq!(report.hours, WindowShare { windows: 24, over: 1 });
    // The ten minutes of 02:00 have 12; those of 03:00, 03:10 and 03:20 have 10 each, which is not over 10.
    assert_eq!(report.ten_minutes, WindowShare { windows: 144, over: 1 });
    assert_eq!(report.peak, Some(Peak { count: 12, start: at(clock(2, 0, 0)) }));
    // The eleventh of alarm 2 is that of 02:05:00. Of its twelve, the fifth from the end is that of 02:03:30, which leaves
    // the window at 02:13:30: 510 s. In the hour of 03:00 no 10 minutes have 11.
    let floods = report.floods;
    assert_eq!(
        (floods.count, floods.duration, floods.longest),
        (1, Duration::from_secs(510), Duration::from_secs(510))
    );
    assert!((floods.share() - 510.0 / 86_400.0).abs() < 1e-12 && !floods.ongoing);
    assert_eq!(report.load, ranking(&[(3, 31), (2, 12), (1, 4), (4, 1)]));
    assert!((report.load.share(&report.load.worst[0]) - 31.0 / 48.0).abs() < 1e-12);
    // 1: the third comes 50 s after the first, and so it goes on. 2: every third comes 60 s after. 3: 120 s after.
    assert_eq!(report.chattering, ranking(&[(1, 1), (2, 1)]));
    // 1 was there for 5 s three times; 15 s, 20 s and 30 s are not fleeting.
    assert_eq!(report.fleeting, ranking(&[(1, 3)]));
    // 5 stands for 49 hours; 4, since 06:00, for 18.
    let stale = StandingAlarm { alarm: AlarmId(5), since: at(clock(-25, 0, 0)) };
    assert_eq!(report.stale, Stale { alarms: 1, oldest: vec![stale] });
    assert_eq!(report.priorities, PrioritySpread { low: 4, medium: 12, high: 31, critical: 1 });
    assert_eq!(report.priorities.shares(), Some([4.0 / 48.0, 12.0 / 48.0, 32.0 / 48.0]));
    // 60 s, 270 s, 900 s and 3,000 s: half of four are two, 95 % of four are four. 4 waits since 06:00.
    let times = AckTimes { count: 4, p50: exactly(270), p95: exactly(3_000), waiting: 1 };
    assert_eq!(report.acknowledgement, times);
    let shelved = WithheldAlarm { alarm: AlarmId(3), by: Withholding::Shelved, since: at(clock(5, 0, 0)) };
    assert_eq!(report.withheld, [shelved]);
}

#[test]
fn an_area_has_the_figures_of_what_is_in_it() {
    let (analysis, [tanks, pumps, north, south]) = day();
    let report = |area| analysis.report(area, at(86_400));
    let activations = |area| report(area).activations;
    assert_eq!([tanks, pumps, north, south].map(activations), [16, 31, 47, 1]);
    assert_eq!(report(north).area.as_deref(), Some("north"));
    assert_eq!(report(north).load, ranking(&[(3, 31), (2, 12), (1, 4)]));
    assert_eq!(report(pumps).floods.count, 0);
    assert_eq!(report(tanks).floods, report(AreaId::PLANT).floods);
    assert_eq!(report(tanks).acknowledgement, AckTimes { count: 2, p50: exactly(60), p95: exactly(270), waiting: 0 });
    assert_eq!((report(south).acknowledgement.waiting, report(south).stale.alarms), (1, 0));
    assert_eq!(report(tanks).withheld, []);
}

#[test]
fn a_range_without_anything_has_figures_without_shares() {
    let report = Analysis::new(Areas::default(), at(0), Thresholds::default()).report(AreaId::PLANT, at(3_600));
    assert_eq!((report.activations, report.peak, report.floods.count), (0, None, 0));
    assert_eq!(report.hours, WindowShare { windows: 1, over: 0 });
    assert_eq!((report.load.share_of_worst(), report.priorities.shares()), (None, None));
    assert_eq!(report.acknowledgement, AckTimes::default());
}

#[test]
fn what_is_withheld_is_not_stale_and_what_is_released_stands_again() {
    let mut analysis = Analysis::new(Areas::default(), at(0), Thresholds::default());
    let mut feed = |second, what| {
        let occurrence = Occurrence { at: at(second), alarm: AlarmId(1), area: AreaId::PLANT, priority: Low, what };
        analysis.feed(&occurrence);
        analysis.report(AreaId::PLANT, at(100_000))
    };
    feed(0, What::Withheld(Withholding::OutOfService));
    let silent = feed(1, What::Activated { annunciated: false });
    assert_eq!((silent.stale.alarms, silent.acknowledgement.waiting, silent.withheld.len()), (0, 0, 1));
    feed(2, What::Withheld(Withholding::Shelved));
    assert_eq!(feed(3, What::Released(Withholding::OutOfService)).stale.alarms, 0, "it is still shelved");
    let told = feed(4, What::Released(Withholding::Shelved));
    assert_eq!((told.stale.alarms, told.acknowledgement.waiting, told.withheld.len()), (1, 1, 0));
}

#[test]
fn what_is_told_late_counts_as_now() {
    let mut analysis = Analysis::new(Areas::default(), at(0), Thresholds::default());
    for second in [7_200, 60] {
        let (alarm, area) = (AlarmId(1), AreaId::PLANT);
        analysis.feed(&Occurrence { at: at(second), alarm, area, priority: Low, what: ON });
    }
    assert_eq!(analysis.report(AreaId::PLANT, at(0)).peak, Some(Peak { count: 2, start: at(7_200) }));
}
