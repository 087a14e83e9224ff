//! The worked examples of OPC UA Part 13, annex A: historians 1 to 3, from 12:00:00 to 12:01:40.
//!
//! Figures of [`TABLES`], facts of the specification, from three places:
//!
//! * OPC 10000-13, 1.05.07, `AggregateExamples.csv`: Average, `TimeAverage`, Minimum, Maximum, Count, Start, End,
//!   `StandardDeviationSample`;
//! * OPC 10000-13, 1.04, annex A: `MinimumActualTime`, `MaximumActualTime`, `StartBound`, `DurationGood`, and
//!   `TimeAverage2` of historian 1; `DurationBad` and `PercentGood` as node-opcua transcribes that annex;
//! * the OPC Foundation's test data of annex A (UA-.NETStandard-Samples, `Workshop/HistoricalAccess/Tester/TestData.xml`):
//!   the rest. There the interval in which the data end is not yet marked as partial; here it is, as in the others. Two rows
//!   of Delta have a value there without a good sample; here they have none, as the text says (5.4.3.27).
//!
//! The standard deviation of a population is not published with plausible figures: it is computed by hand below.

use super::super::super::historian::Cancel;
use super::super::source_tests::{Memory, at};
use super::*;

const TAG: TagId = TagId(1);
/// The examples know a sample for a millisecond behind its time.
const MILLISECOND: i64 = 1_000;

/// Seconds behind 12:00:00, value and quality of the samples; all behind the entry at 12:00:00 that says there are none.
const HISTORIAN_1: &str = "10 10 G; 20 20 G; 30 30 G; 40 - B; 50 50 G; 60 60 G; 70 70 U; 80 80 G; 90 90 G";
const HISTORIAN_2_AND_3: &str =
    "2 10 G; 25 20 G; 28 25 G; 39 30 G; 42 - B; 48 40 G; 52 50 G; 72 60 G; 77 70 U; 83 70 G; 86 80 G; 90 90 G";

