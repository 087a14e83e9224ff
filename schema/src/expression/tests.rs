use super::*;
use crate::DataType;
use std::collections::HashMap;

fn data_type(name: &str) -> Option<DataType> {
    match name {
        "a" | "b" | "tank1.level" | "unit1/TI-101" => Some(DataType::Float),
        "count" => Some(DataType::Integer),
        "on" | "off" => Some(DataType::Boolean),
        "mode" => Some(DataType::Text),
        _ => None,
    }
}

fn parse(text: &str) -> Expression {
    Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The expression with a parenthesis round every operator.
fn shape(text: &str) -> String {
    properties::shape(&parse(text))
}

fn fault(text: &str) -> String {
    let checked = Expression::parse(text).and_then(|expression| expression.check(&data_type));
    checked.expect_err(text).to_string()
}

#[test]
fn operators_bind_as_documented() {
    let cases = [
        ("1 + 2 * 3", "(1 + (2 * 3))"),
        ("1 - 2 - 3", "((1 - 2) - 3)"),
        ("8 / 4 % 3 * 2", "(((8 / 4) % 3) * 2)"),
        ("-2^2", "(-(2 ^ 2))"),
        ("2^-1", "(2 ^ (-1))"),
        ("2^3^2", "(2 ^ (3 ^ 2))"),
        ("2^-3^2", "(2 ^ (-(3 ^ 2)))"),
        ("-a * b", "((-a) * b)"),
        ("a - -b", "(a - (-b))"),
        ("not on and off", "((not on) and off)"),
        ("not a > b", "(not (a > b))"),
        ("on or off and on", "(on or (off and on))"),
        ("a < b or a > 1 and not on", "((a < b) or ((a > 1) and (not on)))"),
        ("on && off || !on", "((on and off) or (not on))"),
        ("a+1 == b", "((a + 1) == b)"),
        ("(a + b) / 2 > 3 and not on", "((((a + b) / 2) > 3) and (not on))"),
        ("tank1.level/unit1", "(tank1.level / unit1)"),
        ("{unit1/TI-101} * {}} a}", "({unit1/TI-101} * {}} a})"),
    ];
    for (text, expected) in cases {
        assert_eq!(shape(text), expected, "{text}");
    }
}

#[test]
fn functions_and_durations_are_read() {
    let cases = [
        ("min(a, b)", "min(a, b)"),
        ("min(a, b, 3)", "min(a, b, 3)"),
        ("min(a + 1, 60s)", "min((a + 1), 1min)"),
        ("avg(a, 1500ms)", "avg(a, 1500ms)"),
        ("total(a, 24h, on)", "total(a, 1d, on)"),
        ("hours(a > 1)", "hours((a > 1))"),
        ("if(on, \"a \\\"b\\\" \\\\\", mode)", "if(on, \"a \\\"b\\\" \\\\\", mode)"),
        ("good({a}) or bad(a) or uncertain(a)", "((good(a) or bad(a)) or uncertain(a))"),
        ("clamp(a,0,1e2)", "clamp(a, 0, 100)"),
        ("if", "if"),
    ];
    for (text, expected) in cases {
        assert_eq!(shape(text), expected, "{text}");
    }
}

#[test]
fn a_faulty_text_is_told_with_its_column() {
    let cases = [
        ("", "column 1: expected a number or a tag, found the end"),
        ("a + ( )", "column 7: expected a number or a tag, found \")\""),
        ("(a + 1", "column 7: expected an operator or \")\", found the end"),
        ("a b", "column 3: expected an operator or the end, found \"b\""),
        ("1 < a < 2", "column 7: expected \"and\", \"or\" or the end, as comparisons do not chain, found \"<\""),
        ("a == not on", "column 6: expected a number or a tag (\"not\" needs parentheses here), found \"not\""),
        ("a = 1", "column 3: expected \"==\", found \"=\""),
        ("on & on", "column 4: expected \"&&\", found \"&\""),
        ("a + §", "column 5: expected a number, a tag or an operator (other names stand in braces), found \"§\""),
        ("{ü} + §", "column 7: expected a number, a tag or an operator (other names stand in braces), found \"§\""),
        ("tank1.", "column 7: expected a letter after \".\" (other names stand in braces), found the end"),
        ("1.x", "column 3: expected a digit, found \"x\""),
        ("1e+", "column 4: expected a digit, found the end"),
        ("1e999", "column 1: expected a number that binary64 can hold, found \"1e999\""),
        ("9007199254740993", "column 1: expected a whole number up to 2^53, found \"9007199254740993\""),
        ("2x", "column 2: expected an operator, or ms, s, min, h or d for a duration, found \"x\""),
        ("avg(a, 1.5h)", "column 8: expected a whole number of ms, s, min, h or d, found \"1.5h\""),
        ("60s", "column 1: expected a number or a tag (a duration stands only as a window), found \"60s\""),
        ("\"a", "column 3: expected a closing quotation mark, found the end"),
        ("\"\\n\"", "column 3: expected \"\\\\\" or \"\\\"\" after a backslash, found \"n\""),
        ("{}", "column 2: expected the name of a tag, found \"}\""),
        ("{a", "column 3: expected \"}\", found the end"),
        ("{a\n}", "column 3: expected a printable character, found \"\n\""),
        ("avg(a, b)", "column 8: expected a duration such as 60s, found \"b\""),
        ("avg(60s, a )", "column 5: expected a number or a tag, found \"60s\""),
        ("min(a, 60s, b)", "column 8: expected a number or a tag, found \"60s\""),
        ("good(a + 1)", "column 6: expected a tag by itself, found \"a + 1\""),
        ("abs()", "column 1: expected abs(x), found 0 arguments"),
        ("1 + clamp(a, 1)", "column 5: expected clamp(x, low, high), found 2 arguments"),
        ("min(a)", "column 1: expected min(a, b, …) or min(x, 60s), found 1 argument"),
        ("avg(a, 5ms)", "column 8: expected a duration of 10ms to 7d, found 5ms"),
        ("avg(a, 8d)", "column 8: expected a duration of 10ms to 7d, found 8d"),
        (
            "avg(a, 99999999999999999999d)",
            "column 8: expected a whole number of ms, s, min, h or d, found \"99999999999999999999d\"",
        ),
        ("a + on", "column 5: expected a number, found a Boolean"),
        ("not a", "column 5: expected a Boolean, found a number"),
        ("mode == 1", "column 9: expected a text, found a number"),
        ("mode < \"x\"", "column 1: expected a number, found a text"),
        ("if(on, 1, off)", "column 11: expected a number, found a Boolean"),
        ("hours(a)", "column 7: expected a Boolean, found a number"),
        ("total(a, 1h, b)", "column 14: expected a Boolean, found a number"),
        ("avg(on, 60s)", "column 5: expected a number, found a Boolean"),
        ("a + other", "column 5: there is no tag \"other\""),
        ("bad(other)", "column 5: there is no tag \"other\""),
    ];
    for (text, expected) in cases {
        assert_eq!(fault(text), expected, "{text}");
    }
}

#[test]
fn an_unknown_function_is_told_with_those_there_are() {
    assert_eq!(
        fault("2 * sin(a)"),
        "column 5: unknown function \"sin\"; there are abs, avg, bad, ceil, clamp, exp, floor, good, hours, if, ln, \
         log10, max, min, rate, round, sqrt, sum, total, uncertain"
    );
    assert!(fault("tank1.level(2)").starts_with("column 1: unknown function \"tank1.level\""));
}

#[test]
fn the_type_of_the_result_must_fit_the_tag() {
    let cases = [
        ("a + count", ValueType::Number, [true, true, false, false]),
        ("a > 1", ValueType::Boolean, [false, false, true, false]),
        ("if(on, mode, \"x\")", ValueType::Text, [false, false, false, true]),
        ("good(mode)", ValueType::Boolean, [false, false, true, false]),
        ("on == off", ValueType::Boolean, [false, false, true, false]),
    ];
    let data_types = [DataType::Float, DataType::Integer, DataType::Boolean, DataType::Text];
    for (text, expected, expected_fits) in cases {
        let expression = parse(text);
        assert_eq!(expression.check(&data_type), Ok(expected), "{text}");
        for (tag_type, fitting) in data_types.into_iter().zip(expected_fits) {
            assert_eq!(fits(expected, tag_type), fitting);
            assert_eq!(expression.check_for(tag_type, &data_type).is_ok(), fitting, "{text} for {tag_type}");
        }
    }
    let error = parse("a > 1").check_for(DataType::Float, &data_type).unwrap_err();
    assert_eq!(error.to_string(), "column 3: the result is a Boolean, but the tag is of type float");
}

#[test]
fn length_size_and_nesting_are_bounded() {
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Expression::parse(&nested(MAX_NESTING)).is_ok());
    assert_eq!(fault(&nested(MAX_NESTING + 1)), "column 65: an expression nests at most 64 deep".replace("65", "66"));
    for prefix in ["-", "!", "2^", "abs(", "if(on,"] {
        let error = Expression::parse(&prefix.repeat(600)).unwrap_err();
        assert!(matches!(error, ExpressionError::TooDeep { .. }), "{prefix}: {error}");
    }
    let chain = |terms: usize| vec!["1"; terms].join("+");
    assert!(Expression::parse(&chain(500)).is_ok());
    assert!(matches!(Expression::parse(&chain(501)), Err(ExpressionError::TooManyNodes { limit: MAX_NODES, .. })));
    let wide = |length: usize| format!("{}a", " ".repeat(length - 1));
    assert!(Expression::parse(&wide(MAX_LENGTH)).is_ok());
    let error = Expression::parse(&wide(MAX_LENGTH + 1)).unwrap_err();
    assert_eq!(error.to_string(), "column 4001: an expression has at most 4000 characters");
    assert_eq!(error.position(), 4_001);
}

