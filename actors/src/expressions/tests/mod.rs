//! Scripted tables; what holds for every expression is in `properties`, for every network in `networks`.

mod naive;
mod networks;
mod properties;
mod windows;

use super::*;
use flyball_schema::expression::{Expression, ExpressionError};
use flyball_schema::{DataType, TagId, Timestamp};
use std::collections::HashMap;

/// Names, ids and types of the tags the tests use.
const TAGS: [(&str, TagId, DataType); 8] = [
    ("a", TagId(0), DataType::Float),
    ("b", TagId(1), DataType::Float),
    ("c", TagId(2), DataType::Boolean),
    ("d", TagId(3), DataType::Boolean),
    ("n", TagId(4), DataType::Integer),
    ("m", TagId(5), DataType::Integer),
    ("s", TagId(6), DataType::Text),
    ("t", TagId(7), DataType::Text),
];

type State = (Option<Value>, Quality);

fn find(name: &str) -> Option<(TagId, DataType)> {
    TAGS.iter().find(|(tag, ..)| *tag == name).map(|(_, id, data_type)| (*id, *data_type))
}

fn compile_for(text: &str, result: DataType) -> Result<Program, ExpressionError> {
    Program::compile(&Expression::parse(text)?, result, &find)
}

/// Compiled for the type that fits, a float for a number.
fn compile(text: &str) -> Program {
    let all = [DataType::Float, DataType::Boolean, DataType::Text];
    all.into_iter().find_map(|result| compile_for(text, result).ok()).unwrap_or_else(|| {
        let error = compile_for(text, DataType::Float).unwrap_err();
        panic!("{text}: {error}")
    })
}

/// Present states by name.
#[derive(Debug, Clone, Default)]
struct Plant(HashMap<TagId, State>);

impl Plant {
    fn new() -> Self {
        let mut plant = Self::default();
        let values: [(&str, Value); 8] = [
            ("a", 2.0.into()),
            ("b", (-3.0).into()),
            ("c", true.into()),
            ("d", false.into()),
            ("n", 7_i64.into()),
            ("m", (-2_i64).into()),
            ("s", "auto".into()),
            ("t", "manual".into()),
        ];
        for (name, value) in values {
            plant.set(name, value, Quality::GOOD);
        }
        plant
    }

    fn set(&mut self, name: &str, value: impl Into<Value>, quality: Quality) {
        self.0.insert(find(name).unwrap().0, (Some(value.into()), quality));
    }

    fn with(mut self, name: &str, value: impl Into<Value>, quality: Quality) -> Self {
        self.set(name, value, quality);
        self
    }

    fn read(&self, tag: TagId) -> Option<Reading<'_>> {
        let (value, quality) = self.0.get(&tag)?;
        Some(Reading { value: value.as_ref(), quality: *quality })
    }

    fn evaluate(&self, program: &mut Program, micros: i64) -> Outcome {
        program.evaluate(Timestamp::from_micros(micros), |tag| self.read(tag))
    }

    fn outcome(&self, text: &str) -> Outcome {
        self.evaluate(&mut compile(text), 0)
    }
}

fn good(value: impl Into<Value>) -> Outcome {
    Outcome { value: Some(value.into()), quality: Quality::GOOD }
}

fn bad(quality: Quality) -> Outcome {
    Outcome { value: None, quality }
}

fn uncertain(value: impl Into<Value>) -> Outcome {
    Outcome { value: Some(value.into()), quality: Quality::UNCERTAIN_DATA_SUB_NORMAL }
}