/// Aggregate, historians, length of the intervals in s, and by interval: time in s, value, and quality.
///
/// Of the quality the first letter is G good, U uncertain, S uncertain (sub-normal), B bad, N bad (no data); then C
/// calculated, I interpolated, P partial.
#[rustfmt::skip]
const TABLES: &[(Aggregate, &[usize], u64, &str)] = &[
    (Aggregate::Average, &[1], 5,
        "0 - N; 5 - N; 10 10 GC; 15 - N; 20 20 GC; 25 - N; 30 30 GC; 35 - N; 40 - N; 45 - N; 50 50 GC; 55 - N; \
         60 60 GC; 65 - N; 70 - N; 75 - N; 80 80 GC; 85 - N; 90 90 GC; 95 - N"),
    (Aggregate::Average, &[2, 3], 5,
        "0 10 GC; 5 - N; 10 - N; 15 - N; 20 - N; 25 22.5 GC; 30 - N; 35 30 GC; 40 - N; 45 40 GC; 50 50 GC; \
         55 - N; 60 - N; 65 - N; 70 60 GC; 75 - N; 80 70 GC; 85 80 GC; 90 90 GC; 95 - N"),
    (Aggregate::TimeAverage, &[1], 5,
        "0 - N; 5 - N; 10 12.5 GC; 15 17.5 GC; 20 22.5 GC; 25 27.5 GC; 30 32.5 SC; 35 37.5 SC; 40 42.5 SC; \
         45 47.5 SC; 50 52.5 GC; 55 57.5 GC; 60 62.5 SC; 65 67.5 SC; 70 72.5 SC; 75 77.5 SC; 80 82.5 GC; \
         85 87.5 GC; 90 90 SCP; 95 - N"),
    (Aggregate::TimeAverage, &[2], 5,
        "0 10.652 SCP; 5 12.391 GC; 10 14.565 GC; 15 16.739 GC; 20 18.913 GC; 25 23.682 GC; 30 27.046 GC; \
         35 29.384 SC; 40 33.889 SC; 45 40 SC; 50 49.45 GC; 55 52.75 GC; 60 55.25 GC; 65 57.75 GC; 70 60.618 SC; \
         75 65 SC; 80 70.515 SC; 85 83.667 GC; 90 96.25 SCP; 95 - N"),
    (Aggregate::TimeAverage, &[3], 5,
        "0 10.652 SCP; 5 12.391 GC; 10 14.565 GC; 15 16.739 GC; 20 18.913 GC; 25 23.682 GC; 30 27.046 GC; \
         35 29.384 SC; 40 33.889 SC; 45 40 SC; 50 49.45 GC; 55 52.75 GC; 60 55.25 GC; 65 57.75 GC; 70 60.618 SC; \
         75 65 SC; 80 70.515 SC; 85 83.667 GC; 90 90 SCP; 95 - N"),
    (Aggregate::TimeAverage2, &[1], 5,
        "0 - N; 5 - N; 10 12.5 GC; 15 17.5 GC; 20 22.5 GC; 25 27.5 GC; 30 30 SC; 35 30 SC; 40 - N; 45 - N; \
         50 52.5 GC; 55 57.5 GC; 60 62.5 SC; 65 67.5 SC; 70 72.5 SC; 75 77.5 SC; 80 82.5 GC; 85 87.5 GC; \
         90 90 SCP; 95 - N"),
    (Aggregate::TimeAverage2, &[2], 5,
        "0 10.652 SCP; 5 12.391 GC; 10 14.565 GC; 15 16.739 GC; 20 18.913 GC; 25 23.682 GC; 30 27.046 GC; \
         35 29.273 SC; 40 30 SC; 45 42.5 SC; 50 49.45 GC; 55 52.75 GC; 60 55.25 GC; 65 57.75 GC; 70 59.8 SC; \
         75 60 SC; 80 73.333 SC; 85 83.667 GC; 90 90 SCP; 95 - N"),
    (Aggregate::TimeAverage2, &[3], 5,
        "0 10 GCP; 5 10 GC; 10 10 GC; 15 10 GC; 20 10 GC; 25 22 GC; 30 25 GC; 35 26 GC; 40 - BC; 45 - BC; \
         50 46 GC; 55 50 GC; 60 50 GC; 65 50 GC; 70 56 GC; 75 - BC; 80 - BC; 85 78 GC; 90 90 GCP; 95 - N"),
    (Aggregate::Minimum, &[1], 16,
        "0 10 GCP; 16 20 GC; 32 - N; 48 50 GC; 64 - N; 80 80 GP; 96 - N"),
    (Aggregate::Minimum, &[2, 3], 16,
        "0 10 GCP; 16 20 GC; 32 30 SC; 48 40 G; 64 60 SC; 80 70 GCP; 96 - N"),
    (Aggregate::Maximum, &[1], 16,
        "0 10 GCP; 16 30 GC; 32 - N; 48 60 GC; 64 - N; 80 90 GCP; 96 - N"),
    (Aggregate::Maximum, &[2, 3], 16,
        "0 10 GCP; 16 25 GC; 32 30 SC; 48 50 GC; 64 60 SC; 80 90 GCP; 96 - N"),
    (Aggregate::MinimumActualTime, &[1], 16,
        "10 10 GP; 20 20 G; 32 - N; 50 50 G; 64 - N; 80 80 GP; 96 - N"),
    (Aggregate::MinimumActualTime, &[2, 3], 16,
        "2 10 GP; 25 20 G; 39 30 S; 48 40 G; 72 60 S; 83 70 GP; 96 - N"),
    (Aggregate::MaximumActualTime, &[1], 16,
        "10 10 GP; 30 30 G; 32 - N; 60 60 G; 64 - N; 90 90 GP; 96 - N"),
    (Aggregate::MaximumActualTime, &[2, 3], 16,
        "2 10 GP; 28 25 G; 39 30 S; 52 50 G; 72 60 S; 90 90 GP; 96 - N"),
    (Aggregate::Range, &[1], 16,
        "0 0 GCP; 16 10 GC; 32 - N; 48 10 GC; 64 - N; 80 10 GCP; 96 - N"),
    (Aggregate::Range, &[2, 3], 16,
        "0 0 GCP; 16 5 GC; 32 0 SC; 48 10 GC; 64 0 SC; 80 20 GCP; 96 - N"),
    (Aggregate::Count, &[1], 16,
        "0 1 GCP; 16 2 GC; 32 - B; 48 2 GC; 64 0 SC; 80 2 GCP; 96 - N"),
    (Aggregate::Count, &[2], 16,
        "0 1 GCP; 16 2 GC; 32 1 SC; 48 2 GC; 64 1 SC; 80 3 GCP; 96 - N"),
    (Aggregate::Count, &[3], 16,
        "0 1 GCP; 16 2 GC; 32 1 GC; 48 2 GC; 64 1 GC; 80 3 GCP; 96 - N"),
    (Aggregate::Start, &[1], 16,
        "10 10 GP; 20 20 G; 40 - B; 50 50 G; 70 70 U; 80 80 GP; 96 - N"),
    (Aggregate::Start, &[2, 3], 16,
        "2 10 GP; 25 20 G; 39 30 G; 48 40 G; 72 60 G; 83 70 GP; 96 - N"),
    (Aggregate::End, &[1], 16,
        "10 10 GP; 30 30 G; 40 - B; 60 60 G; 70 70 U; 90 90 GP; 96 - N"),
    (Aggregate::End, &[2, 3], 16,
        "2 10 GP; 28 25 G; 42 - B; 52 50 G; 77 70 U; 90 90 GP; 96 - N"),
    (Aggregate::Delta, &[1], 16,
        "0 0 GCP; 16 10 GC; 32 - N; 48 10 GC; 64 - N; 80 10 GCP; 96 - N"),
    (Aggregate::Delta, &[2, 3], 16,
        "0 0 GCP; 16 5 GC; 32 0 SC; 48 10 GC; 64 0 SC; 80 20 GCP; 96 - N"),
    (Aggregate::StartBound, &[1], 16,
        "0 - NP; 16 16 GI; 32 30 SI; 48 - N; 64 64 SI; 80 80 GP; 96 - N"),
    (Aggregate::StartBound, &[2], 16,
        "0 - NP; 16 16.087 GI; 32 26.818 GI; 48 40 G; 64 56 GI; 80 - NP; 96 - N"),
    (Aggregate::StartBound, &[3], 16,
        "0 - NP; 16 10 GI; 32 25 GI; 48 40 G; 64 50 GI; 80 - NP; 96 - N"),
    (Aggregate::EndBound, &[1], 16,
        "0 16 GCP; 16 30 SC; 32 - NC; 48 64 SC; 64 80 GC; 80 - NCP; 96 - N"),
    (Aggregate::EndBound, &[2], 16,
        "0 16.087 GCP; 16 26.818 GC; 32 40 GC; 48 56 GC; 64 - NC; 80 - NCP; 96 - N"),
    (Aggregate::EndBound, &[3], 16,
        "0 10 GCP; 16 25 GC; 32 40 GC; 48 50 GC; 64 - NC; 80 - NCP; 96 - N"),
    (Aggregate::DurationGood, &[1], 16,
        "0 6000 GCP; 16 16000 GC; 32 0 GC; 48 14000 GC; 64 0 GC; 80 10001 GCP; 96 - N"),
    (Aggregate::DurationGood, &[2, 3], 16,
        "0 14000 GCP; 16 16000 GC; 32 10000 GC; 48 16000 GC; 64 13000 GC; 80 7001 GCP; 96 - N"),
    (Aggregate::DurationBad, &[1], 16,
        "0 10000 GCP; 16 0 GC; 32 8000 GC; 48 2000 GC; 64 0 GC; 80 0 GCP; 96 - N"),
    (Aggregate::DurationBad, &[2, 3], 16,
        "0 2000 GCP; 16 0 GC; 32 6000 GC; 48 0 GC; 64 3000 GC; 80 3000 GCP; 96 - N"),
    (Aggregate::PercentGood, &[1], 16,
        "0 37.5 GCP; 16 100 GC; 32 0 GC; 48 87.5 GC; 64 0 GC; 80 100 GCP; 96 - N"),
    (Aggregate::PercentGood, &[2, 3], 16,
        "0 87.5 GCP; 16 100 GC; 32 62.5 GC; 48 100 GC; 64 81.25 GC; 80 70.003 GCP; 96 - N"),
    (Aggregate::StandardDeviationSample, &[1], 20,
        "0 0 GCP; 20 7.071 GC; 40 0 SC; 60 0 SC; 80 7.071 GCP"),
    (Aggregate::StandardDeviationSample, &[2, 3], 20,
        "0 0 GCP; 20 5 GC; 40 7.071 SC; 60 0 SC; 80 10 GCP"),
];

