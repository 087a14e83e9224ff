//! A value written by a person or a program: checked against the tag, then sent to the device or into the table.

use super::Plant;
use crate::cvt::{CvtError, ReadTags, TagRecord, Update, WriteTags};
use crate::opcua::{LinkError, WriteField};
use crate::send::{self, DEADLINE, SendError};
use flyball_schema::definition::Role;
use flyball_schema::{DataType, TagId, Value};

/// Why a value was not written. Nothing was changed, but for [`WriteError::Deadline`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// No tag has this id.
    #[error("unknown tag {0}")]
    UnknownTag(TagId),
    /// No tag has this name.
    #[error("unknown tag \"{0}\"")]
    UnknownName(String),
    /// The tag is read-only.
    #[error("tag \"{0}\" is not writable")]
    NotWritable(String),
    /// The value's type is not the tag's and cannot become it without loss.
    #[error("tag \"{tag}\" takes {expected}, not {found}")]
    WrongType {
        /// The tag.
        tag: String,
        /// Its type.
        expected: DataType,
        /// The type offered.
        found: DataType,
    },
    /// The value is not finite.
    #[error("tag \"{0}\" takes finite numbers only")]
    NotFinite(String),
    /// The tag is calculated from others.
    #[error("tag \"{0}\" is calculated and takes no values")]
    Derived(String),
    /// An operator has put a value in the place of the tag's.
    #[error("tag \"{0}\" is substituted; release it first")]
    Substituted(String),
    /// The tag asks for a role, and nobody is signed in.
    #[error("tag \"{tag}\" takes values from {role} up, and nobody is signed in", role = .role.as_str())]
    RoleNeeded {
        /// The tag.
        tag: String,
        /// The least role.
        role: Role,
    },
    /// The value lies outside the tag's write limits, or its range.
    #[error("tag \"{tag}\" takes {low} to {high}, not {value}")]
    OutOfRange {
        /// The tag.
        tag: String,
        /// The value offered.
        value: f64,
        /// Low end.
        low: f64,
        /// High end.
        high: f64,
    },
    /// The device cannot be reached, or refused the value.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// No answer in time; the value may have been written.
    #[error("no answer in time for tag \"{0}\"; the value may have been written")]
    Deadline(String),
    /// The plant is stopping.
    #[error("the plant is not running")]
    Unavailable,
}

/// Checks `value` against the tag and brings it to the tag's type.
fn checked(record: &TagRecord, value: Value) -> Result<Value, WriteError> {
    let definition = &record.definition;
    let tag = || definition.name.clone();
    if definition.expression.is_some() {
        return Err(WriteError::Derived(tag()));
    }
    if !definition.writable {
        return Err(WriteError::NotWritable(tag()));
    }
    // There are no users yet: what asks for one is refused rather than let through.
    if let Some(role) = definition.write_role {
        return Err(WriteError::RoleNeeded { tag: tag(), role });
    }
    if record.is_substituted && definition.link.is_none() {
        return Err(WriteError::Substituted(tag()));
    }
    if !value.is_finite() {
        return Err(WriteError::NotFinite(tag()));
    }
    let (expected, found) = (definition.data_type, value.data_type());
    let value = value.coerce(expected).ok_or_else(|| WriteError::WrongType { tag: tag(), expected, found })?;
    if let (Some(range), Some(number)) = (definition.writable_range(), value.as_f64())
        && !(range.low..=range.high).contains(&number)
    {
        return Err(WriteError::OutOfRange { tag: tag(), value: number, low: range.low, high: range.high });
    }
    Ok(value)
}

