//! Between the values of the OPC UA stack and those of the plant.

use flyball_schema::{DataType, Quality, Timestamp, Value};
use opcua::types::{DataValue, DateTime, StatusCode, UAString, Variant, VariantScalarTypeId};

/// Seconds from 1601-01-01, the epoch of OPC UA, to 1970-01-01.
const EPOCH_OFFSET_S: i64 = 11_644_473_600;

/// Ticks of 100 ns per microsecond.
const TICKS_PER_US: i64 = 10;

/// A device's status as the quality of a value, kept whole.
pub(super) fn quality(status: StatusCode) -> Quality {
    Quality::from_status_code(status.bits())
}

/// Whether the device says that its queue overflowed: information type `DataValue` with the overflow bit (OPC UA
/// Part 4, 7.39). Some devices set the bit and forget the type.
pub(super) fn overflowed(status: StatusCode) -> bool {
    matches!(status.bits() & 0x0000_0C80, 0x0000_0480 | 0x0000_0080)
}

/// The point in time of an OPC UA time; `None` for *no time*.
pub(super) fn timestamp(time: DateTime) -> Option<Timestamp> {
    let ticks = time.ticks();
    (ticks > 0).then(|| Timestamp::from_micros(ticks / TICKS_PER_US - EPOCH_OFFSET_S * 1_000_000))
}

/// The OPC UA time of a point in time.
pub(super) fn date_time(time: Timestamp) -> DateTime {
    DateTime::from(time.as_micros().saturating_add(EPOCH_OFFSET_S * 1_000_000).saturating_mul(TICKS_PER_US))
}

/// A device's sample as the plant takes it: value, quality and time.
///
/// * Time: the source's, else the server's, else `now`.
/// * A bad sample has no value. One whose value is missing, of another type, or beyond what the tag's type can hold is
///   bad for that reason.
pub(super) fn sample(value: DataValue, data_type: DataType, now: Timestamp) -> (Option<Value>, Quality, Timestamp) {
    let given = quality(value.status.unwrap_or(StatusCode::Good));
    let time = value
        .source_timestamp
        .and_then(timestamp)
        .or_else(|| value.server_timestamp.and_then(timestamp))
        .unwrap_or(now);
    if given.is_bad() {
        return (None, given, time);
    }
    match tag_value(value.value.unwrap_or_default(), data_type) {
        Ok(taken) => (Some(taken), given, time),
        Err(reason) => (None, reason, time),
    }
}

/// A device's value in the type of a tag, where nothing is lost.
///
/// Integers and floats of all sizes become one another as [`Value::coerce`] says; text takes strings, localised text,
/// times (RFC 3339) and GUIDs.
///
/// # Errors
/// The quality that tells why not.
pub(super) fn tag_value(variant: Variant, data_type: DataType) -> Result<Value, Quality> {
    let number = |value: Value| {
        let integer = matches!(value, Value::Integer(_));
        value.coerce(data_type).ok_or(match (integer, data_type) {
            (true, DataType::Float) => Quality::BAD_OUT_OF_RANGE,
            _ => Quality::BAD_TYPE_MISMATCH,
        })
    };
    let text = |text: Option<String>| match data_type {
        DataType::Text => Ok(Value::Text(text.unwrap_or_default().into())),
        _ => Err(Quality::BAD_TYPE_MISMATCH),
    };
    match variant {
        Variant::Empty => Err(Quality::BAD_WAITING_FOR_INITIAL_DATA),
        Variant::Boolean(value) => number(Value::Boolean(value)),
        Variant::SByte(value) => number(Value::Integer(value.into())),
        Variant::Byte(value) => number(Value::Integer(value.into())),
        Variant::Int16(value) => number(Value::Integer(value.into())),
        Variant::UInt16(value) => number(Value::Integer(value.into())),
        Variant::Int32(value) => number(Value::Integer(value.into())),
        Variant::UInt32(value) => number(Value::Integer(value.into())),
        Variant::Int64(value) => number(Value::Integer(value)),
        Variant::UInt64(value) => number(Value::Integer(i64::try_from(value).map_err(|_| Quality::BAD_OUT_OF_RANGE)?)),
        Variant::Float(value) => float(value.into(), data_type),
        Variant::Double(value) => float(value, data_type),
        Variant::String(value) => text(value.value().clone()),
        Variant::LocalizedText(value) => text(value.text.value().clone()),
        Variant::DateTime(value) => text(Some(value.to_rfc3339())),
        Variant::Guid(value) => text(Some(value.to_string())),
        _ => Err(Quality::BAD_TYPE_MISMATCH),
    }
}

