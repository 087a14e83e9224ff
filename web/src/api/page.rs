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
        let limit = items_of(limit)?;
        Ok(Self { after: cursor.map(decode).transpose()?, limit })
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

/// Where a page of a list by name begins and how long it may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameWindow {
    /// The name of the last item of the page before.
    pub after: Option<String>,
    /// Items at the most.
    pub limit: usize,
}

impl NameWindow {
    /// Reads `cursor` and `limit`.
    ///
    /// # Errors
    /// As [`Window::read`].
    pub fn read(cursor: Option<&str>, limit: Option<u32>) -> Result<Self, Problem> {
        let limit = items_of(limit)?;
        Ok(Self { after: cursor.map(decode_name).transpose()?, limit })
    }

    /// How many items to ask for: one more than the page has.
    #[must_use]
    pub fn ask(&self) -> usize {
        self.limit + 1
    }

    /// The page of the items that [`ask`](Self::ask) brought.
    #[must_use]
    pub fn page<T, V>(&self, mut items: Vec<T>, name: impl Fn(&T) -> &str, view: impl FnMut(T) -> V) -> Page<V> {
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        let next_cursor = if more { items.last().map(|last| encode_name(name(last))) } else { None };
        Page { items: items.into_iter().map(view).collect(), next_cursor }
    }
}

fn items_of(limit: Option<u32>) -> Result<usize, Problem> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::invalid("limit", "?limit", format!("limit is 1 to {MAX_LIMIT}")));
    }
    Ok(limit as usize)
}

/// `n` and the bytes of the name in hexadecimal.
fn encode_name(name: &str) -> String {
    name.bytes().fold(String::from("n"), |cursor, byte| format!("{cursor}{byte:02x}"))
}

fn decode_name(cursor: &str) -> Result<String, Problem> {
    let digits = cursor.strip_prefix('n').filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2)).ok_or_else(malformed)?;
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| malformed());
    let bytes = (0..digits.len()).step_by(2).map(byte).collect::<Result<Vec<_>, _>>()?;
    String::from_utf8(bytes).map_err(|_| malformed())
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
    fn a_list_by_name_goes_on_behind_its_last_name() {
        let window = NameWindow::read(None, Some(2)).unwrap();
        let page = window.page(vec!["a", "Ü 1", "z"], |item| item, |item| item);
        let next = NameWindow::read(page.next_cursor.as_deref(), None).unwrap();
        assert_eq!((page.items.as_slice(), next.after.as_deref()), (&["a", "Ü 1"][..], Some("Ü 1")));
        assert_eq!(window.page(vec!["a", "b"], |item| item, |item| item).next_cursor, None);
        for cursor in ["", "k61", "n6", "n6g", "nff", "né"] {
            assert_eq!(NameWindow::read(Some(cursor), None).unwrap_err().code, "malformed", "{cursor}");
        }
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
