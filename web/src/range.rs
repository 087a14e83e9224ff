//! Points in time and ranges as queries tell them: RFC 3339, or relative to now.

use flyball::schema::Timestamp;
use std::time::Duration;

/// Why a time cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeError {
    /// Neither RFC 3339 nor relative.
    #[error("\"{0}\" is neither RFC 3339 (2026-11-22T13:03:37Z) nor relative (now-15m)")]
    Unreadable(String),
    /// No span of time.
    #[error("\"{0}\" is no span of time (10s, 1h30m)")]
    UnreadableSpan(String),
    /// The unit of a relative time is not known.
    #[error("\"{0}\" is no unit of time: ms, s, m, h, d and w are")]
    UnknownUnit(String),
    /// The span is longer than can be told.
    #[error("\"{0}\" is too long")]
    TooLong(String),
}

/// Reads a point in time: RFC 3339 with any offset, `now`, or `now-` and one or more of `<number><unit>` with the
/// units ms, s, m, h, d, w (`now-1h30m`).
///
/// # Errors
/// Where it is none of these.
pub fn parse_time(text: &str, now: Timestamp) -> Result<Timestamp, TimeError> {
    let Some(relative) = text.strip_prefix("now") else { return absolute(text) };
    if relative.is_empty() {
        return Ok(now);
    }
    let span = relative.strip_prefix('-').ok_or_else(|| TimeError::Unreadable(text.to_owned()))?;
    Ok(now - span_of(span)?)
}

/// Reads a span of time: one or more of `<number><unit>` with the units ms, s, m, h, d, w (`1h30m`).
///
/// # Errors
/// Where it is none.
pub fn parse_span(text: &str) -> Result<Duration, TimeError> {
    span_of(text).map_err(|error| match error {
        TimeError::Unreadable(_) => TimeError::UnreadableSpan(text.to_owned()),
        TimeError::TooLong(_) => TimeError::TooLong(text.to_owned()),
        other => other,
    })
}

fn absolute(text: &str) -> Result<Timestamp, TimeError> {
    // A plus sign in a query that was not escaped arrives as a space: "…T13:03:37 01:00".
    let plus_lost = text.len() > 6 && text.as_bytes()[text.len() - 6] == b' ' && text.is_ascii();
    let restored = plus_lost.then(|| format!("{}+{}", &text[..text.len() - 6], &text[text.len() - 5..]));
    Timestamp::parse(restored.as_deref().unwrap_or(text)).map_err(|_| TimeError::Unreadable(text.to_owned()))
}

fn span_of(text: &str) -> Result<Duration, TimeError> {
    let unreadable = || TimeError::Unreadable(format!("now-{text}"));
    let too_long = || TimeError::TooLong(format!("now-{text}"));
    let mut rest = text;
    let mut millis: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(unreadable)?;
        let (number, tail) = rest.split_at(digits);
        if number.is_empty() {
            return Err(unreadable());
        }
        let number: u64 = number.parse().map_err(|_| too_long())?;
        let unit_len = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_len);
        let part = number.checked_mul(unit_millis(unit)?).ok_or_else(too_long)?;
        millis = millis.checked_add(part).ok_or_else(too_long)?;
        rest = tail;
    }
    if text.is_empty() { Err(unreadable()) } else { Ok(Duration::from_millis(millis)) }
}

fn unit_millis(unit: &str) -> Result<u64, TimeError> {
    match unit {
        "ms" => Ok(1),
        "s" => Ok(1_000),
        "m" => Ok(60_000),
        "h" => Ok(3_600_000),
        "d" => Ok(86_400_000),
        "w" => Ok(604_800_000),
        other => Err(TimeError::UnknownUnit(other.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_795_352_617_190_123);

    fn ago(text: &str) -> Duration {
        NOW.since(parse_time(text, NOW).unwrap())
    }

    #[test]
    fn relative_times_count_back_from_now() {
        assert_eq!(ago("now"), Duration::ZERO);
        assert_eq!(ago("now-15m"), Duration::from_secs(900));
        assert_eq!(ago("now-1h30m"), Duration::from_secs(5_400));
        assert_eq!(ago("now-250ms"), Duration::from_millis(250));
        assert_eq!(ago("now-2w"), Duration::from_secs(14 * 86_400));
    }

    #[test]
    fn absolute_times_have_any_offset_even_one_whose_plus_became_a_space() {
        let utc = parse_time("2026-11-22T13:03:37.190123Z", NOW).unwrap();
        assert_eq!(utc, NOW);
        assert_eq!(parse_time("2026-11-22T14:03:37.190123+01:00", NOW).unwrap(), utc);
        assert_eq!(parse_time("2026-11-22T14:03:37.190123 01:00", NOW).unwrap(), utc);
    }

    #[test]
    fn what_is_no_time_is_refused_with_the_reason() {
        for text in ["", "yesterday", "now+1h", "now-", "now-m", "now-5", "nowish", "2026-11-22", "é6:00:00", "1 é0:00"]
        {
            assert_eq!(parse_time(text, NOW), Err(TimeError::Unreadable(text.to_owned())), "{text}");
        }
        assert_eq!(parse_time("now-5y", NOW), Err(TimeError::UnknownUnit("y".into())));
        let long = "now-99999999999999999999s";
        assert_eq!(parse_time(long, NOW), Err(TimeError::TooLong(long.into())));
    }
}
