//! The compiled program against the naive evaluator.

use super::naive::{Moment, Naive};
use super::*;
use proptest::prelude::*;
use proptest::sample::select;

/// Small dyadic numbers: sums and products with microseconds are exact, in whatever order they are added.
fn number_literal() -> impl Strategy<Value = String> {
    (0_u32..64).prop_map(|quarters| format!("{:?}", f64::from(quarters) / 4.0))
}

fn duration() -> impl Strategy<Value = &'static str> {
    select(&["10ms", "50ms", "1s", "2s", "10s"][..])
}

fn severity_test() -> impl Strategy<Value = String> {
    (select(&["good", "bad", "uncertain"][..]), select(&["a", "b", "c", "n", "s"][..]))
        .prop_map(|(function, tag)| format!("{function}({tag})"))
}

/// Numbers that stay exact and small: fit for windows and totals.
fn exact_number() -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        2 => number_literal(),
        5 => select(&["a", "b", "n", "m"][..]).prop_map(str::to_owned),
    ];
    let grown = leaf.prop_recursive(3, 8, 3, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            (pair.clone(), select(&["+", "-"][..])).prop_map(|((a, b), operator)| format!("({a} {operator} {b})")),
            inner.clone().prop_map(|a| format!("abs(-{a})")),
            (pair.clone(), select(&["min", "max"][..])).prop_map(|((a, b), function)| format!("{function}({a}, {b})")),
            (severity_test(), pair).prop_map(|(test, (a, b))| format!("if({test}, {a}, {b})")),
            (inner, duration(), select(&["min", "max", "sum"][..]))
                .prop_map(|(a, width, function)| format!("{function}({a}, {width})")),
        ]
    });
    grown.boxed()
}

fn boolean() -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        3 => select(&["c", "d", "true", "(s == t)", "(s != \"x\")", "(if(c, s, t) == \"x\")"][..])
            .prop_map(str::to_owned),
        1 => severity_test(),
        3 => (exact_number(), select(&["<", "<=", ">", ">=", "==", "!="][..]), exact_number())
            .prop_map(|(a, operator, b)| format!("({a} {operator} {b})")),
    ];
    let grown = leaf.prop_recursive(3, 8, 3, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            (pair.clone(), select(&["and", "or", "==", "!="][..]))
                .prop_map(|((a, b), operator)| format!("({a} {operator} {b})")),
            inner.clone().prop_map(|a| format!("(not {a})")),
            (inner, pair).prop_map(|(a, (b, c))| format!("if({a}, {b}, {c})")),
        ]
    });
    grown.boxed()
}

fn number() -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        exact_number(),
        (exact_number(), duration(), select(&["avg", "rate", "total"][..]))
            .prop_map(|(a, width, function)| format!("{function}({a}, {width})")),
        (exact_number(), duration(), boolean()).prop_map(|(a, base, reset)| format!("total({a}, {base}, {reset})")),
        boolean().prop_map(|condition| format!("hours({condition})")),
        (boolean(), boolean()).prop_map(|(condition, reset)| format!("hours({condition}, {reset})")),
    ];
    let grown = leaf.prop_recursive(4, 12, 3, |inner| {
        let triple = (inner.clone(), inner.clone(), inner.clone());
        prop_oneof![
            (inner.clone(), select(&["+", "-", "*", "/", "%", "^"][..]), inner.clone())
                .prop_map(|(a, operator, b)| format!("({a} {operator} {b})")),
            (select(&["abs", "sqrt", "exp", "ln", "log10", "floor", "ceil", "round", "-"][..]), inner.clone())
                .prop_map(|(function, a)| format!("{function}({a})")),
            (triple.clone(), select(&["min", "max", "clamp"][..]))
                .prop_map(|((a, b, c), function)| format!("{function}({a}, {b}, {c})")),
            (boolean(), inner.clone(), inner).prop_map(|(condition, a, b)| format!("if({condition}, {a}, {b})")),
        ]
    });
    grown.boxed()
}

fn expression() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => number(),
        2 => boolean(),
        1 => boolean().prop_map(|condition| format!("if({condition}, s, \"x\")")),
    ]
}

fn quality() -> impl Strategy<Value = Quality> {
    prop_oneof![
        10 => Just(Quality::GOOD),
        1 => Just(Quality::GOOD_LOCAL_OVERRIDE),
        1 => Just(Quality::UNCERTAIN_RANGE_EXCEEDED),
        1 => Just(Quality::UNCERTAIN_LAST_USABLE),
        1 => Just(Quality::BAD_TIMEOUT),
        1 => Just(Quality::BAD_SENSOR_FAILURE),
    ]
}

