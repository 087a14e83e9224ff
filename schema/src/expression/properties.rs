//! What holds for every text, every expression and every graph.

use super::*;
use crate::Severity;
use proptest::prelude::*;
use std::collections::HashMap;

const NAMES: [&str; 8] = ["a", "b.c", "_x1", "and", "unit1/TI-101", "}{", "Größe", "if"];
const LEVELS: [(&str, u8); 14] = [
    ("or", 1),
    ("and", 2),
    ("<", 4),
    ("<=", 4),
    (">", 4),
    (">=", 4),
    ("==", 4),
    ("!=", 4),
    ("+", 5),
    ("-", 5),
    ("*", 6),
    ("/", 6),
    ("%", 6),
    ("^", 8),
];
/// Names and arguments: `n` an expression, `d` a duration, `t` a tag.
const CALLS: [(&str, &str); 18] = [
    ("abs", "n"),
    ("round", "n"),
    ("if", "nnn"),
    ("min", "nn"),
    ("min", "nd"),
    ("max", "nnn"),
    ("max", "nd"),
    ("clamp", "nnn"),
    ("avg", "nd"),
    ("sum", "nd"),
    ("rate", "nd"),
    ("total", "nd"),
    ("total", "ndn"),
    ("hours", "n"),
    ("hours", "nn"),
    ("good", "t"),
    ("bad", "t"),
    ("uncertain", "t"),
];

/// An expression as it was meant, apart from the parser's own types.
#[derive(Debug, Clone)]
enum Meant {
    Word(String),
    Prefix(&'static str, Box<Meant>),
    Binary(usize, Box<Meant>, Box<Meant>),
    Call(&'static str, Vec<Meant>),
}

fn text_literal(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn name_strategy() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(&NAMES[..]).prop_map(str::to_owned),
        1 => "[^\\p{C}]{1,12}".prop_filter("printable", |name| !name.chars().any(char::is_control)),
    ]
}

fn word_strategy() -> impl Strategy<Value = Meant> {
    let number = prop_oneof![
        (0_u32..1_000_000).prop_map(|whole| whole.to_string()),
        (0.0..1e9_f64).prop_map(|value| format!("{value:?}")),
        (-300_i32..300, 1_u32..100).prop_map(|(exponent, digits)| format!("{digits}e{exponent}")),
    ];
    prop_oneof![
        3 => number.prop_map(Meant::Word),
        3 => name_strategy().prop_map(|name| Meant::Word(tag_text(&name))),
        1 => "\\PC{0,8}".prop_map(|text| Meant::Word(text_literal(&text))),
        1 => any::<bool>().prop_map(|value| Meant::Word(value.to_string())),
    ]
}

fn call_strategy(inner: impl Strategy<Value = Meant> + Clone + 'static) -> impl Strategy<Value = Meant> {
    prop::sample::select(&CALLS[..]).prop_flat_map(move |(name, shape)| {
        let argument = |letter: char| match letter {
            'd' => (10_u64..=604_800_000)
                .prop_map(|millis| Meant::Word(lexer::duration_text(Duration::from_millis(millis))))
                .boxed(),
            't' => name_strategy().prop_map(|tag| Meant::Word(tag_text(&tag))).boxed(),
            _ => inner.clone().boxed(),
        };
        let arguments: Vec<_> = shape.chars().map(argument).collect();
        arguments.prop_map(move |arguments| Meant::Call(name, arguments))
    })
}

fn meant_strategy() -> impl Strategy<Value = Meant> {
    word_strategy().prop_recursive(6, 60, 3, |inner| {
        prop_oneof![
            1 => inner.clone().prop_map(|operand| Meant::Prefix("-", Box::new(operand))),
            1 => inner.clone().prop_map(|operand| Meant::Prefix("not", Box::new(operand))),
            4 => (0..LEVELS.len(), inner.clone(), inner.clone())
                .prop_map(|(operator, left, right)| Meant::Binary(operator, Box::new(left), Box::new(right))),
            2 => call_strategy(inner),
        ]
    })
}

/// Writes with the fewest parentheses, or with more where `choices` say so, and with any spacing.
struct Writer<'a> {
    choices: std::iter::Cycle<std::slice::Iter<'a, u8>>,
    text: String,
}

