//! Tokens into nodes: operator precedence, nodes in postfix order.

use super::functions::{self, Argument, Placed, Signature};
use super::lexer::{Lexer, Symbol, Token, TokenKind, quoted};
use super::{BinaryOperator, ExpressionError, MAX_LENGTH, MAX_NESTING, MAX_NODES, Node, NodeId, NodeKind, Reference};

/// How tightly operators bind, loosest first.
mod level {
    pub(super) const LOOSEST: u8 = 0;
    pub(super) const OR: u8 = 1;
    pub(super) const AND: u8 = 2;
    pub(super) const NOT: u8 = 3;
    pub(super) const COMPARISON: u8 = 4;
    pub(super) const SUM: u8 = 5;
    pub(super) const PRODUCT: u8 = 6;
    pub(super) const SIGN: u8 = 7;
    pub(super) const POWER: u8 = 8;
}

fn binary_operator(symbol: Symbol) -> Option<(BinaryOperator, u8)> {
    Some(match symbol {
        Symbol::Or => (BinaryOperator::Or, level::OR),
        Symbol::And => (BinaryOperator::And, level::AND),
        Symbol::Less => (BinaryOperator::Less, level::COMPARISON),
        Symbol::LessOrEqual => (BinaryOperator::LessOrEqual, level::COMPARISON),
        Symbol::Greater => (BinaryOperator::Greater, level::COMPARISON),
        Symbol::GreaterOrEqual => (BinaryOperator::GreaterOrEqual, level::COMPARISON),
        Symbol::Equal => (BinaryOperator::Equal, level::COMPARISON),
        Symbol::NotEqual => (BinaryOperator::NotEqual, level::COMPARISON),
        Symbol::Plus => (BinaryOperator::Add, level::SUM),
        Symbol::Minus => (BinaryOperator::Subtract, level::SUM),
        Symbol::Star => (BinaryOperator::Multiply, level::PRODUCT),
        Symbol::Slash => (BinaryOperator::Divide, level::PRODUCT),
        Symbol::Percent => (BinaryOperator::Remainder, level::PRODUCT),
        Symbol::Caret => (BinaryOperator::Power, level::POWER),
        _ => return None,
    })
}

pub(super) fn parse(text: &str) -> Result<(Vec<Node>, Vec<Reference>), ExpressionError> {
    if text.chars().nth(MAX_LENGTH).is_some() {
        return Err(ExpressionError::TooLong { limit: MAX_LENGTH });
    }
    let mut lexer = Lexer::new(text);
    let current = lexer.next()?;
    let mut parser = Parser { text, lexer, current, nodes: Vec::new(), references: Vec::new(), nesting: 0 };
    parser.expression(level::LOOSEST)?;
    if parser.current.kind != TokenKind::End {
        return parser.unexpected("an operator or the end");
    }
    Ok((parser.nodes, parser.references))
}

struct Parser<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    current: Token,
    nodes: Vec<Node>,
    references: Vec<Reference>,
    nesting: usize,
}

impl<'a> Parser<'a> {
    fn advance(&mut self) -> Result<Token, ExpressionError> {
        let next = self.lexer.next()?;
        Ok(std::mem::replace(&mut self.current, next))
    }

    fn unexpected<T>(&self, expected: &str) -> Result<T, ExpressionError> {
        let found = match self.current.kind {
            TokenKind::End => "the end".to_owned(),
            _ => quoted(&self.text[self.current.span.clone()]),
        };
        Err(ExpressionError::syntax(self.current.position, expected, found))
    }

    fn push(&mut self, position: usize, kind: NodeKind) -> Result<NodeId, ExpressionError> {
        let too_many = ExpressionError::TooManyNodes { position, limit: MAX_NODES };
        if self.nodes.len() >= MAX_NODES {
            return Err(too_many);
        }
        let id = u16::try_from(self.nodes.len()).map_err(|_| too_many)?;
        self.nodes.push(Node { position, kind });
        Ok(NodeId(id))
    }

    /// An expression of operators that bind at least as tightly as `loosest`, one level of nesting further in.
    ///
    /// Recursion is bounded: it goes through here, or along the rising levels of [`expression`](Self::expression).
    fn nested(&mut self, loosest: u8) -> Result<NodeId, ExpressionError> {
        if self.nesting >= MAX_NESTING {
            return Err(ExpressionError::TooDeep { position: self.current.position, limit: MAX_NESTING });
        }
        self.nesting += 1;
        let node = self.expression(loosest)?;
        self.nesting -= 1;
        Ok(node)
    }

    fn expression(&mut self, loosest: u8) -> Result<NodeId, ExpressionError> {
        let mut left = self.prefixed(loosest)?;
        while let TokenKind::Symbol(symbol) = self.current.kind
            && let Some((operator, level)) = binary_operator(symbol)
            && level >= loosest
        {
            let position = self.advance()?.position;
            let right = match operator {
                BinaryOperator::Power => self.nested(level::SIGN)?,
                _ => self.expression(level + 1)?,
            };
            left = self.push(position, NodeKind::Binary(operator, left, right))?;
            if level == level::COMPARISON && self.at_comparison() {
                return self.unexpected("\"and\", \"or\" or the end, as comparisons do not chain");
            }
        }
        Ok(left)
    }

