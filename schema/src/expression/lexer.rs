//! Text into tokens.

use super::ExpressionError;
use std::ops::Range;
use std::time::Duration;

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    Number(f64),
    Duration(Duration),
    Text(String),
    /// A bare name: a tag, or a function where `(` follows.
    Name(String),
    /// A name in braces: always a tag.
    Braced(String),
    Symbol(Symbol),
    End,
}

/// Operators, punctuation and key words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Symbol {
    LeftParenthesis,
    RightParenthesis,
    Comma,
    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    Caret,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    And,
    Or,
    Not,
    True,
    False,
}

/// Longer spellings before the shorter ones they begin with.
const SYMBOLS: [(&str, Symbol); 18] = [
    ("<=", Symbol::LessOrEqual),
    (">=", Symbol::GreaterOrEqual),
    ("==", Symbol::Equal),
    ("!=", Symbol::NotEqual),
    ("&&", Symbol::And),
    ("||", Symbol::Or),
    ("(", Symbol::LeftParenthesis),
    (")", Symbol::RightParenthesis),
    (",", Symbol::Comma),
    ("+", Symbol::Plus),
    ("-", Symbol::Minus),
    ("*", Symbol::Star),
    ("/", Symbol::Slash),
    ("%", Symbol::Percent),
    ("^", Symbol::Caret),
    ("<", Symbol::Less),
    (">", Symbol::Greater),
    ("!", Symbol::Not),
];

/// Units of a duration and their length in milliseconds.
const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// 2^53: up to here every whole number is a binary64.
const EXACT: u64 = 1 << 53;

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    /// Column of its first character, from 1.
    pub(super) position: usize,
    /// Its bytes.
    pub(super) span: Range<usize>,
}

/// The key word a bare name is.
pub(super) fn keyword(name: &str) -> Option<Symbol> {
    match name {
        "and" => Some(Symbol::And),
        "or" => Some(Symbol::Or),
        "not" => Some(Symbol::Not),
        "true" => Some(Symbol::True),
        "false" => Some(Symbol::False),
        _ => None,
    }
}

/// Whether `name` may stand without braces: `ident(.ident)*` of ASCII letters, digits and `_`, and no key word.
pub(super) fn is_bare(name: &str) -> bool {
    let is_identifier = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && part.chars().all(|each| each.is_ascii_alphanumeric() || each == '_')
    };
    name.split('.').all(is_identifier) && keyword(name).is_none()
}

/// `name` as it stands in an expression in braces; `}` is doubled.
pub(super) fn braced(name: &str) -> String {
    format!("{{{}}}", name.replace('}', "}}"))
}

/// A duration in the largest unit that leaves it whole.
pub(super) fn duration_text(duration: Duration) -> String {
    let millis = duration.as_millis();
    let whole = UNITS.iter().rev().find(|(_, length)| millis.is_multiple_of(u128::from(*length)));
    let (unit, length) = whole.copied().unwrap_or(UNITS[0]);
    format!("{}{unit}", millis / u128::from(length))
}

/// A part of the text in quotes, shortened.
pub(super) fn quoted(part: &str) -> String {
    const LONGEST: usize = 40;
    match part.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("\"{}…\"", &part[..end]),
        None => format!("\"{part}\""),
    }
}

