use super::bytes::Bytes;
use super::*;
use crate::history::sample::{Block, Column, Sample};
use flyball_schema::{Quality, Value};
use proptest::collection::vec;
use proptest::prelude::*;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, cases, ..ProptestConfig::default() }
}

/// Blocks are equal where every bit is.
fn bits(block: &Block) -> (Vec<i64>, String, Vec<u32>) {
    let value = |index| match block.values.value(index) {
        Some(Value::Float(value)) => format!("f{:016x}", value.to_bits()),
        other => format!("{other:?}"),
    };
    let kind = std::mem::discriminant(&block.values);
    let values: Vec<String> = (0..block.len()).map(value).collect();
    let qualities = block.qualities.iter().map(|quality| quality.status_code()).collect();
    (block.times.clone(), format!("{kind:?} {values:?}"), qualities)
}

fn slice(block: &Block, rows: Range<usize>) -> Block {
    let mut slice = Block::default();
    slice.extend(block, rows);
    slice
}

fn decoded(chunk: &EncodedChunk, wanted: Option<Range<usize>>) -> Block {
    let pages = pages(&chunk.pages).unwrap();
    let wanted = wanted.unwrap_or(0..pages.len());
    let mut out = Block::default();
    Decoder::default().decode(&chunk.data, chunk.checksum, &pages, wanted, &mut out).unwrap();
    out
}

/// A NaN is no sum that equals itself.
fn summary_bits(summary: Option<Summary>) -> String {
    let bits = |summary: Summary| {
        let Summary { t0, t1, count, min, max, sum, first, last, area, worst } = summary;
        let floats = [min, max, sum, first, last, area].map(f64::to_bits);
        format!("{t0:?} {t1:?} {count} {floats:x?} {worst:?}")
    };
    summary.map(bits).unwrap_or_default()
}

fn check(block: &Block) -> EncodedChunk {
    let chunk = encode(block, 0..block.len()).unwrap();
    assert_eq!(bits(&decoded(&chunk, None)), bits(block));
    let pages = pages(&chunk.pages).unwrap();
    assert_eq!((chunk.t0, chunk.t1), (pages[0].t0, pages[pages.len() - 1].t1));
    assert_eq!(summary_bits(chunk.summary), summary_bits(Summary::of(block, 0..block.len())));
    let mut start = 0;
    for (index, page) in pages.iter().enumerate() {
        let rows = start..start + page.count as usize;
        let expected = slice(block, rows.clone());
        assert_eq!(bits(&decoded(&chunk, Some(index..index + 1))), bits(&expected));
        assert_eq!(summary_bits(page.summary), summary_bits(Summary::of(block, rows.clone())));
        start = rows.end;
    }
    assert_eq!(start, block.len());
    chunk
}

fn good(times: Vec<i64>, values: Column) -> Block {
    let qualities = vec![Quality::GOOD; times.len()];
    Block { times, values, qualities }
}

/// Numbers that are the same in every run.
fn dice() -> impl FnMut(u64) -> u64 {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    move |sides| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % sides
    }
}

fn seconds(count: usize) -> Vec<i64> {
    (0..count as i64).map(|index| 1_700_000_000_000_000 + index * 1_000_000).collect()
}

#[test]
fn a_regular_chunk_of_a_constant_takes_a_few_bytes() {
    let chunk = check(&good(seconds(POINTS), Column::Float(vec![0.1 + 0.2; POINTS])));
    assert!(chunk.data.len() < 64, "{} bytes", chunk.data.len());
    assert!(chunk.pages.len() < 250, "{} bytes", chunk.pages.len());
}

#[test]
fn jitter_costs_its_own_entropy() {
    let mut roll = dice();
    let times: Vec<i64> = seconds(POINTS).iter().map(|time| time + roll(4_000).cast_signed()).collect();
    let chunk = check(&good(times, Column::Integer(vec![7; POINTS])));
    // 11.97 bits are the entropy of 4,000 equally likely values.
    assert!(chunk.data.len() as f64 * 8.0 / (POINTS as f64) < 12.15, "{} bytes", chunk.data.len());
}

