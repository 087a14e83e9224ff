//! The parameters of a machine: present values, and how they are changed all or none.

use super::declaration::{Parameter, ParameterSpec};
use super::typed::Typed;
use flyball_schema::{DataType, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is wrong with a parameter's value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ParameterFault {
    /// The machine has no such parameter.
    #[error("there is no such parameter; there are {}", .known.join(", "))]
    Unknown {
        /// The parameters it has.
        known: Vec<&'static str>,
    },
    /// A value of another type.
    #[error("takes {expected}, not {found}")]
    WrongType {
        /// The parameter's type.
        expected: DataType,
        /// The type given.
        found: DataType,
    },
    /// Not a number.
    #[error("takes finite numbers only")]
    NotFinite,
    /// Below or above its limits.
    #[error("{value} lies outside {} to {}", limit(.low), limit(.high))]
    OutOfLimits {
        /// The value given.
        value: f64,
        /// Smallest value allowed.
        low: Option<f64>,
        /// Largest value allowed.
        high: Option<f64>,
    },
    /// A text that is none of the choices.
    #[error("\"{value}\" is none of {}", .choices.join(", "))]
    NotAChoice {
        /// The text given.
        value: String,
        /// The texts allowed.
        choices: &'static [&'static str],
    },
    /// The machine refuses it.
    #[error("{0}")]
    Refused(String),
}

fn limit(limit: &Option<f64>) -> String {
    limit.map_or_else(|| "any".to_owned(), |limit| limit.to_string())
}

/// Brings a value to a parameter's type and holds it against the limits.
pub(super) fn check(spec: &ParameterSpec, value: Value) -> Result<Value, ParameterFault> {
    let (expected, found) = (spec.default.data_type(), value.data_type());
    if !value.is_finite() {
        return Err(ParameterFault::NotFinite);
    }
    let value = value.coerce(expected).ok_or(ParameterFault::WrongType { expected, found })?;
    match &value {
        Value::Text(text) if !spec.choices.is_empty() && !spec.choices.contains(&&**text) => {
            Err(ParameterFault::NotAChoice { value: text.to_string(), choices: spec.choices })
        }
        Value::Float(_) | Value::Integer(_) => {
            let (number, low, high) = (value.as_f64().unwrap_or(f64::NAN), spec.low, spec.high);
            let inside = low.is_none_or(|low| number >= low) && high.is_none_or(|high| number <= high);
            if inside { Ok(value) } else { Err(ParameterFault::OutOfLimits { value: number, low, high }) }
        }
        _ => Ok(value),
    }
}

/// Present values of a machine's parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    specs: Arc<[ParameterSpec]>,
    values: Vec<Value>,
}

impl Parameters {
    /// All at their defaults.
    pub(super) fn new(specs: Arc<[ParameterSpec]>) -> Self {
        let values = specs.iter().map(|spec| spec.default.clone()).collect();
        Self { specs, values }
    }

    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.specs.iter().position(|spec| spec.name == name)
    }

    /// The value of a declared parameter; `None` where it is not declared.
    #[must_use]
    pub fn get<T: Typed>(&self, parameter: &Parameter<T>) -> Option<T> {
        T::from_value(self.value(parameter.name)?)
    }

    /// The value of a parameter by name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(self.position(name)?)
    }

    /// Every parameter with its value, in the order declared.
    pub fn iter(&self) -> impl Iterator<Item = (&ParameterSpec, &Value)> {
        self.specs.iter().zip(&self.values)
    }

    /// Every parameter by name.
    #[must_use]
    pub fn to_map(&self) -> BTreeMap<String, Value> {
        self.iter().map(|(spec, value)| (spec.name.to_owned(), value.clone())).collect()
    }

    /// The values with `changes` made, every one of them held against type and limits.
    ///
    /// # Errors
    /// Every parameter that is wrong, with what is wrong.
    pub fn with(&self, changes: &BTreeMap<String, Value>) -> Result<Self, Vec<(String, ParameterFault)>> {
        let (mut proposed, mut faults) = (self.clone(), Vec::new());
        for (name, value) in changes {
            if let Err(fault) = proposed.put(name, value.clone()) {
                faults.push((name.clone(), fault));
            }
        }
        if faults.is_empty() { Ok(proposed) } else { Err(faults) }
    }

    pub(super) fn put(&mut self, name: &str, value: Value) -> Result<(), ParameterFault> {
        let Some(position) = self.position(name) else {
            return Err(ParameterFault::Unknown { known: self.specs.iter().map(|spec| spec.name).collect() });
        };
        self.values[position] = check(&self.specs[position], value)?;
        Ok(())
    }
}

