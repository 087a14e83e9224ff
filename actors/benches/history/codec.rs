//! The codec alone: bytes, time to encode and to decode of a full chunk of each signal.

#![allow(clippy::print_stdout, reason = "a bench tells its figures")]

use super::mix::{Jitter, Signal, series};
use flyball::history::chunk::{Decoder, POINTS, encode, pages};
use flyball::history::sample::Block;
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: usize = 200;

pub(crate) fn run() {
    println!("\nfull chunks of {POINTS} samples: bytes per sample, ns per sample (the fastest of {ROUNDS})");
    for jitter in [Jitter::Millis, Jitter::Micros] {
        for signal in [Signal::Noisy, Signal::Smooth, Signal::Exact, Signal::Stepped, Signal::Boolean, Signal::Random] {
            let block = series(1, signal, jitter, POINTS);
            println!("{:30} {}", format!("{signal:?}, jitter in {jitter:?}").to_lowercase(), chunk(&block));
        }
    }
}

fn chunk(block: &Block) -> String {
    let encoded = encode(block, 0..block.len()).unwrap();
    let directory = pages(&encoded.pages).unwrap();
    let bytes = (encoded.data.len() + encoded.pages.len()) as f64 / block.len() as f64;
    let per_sample = |nanos: f64, samples: usize| nanos / samples as f64;
    let to_encode = fastest(|| {
        black_box(encode(block, 0..block.len()).unwrap());
    });
    let (mut decoder, mut out) = (Decoder::default(), Block::default());
    let mut decode = |wanted: std::ops::Range<usize>| {
        fastest(|| decoder.decode(&encoded.data, encoded.checksum, &directory, wanted.clone(), &mut out).unwrap())
    };
    let (whole, page) = (decode(0..directory.len()), decode(1..2));
    format!(
        "{bytes:6.3} B, encode {:5.1}, decode {:5.2}, one page {:5.2}",
        per_sample(to_encode, block.len()),
        per_sample(whole, block.len()),
        per_sample(page, directory[1].count as usize)
    )
}

fn fastest(mut work: impl FnMut()) -> f64 {
    let round = |_| {
        let began = Instant::now();
        work();
        began.elapsed().as_secs_f64() * 1e9
    };
    (0..ROUNDS).map(round).fold(f64::MAX, f64::min)
}
