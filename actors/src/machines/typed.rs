//! Types that a machine's inputs, outputs and parameters have.

use flyball_schema::{DataType, Text, Value};
use std::fmt::Debug;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f64 {}
    impl Sealed for i64 {}
    impl Sealed for bool {}
    impl Sealed for flyball_schema::Text {}
}

/// A type of tag values: `f64`, `i64`, `bool` or [`Text`].
pub trait Typed: sealed::Sealed + Clone + Send + 'static {
    /// The data type of tags.
    const DATA_TYPE: DataType;
    /// How a constant of it is written in a declaration.
    type Literal: Copy + Debug + Send + Sync + 'static;

    /// The value as this type; an integer up to 2^53 becomes a float. `None` where it does not fit.
    fn from_value(value: &Value) -> Option<Self>;

    /// The value of this.
    fn into_value(self) -> Value;

    /// The value of a constant.
    fn literal(literal: Self::Literal) -> Self;
}

impl Typed for f64 {
    const DATA_TYPE: DataType = DataType::Float;
    type Literal = f64;

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Float(float) => Some(*float),
            Value::Integer(_) => value.clone().coerce(DataType::Float)?.as_f64(),
            _ => None,
        }
    }

    fn into_value(self) -> Value {
        Value::Float(self)
    }

    fn literal(literal: f64) -> Self {
        literal
    }
}

impl Typed for i64 {
    const DATA_TYPE: DataType = DataType::Integer;
    type Literal = i64;

    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Integer(integer) = value { Some(*integer) } else { None }
    }

    fn into_value(self) -> Value {
        Value::Integer(self)
    }

    fn literal(literal: i64) -> Self {
        literal
    }
}

impl Typed for bool {
    const DATA_TYPE: DataType = DataType::Boolean;
    type Literal = bool;

    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Boolean(flag) = value { Some(*flag) } else { None }
    }

    fn into_value(self) -> Value {
        Value::Boolean(self)
    }

    fn literal(literal: bool) -> Self {
        literal
    }
}

impl Typed for Text {
    const DATA_TYPE: DataType = DataType::Text;
    type Literal = &'static str;

    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Text(text) = value { Some(text.clone()) } else { None }
    }

    fn into_value(self) -> Value {
        Value::Text(self)
    }

    fn literal(literal: &'static str) -> Self {
        literal.into()
    }
}