/// A new state of a tag; `None` takes the tag away.
fn change() -> impl Strategy<Value = (TagId, Option<State>)> {
    select(&TAGS[..]).prop_flat_map(|(_, tag, data_type)| {
        let value = match data_type {
            DataType::Float => (-40_i32..40).prop_map(|quarters| Value::Float(f64::from(quarters) / 4.0)).boxed(),
            DataType::Integer => prop_oneof![
                20 => (-9_i64..9).prop_map(Value::Integer),
                1 => Just(Value::Integer((1 << 53) + 1)),
            ]
            .boxed(),
            DataType::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
            DataType::Text => select(&["x", "y"][..]).prop_map(Value::from).boxed(),
        };
        let value = prop_oneof![20 => value.prop_map(Some), 1 => Just(None)];
        let state = prop_oneof![30 => (value, quality()).prop_map(Some), 1 => Just(None)];
        state.prop_map(move |state| (tag, state))
    })
}

/// Evaluations in a row: microseconds since the one before, and what has changed.
fn history() -> impl Strategy<Value = Vec<Moment>> {
    let pause = prop_oneof![
        1 => Just(0_i64),
        3 => 1_i64..30_000,
        3 => select(&[10_000_i64, 50_000, 1_000_000, 2_000_000][..]),
        2 => 0_i64..4_000_000,
    ];
    let step = (pause, prop::collection::vec(change(), 0..4));
    prop::collection::vec(step, 1..30).prop_map(|steps| {
        let (mut now, mut plant) = (1_700_000_000_000_000, Plant::new());
        let moment = |(pause, changes): (i64, Vec<(TagId, Option<State>)>)| {
            now += pause;
            for (tag, state) in changes {
                match state {
                    Some(state) => plant.0.insert(tag, state),
                    None => plant.0.remove(&tag),
                };
            }
            (now, plant.clone())
        };
        steps.into_iter().map(moment).collect()
    })
}

fn program_is_as_the_naive_evaluator(text: &str, history: &[Moment]) -> Result<(), TestCaseError> {
    // A text that came out too large for the language says nothing.
    let Ok(expression) = Expression::parse(text) else { return Err(TestCaseError::reject("too large")) };
    let mut program = compile(text);
    let mut naive = Naive::new(&expression, history);
    for (index, (now, plant)) in history.iter().enumerate() {
        let (value, quality) = naive.result(index);
        let outcome = plant.evaluate(&mut program, *now);
        prop_assert_eq!(&outcome, &Outcome { value, quality }, "{} at evaluation {}", text, index);
        prop_assert_eq!(outcome.value.is_none(), outcome.quality.is_bad());
    }
    Ok(())
}

/// A restart in the middle, with no time between, is not seen in totals and running hours.
fn sums_go_on_after_a_restart(text: &str, history: &[Moment], at: usize) -> Result<(), TestCaseError> {
    let at = at % history.len();
    let mut whole = compile(text);
    let mut parted = compile(text);
    for (index, (now, plant)) in history.iter().enumerate() {
        if index == at {
            // The sums hold their input only while the program runs.
            let last = index.checked_sub(1).map(|last| &history[last].1);
            let memory = parted.memory();
            parted = compile(text);
            if let Some(memory) = memory {
                parted.restore(&memory).unwrap();
            }
            if let Some(last) = last {
                last.evaluate(&mut parted, history[index - 1].0);
            }
        }
        prop_assert_eq!(plant.evaluate(&mut parted, *now), plant.evaluate(&mut whole, *now), "{}", text);
    }
    Ok(())
}

fn sums() -> impl Strategy<Value = String> {
    prop_oneof![
        (select(&["a", "n"][..]), duration()).prop_map(|(of, base)| format!("total({of}, {base}, d)")),
        Just("hours(c) + total(b, 1s)".to_owned()),
        Just("hours(c, d)".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_program_gives_what_the_naive_evaluator_gives(text in expression(), history in history()) {
        program_is_as_the_naive_evaluator(&text, &history)?;
    }

    #[test]
    fn a_restart_is_not_seen_in_sums(text in sums(), history in history(), at in any::<usize>()) {
        sums_go_on_after_a_restart(&text, &history, at)?;
    }
}

/// `FLYBALL_EXPRESSION_CASES` cases, a million where it is not set.
#[test]
#[ignore = "takes minutes: run it after a change of the evaluator"]
fn the_evaluator_holds_over_a_long_run() {
    let cases =
        std::env::var("FLYBALL_EXPRESSION_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(1_000_000);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(cases));
    let property = |(text, history): (String, Vec<Moment>)| program_is_as_the_naive_evaluator(&text, &history);
    runner.run(&(expression(), history()), property).unwrap();
}
