use super::{Decoder, FrameError, MAX_CHANGES, encode};
use crate::cvt::TagChange;
use crate::history::TagSet;
use flyball_schema::{Quality, TagId, Timestamp, Value};
use proptest::prelude::*;

fn change(seq: u64, tag: u32, value: Option<Value>) -> TagChange {
    TagChange {
        value,
        source_time: Timestamp::from_micros(1_700_000_000_000_000 + seq.cast_signed() * 1_000),
        server_time: Timestamp::from_micros(1_700_000_000_500_000),
        seq,
        tag: TagId(tag),
        quality: Quality::GOOD,
    }
}

fn decoded(data: &[u8], checksum: u32, only: Option<&TagSet>) -> Result<Vec<TagChange>, FrameError> {
    let mut changes = Vec::new();
    Decoder::default().decode(data, checksum, only, |change| changes.push(change))?;
    Ok(changes)
}

/// Equality that tells NaNs and zeros apart by their bits.
fn bits(change: &TagChange) -> (Option<u64>, TagChange) {
    match change.value {
        Some(Value::Float(value)) => (Some(value.to_bits()), TagChange { value: None, ..change.clone() }),
        _ => (None, change.clone()),
    }
}

fn there_and_back(changes: &[TagChange]) {
    let frame = encode(changes).unwrap();
    let back = decoded(&frame.data, frame.checksum, None).unwrap();
    assert_eq!(back.iter().map(bits).collect::<Vec<_>>(), changes.iter().map(bits).collect::<Vec<_>>());
}

#[test]
fn every_kind_of_value_comes_back_exactly() {
    let values = [
        None,
        Some(Value::Boolean(false)),
        Some(Value::Boolean(true)),
        Some(Value::Integer(i64::MIN)),
        Some(Value::Integer(i64::MAX)),
        Some(Value::Float(-0.0)),
        Some(Value::Float(21.37)),
        Some(Value::Float(f64::from(0.1_f32))),
        Some(Value::Float(std::f64::consts::PI)),
        Some(Value::Float(f64::from_bits(0x7FF0_0000_0000_0001))),
        Some(Value::Float(f64::NEG_INFINITY)),
        Some(Value::from("")),
        Some(Value::from("Überlauf am Kessel №7")),
    ];
    let changes: Vec<_> = values.into_iter().zip(1..).map(|(value, seq)| change(seq, 3, value)).collect();
    there_and_back(&changes);
}

#[test]
fn the_header_tells_what_is_inside() {
    let mut changes = vec![change(5, 1, None), change(6, 2, None), change(7, 1, None)];
    changes[1].source_time = Timestamp::from_micros(40);
    changes[2].server_time = Timestamp::MAX;
    let frame = encode(&changes).unwrap();
    assert_eq!((frame.first_seq, frame.last_seq, frame.changes), (5, 7, 3));
    assert_eq!((frame.t0, frame.t1), (Timestamp::from_micros(40), changes[2].source_time));
    assert_eq!((frame.r0, frame.r1), (changes[0].server_time, Timestamp::MAX));
}

#[test]
fn a_scan_of_a_device_costs_little_more_than_its_digits() {
    let value = |n: u64| Some(Value::Float(f64::from(u32::try_from(n * 37 % 10_000).unwrap()) / 100.0));
    let mut changes: Vec<_> = (0..1_000).map(|n| change(n + 1, u32::try_from(n).unwrap(), value(n))).collect();
    changes.iter_mut().for_each(|change| change.source_time = change.server_time);
    let frame = encode(&changes).unwrap();
    assert!(frame.data.len() < 3_050, "{} bytes", frame.data.len());
}

#[test]
fn a_frame_of_no_or_too_many_changes_is_refused() {
    assert_eq!(encode(&[]), Err(FrameError::Count(0)));
    let many = vec![change(1, 1, None); MAX_CHANGES + 1];
    assert_eq!(encode(&many), Err(FrameError::Count(1_001)));
}