impl Writer<'_> {
    fn choice(&mut self) -> u8 {
        *self.choices.next().unwrap()
    }

    fn token(&mut self, token: &str) {
        const SPACES: [&str; 4] = ["", " ", "  ", "\n\t"];
        let space = SPACES[usize::from(self.choice() % 4)];
        let is_word = |each: char| each.is_alphanumeric() || each == '_' || each == '.';
        let joins = self.text.ends_with(is_word) && token.starts_with(is_word);
        self.text.push_str(if joins && space.is_empty() { " " } else { space });
        self.text.push_str(token);
    }

    fn write(&mut self, meant: &Meant, loosest: u8) {
        let level = match meant {
            Meant::Word(_) | Meant::Call(..) => 9,
            Meant::Prefix("-", _) => 7,
            Meant::Prefix(..) => 3,
            Meant::Binary(operator, ..) => LEVELS[*operator].1,
        };
        // A sign needs no parentheses as any operand but the left one of `^`.
        let fits = level >= loosest || (level == 7 && loosest < 9);
        if !fits || self.choice().is_multiple_of(8) {
            self.token("(");
            self.write_plain(meant);
            self.token(")");
        } else {
            self.write_plain(meant);
        }
    }

    fn write_plain(&mut self, meant: &Meant) {
        match meant {
            Meant::Word(word) => self.token(word),
            Meant::Prefix("-", operand) => {
                self.token("-");
                self.write(operand, 7);
            }
            Meant::Prefix(_, operand) => {
                let spelling = if self.choice().is_multiple_of(2) { "!" } else { "not" };
                self.token(spelling);
                self.write(operand, 3);
            }
            Meant::Binary(operator, left, right) => {
                let (mut spelling, level) = LEVELS[*operator];
                if self.choice().is_multiple_of(2) {
                    spelling = match spelling {
                        "and" => "&&",
                        "or" => "||",
                        other => other,
                    };
                }
                let (left_level, right_level) = match level {
                    8 => (9, 7),
                    4 => (5, 5),
                    other => (other, other + 1),
                };
                self.write(left, left_level);
                self.token(spelling);
                self.write(right, right_level);
            }
            Meant::Call(name, arguments) => {
                self.token(name);
                self.token("(");
                for (index, argument) in arguments.iter().enumerate() {
                    if index > 0 {
                        self.token(",");
                    }
                    self.write_argument(argument, name);
                }
                self.token(")");
            }
        }
    }

    /// A duration takes no parentheses.
    fn write_argument(&mut self, argument: &Meant, function: &str) {
        match argument {
            Meant::Word(word) if word.starts_with(|first: char| first.is_ascii_digit()) => self.token(word),
            _ if ["good", "bad", "uncertain"].contains(&function) => self.write_plain(argument),
            _ => self.write(argument, 0),
        }
    }
}

fn written(meant: &Meant, choices: &[u8]) -> String {
    let mut writer = Writer { choices: choices.iter().cycle(), text: String::new() };
    writer.write(meant, 0);
    writer.text
}

fn number_text(value: f64) -> String {
    format!("{value}")
}

fn meant_shape(meant: &Meant) -> String {
    match meant {
        Meant::Word(word) => word.parse::<f64>().map_or_else(|_| word.clone(), number_text),
        Meant::Prefix("-", operand) => format!("(-{})", meant_shape(operand)),
        Meant::Prefix(_, operand) => format!("(not {})", meant_shape(operand)),
        Meant::Binary(operator, left, right) => {
            format!("({} {} {})", meant_shape(left), LEVELS[*operator].0, meant_shape(right))
        }
        Meant::Call(name, arguments) => {
            format!("{name}({})", arguments.iter().map(meant_shape).collect::<Vec<_>>().join(", "))
        }
    }
}

fn operator_text(operator: BinaryOperator) -> &'static str {
    match operator {
        BinaryOperator::Or => "or",
        BinaryOperator::And => "and",
        BinaryOperator::Less => "<",
        BinaryOperator::LessOrEqual => "<=",
        BinaryOperator::Greater => ">",
        BinaryOperator::GreaterOrEqual => ">=",
        BinaryOperator::Equal => "==",
        BinaryOperator::NotEqual => "!=",
        BinaryOperator::Add => "+",
        BinaryOperator::Subtract => "-",
        BinaryOperator::Multiply => "*",
        BinaryOperator::Divide => "/",
        BinaryOperator::Remainder => "%",
        BinaryOperator::Power => "^",
    }
}