#[test]
fn operators_and_functions_calculate() {
    // a = 2, b = -3, c = true, d = false, n = 7, m = -2, s = "auto", t = "manual".
    let cases: [(&str, Value); 46] = [
        ("1.5", 1.5.into()),
        ("a + b * 2", (-4.0).into()),
        ("(a + b) * 2", (-2.0).into()),
        ("n / m", (-3.5).into()),
        ("n % m", 1.0.into()),
        ("-n % 4", (-3.0).into()),
        ("-a^2", (-4.0).into()),
        ("a^-1", 0.5.into()),
        ("2^3^2", 512.0.into()),
        ("abs(b)", 3.0.into()),
        ("sqrt(n + a)", 3.0.into()),
        ("exp(0) + ln(1) + log10(1000)", 4.0.into()),
        ("floor(-1.5)", (-2.0).into()),
        ("ceil(-1.5)", (-1.0).into()),
        ("round(-1.5)", (-2.0).into()),
        ("round(2.4)", 2.0.into()),
        ("min(a, b, n)", (-3.0).into()),
        ("max(a, b, n)", 7.0.into()),
        ("clamp(n, 0, 5)", 5.0.into()),
        ("clamp(b, 0, 5)", 0.0.into()),
        ("clamp(a, 0, 5)", 2.0.into()),
        ("if(c, a, b)", 2.0.into()),
        ("if(d, a, b)", (-3.0).into()),
        ("if(d, s, t)", "manual".into()),
        ("if(d, c, d)", false.into()),
        ("if(s == \"auto\", 1, 0)", 1.0.into()),
        ("s == t", false.into()),
        ("s != t", true.into()),
        ("\"x\"", "x".into()),
        ("c and d", false.into()),
        ("c and c", true.into()),
        ("c or d", true.into()),
        ("d or d", false.into()),
        ("not c", false.into()),
        ("not d", true.into()),
        ("c == d", false.into()),
        ("c != d", true.into()),
        ("a < n", true.into()),
        ("a <= 2", true.into()),
        ("a > 2", false.into()),
        ("a >= 2", true.into()),
        ("a == 2", true.into()),
        ("n != 7", false.into()),
        ("good(a) and not bad(s) and not uncertain(c)", true.into()),
        ("(a + b) / 2 > -3 and not d", true.into()),
        ("true", true.into()),
    ];
    for (text, expected) in cases {
        assert_eq!(Plant::new().outcome(text), good(expected), "{text}");
    }
}

#[test]
fn what_is_not_finite_is_bad_wherever_it_arises() {
    let cases = [
        "1 / (a - 2)",
        "0 / (a - 2)",
        "a % 0",
        "sqrt(b)",
        "ln(0)",
        "log10(b)",
        "exp(1000)",
        "b^0.5",
        "10^400",
        "clamp(a, 5, 0)",
        "1 / 0 > 3",
        "if(1 / 0 > 3, 1, 2)",
        "1 / (1 / (a - 2))",
        "min(1 / 0, 1)",
        "1e308 * 10",
    ];
    for text in cases {
        assert_eq!(Plant::new().outcome(text), bad(Quality::BAD_OUT_OF_RANGE), "{text}");
    }
    assert_eq!(Plant::new().with("a", f64::NAN, Quality::GOOD).outcome("a == a"), bad(Quality::BAD_OUT_OF_RANGE));
}

#[test]
fn integers_are_exact_or_bad() {
    const EXACT: i64 = 1 << 53;
    let outcome = |text, value: i64| {
        let plant = Plant::new().with("n", value, Quality::GOOD);
        plant.evaluate(&mut compile_for(text, DataType::Integer).unwrap(), 0)
    };
    assert_eq!(outcome("n + 1", 41), good(42_i64));
    assert_eq!(outcome("n / 2", 4), good(2_i64));
    assert_eq!(outcome("n / 2", 5), bad(Quality::BAD_TYPE_MISMATCH));
    assert_eq!(outcome("n", EXACT - 1), good(EXACT - 1));
    assert_eq!(outcome("n - 1", 1 - EXACT), bad(Quality::BAD_OUT_OF_RANGE));
    assert_eq!(outcome("n + 1", EXACT), bad(Quality::BAD_OUT_OF_RANGE));
    assert_eq!(outcome("n * 0", EXACT + 1), bad(Quality::BAD_OUT_OF_RANGE));
    assert_eq!(outcome("n * 0", i64::MIN), bad(Quality::BAD_OUT_OF_RANGE));
    assert_eq!(outcome("n * 4", EXACT), bad(Quality::BAD_OUT_OF_RANGE));
}

