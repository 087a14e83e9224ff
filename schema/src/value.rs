//! The value of a tag.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The type of a tag's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataType {
    /// IEEE 754 binary64; always finite.
    Float,
    /// 64-bit signed integer.
    Integer,
    /// True or false.
    Boolean,
    /// Unicode text.
    Text,
}

impl DataType {
    /// The word used in plant definitions and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Text => "text",
        }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Shared, immutable text, one pointer wide, so that a numeric [`Value`] stays two words.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(Arc<Box<str>>);

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Arc::new(text.into()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Arc::new(text.into_boxed_str()))
    }
}

impl Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

/// The value of a tag, typed. Serialized as the plain JSON value (a float that is not finite as `null`).
///
/// Deserialized by JSON type: a number with a fraction or exponent is a float, one without an
/// integer; [`Value::coerce`] brings it to a tag's type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// True or false.
    Boolean(bool),
    /// 64-bit signed integer.
    Integer(i64),
    /// IEEE 754 binary64.
    Float(f64),
    /// Unicode text.
    Text(Text),
}

impl Value {
    /// The type of this value.
    #[must_use]
    pub fn data_type(&self) -> DataType {
        match self {
            Self::Float(_) => DataType::Float,
            Self::Integer(_) => DataType::Integer,
            Self::Boolean(_) => DataType::Boolean,
            Self::Text(_) => DataType::Text,
        }
    }

    /// The value as a number: booleans are 0 and 1, text is none.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            Self::Integer(value) => Some(*value as f64),
            Self::Boolean(value) => Some(f64::from(u8::from(*value))),
            Self::Text(_) => None,
        }
    }

    /// The value as true or false: a number is true when it is not 0, text is none.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            Self::Integer(value) => Some(*value != 0),
            Self::Float(value) => Some(*value != 0.0),
            Self::Text(_) => None,
        }
    }

    /// Whether the value is not a float, or a finite one.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        match self {
            Self::Float(value) => value.is_finite(),
            _ => true,
        }
    }

    /// Brings the value to `data_type` where nothing is lost: an integer up to 2^53 becomes a float, a
    /// float without a fraction below 2^53 an integer. `None` otherwise.
    #[must_use]
    pub fn coerce(self, data_type: DataType) -> Option<Self> {
        const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
        match (self, data_type) {
            (Self::Integer(value), DataType::Float) => {
                // Before it is rounded: 2^53 + 1 would round to 2^53.
                (value.unsigned_abs() <= 1 << 53).then_some(Self::Float(value as f64))
            }
            #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
            #[expect(clippy::float_cmp, reason = "exact test for a whole number")]
            (Self::Float(value), DataType::Integer) => {
                (value.abs() <= EXACT && value.trunc() == value).then_some(Self::Integer(value as i64))
            }
            (value, data_type) => (value.data_type() == data_type).then_some(value),
        }
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Float(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Boolean(value) => value.fmt(f),
            Self::Text(value) => f.write_str(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_two_words() {
        assert_eq!(size_of::<Value>(), 16);
    }

    #[test]
    fn coercion_never_loses_anything() {
        assert_eq!(Value::Integer(3).coerce(DataType::Float), Some(Value::Float(3.0)));
        assert_eq!(Value::Integer(i64::MAX).coerce(DataType::Float), None);
        assert_eq!(Value::Integer((1 << 53) + 1).coerce(DataType::Float), None);
        assert_eq!(Value::Integer(-1 << 53).coerce(DataType::Float), Some(Value::Float(-9_007_199_254_740_992.0)));
        assert_eq!(Value::Float(2.0).coerce(DataType::Integer), Some(Value::Integer(2)));
        assert_eq!(Value::Float(2.5).coerce(DataType::Integer), None);
        assert_eq!(Value::Float(f64::NAN).coerce(DataType::Integer), None);
        assert_eq!(Value::Boolean(true).coerce(DataType::Float), None);
        assert_eq!(Value::from("1").coerce(DataType::Float), None);
    }

    #[test]
    fn json_keeps_the_type() {
        let read = |text| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(read("true"), Value::Boolean(true));
        assert_eq!(read("9007199254740993"), Value::Integer(9_007_199_254_740_993));
        assert_eq!(read("1.0"), Value::Float(1.0));
        assert_eq!(read("\"a\""), Value::from("a"));
        assert_eq!(serde_json::to_string(&Value::Float(f64::NAN)).unwrap(), "null");
    }
}