#[test]
fn a_sampling_that_misses_samples_stays_on_its_grid() {
    let mut roll = dice();
    let mut times = Vec::new();
    let mut slot = 0;
    while times.len() < POINTS {
        slot += if roll(500) == 0 { 2 + roll(4_000).cast_signed() } else { 1 };
        times.push(1_700_000_000_000_000 + slot * 1_000_000 + 1_000 * roll(5).cast_signed());
    }
    let chunk = check(&good(times, Column::Integer(vec![7; POINTS])));
    // 2.32 bits are the entropy of five equally likely values.
    assert!(chunk.data.len() as f64 * 8.0 / (POINTS as f64) < 2.6, "{} bytes", chunk.data.len());
}

#[test]
fn an_odd_float_among_decimals_costs_itself_alone() {
    let mut roll = dice();
    let decimals: Vec<f64> = (0..POINTS).map(|_| roll(1_000) as f64 / 100.0).collect();
    let plain = check(&good(seconds(POINTS), Column::Float(decimals.clone()))).data.len();
    let mut odd = decimals;
    for (row, value) in [(0, -0.0), (17, 1.0 / 3.0), (5_000, f64::from_bits(0x7FF8_0000_DEAD_BEEF)), (8_191, 1e300)] {
        odd[row] = value;
    }
    let with_odd = check(&good(seconds(POINTS), Column::Float(odd))).data.len();
    assert!(with_odd < plain + 100, "{with_odd} bytes, {plain} without");
}

#[test]
fn floats_of_a_device_that_sends_32_bits_are_decimals_too() {
    let mut roll = dice();
    let values: Vec<f64> = (0..POINTS).map(|_| f64::from((2_000.0 + roll(64) as f32) / 100.0)).collect();
    let chunk = check(&good(seconds(POINTS), Column::Float(values)));
    assert!(chunk.data.len() < POINTS, "{} bytes", chunk.data.len());
}

#[test]
fn what_is_no_chunk_is_refused() {
    let block = good(vec![1, 2, 3], Column::Boolean(vec![true; 3]));
    assert_eq!(encode(&block, 1..1), Err(ChunkError::Count(0)));
    assert!(matches!(encode(&block, 1..4), Err(ChunkError::Columns { .. })));
    let long = good(vec![1; MAX_POINTS + 1], Column::Boolean(vec![true; MAX_POINTS + 1]));
    assert_eq!(encode(&long, 0..MAX_POINTS + 1), Err(ChunkError::Count(MAX_POINTS + 1)));
    assert_eq!(encode(&good(vec![2, 1], Column::Boolean(vec![true; 2])), 0..2), Err(ChunkError::Order));
    let short = Block { qualities: vec![], ..block };
    assert!(matches!(encode(&short, 0..3), Err(ChunkError::Columns { .. })));
}

#[test]
fn damage_is_told() {
    let chunk = encode(&good(seconds(5_000), Column::Float(vec![1.5; 5_000])), 0..5_000).unwrap();
    let directory = pages(&chunk.pages).unwrap();
    let mut out = Block::default();
    let mut decode = |data: &[u8], checksum, pages: &[Page], wanted| {
        Decoder::default().decode(data, checksum, pages, wanted, &mut out)
    };
    let mut data = chunk.data.clone();
    data[9] ^= 4;
    assert!(matches!(decode(&data, chunk.checksum, &directory, 0..3), Err(ChunkError::Checksum { .. })));
    assert!(matches!(decode(&chunk.data, chunk.checksum, &directory, 2..4), Err(ChunkError::Pages { .. })));
    assert!(matches!(decode(&chunk.data, chunk.checksum, &directory[..2], 0..2), Err(ChunkError::Malformed(_))));
    let mut other = directory.clone();
    other[1].t0 = other[1].t0 + std::time::Duration::from_micros(1);
    assert!(matches!(decode(&chunk.data, chunk.checksum, &other, 1..2), Err(ChunkError::Malformed(_))));
    data = chunk.data.clone();
    data[0] = 9;
    assert_eq!(decode(&data, crc32fast::hash(&data), &directory, 0..3), Err(ChunkError::Version(9)));
    let mut damaged = chunk.pages.clone();
    damaged[11] ^= 1;
    assert!(matches!(pages(&damaged), Err(ChunkError::Checksum { .. })));
    assert_eq!(pages(&damaged[..3]), Err(ChunkError::Truncated));
}