#[test]
fn tags_are_listed_once_in_the_order_of_the_text() {
    let expression = parse("b + a * {b} + good({unit1/TI-101}) + tank1.level");
    let tags: Vec<_> = expression.tags().collect();
    assert_eq!(tags, [("b", 1), ("a", 5), ("unit1/TI-101", 20), ("tank1.level", 38)]);
}

#[test]
fn a_renamed_tag_is_replaced_and_nothing_else() {
    let cases = [
        ("a  +  abs(a)*aa", "a", "b", "b  +  abs(b)*aa"),
        ("a + b", "a", "TI-101", "{TI-101} + b"),
        ("a + b", "a", "not", "{not} + b"),
        ("a + b", "a", "x}", "{x}}} + b"),
        ("not{on}", "on", "off", "not{off}"),
        ("good({a})", "a", "b.c", "good({b.c})"),
        ("\"a\" == a", "a", "b", "\"a\" == b"),
        ("a", "b", "c", "a"),
    ];
    for (text, from, to, expected) in cases {
        assert_eq!(parse(text).rename_tag(from, to).unwrap().to_string(), expected, "{text}");
    }
    assert!(parse("a").rename_tag("a", "").is_err());
    assert!(parse(&vec!["a"; 400].join("+")).rename_tag("a", &"x".repeat(200)).is_err());
}