/// A float that is not finite reaches a float tag as it is: the table makes it bad and keeps the last usable value.
fn float(value: f64, data_type: DataType) -> Result<Value, Quality> {
    match data_type {
        DataType::Integer if value.is_finite() && value.fract().abs() < f64::EPSILON => {
            Value::Float(value).coerce(DataType::Integer).ok_or(Quality::BAD_OUT_OF_RANGE)
        }
        _ => Value::Float(value).coerce(data_type).ok_or(Quality::BAD_TYPE_MISMATCH),
    }
}

/// A value of the plant in the type that a device's node has; `None` where it does not fit.
pub(super) fn node_value(value: &Value, node_type: VariantScalarTypeId) -> Option<Variant> {
    use VariantScalarTypeId as Type;
    let integer = || match value.clone().coerce(DataType::Integer)? {
        Value::Integer(integer) => Some(integer),
        _ => None,
    };
    let float = || match value.clone().coerce(DataType::Float)? {
        Value::Float(float) => Some(float),
        _ => None,
    };
    Some(match node_type {
        Type::Boolean => match value {
            Value::Boolean(boolean) => Variant::Boolean(*boolean),
            _ => return None,
        },
        Type::SByte => Variant::SByte(integer()?.try_into().ok()?),
        Type::Byte => Variant::Byte(integer()?.try_into().ok()?),
        Type::Int16 => Variant::Int16(integer()?.try_into().ok()?),
        Type::UInt16 => Variant::UInt16(integer()?.try_into().ok()?),
        Type::Int32 => Variant::Int32(integer()?.try_into().ok()?),
        Type::UInt32 => Variant::UInt32(integer()?.try_into().ok()?),
        Type::Int64 => Variant::Int64(integer()?),
        Type::UInt64 => Variant::UInt64(integer()?.try_into().ok()?),
        #[expect(clippy::cast_possible_truncation, reason = "to the node's precision; beyond its range is refused")]
        Type::Float => {
            let narrowed = float()? as f32;
            narrowed.is_finite().then_some(Variant::Float(narrowed))?
        }
        Type::Double => Variant::Double(float().filter(|float| float.is_finite())?),
        Type::String => match value {
            Value::Text(text) => Variant::String(UAString::from(&**text)),
            _ => return None,
        },
        _ => return None,
    })
}

/// The node type that carries a tag's type without loss, where the device does not tell its own.
pub(super) fn natural_type(data_type: DataType) -> VariantScalarTypeId {
    match data_type {
        DataType::Float => VariantScalarTypeId::Double,
        DataType::Integer => VariantScalarTypeId::Int64,
        DataType::Boolean => VariantScalarTypeId::Boolean,
        DataType::Text => VariantScalarTypeId::String,
    }
}

