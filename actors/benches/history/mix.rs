//! The samples of the benches: the plant mix of the performance budget, and each of its signals alone.

use flyball::cvt::TagChange;
use flyball::history::sample::{Block, Sample};
use flyball::schema::{Quality, TagId, Timestamp, Value};

/// Time of the first samples.
pub(crate) const START: i64 = 1_700_000_000_000_000;
/// Seconds over which a plant spreads the scans of its tags, a tenth each.
const SCANS: u32 = 10;

/// Numbers that are the same in every run.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(0x9E37_79B9_7F4A_7C15 ^ seed.wrapping_mul(0xD134_2543_DE82_EF95))
    }

    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}

/// What a tag does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// A level that moves by up to ten steps of 0.01 from sample to sample, all equally likely.
    Noisy,
    /// A sine of six minutes in steps of 0.001.
    Smooth,
    /// The same with every bit of the sine: a computed value.
    Exact,
    /// A level that moves once a minute.
    Stepped,
    /// A switch that is thrown twice a minute.
    Boolean,
    /// 52 random bits.
    Random,
}

/// How far a sample is behind the second in which it is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Jitter {
    /// 1 to 5 ms, in whole ms: 2.3 bits.
    Millis,
    /// 1 to 5 ms, in µs: 12.0 bits, which nobody can keep in fewer than 1.496 bytes.
    Micros,
}

impl Signal {
    /// The plant mix: 60 % noisy, 20 % smooth, 10 % stepped, 10 % switches.
    pub(crate) fn of_plant(tag: u32) -> Self {
        match tag % 10 {
            0..6 => Self::Noisy,
            6..8 => Self::Smooth,
            8 => Self::Stepped,
            _ => Self::Boolean,
        }
    }
}

/// One tag.
pub(crate) struct Source {
    signal: Signal,
    jitter: Jitter,
    level: i64,
    dice: Dice,
}

impl Source {
    pub(crate) fn new(tag: u32, signal: Signal, jitter: Jitter) -> Self {
        Self { signal, jitter, level: 5_000, dice: Dice::new(u64::from(tag)) }
    }

    /// The sample that is due at a time.
    pub(crate) fn sample(&mut self, due: i64) -> Sample {
        let late = match self.jitter {
            Jitter::Millis => 1_000 * (1 + self.dice.roll(5)),
            Jitter::Micros => 1_000 + self.dice.roll(4_000),
        };
        let time = due + late.cast_signed();
        let sine = |time: i64| 50.0 + 10.0 * (time as f64 / 6e7).sin();
        let value = match self.signal {
            Signal::Noisy => {
                self.level += self.dice.roll(21).cast_signed() - 10;
                Value::Float(self.level as f64 / 100.0)
            }
            Signal::Smooth => Value::Float((sine(time) * 1_000.0).round() / 1_000.0),
            Signal::Exact => Value::Float(sine(time)),
            Signal::Stepped => {
                let moves = self.dice.roll(60) == 0;
                self.level += if moves { 10 * self.dice.roll(21).cast_signed() - 100 } else { 0 };
                Value::Float(self.level as f64 / 100.0)
            }
            Signal::Boolean => {
                self.level ^= i64::from(self.dice.roll(30) == 0);
                Value::Boolean(self.level & 1 == 1)
            }
            Signal::Random => Value::Float(f64::from_bits(0x4040_0000_0000_0000 | self.dice.roll(1 << 52))),
        };
        Sample { time: Timestamp::from_micros(time), value: Some(value), quality: Quality::GOOD }
    }
}

/// `count` samples of one tag at 1 Hz.
pub(crate) fn series(tag: u32, signal: Signal, jitter: Jitter, count: usize) -> Block {
    let mut source = Source::new(tag, signal, jitter);
    (0..count as i64).map(|second| source.sample(START + second * 1_000_000)).collect()
}

/// All tags of a plant at 1 Hz, in the order in which a table takes them.
pub(crate) struct Plant {
    sources: Vec<Source>,
    second: i64,
    next: u32,
    seq: u64,
}

impl Plant {
    pub(crate) fn new(tags: u32, signal: impl Fn(u32) -> Signal, jitter: Jitter) -> Self {
        let sources = (0..tags).map(|tag| Source::new(tag, signal(tag), jitter)).collect();
        Self { sources, second: 0, next: 0, seq: 0 }
    }

    /// The next changes.
    pub(crate) fn changes(&mut self, count: usize) -> Vec<TagChange> {
        (0..count).map(|_| self.change()).collect()
    }

    fn change(&mut self) -> TagChange {
        let tags = u32::try_from(self.sources.len()).unwrap();
        let tag = self.next;
        let scan = START + self.second * 1_000_000 + i64::from(tag * SCANS / tags) * 100_000;
        let Sample { time, value, quality } = self.sources[tag as usize].sample(scan);
        self.seq += 1;
        self.next += 1;
        if self.next == tags {
            self.next = 0;
            self.second += 1;
        }
        let server_time = Timestamp::from_micros(scan + 6_000);
        TagChange { value, source_time: time, server_time, seq: self.seq, tag: TagId(tag), quality }
    }
}