fn times() -> BoxedStrategy<Vec<i64>> {
    let length = prop_oneof![1..20_usize, 200..400_usize, PAGE - 2..PAGE + 3, 2 * PAGE..2 * PAGE + 300];
    let step = prop_oneof![Just(0_u64), 1..5_u64, 900_000..1_100_000_u64, any::<u64>().prop_map(|step| step >> 20)];
    prop_oneof![
        (length.clone(), any::<i64>(), step).prop_flat_map(|(length, start, step)| {
            vec(0..=step / 8, length).prop_map(move |jitter| {
                let time = |(index, jitter): (u64, &u64)| {
                    start.saturating_add_unsigned(index.saturating_mul(step).saturating_add(*jitter))
                };
                let mut times: Vec<i64> = (0..).zip(&jitter).map(time).collect();
                times.sort_unstable();
                times
            })
        }),
        length.prop_flat_map(|length| vec(any::<i64>(), length)).prop_map(|mut times| {
            times.sort_unstable();
            times
        }),
    ]
    .boxed()
}

fn float() -> BoxedStrategy<f64> {
    prop_oneof![
        4 => (-100_000..100_000_i64).prop_map(|number| number as f64 / 100.0),
        1 => any::<u64>().prop_map(f64::from_bits),
        1 => prop_oneof![Just(-0.0), Just(f64::NAN), Just(f64::INFINITY), Just(f64::MIN_POSITIVE), Just(1e308)],
        1 => any::<f32>().prop_map(f64::from),
    ]
    .boxed()
}

/// Values that repeat `run` times each.
fn runs<T: Clone + std::fmt::Debug + 'static>(
    value: impl Strategy<Value = T> + 'static,
    count: usize,
) -> BoxedStrategy<Vec<T>> {
    let run = prop_oneof![Just(1_usize), Just(10), Just(70)];
    (vec(value, count), run)
        .prop_map(|(values, run)| (0..values.len()).map(|i| values[i / run].clone()).collect())
        .boxed()
}

fn column(count: usize) -> BoxedStrategy<Column> {
    let decimals = (0..7_u32, 0..1_000_i64).prop_flat_map(move |(exponent, range)| {
        vec(-range..=range, count)
            .prop_map(move |numbers| numbers.iter().map(|&n| n as f64 / 10_f64.powi(exponent.cast_signed())).collect())
    });
    let narrow =
        prop_oneof![any::<f32>().prop_map(f64::from), (0..999_i16).prop_map(|n| f64::from(f32::from(n) / 10.0))];
    let small = (any::<i64>(), 0..40_u32).prop_map(|(value, shift)| value >> shift);
    let value = prop_oneof![
        Just(None),
        any::<bool>().prop_map(|value| Some(Value::Boolean(value))),
        any::<i64>().prop_map(|value| Some(Value::Integer(value))),
        float().prop_map(|value| Some(Value::Float(value))),
        "[a-cäß]{0,3}".prop_map(|text| Some(Value::from(text.as_str()))),
    ];
    prop_oneof![
        decimals.prop_map(Column::Float),
        runs(float(), count).prop_map(Column::Float),
        vec(narrow, count).prop_map(Column::Float),
        runs(small, count).prop_map(Column::Integer),
        runs(any::<i64>(), count).prop_map(Column::Integer),
        runs(any::<bool>(), count).prop_map(Column::Boolean),
        runs(value, count).prop_map(Column::Any),
    ]
    .boxed()
}