fn config(historian: usize) -> AggregateConfig {
    match historian {
        1 => AggregateConfig { treat_uncertain_as_bad: false, ..AggregateConfig::default() },
        2 => AggregateConfig { use_sloped_extrapolation: true, ..AggregateConfig::default() },
        _ => {
            AggregateConfig { stepped: true, percent_data_bad: 50, percent_data_good: 50, ..AggregateConfig::default() }
        }
    }
}

fn quality(letters: &str) -> Quality {
    let bit = |letter, bit| if letters.contains(letter) { bit } else { 0 };
    let severity = match &letters[..1] {
        "G" => Quality::GOOD,
        "U" => Quality::UNCERTAIN,
        "S" => Quality::UNCERTAIN_DATA_SUB_NORMAL,
        "B" => Quality::BAD,
        _ => Quality::BAD_NO_DATA,
    };
    let bits = bit('C', 0x01) | bit('I', 0x02) | bit('P', 0x04);
    Quality::from_status_code(severity.status_code() | if bits == 0 { 0 } else { bits | 0x0400 })
}

fn rows(table: &str) -> Vec<(i64, Option<f64>, &str)> {
    table
        .split("; ")
        .map(|row| {
            let fields: Vec<&str> = row.split(' ').collect();
            (fields[0].parse().unwrap(), fields[1].parse().ok(), fields[2])
        })
        .collect()
}