impl Plant {
    /// Writes a value to a tag: to its device where it has one, else into the table. Answers when it was taken.
    ///
    /// * `value`: in the tag's source unit; an integer is taken for a float where it is exact.
    /// * Reply: the tag afterwards. A device's value arrives with its next notification.
    ///
    /// # Errors
    /// See [`WriteError`].
    pub async fn write(&self, tag: TagId, value: impl Into<Value>) -> Result<TagRecord, WriteError> {
        let record = self.read(tag).await?;
        let value = checked(&record, value.into())?;
        let name = record.definition.name.clone();
        let late = |error: SendError| match error {
            SendError::Deadline(_) => WriteError::Deadline(name.clone()),
            _ => WriteError::Unavailable,
        };
        if record.definition.link.is_some() {
            // Two deadlines of the link itself fit into this one.
            let sent = send::ask(self.links(), WriteField(vec![(tag, value)]), DEADLINE * 3).await;
            sent.map_err(late)??;
        } else {
            let update = Update::good(tag, value);
            send::ask(self.cvt(), WriteTags(vec![update]), DEADLINE).await.map_err(late)?;
        }
        self.read(tag).await
    }

    /// Reads a tag whole.
    ///
    /// # Errors
    /// [`WriteError::UnknownTag`], [`WriteError::Unavailable`].
    pub async fn read(&self, tag: TagId) -> Result<TagRecord, WriteError> {
        let reply = send::ask(self.cvt(), ReadTags(vec![tag]), DEADLINE).await;
        match reply.map_err(|_gone| WriteError::Unavailable)? {
            Ok(mut records) => records.pop().ok_or(WriteError::UnknownTag(tag)),
            Err(CvtError::UnknownTag(tag)) => Err(WriteError::UnknownTag(tag)),
            Err(_) => Err(WriteError::Unavailable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cvt::TagChange;
    use crate::signal::{Figures, Standing};
    use flyball_schema::definition::{Range, TagDefinition};
    use flyball_schema::{Quality, Timestamp};

    fn record(definition: TagDefinition) -> TagRecord {
        let time = Timestamp::from_micros(0);
        let state = TagChange {
            value: None,
            source_time: time,
            server_time: time,
            seq: 1,
            tag: TagId(1),
            quality: Quality::GOOD,
        };
        TagRecord {
            id: TagId(1),
            definition,
            state,
            seen: None,
            raw: None,
            made: false,
            is_substituted: false,
            standing: Standing::default(),
            figures: Figures::default(),
        }
    }

    #[test]
    fn a_value_is_held_against_the_tag_before_it_goes_anywhere() {
        let pump = || record(TagDefinition::float("pump").with_range(0.0, 10.0).writable());
        assert_eq!(checked(&pump(), 3.into()), Ok(Value::Float(3.0)));
        assert_eq!(checked(&pump(), f64::NAN.into()), Err(WriteError::NotFinite("pump".to_owned())));
        let refused = checked(&pump(), 10.5.into()).unwrap_err();
        assert_eq!(refused.to_string(), "tag \"pump\" takes 0 to 10, not 10.5");
        let refused = checked(&pump(), true.into()).unwrap_err();
        assert_eq!(refused.to_string(), "tag \"pump\" takes float, not boolean");
        let narrow = TagDefinition { write_limits: Some(Range { low: 2.0, high: 3.0 }), ..pump().definition };
        let refused = checked(&record(narrow), 1.into()).unwrap_err();
        assert_eq!(refused.to_string(), "tag \"pump\" takes 2 to 3, not 1");
        let guarded = TagDefinition { write_role: Some(Role::Supervisor), ..pump().definition };
        let refused = checked(&record(guarded), 1.into()).unwrap_err();
        assert_eq!(refused.to_string(), "tag \"pump\" takes values from supervisor up, and nobody is signed in");
        let derived = record(TagDefinition::float("sum").with_expression("a + b"));
        assert_eq!(checked(&derived, 1.into()), Err(WriteError::Derived("sum".to_owned())));
        let sensor = record(TagDefinition::float("level"));
        assert_eq!(checked(&sensor, 1.into()), Err(WriteError::NotWritable("level".to_owned())));
    }
}