#[test]
fn quality_is_the_worst_of_the_inputs_used() {
    let bad_a = |quality| Plant::new().with("a", 2.0, quality);
    let timeout = Quality::BAD_TIMEOUT;
    let range = Quality::UNCERTAIN_RANGE_EXCEEDED;
    assert_eq!(bad_a(timeout).outcome("a + b"), bad(timeout));
    assert_eq!(bad_a(timeout).outcome("a > 1 or c"), bad(timeout));
    assert_eq!(bad_a(timeout).with("b", 1.0, Quality::BAD_SENSOR_FAILURE).outcome("a + b"), bad(timeout));
    assert_eq!(
        bad_a(timeout).with("b", 1.0, Quality::BAD_SENSOR_FAILURE).outcome("b - a"),
        bad(Quality::BAD_SENSOR_FAILURE)
    );
    assert_eq!(bad_a(range).outcome("b + a"), Outcome { value: Some((-1.0).into()), quality: range });
    assert_eq!(bad_a(range).outcome("0 / (a - 2)"), bad(Quality::BAD_OUT_OF_RANGE));
    assert_eq!(bad_a(range).outcome("sqrt(-a)"), bad(Quality::BAD_OUT_OF_RANGE));
    assert_eq!(bad_a(timeout).outcome("if(c, b, a)"), good(-3.0));
    assert_eq!(bad_a(timeout).outcome("if(d, b, a)"), bad(timeout));
    assert_eq!(bad_a(timeout).outcome("if(a > 1, 1, 2)"), bad(timeout));
    assert_eq!(bad_a(timeout).outcome("if(a > 1, \"x\", \"y\")"), bad(timeout));
    assert_eq!(bad_a(range).outcome("if(a > 1, s, t)"), Outcome { value: Some("auto".into()), quality: range });
    let bad_text = Plant::new().with("s", "auto", timeout);
    assert_eq!(bad_text.outcome("s"), bad(timeout));
    assert_eq!(bad_text.outcome("s == \"auto\""), bad(timeout));
    assert_eq!(bad_text.outcome("if(c, t, s)"), good("manual"));
}

#[test]
fn a_substituted_input_is_not_hidden_by_a_good_one() {
    let plant = Plant::new().with("a", 2.0, Quality::GOOD_LOCAL_OVERRIDE);
    for text in ["a", "2 * a", "a * 2", "b + a", "max(1, a)", "if(c, a, b)"] {
        assert_eq!(plant.outcome(text).quality, Quality::GOOD_LOCAL_OVERRIDE, "{text}");
    }
}

#[test]
fn quality_can_be_asked_for() {
    let cases = [
        (Quality::GOOD_LOCAL_OVERRIDE, [true, false, false]),
        (Quality::UNCERTAIN_LAST_USABLE, [false, true, false]),
        (Quality::BAD_TIMEOUT, [false, false, true]),
    ];
    for (quality, expected) in cases {
        for (function, expected) in ["good", "uncertain", "bad"].into_iter().zip(expected) {
            let plant = Plant::new().with("a", 1.0, quality).with("s", "x", quality);
            assert_eq!(plant.outcome(&format!("{function}(a)")), good(expected), "{function} of {quality}");
            assert_eq!(plant.outcome(&format!("{function}(s)")), good(expected), "{function} of {quality}");
        }
    }
    assert_eq!(Plant::new().with("a", 2.0, Quality::BAD).outcome("if(good(a), a, 0)"), good(0.0));
    assert_eq!(Plant::default().outcome("bad(a)"), good(true));
}

#[test]
fn what_is_missing_is_bad() {
    let mut plant = Plant::new();
    plant.0.insert(TagId(0), (None, Quality::BAD_WAITING_FOR_INITIAL_DATA));
    plant.0.insert(TagId(1), (None, Quality::GOOD));
    plant.0.remove(&TagId(2));
    assert_eq!(plant.outcome("a + n"), bad(Quality::BAD_WAITING_FOR_INITIAL_DATA));
    assert_eq!(plant.outcome("b"), bad(Quality::BAD_NO_DATA));
    assert_eq!(plant.outcome("good(b)"), good(false));
    assert_eq!(plant.outcome("not c"), bad(Quality::BAD_CONFIGURATION_ERROR));
    plant.set("n", "text", Quality::GOOD);
    plant.set("d", 1.0, Quality::GOOD);
    plant.set("s", 1.0, Quality::GOOD);
    for text in ["n", "d", "s"] {
        assert_eq!(plant.outcome(text), bad(Quality::BAD_TYPE_MISMATCH), "{text}");
    }
}

#[test]
fn a_program_is_refused_where_it_does_not_fit() {
    let fault = |text, result| compile_for(text, result).unwrap_err().to_string();
    assert_eq!(fault("a + 1", DataType::Boolean), "column 3: the result is a number, but the tag is of type boolean");
    assert_eq!(fault("a + c", DataType::Float), "column 5: expected a number, found a Boolean");
    assert_eq!(fault("x", DataType::Float), "column 1: there is no tag \"x\"");
}

#[test]
fn a_program_knows_its_inputs_and_whether_time_changes_it() {
    let program = compile("a + b * a + if(good(s), 1, 2)");
    assert_eq!(program.inputs(), [TagId(0), TagId(1), TagId(6)]);
    assert!(!program.is_timed());
    for text in ["avg(a, 60s)", "1 + total(a, 1h)", "hours(c) > 1"] {
        assert!(compile(text).is_timed(), "{text}");
    }
}