fn samples(historian: usize) -> Vec<Sample> {
    let table = if historian == 1 { HISTORIAN_1 } else { HISTORIAN_2_AND_3 };
    let sample = |(seconds, value, letters): (i64, Option<f64>, &str)| Sample {
        time: at(seconds),
        value: value.map(Value::Float),
        quality: quality(letters),
    };
    rows(table).into_iter().map(sample).collect()
}

/// The aggregate in intervals of `step` seconds.
fn aggregate(aggregate: Aggregate, historian: usize, step: u64) -> Vec<AggregateValue> {
    let mut memory = Memory::of([(TAG, samples(historian))]);
    let count = usize::try_from(100_u64.div_ceil(step)).unwrap();
    let mut builder = AggregateBuilder::new(at(0)..at(100), step * 1_000_000, count, config(historian), &[]);
    memory.read(TAG, at(0)..Timestamp::MAX, &Cancel::default(), &mut builder.reading(true)).unwrap();
    builder.finish(&[aggregate], at(90), MILLISECOND).remove(0)
}

#[test]
fn every_example_of_the_specification_comes_out() {
    for &(kind, historians, step, table) in TABLES {
        for &historian in historians {
            let found = aggregate(kind, historian, step);
            let expected = rows(table);
            assert_eq!(found.len(), expected.len());
            for (found, (seconds, value, letters)) in found.iter().zip(expected) {
                let what = format!("{} of historian {historian} at {seconds} s: {found:?}", kind.as_str());
                assert_eq!(found.time, at(seconds), "{what}");
                assert_eq!(found.quality.status_code(), quality(letters).status_code(), "{what}, not {letters}");
                let number = found.value.as_ref().and_then(Value::as_f64);
                assert_eq!(number.is_some(), value.is_some(), "{what}");
                // The figures are rounded to three decimals.
                assert!((number.unwrap_or(0.0) - value.unwrap_or(0.0)).abs() < 1e-3, "{what}, not {value:?}");
            }
        }
    }
}

#[test]
fn the_deviation_of_a_population_divides_by_all_its_values() {
    // By hand. Historian 2, from 20 s: 20, 25, 30 have the mean 25, so √((25 + 0 + 25) / 3); from 80 s: 70, 80, 90.
    let found = aggregate(Aggregate::StandardDeviationPopulation, 2, 20);
    let expected = [0.0, (50.0_f64 / 3.0).sqrt(), 5.0, 0.0, (200.0_f64 / 3.0).sqrt()];
    for (found, expected) in found.iter().zip(expected) {
        let Some(Value::Float(value)) = found.value else { panic!("{found:?}") };
        assert!((value - expected).abs() < 1e-9, "{found:?}, not {expected}");
    }
}

#[test]
fn the_share_of_bad_time_is_what_the_example_of_its_duration_says() {
    // By hand, from the durations: of 16 s, at the end of 10.001 s.
    let found = aggregate(Aggregate::PercentBad, 2, 16);
    let expected = [12.5, 0.0, 37.5, 0.0, 18.75, 300_000.0 / 10_001.0];
    for (found, expected) in found.iter().zip(expected) {
        let value = found.value.as_ref().and_then(Value::as_f64).unwrap();
        assert!((value - expected).abs() < 1e-9, "{found:?}, not {expected}");
    }
}