    fn at_comparison(&self) -> bool {
        let TokenKind::Symbol(symbol) = self.current.kind else { return false };
        binary_operator(symbol).is_some_and(|(_, level)| level == level::COMPARISON)
    }

    fn prefixed(&mut self, loosest: u8) -> Result<NodeId, ExpressionError> {
        match self.current.kind {
            TokenKind::Symbol(Symbol::Not) if loosest <= level::NOT => {
                let position = self.advance()?.position;
                let operand = self.nested(level::NOT)?;
                self.push(position, NodeKind::Not(operand))
            }
            TokenKind::Symbol(Symbol::Not) => self.unexpected("a number or a tag (\"not\" needs parentheses here)"),
            TokenKind::Symbol(Symbol::Minus) => {
                let position = self.advance()?.position;
                let operand = self.nested(level::SIGN)?;
                self.push(position, NodeKind::Negate(operand))
            }
            _ => self.primary(),
        }
    }

    fn primary(&mut self) -> Result<NodeId, ExpressionError> {
        let kind = match &self.current.kind {
            TokenKind::Number(value) => NodeKind::Number(*value),
            TokenKind::Text(text) => NodeKind::Text(text.as_str().into()),
            TokenKind::Symbol(Symbol::True) => NodeKind::Boolean(true),
            TokenKind::Symbol(Symbol::False) => NodeKind::Boolean(false),
            TokenKind::Braced(name) => NodeKind::Tag(name.as_str().into()),
            TokenKind::Name(name) => {
                let name = name.clone();
                let token = self.advance()?;
                if self.current.kind == TokenKind::Symbol(Symbol::LeftParenthesis) {
                    return self.call(&name, token.position);
                }
                return self.tag(&name, token);
            }
            TokenKind::Symbol(Symbol::LeftParenthesis) => {
                self.advance()?;
                let inner = self.nested(level::LOOSEST)?;
                if self.current.kind != TokenKind::Symbol(Symbol::RightParenthesis) {
                    return self.unexpected("an operator or \")\"");
                }
                self.advance()?;
                return Ok(inner);
            }
            TokenKind::Duration(_) => return self.unexpected("a number or a tag (a duration stands only as a window)"),
            TokenKind::Symbol(_) | TokenKind::End => return self.unexpected("a number or a tag"),
        };
        let token = self.advance()?;
        match kind {
            NodeKind::Tag(name) => self.tag(&name, token),
            kind => self.push(token.position, kind),
        }
    }

    fn tag(&mut self, name: &str, token: Token) -> Result<NodeId, ExpressionError> {
        self.references.push(Reference { name: name.into(), position: token.position, span: token.span });
        self.push(token.position, NodeKind::Tag(name.into()))
    }

    fn call(&mut self, name: &str, position: usize) -> Result<NodeId, ExpressionError> {
        let signature = functions::find(name, position)?;
        let arguments = self.arguments()?;
        signature.check(position, &arguments)?;
        if signature.severity().is_some() {
            return self.severity_test(signature, position, &arguments);
        }
        let arguments: Vec<Argument> = arguments.iter().map(|(argument, ..)| *argument).collect();
        match signature.node(&arguments) {
            Some(kind) => self.push(position, kind),
            None => Err(ExpressionError::syntax(position, signature.usage, quoted(name))),
        }
    }

    fn arguments(&mut self) -> Result<Vec<Placed<'a>>, ExpressionError> {
        let mut arguments = Vec::new();
        self.advance()?;
        if self.current.kind == TokenKind::Symbol(Symbol::RightParenthesis) {
            self.advance()?;
            return Ok(arguments);
        }
        loop {
            let first = self.current.clone();
            let argument = match first.kind {
                TokenKind::Duration(duration) => {
                    self.advance()?;
                    Argument::Duration(functions::check_duration(duration, first.position)?)
                }
                _ => Argument::Node(self.nested(level::LOOSEST)?),
            };
            let text = self.text[first.span.start..self.current.span.start].trim_end();
            arguments.push((argument, first.position, text));
            match self.current.kind {
                TokenKind::Symbol(Symbol::Comma) => self.advance()?,
                TokenKind::Symbol(Symbol::RightParenthesis) => break,
                _ => return self.unexpected("an operator, \",\" or \")\""),
            };
        }
        self.advance()?;
        Ok(arguments)
    }

    /// `good(tag)` and its kin: the tag by itself, whose value is not read.
    fn severity_test(
        &mut self,
        signature: &Signature,
        position: usize,
        arguments: &[Placed<'_>],
    ) -> Result<NodeId, ExpressionError> {
        let tag = self.nodes.pop().map(|node| node.kind);
        match (signature.severity(), tag, arguments) {
            (Some(severity), Some(NodeKind::Tag(name)), _) => {
                self.push(position, NodeKind::HasSeverity(severity, name))
            }
            (_, _, [(_, column, text), ..]) => Err(ExpressionError::syntax(*column, "a tag by itself", quoted(text))),
            _ => Err(ExpressionError::syntax(position, signature.usage, quoted(signature.name))),
        }
    }
}