/// Parameters that are about to change, for the machine to accept, amend or refuse.
#[derive(Debug)]
pub struct Change<'a> {
    before: &'a Parameters,
    after: &'a mut Parameters,
    given: &'a BTreeMap<String, Value>,
}

impl<'a> Change<'a> {
    pub(super) fn new(before: &'a Parameters, after: &'a mut Parameters, given: &'a BTreeMap<String, Value>) -> Self {
        Self { before, after, given }
    }

    /// The value until now.
    #[must_use]
    pub fn before<T: Typed>(&self, parameter: &Parameter<T>) -> T {
        self.before.get(parameter).unwrap_or_else(|| T::literal(parameter.default))
    }

    /// The value from now on.
    #[must_use]
    pub fn after<T: Typed>(&self, parameter: &Parameter<T>) -> T {
        self.after.get(parameter).unwrap_or_else(|| T::literal(parameter.default))
    }

    /// Whether the value changes.
    #[must_use]
    pub fn is_changed<T: Typed>(&self, parameter: &Parameter<T>) -> bool {
        self.before.value(parameter.name) != self.after.value(parameter.name)
    }

    /// Whether the value was asked for by whoever makes the change, the same or not.
    #[must_use]
    pub fn is_given<T: Typed>(&self, parameter: &Parameter<T>) -> bool {
        self.given.contains_key(parameter.name)
    }

    /// Changes a parameter along with those that were asked for.
    ///
    /// # Errors
    /// [`ParameterFault`] as for any other change.
    pub fn set<T: Typed>(&mut self, parameter: &Parameter<T>, value: T) -> Result<(), ParameterFault> {
        self.after.put(parameter.name, value.into_value())
    }

    /// The limits of a number's parameter, open where it has none.
    #[must_use]
    pub fn limits<T: Typed>(&self, parameter: &Parameter<T>) -> (f64, f64) {
        let spec = self.after.position(parameter.name).map(|position| &self.after.specs[position]);
        let low = spec.and_then(|spec| spec.low).unwrap_or(f64::NEG_INFINITY);
        (low, spec.and_then(|spec| spec.high).unwrap_or(f64::INFINITY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machines::declaration::Declaration;
    use flyball_schema::Text;

    const GAIN: Parameter<f64> = Parameter::new("gain", 1.0).limits(0.0, 10.0);
    const MODE: Parameter<Text> = Parameter::new("mode", "auto").choices(&["auto", "manual"]);

    fn parameters() -> Parameters {
        Parameters::new(Declaration::new("k").parameter(GAIN).parameter(MODE).parameters.into())
    }

    fn changes(list: &[(&str, Value)]) -> BTreeMap<String, Value> {
        list.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    #[test]
    fn a_whole_number_is_taken_for_a_float() {
        let after = parameters().with(&changes(&[("gain", Value::Integer(3))])).unwrap();
        assert_eq!(after.get(&GAIN), Some(3.0));
    }

    #[test]
    fn every_wrong_value_is_named_and_nothing_changes() {
        let before = parameters();
        let faults = before
            .with(&changes(&[("gain", Value::Float(11.0)), ("mode", Value::from("off")), ("speed", Value::Float(1.0))]))
            .unwrap_err();
        let told: Vec<String> = faults.iter().map(|(name, fault)| format!("{name}: {fault}")).collect();
        assert_eq!(
            told,
            [
                "gain: 11 lies outside 0 to 10",
                "mode: \"off\" is none of auto, manual",
                "speed: there is no such parameter; there are gain, mode",
            ]
        );
        assert_eq!(before, parameters());
    }

    #[test]
    fn a_number_that_is_not_finite_or_a_wrong_type_is_refused() {
        let fault = |value| parameters().with(&changes(&[("gain", value)])).unwrap_err().remove(0).1;
        assert_eq!(fault(Value::Float(f64::NAN)), ParameterFault::NotFinite);
        assert_eq!(
            fault(Value::from("1")),
            ParameterFault::WrongType { expected: DataType::Float, found: DataType::Text }
        );
    }
}