/// A status in words: `BadNodeIdUnknown` becomes `node id unknown`.
pub(super) fn words(status: StatusCode) -> String {
    let name = status.sub_code().to_string();
    let name = ["Bad", "Uncertain", "Good"].iter().find_map(|severity| name.strip_prefix(severity)).unwrap_or(&name);
    let mut words = String::with_capacity(name.len() + 8);
    for (place, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && place > 0 {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    if words.is_empty() { quality(status).to_string() } else { words }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opcua::types::{Array, LocalizedText};

    const NOW: Timestamp = Timestamp::from_micros(1_795_352_617_190_123);

    #[test]
    fn numbers_of_all_sizes_reach_a_float_and_an_integer_tag() {
        let sevens = [
            Variant::SByte(7),
            Variant::Byte(7),
            Variant::Int16(7),
            Variant::UInt16(7),
            Variant::Int32(7),
            Variant::UInt32(7),
            Variant::Int64(7),
            Variant::UInt64(7),
            Variant::Float(7.0),
            Variant::Double(7.0),
        ];
        for seven in sevens {
            assert_eq!(tag_value(seven.clone(), DataType::Float), Ok(Value::Float(7.0)));
            assert_eq!(tag_value(seven, DataType::Integer), Ok(Value::Integer(7)));
        }
    }

    #[test]
    fn a_value_that_does_not_fit_makes_the_tag_bad_for_that_reason() {
        let cases = [
            (Variant::Double(7.5), DataType::Integer, Quality::BAD_TYPE_MISMATCH),
            (Variant::Double(1e300), DataType::Integer, Quality::BAD_OUT_OF_RANGE),
            (Variant::UInt64(u64::MAX), DataType::Integer, Quality::BAD_OUT_OF_RANGE),
            (Variant::Int64(i64::MAX), DataType::Float, Quality::BAD_OUT_OF_RANGE),
            (Variant::Boolean(true), DataType::Float, Quality::BAD_TYPE_MISMATCH),
            (Variant::Int32(1), DataType::Boolean, Quality::BAD_TYPE_MISMATCH),
            (Variant::from("7"), DataType::Float, Quality::BAD_TYPE_MISMATCH),
            (Variant::Double(7.0), DataType::Text, Quality::BAD_TYPE_MISMATCH),
            (Variant::Empty, DataType::Float, Quality::BAD_WAITING_FOR_INITIAL_DATA),
        ];
        for (variant, data_type, reason) in cases {
            assert_eq!(tag_value(variant.clone(), data_type), Err(reason), "{variant:?} to {data_type}");
        }
        let array = Array::new(VariantScalarTypeId::Double, vec![Variant::Double(7.0)]).unwrap();
        assert_eq!(tag_value(Variant::Array(Box::new(array)), DataType::Float), Err(Quality::BAD_TYPE_MISMATCH));
    }

    #[test]
    fn texts_and_times_reach_a_text_tag() {
        let text = |variant| tag_value(variant, DataType::Text).unwrap();
        assert_eq!(text(Variant::from("a")), Value::from("a"));
        assert_eq!(text(Variant::LocalizedText(Box::new(LocalizedText::new("en", "b")))), Value::from("b"));
        let time = text(Variant::DateTime(Box::new(date_time(NOW))));
        assert!(time.to_string().starts_with("2026-11-22T13:03:37"), "{time}");
    }

    #[test]
    fn status_is_kept_whole_and_a_bad_sample_has_no_value() {
        let overflow = StatusCode::from(0x0000_0480);
        let value = DataValue { status: Some(overflow), ..DataValue::value_only(1.0) };
        let (value, quality, time) = sample(value, DataType::Float, NOW);
        assert_eq!((value, quality.status_code(), time), (Some(Value::Float(1.0)), 0x480, NOW));
        assert!(quality.is_good() && overflowed(overflow) && !overflowed(StatusCode::Good));

        let value = DataValue { status: Some(StatusCode::BadSensorFailure), ..DataValue::value_only(1.0) };
        let (value, quality, _) = sample(value, DataType::Float, NOW);
        assert_eq!((value, quality), (None, Quality::BAD_SENSOR_FAILURE));
    }

    #[test]
    fn the_time_is_the_source_s_else_the_server_s_else_now() {
        let (source, server) = (Timestamp::from_micros(5_000_000), Timestamp::from_micros(6_000_000));
        let mut value = DataValue::value_only(1.0);
        value.server_timestamp = Some(date_time(server));
        assert_eq!(sample(value.clone(), DataType::Float, NOW).2, server);
        value.source_timestamp = Some(date_time(source));
        assert_eq!(sample(value.clone(), DataType::Float, NOW).2, source);
        value.source_timestamp = Some(DateTime::null());
        value.server_timestamp = None;
        assert_eq!(sample(value, DataType::Float, NOW).2, NOW);
    }

    #[test]
    fn a_time_goes_there_and_back() {
        for micros in [0, 1, NOW.as_micros(), 4_102_444_800_000_000] {
            let time = Timestamp::from_micros(micros);
            assert_eq!(timestamp(date_time(time)), Some(time));
        }
    }

    #[test]
    fn a_written_value_takes_the_node_s_type_or_is_refused() {
        use VariantScalarTypeId as Type;
        assert_eq!(node_value(&Value::Float(3.0), Type::Int16), Some(Variant::Int16(3)));
        assert_eq!(node_value(&Value::Integer(3), Type::Double), Some(Variant::Double(3.0)));
        assert_eq!(node_value(&Value::Float(0.1), Type::Float), Some(Variant::Float(0.1)));
        assert_eq!(node_value(&Value::Integer(256), Type::Byte), None);
        assert_eq!(node_value(&Value::Float(1e300), Type::Float), None);
        assert_eq!(node_value(&Value::Float(f64::NAN), Type::Double), None);
        assert_eq!(node_value(&Value::Float(3.5), Type::Int32), None);
        assert_eq!(node_value(&Value::Boolean(true), Type::Int32), None);
        assert_eq!(node_value(&Value::from("a"), Type::String), Some(Variant::from("a")));
    }

    #[test]
    fn a_status_is_told_in_words() {
        assert_eq!(words(StatusCode::BadNodeIdUnknown), "node id unknown");
        assert_eq!(words(StatusCode::BadTooManySessions), "too many sessions");
        assert_eq!(words(StatusCode::Bad), "bad");
    }
}