fn block() -> impl Strategy<Value = Block> {
    let quality = prop_oneof![Just(0), Just(0x8000_0000), any::<u32>()].prop_map(Quality::from_status_code);
    times().prop_flat_map(move |times| {
        let qualities = prop_oneof![Just(vec![Quality::GOOD; times.len()]), runs(quality.clone(), times.len())];
        (Just(times.clone()), column(times.len()), qualities).prop_map(|(times, values, qualities)| Block {
            times,
            values,
            qualities,
        })
    })
}

/// Decodes what nothing vouches for: there is an answer, and a good one has the samples it says.
fn survive(data: &[u8], directory: &[Page]) {
    let mut out = Block::default();
    let mut decoder = Decoder::default();
    for wanted in [0..directory.len(), directory.len() - 1..directory.len()] {
        match decoder.decode_unchecked(data, directory, wanted.clone(), &mut out) {
            Ok(()) => assert_eq!(out.len(), directory[wanted].iter().map(|page| page.count as usize).sum::<usize>()),
            Err(_) => assert!(out.is_empty()),
        }
        assert_eq!((out.times.len(), out.times.len()), (out.values.len(), out.qualities.len()));
    }
}

proptest! {
    #![proptest_config(config(192))]

    #[test]
    fn every_bit_comes_back_whole_and_by_pages(block in block()) {
        check(&block);
    }

    #[test]
    fn rows_of_a_block_are_encoded_like_a_block_of_those_rows(block in block(), cut in any::<prop::sample::Index>()) {
        let from = cut.index(block.len());
        let part = encode(&block, from..block.len()).unwrap();
        let alone = encode(&slice(&block, from..block.len()), 0..block.len() - from).unwrap();
        prop_assert_eq!((part.data, part.pages), (alone.data, alone.pages));
    }

    #[test]
    fn flipped_bits_without_a_checksum_do_no_harm(
        block in block(),
        flips in vec((any::<prop::sample::Index>(), 0..8_u8), 1..4),
    ) {
        let chunk = encode(&block, 0..block.len()).unwrap();
        let directory = pages(&chunk.pages).unwrap();
        let (mut data, mut pages) = (chunk.data.clone(), chunk.pages[4..].to_vec());
        for (place, bit) in flips {
            // Most of what can go wrong stands in front.
            let front = data.len().min(200);
            data[place.index(front)] ^= 1 << bit;
            survive(&data, &directory);
            data[place.index(chunk.data.len())] ^= 1 << bit;
            survive(&data, &directory);
            pages[place.index(chunk.pages.len() - 4)] ^= 1 << bit;
            let _ = directory::read_unchecked(Bytes(&pages));
        }
    }

    #[test]
    fn a_chunk_cut_short_is_refused(block in block(), cut in any::<prop::sample::Index>()) {
        let chunk = encode(&block, 0..block.len()).unwrap();
        let directory = pages(&chunk.pages).unwrap();
        let mut out = Block::default();
        let short = &chunk.data[..cut.index(chunk.data.len())];
        prop_assert!(Decoder::default().decode_unchecked(short, &directory, 0..directory.len(), &mut out).is_err());
    }

    #[test]
    fn random_bytes_do_no_harm(mut data in vec(any::<u8>(), 0..300), count in 1..3 * PAGE) {
        let block = good(seconds(count), Column::Boolean(vec![true; count]));
        let directory = pages(&encode(&block, 0..count).unwrap().pages).unwrap();
        survive(&data, &directory);
        let mut head = vec![VERSION];
        bytes::put_varint(&mut head, count as u64);
        packed::put_format(&mut head).unwrap();
        data.splice(0..0, head);
        survive(&data, &directory);
        let _ = directory::read_unchecked(Bytes(&data));
    }
}

#[test]
fn a_block_of_samples_one_by_one_comes_back() {
    let sample =
        |time, value: Option<Value>| Sample { time: Timestamp::from_micros(time), value, quality: Quality::BAD };
    let samples =
        [sample(1, None), sample(1, Some(2.5.into())), sample(1, Some("on".into())), sample(2, Some(true.into()))];
    let block: Block = samples.iter().cloned().collect();
    let back = decoded(&check(&block), None);
    assert_eq!((0..4).map(|row| back.sample(row)).collect::<Vec<_>>(), samples);
}