#[test]
fn only_the_wanted_tags_are_visited() {
    let changes: Vec<_> =
        (1..=100).map(|seq| change(seq, u32::try_from(seq % 10).unwrap(), Some(Value::from("text")))).collect();
    let frame = encode(&changes).unwrap();
    let wanted = TagSet::new(vec![TagId(3), TagId(7)]);
    let found = decoded(&frame.data, frame.checksum, Some(&wanted)).unwrap();
    let expected: Vec<_> = changes.iter().filter(|change| matches!(change.tag.0, 3 | 7)).cloned().collect();
    assert_eq!(found, expected);
    let absent = TagSet::new(vec![TagId(11)]);
    assert_eq!(decoded(&frame.data, frame.checksum, Some(&absent)), Ok(Vec::new()));
}

#[test]
fn a_later_version_is_told_apart_from_damage() {
    let mut frame = encode(&[change(1, 1, None)]).unwrap();
    frame.data[0] = 9;
    let checksum = crc32fast::hash(&frame.data);
    assert_eq!(decoded(&frame.data, checksum, None), Err(FrameError::Version(9)));
}

fn any_value() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        Just(None),
        any::<bool>().prop_map(|value| Some(Value::Boolean(value))),
        any::<i64>().prop_map(|value| Some(Value::Integer(value))),
        any::<u64>().prop_map(|bits| Some(Value::Float(f64::from_bits(bits)))),
        any::<f32>().prop_map(|value| Some(Value::Float(f64::from(value)))),
        (any::<i32>(), 0..8_i32).prop_map(|(n, e)| Some(Value::Float(f64::from(n) / 10_f64.powi(e)))),
        ".{0,12}".prop_map(|text| Some(Value::from(text.as_str()))),
    ]
}

prop_compose! {
    fn any_change()(
        value in any_value(),
        source in prop_oneof![any::<i64>(), Just(0), 0..100_000_i64, (0..100_i64).prop_map(|ms| ms * 1_000)],
        server in prop_oneof![any::<i64>(), Just(5)],
        seq in prop_oneof![any::<u64>(), 0..10_u64],
        tag in prop_oneof![any::<u32>(), 0..10_u32],
        quality in prop_oneof![any::<u32>(), Just(0)],
    ) -> TagChange {
        TagChange {
            value,
            source_time: Timestamp::from_micros(source),
            server_time: Timestamp::from_micros(server),
            seq,
            tag: TagId(tag),
            quality: Quality::from_status_code(quality),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_changes_come_back_exactly(changes in prop::collection::vec(any_change(), 1..60)) {
        there_and_back(&changes);
    }

    #[test]
    fn damaged_bytes_are_a_checksum_error(
        changes in prop::collection::vec(any_change(), 1..20), at in any::<prop::sample::Index>(), flip in 1..=255_u8
    ) {
        let mut frame = encode(&changes).unwrap();
        let cut = &frame.data[..at.index(frame.data.len())];
        let cut_short = matches!(decoded(cut, frame.checksum, None), Err(FrameError::Checksum { .. }));
        prop_assert!(cut_short);
        let at = at.index(frame.data.len());
        frame.data[at] ^= flip;
        let flipped = matches!(decoded(&frame.data, frame.checksum, None), Err(FrameError::Checksum { .. }));
        prop_assert!(flipped);
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(
        changes in prop::collection::vec(any_change(), 1..20),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        noise in prop::collection::vec(any::<u8>(), 0..300),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut decoder = Decoder::default();
        let mut frame = encode(&changes).unwrap().data;
        for (at, byte) in damage {
            let at = at.index(frame.len());
            frame[at] = byte;
        }
        let _whole = decoder.decode_unchecked(&frame, None, drop);
        let _short = decoder.decode_unchecked(&frame[..cut.index(frame.len())], None, drop);
        let _noise = decoder.decode_unchecked(&noise, None, drop);
        let headed: Vec<u8> = [&[1, 20][..], &noise].concat();
        let _headed = decoder.decode_unchecked(&headed, Some(&TagSet::new(vec![changes[0].tag])), drop);
    }

    #[test]
    fn a_filter_finds_what_a_whole_decode_finds(
        changes in prop::collection::vec(any_change(), 1..60), tags in prop::collection::vec(0..10_u32, 0..4)
    ) {
        let frame = encode(&changes).unwrap();
        let wanted: TagSet = tags.into_iter().map(TagId).collect();
        let found = decoded(&frame.data, frame.checksum, Some(&wanted)).unwrap();
        let expected: Vec<_> = changes.iter().filter(|change| wanted.contains(change.tag)).map(bits).collect();
        prop_assert_eq!(found.iter().map(bits).collect::<Vec<_>>(), expected);
    }
}
