//! Where the next page of a history begins, as clients take it along. Pure.

use crate::problem::Problem;
use flyball::history::Cursor;
use flyball::schema::Timestamp;
use std::fmt::Write as _;

/// The row at `time`: `k` and its microseconds in hexadecimal.
pub(super) fn encode_time(time: Timestamp) -> String {
    format!("k{:x}", time.as_micros())
}

/// The row of a cursor.
pub(super) fn decode_time(cursor: &str) -> Result<Timestamp, Problem> {
    time(cursor).ok_or_else(malformed)
}

/// The samples behind a cursor: its time, and `-slot.count` for each tag of which samples of that time were given.
pub(super) fn encode(cursor: &Cursor) -> String {
    let mut text = encode_time(cursor.time);
    for (slot, given) in cursor.given.iter().enumerate().filter(|(_, given)| **given > 0) {
        // Writing into a string does not fail.
        let _written = write!(text, "-{slot:x}.{given:x}");
    }
    text
}

/// The cursor of a question about so many tags.
pub(super) fn decode(cursor: &str, tags: usize) -> Result<Cursor, Problem> {
    let mut parts = cursor.split('-');
    let time = parts.next().and_then(time).ok_or_else(malformed)?;
    let mut given = vec![0; tags];
    for part in parts {
        let (slot, count) = part.split_once('.').ok_or_else(malformed)?;
        let slot = usize::try_from(hexadecimal(slot).ok_or_else(malformed)?).map_err(|_| malformed())?;
        let count = hexadecimal(count).and_then(|count| u32::try_from(count).ok()).ok_or_else(malformed)?;
        *given.get_mut(slot).ok_or_else(malformed)? = count;
    }
    Ok(Cursor { time, given })
}

fn time(text: &str) -> Option<Timestamp> {
    Some(Timestamp::from_micros(hexadecimal(text.strip_prefix('k')?)?.cast_signed()))
}

fn hexadecimal(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if plain { u64::from_str_radix(digits, 16).ok() } else { None }
}

fn malformed() -> Problem {
    Problem::malformed_parameter("cursor", "not a cursor of this question")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_and_another_is_refused() {
        for time in [0, -1, 1_795_352_617_190_123, i64::MIN] {
            let cursor = Cursor { time: Timestamp::from_micros(time), given: vec![0, 3, 0, 70_000] };
            assert_eq!(decode(&encode(&cursor), 4).unwrap(), cursor);
            assert_eq!(decode_time(&encode_time(cursor.time)).unwrap(), cursor.time);
        }
        for text in
            ["", "7", "k", "kx", "k+7", "k7-", "k7-1", "k7-1.", "k7-4.1", "k7-1.100000000", "k10000000000000000"]
        {
            assert_eq!(decode(text, 4).unwrap_err().code, "malformed", "{text}");
        }
    }
}
