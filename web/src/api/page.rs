//! Pages of a list: keyset cursors that clients take as they are.

use crate::problem::Problem;
use serde::Serialize;
use utoipa::ToSchema;

/// Items of a page where the client does not say.
pub const DEFAULT_LIMIT: u32 = 100;
/// Items of a page at the most.
pub const MAX_LIMIT: u32 = 1_000;

/// Part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// What to send as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

/// Where a page begins and how long it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The key of the last item of the page before.
    pub after: Option<u64>,
    /// Items at the most.
    pub limit: usize,
}

impl Window {
    /// Reads `cursor` and `limit`.
    ///
    /// # Errors
    /// `malformed` for a cursor that is none of ours, `invalid_limit` outside 1 to [`MAX_LIMIT`].
    pub fn read(cursor: Option<&str>, limit: Option<u32>) -> Result<Self, Problem> {
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Problem::invalid("limit", "?limit", format!("limit is 1 to {MAX_LIMIT}")));
        }
        let after = cursor.map(decode).transpose()?;
        Ok(Self { after, limit: limit as usize })
    }

    /// The key as a 32-bit id.
    ///
    /// # Errors
    /// `malformed` for a key that is none.
    pub fn after_id(&self) -> Result<Option<u32>, Problem> {
        self.after.map(|key| u32::try_from(key).map_err(|_| malformed())).transpose()
    }

    /// How many items to ask for: one more than the page has tells whether there is another page.
    #[must_use]
    pub fn ask(&self) -> usize {
        self.limit + 1
    }

    /// The page of the items that [`ask`](Self::ask) brought.
    #[must_use]
    pub fn page<T, V>(&self, mut items: Vec<T>, key: impl Fn(&T) -> u64, view: impl FnMut(T) -> V) -> Page<V> {
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        let next_cursor = if more { items.last().map(|last| encode(key(last))) } else { None };
        Page { items: items.into_iter().map(view).collect(), next_cursor }
    }

    /// The page of a list that is at hand whole, ascending by key.
    #[must_use]
    pub fn cut<T, V>(&self, items: Vec<T>, key: impl Fn(&T) -> u64, view: impl FnMut(T) -> V) -> Page<V> {
        let newer = |item: &T| self.after.is_none_or(|after| key(item) > after);
        let rest = items.into_iter().filter(newer).take(self.ask()).collect();
        self.page(rest, key, view)
    }
}

/// `k` and the key in hexadecimal: short, safe in a URL, and plainly not a number to compute with.
fn encode(key: u64) -> String {
    format!("k{key:x}")
}

fn decode(cursor: &str) -> Result<u64, Problem> {
    let digits = cursor.strip_prefix('k').filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).ok_or_else(malformed)
}

fn malformed() -> Problem {
    Problem::malformed_parameter("cursor", "not a cursor of this list")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gap_or_overlap() {
        let all: Vec<u64> = (1..=7).collect();
        let mut cursor = None;
        let mut seen = Vec::new();
        loop {
            let window = Window::read(cursor.as_deref(), Some(3)).unwrap();
            let page = window.cut(all.clone(), |item| *item, |item| item);
            seen.push(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, [vec![1, 2, 3], vec![4, 5, 6], vec![7]]);
    }

    #[test]
    fn a_page_that_ends_with_the_list_has_no_next_one() {
        let window = Window::read(None, Some(3)).unwrap();
        assert_eq!(window.cut(vec![1_u64, 2, 3], |item| *item, |item| item).next_cursor, None);
    }

    #[test]
    fn limits_and_cursors_that_make_no_sense_are_refused() {
        let code = |cursor, limit| Window::read(cursor, limit).unwrap_err().code.clone();
        assert_eq!(code(None, Some(0)), "invalid_limit");
        assert_eq!(code(None, Some(1_001)), "invalid_limit");
        for cursor in ["", "7", "k", "kxyz", "k+7", "kfffffffffffffffff"] {
            assert_eq!(code(Some(cursor), None), "malformed", "{cursor}");
        }
        let far = Window::read(Some("kffffffffff"), None).unwrap();
        assert_eq!(far.after_id().unwrap_err().code, "malformed");
    }
}
