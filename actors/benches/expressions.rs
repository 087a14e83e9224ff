//! Derived tags: CPU per evaluation, against the same arithmetic written in Rust.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, reason = "a bench")]

mod report;

use flyball::expressions::{Network, Program, Reading};
use flyball::schema::expression::Expression;
use flyball::schema::{DataType, Quality, TagId, Timestamp, Value};
use report::{line, nanos_each, thread_cpu_time};
use std::hint::black_box;

const CHAINS: usize = 1_000;
const DEPTH: usize = 10;

#[derive(Debug, Clone)]
struct State {
    value: Option<Value>,
    quality: Quality,
}

impl State {
    fn good(value: impl Into<Value>) -> Self {
        Self { value: Some(value.into()), quality: Quality::GOOD }
    }

    fn number(&self) -> Option<f64> {
        if self.quality.is_bad() { None } else { self.value.as_ref()?.as_f64() }
    }

    fn truth(&self) -> Option<bool> {
        if self.quality.is_bad() { None } else { self.value.as_ref()?.as_bool() }
    }
}

fn read(states: &[State], tag: TagId) -> Option<Reading<'_>> {
    let state = states.get(tag.index())?;
    Some(Reading { value: state.value.as_ref(), quality: state.quality })
}

fn compile(text: &str, result: DataType) -> Program {
    let find = |name: &str| match name {
        "a" => Some((TagId(0), DataType::Float)),
        "b" => Some((TagId(1), DataType::Float)),
        "c" => Some((TagId(2), DataType::Boolean)),
        number => Some((TagId(number.parse().ok()?), DataType::Float)),
    };
    Program::compile(&Expression::parse(text).unwrap(), result, &find).unwrap()
}

/// Nanoseconds of CPU of one of `count` times `work`, after a tenth of them to warm up.
fn cpu(count: usize, mut work: impl FnMut(usize)) -> f64 {
    (0..count / 10).for_each(&mut work);
    let before = thread_cpu_time();
    (0..count).for_each(&mut work);
    nanos_each(thread_cpu_time() - before, count)
}

fn inline_interlock(states: &[State]) -> Option<bool> {
    let (a, b, c) = (states.first()?.number()?, states.get(1)?.number()?, states.get(2)?.truth()?);
    Some((a + b) / 2.0 > 3.0 && !c)
}

fn one_expression(row: &str, text: &str, inline: impl Fn(&[State]) -> Option<bool>) {
    const COUNT: usize = 20_000_000;
    let mut states = vec![State::good(0.0), State::good(4.0), State::good(false)];
    let floor = cpu(COUNT, |index| {
        states[0] = State::good(index as f64);
        black_box(inline(black_box(&states)));
    });
    let mut program = compile(text, DataType::Boolean);
    let now = Timestamp::from_micros(0);
    let figure = cpu(COUNT, |index| {
        states[0] = State::good(index as f64);
        let states = black_box(&states);
        black_box(program.evaluate(now, |tag| read(states, tag)));
    });
    let work = format!("derived tag, CPU per evaluation: `{text}`");
    line(row, &work, &format!("{floor:.1} ns"), &format!("{figure:.1} ns"), figure / floor, "≤ 8");
}

/// Inputs 0 to 999; chain k goes on at 1,000 + k, 2,000 + k, …: each half of the one before, plus 1.
fn chains() {
    const ROUNDS: usize = 1_000;
    let mut inline_states = vec![State::good(0.0); (DEPTH + 1) * CHAINS];
    let mut states = inline_states.clone();
    let floor = cpu(ROUNDS, |round| {
        for (chain, state) in inline_states.iter_mut().take(CHAINS).enumerate() {
            *state = State::good((round + chain) as f64);
        }
        for index in CHAINS..inline_states.len() {
            let Some(input) = inline_states[index - CHAINS].number() else { continue };
            inline_states[index] = State::good(input / 2.0 + 1.0);
        }
        black_box(&inline_states);
    });
    let mut network = Network::default();
    let program = |number: usize| {
        let program = compile(&format!("{{{}}} / 2 + 1", number - CHAINS), DataType::Float);
        (TagId(u32::try_from(number).unwrap()), Some(program))
    };
    network.change((CHAINS..states.len()).map(program).collect()).unwrap();
    let mut evaluations = 0_usize;
    let now = Timestamp::from_micros(0);
    let figure = cpu(ROUNDS, |round| {
        for (chain, state) in states.iter_mut().take(CHAINS).enumerate() {
            *state = State::good((round + chain) as f64);
            network.mark(TagId(u32::try_from(chain).unwrap()));
        }
        while let Some(tag) = network.next_due() {
            let outcome = network.evaluate(tag, now, |input| read(&states, input)).unwrap();
            evaluations += 1;
            let state = &mut states[tag.index()];
            if state.value != outcome.value || state.quality != outcome.quality {
                *state = State { value: outcome.value, quality: outcome.quality };
                network.mark(tag);
            }
        }
        black_box(&states);
    });
    assert!(evaluations >= ROUNDS * CHAINS * DEPTH);
    assert!(states.iter().zip(&inline_states).all(|(found, exact)| found.value == exact.value));
    let each = (DEPTH * CHAINS) as f64;
    let work = "derived tags, CPU per evaluation: 10,000 in chains 10 deep, every chain changed";
    line("D2", work, &format!("{:.1} ns", floor / each), &format!("{:.1} ns", figure / each), figure / floor, "≤ 8");
}

/// A window that is full of samples, each evaluation a new one.
fn windows() {
    const COUNT: usize = 2_000_000;
    const KEPT: usize = 3_000;
    let mut states = vec![State::good(0.0)];
    let mut ring = vec![0.0; KEPT];
    let floor = cpu(COUNT, |index| {
        let value = (index % 977) as f64;
        ring[index % KEPT] = value;
        black_box(ring.iter().sum::<f64>());
    });
    // 3,000 samples of 20 ms in 60 s.
    let mut program = compile("avg(a, 60s)", DataType::Float);
    let mut micros = 0;
    let figure = cpu(COUNT, |index| {
        states[0] = State::good((index % 977) as f64);
        micros += 20_000;
        let now = Timestamp::from_micros(micros);
        black_box(program.evaluate(now, |tag| read(&states, tag)));
    });
    let work = "derived tag, CPU per evaluation: `avg(a, 60s)` of 3,000 samples, against adding them up";
    line("D3", work, &format!("{floor:.0} ns"), &format!("{figure:.0} ns"), figure / floor, "≤ 1");
}

fn main() {
    one_expression("D1", "(a + b) / 2 > 3 and not c", inline_interlock);
    chains();
    windows();
}