/// The expression with a parenthesis round every operator, from its nodes.
pub(super) fn shape(expression: &Expression) -> String {
    let mut shapes: Vec<String> = Vec::new();
    for node in expression.nodes() {
        let of = |id: &NodeId| shapes[id.index()].clone();
        let call = |name: &str, arguments: Vec<String>| format!("{name}({})", arguments.join(", "));
        shapes.push(match &node.kind {
            NodeKind::Number(value) => number_text(*value),
            NodeKind::Boolean(value) => value.to_string(),
            NodeKind::Text(text) => text_literal(text),
            NodeKind::Tag(name) => tag_text(name),
            NodeKind::Negate(operand) => format!("(-{})", of(operand)),
            NodeKind::Not(operand) => format!("(not {})", of(operand)),
            NodeKind::Binary(operator, left, right) => {
                format!("({} {} {})", of(left), operator_text(*operator), of(right))
            }
            NodeKind::If { condition, then, otherwise } => call("if", vec![of(condition), of(then), of(otherwise)]),
            NodeKind::Call(function, operands) => {
                call(&format!("{function:?}").to_lowercase(), operands.iter().map(of).collect())
            }
            NodeKind::HasSeverity(severity, name) => {
                let function = match severity {
                    Severity::Good => "good",
                    Severity::Uncertain => "uncertain",
                    Severity::Bad => "bad",
                };
                call(function, vec![tag_text(name)])
            }
            NodeKind::Window(function, operand, width) => {
                let name = match function {
                    WindowFunction::Average => "avg",
                    WindowFunction::Least => "min",
                    WindowFunction::Greatest => "max",
                    WindowFunction::Sum => "sum",
                    WindowFunction::Rate => "rate",
                };
                call(name, vec![of(operand), lexer::duration_text(*width)])
            }
            NodeKind::Total { rate, base, reset } => {
                let mut arguments = vec![of(rate), lexer::duration_text(*base)];
                arguments.extend(reset.as_ref().map(of));
                call("total", arguments)
            }
            NodeKind::Hours { condition, reset } => {
                call("hours", std::iter::once(of(condition)).chain(reset.as_ref().map(of)).collect())
            }
        });
    }
    shapes.pop().unwrap()
}

/// Pieces of the language in any order.
fn soup() -> impl Strategy<Value = String> {
    const PIECES: [&str; 34] = [
        "a", "b.c", "{x y}", "{", "}", "(", ")", "(", ")", ",", "+", "-", "*", "/", "%", "^", "<", "<=", "==", "!=",
        "!", "and ", "or ", "not ", "1", "2.5e3", "60s", "avg(", "if(", "good(", "\"t\"", "\"", " ", "ü",
    ];
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..60).prop_map(|pieces| pieces.concat())
}

fn no_text_breaks_the_parser(text: &str) -> Result<(), TestCaseError> {
    match Expression::parse(text) {
        Ok(expression) => {
            prop_assert_eq!(expression.to_string(), text);
            let nodes = expression.nodes();
            prop_assert!(!nodes.is_empty() && nodes.len() <= MAX_NODES);
            let _checked = expression.check(&|_| Some(crate::DataType::Float));
        }
        Err(error) => {
            let characters = text.chars().count();
            prop_assert!((1..=characters + 1).contains(&error.position()), "{} of {}", error.position(), characters);
            let place = format!("column {}: ", error.position());
            prop_assert!(error.to_string().starts_with(&place), "{}", error);
        }
    }
    Ok(())
}

fn expression_is_read_as_meant(meant: &Meant, choices: &[u8]) -> Result<(), TestCaseError> {
    let text = written(meant, choices);
    let expression = Expression::parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
    prop_assert_eq!(shape(&expression), meant_shape(meant), "{}", text);
    let again = Expression::parse(&expression.to_string()).unwrap();
    prop_assert_eq!(again.nodes(), expression.nodes());
    Ok(())
}