#[test]
fn a_name_is_written_so_that_it_is_read_back() {
    for name in ["a", "tank1.level", "and", "true", "1a", "a.", "a b", "}", "{", "}}x{", "Größe", "if"] {
        let expression = parse(&tag_text(name));
        assert_eq!(expression.tags().collect::<Vec<_>>(), [(name, 1)]);
    }
}

#[test]
fn a_cycle_is_told_with_its_path() {
    let cycle = order(&[("x", vec!["a"]), ("a", vec!["b", "q"]), ("b", vec!["c"]), ("c", vec!["q", "a"])]).unwrap_err();
    assert_eq!(cycle.to_string(), "derived tags need each other: a -> b -> c -> a");
    let alone = order(&[("a", vec!["a"])]).unwrap_err();
    assert_eq!(alone.to_string(), "derived tags need each other: a -> a");
    assert_eq!(alone.map(str::len).path, [1]);
}

#[test]
fn chains_of_any_length_are_ordered() {
    const LENGTH: u32 = 100_000;
    let mut items: Vec<(u32, Vec<u32>)> = (0..LENGTH).map(|tag| (tag, vec![tag + 1])).collect();
    let ordered = order(&items).unwrap();
    assert_eq!(ordered.first(), Some(&99_999));
    let place: HashMap<usize, usize> = ordered.iter().enumerate().map(|(place, index)| (*index, place)).collect();
    assert!((1..100_000).all(|index| place[&index] < place[&(index - 1)]));
    items[99_999].1.push(0);
    assert_eq!(order(&items).unwrap_err().path.len(), 100_000);
}