#[derive(Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    /// Byte offset of what is not read yet.
    offset: usize,
    /// Column of the character there, from 1.
    column: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, offset: 0, column: 1 }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.offset..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn advance(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.offset += next.len_utf8();
        self.column += 1;
        Some(next)
    }

    fn advance_while(&mut self, matches: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&matches) {
            self.advance();
        }
    }

    /// An error at the next character.
    fn fail<T>(&self, expected: &str) -> Result<T, ExpressionError> {
        let found = self.peek().map_or("the end".to_owned(), |next| quoted(next.encode_utf8(&mut [0; 4])));
        Err(ExpressionError::syntax(self.column, expected, found))
    }

    pub(super) fn next(&mut self) -> Result<Token, ExpressionError> {
        self.advance_while(char::is_whitespace);
        let (start, position) = (self.offset, self.column);
        let kind = match self.peek() {
            None => TokenKind::End,
            Some(first) if first.is_ascii_digit() => self.number()?,
            Some(first) if first.is_ascii_alphabetic() || first == '_' => self.name()?,
            Some('"') => TokenKind::Text(self.text_literal()?),
            Some('{') => TokenKind::Braced(self.braced_name()?),
            Some(_) => self.symbol()?,
        };
        Ok(Token { kind, position, span: start..self.offset })
    }

    fn number(&mut self) -> Result<TokenKind, ExpressionError> {
        let (start, position) = (self.offset, self.column);
        self.advance_while(|each| each.is_ascii_digit());
        let mut whole = true;
        if self.peek() == Some('.') {
            whole = false;
            self.advance();
            self.digits()?;
        }
        if self.exponent_follows() {
            whole = false;
            self.advance();
            if matches!(self.peek(), Some('+' | '-')) {
                self.advance();
            }
            self.digits()?;
        }
        let spelling = &self.text[start..self.offset];
        let (unit_start, unit_column) = (self.offset, self.column);
        self.advance_while(|each| each.is_alphanumeric() || each == '_');
        let unit = &self.text[unit_start..self.offset];
        if !unit.is_empty() {
            return duration(spelling, unit, whole, (position, unit_column)).map(TokenKind::Duration);
        }
        let value: f64 = spelling.parse().unwrap_or(f64::NAN);
        let is_exact = !whole || spelling.parse::<u64>().is_ok_and(|whole| whole <= EXACT);
        if !value.is_finite() || !is_exact {
            let expected = if whole { "a whole number up to 2^53" } else { "a number that binary64 can hold" };
            return Err(ExpressionError::syntax(position, expected, quoted(spelling)));
        }
        Ok(TokenKind::Number(value))
    }

    /// Whether `e` and a digit or sign follow, so that it does not begin a unit.
    fn exponent_follows(&self) -> bool {
        let mut rest = self.rest().chars();
        matches!(rest.next(), Some('e' | 'E'))
            && rest.next().is_some_and(|next| next.is_ascii_digit() || "+-".contains(next))
    }

    fn digits(&mut self) -> Result<(), ExpressionError> {
        if !self.peek().is_some_and(|next| next.is_ascii_digit()) {
            return self.fail("a digit");
        }
        self.advance_while(|each| each.is_ascii_digit());
        Ok(())
    }

    fn name(&mut self) -> Result<TokenKind, ExpressionError> {
        let start = self.offset;
        loop {
            self.advance_while(|each| each.is_ascii_alphanumeric() || each == '_');
            if self.peek() != Some('.') {
                break;
            }
            self.advance();
            if !self.peek().is_some_and(|next| next.is_ascii_alphabetic() || next == '_') {
                return self.fail("a letter after \".\" (other names stand in braces)");
            }
        }
        let name = &self.text[start..self.offset];
        Ok(keyword(name).map_or_else(|| TokenKind::Name(name.to_owned()), TokenKind::Symbol))
    }

    fn text_literal(&mut self) -> Result<String, ExpressionError> {
        self.advance();
        let mut text = String::new();
        loop {
            match self.peek() {
                Some('"') => break,
                Some('\\') => {
                    self.advance();
                    match self.peek() {
                        Some(escaped @ ('"' | '\\')) => text.push(escaped),
                        _ => return self.fail("\"\\\\\" or \"\\\"\" after a backslash"),
                    }
                }
                Some(each) => text.push(each),
                None => return self.fail("a closing quotation mark"),
            }
            self.advance();
        }
        self.advance();
        Ok(text)
    }

    fn braced_name(&mut self) -> Result<String, ExpressionError> {
        self.advance();
        let mut name = String::new();
        loop {
            match self.peek() {
                Some('}') if self.rest().starts_with("}}") => {
                    self.advance();
                    name.push('}');
                }
                Some('}') if name.is_empty() => return self.fail("the name of a tag"),
                Some('}') => break,
                Some(each) if each.is_control() => return self.fail("a printable character"),
                Some(each) => name.push(each),
                None => return self.fail("\"}\""),
            }
            self.advance();
        }
        self.advance();
        Ok(name)
    }

    fn symbol(&mut self) -> Result<TokenKind, ExpressionError> {
        let rest = self.rest();
        let Some((spelling, symbol)) = SYMBOLS.iter().find(|(spelling, _)| rest.starts_with(spelling)) else {
            return self.fail(match self.peek() {
                Some('=') => "\"==\"",
                Some('&') => "\"&&\"",
                Some('|') => "\"||\"",
                _ => "a number, a tag or an operator (other names stand in braces)",
            });
        };
        self.offset += spelling.len();
        self.column += spelling.len();
        Ok(TokenKind::Symbol(*symbol))
    }
}

/// The duration of `amount` times `unit`; columns of both for the error.
fn duration(amount: &str, unit: &str, whole: bool, columns: (usize, usize)) -> Result<Duration, ExpressionError> {
    let Some((_, length)) = UNITS.iter().find(|(symbol, _)| *symbol == unit) else {
        let expected = "an operator, or ms, s, min, h or d for a duration";
        return Err(ExpressionError::syntax(columns.1, expected, quoted(unit)));
    };
    let millis = amount.parse::<u64>().ok().filter(|_| whole).and_then(|amount| amount.checked_mul(*length));
    millis.map(Duration::from_millis).ok_or_else(|| {
        ExpressionError::syntax(columns.0, "a whole number of ms, s, min, h or d", quoted(&format!("{amount}{unit}")))
    })
}