fn renaming_there_and_back_changes_nothing(meant: &Meant, choices: &[u8], name: &str) -> Result<(), TestCaseError> {
    let expression = Expression::parse(&written(meant, choices)).unwrap();
    let fresh = format!("~{name}~");
    let Some((tag, _)) = expression.tags().next() else { return Ok(()) };
    prop_assume!(expression.tags().all(|(other, _)| other != fresh));
    let renamed = expression.rename_tag(tag, &fresh).unwrap();
    let rename = |(name, _)| if name == tag { fresh.as_str() } else { name };
    let expected: Vec<&str> = expression.tags().map(rename).collect();
    prop_assert_eq!(renamed.tags().map(|(name, _)| name).collect::<Vec<_>>(), expected);
    prop_assert_eq!(shape(&renamed.rename_tag(&fresh, tag).unwrap()), shape(&expression));
    Ok(())
}

/// Whether a graph has a cycle, by following every path.
fn has_cycle(inputs: &HashMap<u8, Vec<u8>>) -> bool {
    fn reaches(inputs: &HashMap<u8, Vec<u8>>, from: u8, target: u8, seen: &mut Vec<u8>) -> bool {
        inputs.get(&from).is_some_and(|next| {
            next.iter().any(|input| {
                *input == target
                    || (!seen.contains(input) && {
                        seen.push(*input);
                        reaches(inputs, *input, target, seen)
                    })
            })
        })
    }
    inputs.keys().any(|tag| reaches(inputs, *tag, *tag, &mut Vec::new()))
}

fn order_is_right(items: &[(u8, Vec<u8>)]) -> Result<(), TestCaseError> {
    let inputs: HashMap<u8, Vec<u8>> = items.iter().cloned().collect();
    match order(items) {
        Ok(ordered) => {
            prop_assert!(!has_cycle(&inputs));
            let mut sorted = ordered.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..items.len()).collect::<Vec<_>>());
            let mut done = Vec::new();
            for index in ordered {
                prop_assert!(items[index].1.iter().all(|input| !inputs.contains_key(input) || done.contains(input)));
                done.push(items[index].0);
            }
        }
        Err(Cycle { path }) => {
            let next = path.iter().cycle().skip(1);
            prop_assert!(!path.is_empty());
            prop_assert!(path.iter().zip(next).all(|(tag, input)| inputs[tag].contains(input)));
            let distinct: std::collections::HashSet<_> = path.iter().collect();
            prop_assert_eq!(distinct.len(), path.len());
        }
    }
    Ok(())
}

fn graph() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let inputs = prop::collection::vec(0_u8..14, 0..3);
    prop::collection::hash_map(0_u8..12, inputs, 0..12).prop_map(|graph| graph.into_iter().collect())
}

fn choices() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..50)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_is_parsed_or_refused_within_it(text in any::<String>()) {
        no_text_breaks_the_parser(&text)?;
    }

    #[test]
    fn any_bytes_are_parsed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        no_text_breaks_the_parser(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn pieces_of_the_language_in_any_order_are_parsed_or_refused(text in soup()) {
        no_text_breaks_the_parser(&text)?;
    }

    #[test]
    fn every_expression_is_read_as_it_was_meant(meant in meant_strategy(), choices in choices()) {
        expression_is_read_as_meant(&meant, &choices)?;
    }

    #[test]
    fn a_tag_renamed_there_and_back_is_as_before(
        meant in meant_strategy(), choices in choices(), name in name_strategy(),
    ) {
        renaming_there_and_back_changes_nothing(&meant, &choices, &name)?;
    }

    #[test]
    fn every_graph_is_ordered_or_has_the_cycle_told(items in graph()) {
        order_is_right(&items)?;
    }
}

/// `FLYBALL_EXPRESSION_CASES` cases of each property, a million where it is not set.
#[test]
#[ignore = "takes minutes: run it after a change of the language"]
fn the_language_holds_over_a_long_run() {
    let cases =
        std::env::var("FLYBALL_EXPRESSION_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(1_000_000);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(cases));
    runner.run(&any::<String>(), |text| no_text_breaks_the_parser(&text)).unwrap();
    runner.run(&soup(), |text| no_text_breaks_the_parser(&text)).unwrap();
    runner
        .run(&(meant_strategy(), choices()), |(meant, choices)| expression_is_read_as_meant(&meant, &choices))
        .unwrap();
    runner.run(&graph(), |items| order_is_right(&items)).unwrap();
}
