//! Types of expressions and their check.

use super::{BinaryOperator, Expression, ExpressionError, NodeId, NodeKind};
use crate::DataType;
use std::fmt;

/// The type of a part of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// IEEE 754 binary64; float and integer tags.
    Number,
    /// True or false.
    Boolean,
    /// Unicode text.
    Text,
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "a number",
            Self::Boolean => "a Boolean",
            Self::Text => "a text",
        })
    }
}

impl From<DataType> for ValueType {
    fn from(data_type: DataType) -> Self {
        match data_type {
            DataType::Float | DataType::Integer => Self::Number,
            DataType::Boolean => Self::Boolean,
            DataType::Text => Self::Text,
        }
    }
}

/// Whether a tag of `data_type` can hold a result of `value_type`. A number fits an integer tag; whether it is whole
/// shows only when it is calculated.
#[must_use]
pub fn fits(value_type: ValueType, data_type: DataType) -> bool {
    value_type == ValueType::from(data_type)
}

/// The types of the nodes checked so far.
struct Types<'a> {
    expression: &'a Expression,
    known: Vec<ValueType>,
}

impl Types<'_> {
    /// Operands stand before their operator, so their types are known.
    fn of(&self, node: NodeId) -> ValueType {
        self.known.get(node.index()).copied().unwrap_or(ValueType::Number)
    }

    fn expect(&self, node: NodeId, expected: ValueType) -> Result<(), ExpressionError> {
        let found = self.of(node);
        if found == expected {
            return Ok(());
        }
        let position = self.expression.nodes().get(node.index()).map_or(1, |node| node.position);
        Err(ExpressionError::WrongType { position, expected, found })
    }

    fn expect_all(&self, nodes: &[NodeId], expected: ValueType) -> Result<(), ExpressionError> {
        nodes.iter().try_for_each(|node| self.expect(*node, expected))
    }

    fn binary(&self, operator: BinaryOperator, left: NodeId, right: NodeId) -> Result<ValueType, ExpressionError> {
        let (operands, result) = match operator {
            BinaryOperator::Or | BinaryOperator::And => (ValueType::Boolean, ValueType::Boolean),
            BinaryOperator::Equal | BinaryOperator::NotEqual => (self.of(left), ValueType::Boolean),
            BinaryOperator::Less
            | BinaryOperator::LessOrEqual
            | BinaryOperator::Greater
            | BinaryOperator::GreaterOrEqual => (ValueType::Number, ValueType::Boolean),
            BinaryOperator::Add
            | BinaryOperator::Subtract
            | BinaryOperator::Multiply
            | BinaryOperator::Divide
            | BinaryOperator::Remainder
            | BinaryOperator::Power => (ValueType::Number, ValueType::Number),
        };
        self.expect(left, operands)?;
        self.expect(right, operands)?;
        Ok(result)
    }
}

impl Expression {
    /// The type of every node, as [`nodes`](Self::nodes) lists them. `data_type` tells the type of a tag by its name.
    ///
    /// # Errors
    /// [`ExpressionError::WrongType`], and [`ExpressionError::UnknownTag`] where `data_type` knows none.
    pub fn types(&self, data_type: &dyn Fn(&str) -> Option<DataType>) -> Result<Vec<ValueType>, ExpressionError> {
        let mut types = Types { expression: self, known: Vec::with_capacity(self.nodes.len()) };
        for node in &self.nodes {
            let tag = |name: &str| {
                data_type(name).ok_or_else(|| {
                    let used = self.tags().find(|(tag, _)| *tag == name);
                    let position = used.map_or(node.position, |(_, position)| position);
                    ExpressionError::UnknownTag { position, tag: name.to_owned() }
                })
            };
            let value_type = match &node.kind {
                NodeKind::Number(_) => ValueType::Number,
                NodeKind::Boolean(_) => ValueType::Boolean,
                NodeKind::Text(_) => ValueType::Text,
                NodeKind::Tag(name) => tag(name)?.into(),
                NodeKind::HasSeverity(_, name) => {
                    tag(name)?;
                    ValueType::Boolean
                }
                NodeKind::Negate(operand) => {
                    types.expect(*operand, ValueType::Number)?;
                    ValueType::Number
                }
                NodeKind::Not(operand) => {
                    types.expect(*operand, ValueType::Boolean)?;
                    ValueType::Boolean
                }
                NodeKind::Binary(operator, left, right) => types.binary(*operator, *left, *right)?,
                NodeKind::If { condition, then, otherwise } => {
                    types.expect(*condition, ValueType::Boolean)?;
                    types.expect(*otherwise, types.of(*then))?;
                    types.of(*then)
                }
                NodeKind::Call(_, operands) => {
                    types.expect_all(operands, ValueType::Number)?;
                    ValueType::Number
                }
                NodeKind::Window(_, operand, _) => {
                    types.expect(*operand, ValueType::Number)?;
                    ValueType::Number
                }
                NodeKind::Total { rate, reset, .. } => {
                    types.expect(*rate, ValueType::Number)?;
                    types.expect_all(reset.as_slice(), ValueType::Boolean)?;
                    ValueType::Number
                }
                NodeKind::Hours { condition, reset } => {
                    types.expect(*condition, ValueType::Boolean)?;
                    types.expect_all(reset.as_slice(), ValueType::Boolean)?;
                    ValueType::Number
                }
            };
            types.known.push(value_type);
        }
        Ok(types.known)
    }

    /// The type of the result. `data_type` tells the type of a tag by its name.
    ///
    /// # Errors
    /// As [`types`](Self::types).
    pub fn check(&self, data_type: &dyn Fn(&str) -> Option<DataType>) -> Result<ValueType, ExpressionError> {
        let types = self.types(data_type)?;
        // The outermost node stands last, and there is one.
        Ok(types.last().copied().unwrap_or(ValueType::Number))
    }

    /// Checks that a tag of type `result` can hold the result. `data_type` tells the type of a tag by its name.
    ///
    /// # Errors
    /// As [`types`](Self::types), and [`ExpressionError::WrongResult`].
    pub fn check_for(
        &self,
        result: DataType,
        data_type: &dyn Fn(&str) -> Option<DataType>,
    ) -> Result<(), ExpressionError> {
        let found = self.check(data_type)?;
        if fits(found, result) {
            return Ok(());
        }
        let position = self.nodes.last().map_or(1, |node| node.position);
        Err(ExpressionError::WrongResult { position, expected: result, found })
    }
}
