//! Saving what can be read of a damaged file.

use super::open::{cannot_open, connect, with_suffix, writer};
use super::rows::{self, Header, Late};
use super::schema::{chunk, downtime, generation, position, sample_late};
use crate::history::historian::HistorianError;
use diesel::prelude::*;
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::path::{Path, PathBuf};

/// Places in damaged parts that are tried for readable rows.
const PROBES: usize = 20_000;
/// Rows copied in one transaction.
const ROWS: usize = 1_000;

/// What was saved.
#[derive(Debug, Default)]
struct Saved {
    positions: usize,
    downtimes: usize,
    chunks: usize,
    late: usize,
    samples: u64,
    /// Chunks whose data could not be read.
    lost_chunks: usize,
    /// Ranges of rows that could not be read.
    gaps: usize,
}

/// Makes a new file of what can be read of the one at `path`, and sets that one aside.
pub(super) fn salvage(path: &Path, reason: &str) -> Result<(), HistorianError> {
    log::error!("the store {} is damaged ({reason}): saving what can be read", path.display());
    let fresh = fresh_path(path);
    remove(&fresh)?;
    let saved = copy(path, &fresh)?;
    let aside = set_aside(path)?;
    finish(path)?;
    log::error!("the store {} is new: {saved}; the damaged file is kept as {}", path.display(), aside.display());
    Ok(())
}

/// Puts the new file in its place where the program ended just before: it is whole once the old one is gone.
pub(super) fn finish(path: &Path) -> Result<(), HistorianError> {
    let fresh = fresh_path(path);
    if fresh.exists() && !path.exists() {
        std::fs::rename(&fresh, path).map_err(|cause| cannot_open(&fresh, cause))?;
    }
    Ok(())
}

fn fresh_path(path: &Path) -> PathBuf {
    with_suffix(path, ".salvaged")
}

fn remove(path: &Path) -> Result<(), HistorianError> {
    for suffix in ["", "-wal", "-shm"] {
        let file = with_suffix(path, suffix);
        if file.exists() {
            std::fs::remove_file(&file).map_err(|cause| cannot_open(&file, cause))?;
        }
    }
    Ok(())
}

/// Renames the file and its companions, the file last; its new name.
fn set_aside(path: &Path) -> Result<PathBuf, HistorianError> {
    let renamed = |suffix: &str, number: u32| with_suffix(path, &format!(".damaged-{number}{suffix}"));
    let number = (1..).find(|&number| !renamed("", number).exists()).unwrap_or(u32::MAX);
    for suffix in ["-wal", "-shm", ""] {
        let from = with_suffix(path, suffix);
        if from.exists() {
            std::fs::rename(&from, renamed(suffix, number)).map_err(|cause| cannot_open(&from, cause))?;
        }
    }
    Ok(renamed("", number))
}

/// Copies what can be read. The connection to the new file is closed at the end, and its WAL with it.
fn copy(path: &Path, fresh: &Path) -> Result<Saved, HistorianError> {
    let mut to = writer(fresh, false)?;
    // One walks, the other fetches what belongs to a row.
    let (mut from, mut data) = (connect(path)?, connect(path)?);
    let mut saved = Saved::default();
    copy_small_tables(&mut from, &mut to, &mut saved)?;
    let mut generations: BTreeSet<i64> = BTreeSet::new();
    saved.gaps += walk::<Header>(&mut from, |headers| {
        to.immediate_transaction(|to| {
            for header in headers {
                let Ok(Some(bytes)) = rows::data(&mut data, header.data_id) else {
                    saved.lost_chunks += 1;
                    continue;
                };
                if generations.insert(header.generation) {
                    let row = (generation::id.eq(header.generation), generation::tier.eq(0));
                    diesel::insert_or_ignore_into(generation::table).values(row).execute(to)?;
                }
                rows::insert_data(to, header.data_id, &bytes)?;
                saved.chunks += 1;
                saved.samples += header.n.unsigned_abs();
                diesel::insert_into(chunk::table).values(header).execute(to)?;
            }
            Ok(())
        })
    })?;
    saved.gaps += walk::<Late>(&mut from, |rows| {
        to.immediate_transaction(|to| {
            for late in rows {
                saved.late += 1;
                saved.samples += late.n.unsigned_abs();
                diesel::insert_into(sample_late::table).values(late).execute(to)?;
            }
            Ok(())
        })
    })?;
    Ok(saved)
}

fn copy_small_tables(
    from: &mut SqliteConnection,
    to: &mut SqliteConnection,
    saved: &mut Saved,
) -> Result<(), HistorianError> {
    let positions = readable(position::table.load_iter::<(String, i64), _>(from));
    let generations = readable(generation::table.load_iter::<(i64, i64), _>(from));
    let downtimes = downtime::table.select((downtime::began, downtime::ended));
    let downtimes = readable(downtimes.load_iter::<(i64, i64), _>(from));
    (saved.positions, saved.downtimes) = (positions.len(), downtimes.len());
    to.immediate_transaction(|to| {
        for (journal, seq) in positions {
            let row = (position::journal.eq(journal), position::seq.eq(seq));
            diesel::insert_into(position::table).values(row).execute(to)?;
        }
        for (id, tier) in generations {
            let row = (generation::id.eq(id), generation::tier.eq(tier));
            diesel::insert_or_ignore_into(generation::table).values(row).execute(to)?;
        }
        for (began, ended) in downtimes {
            let row = (downtime::began.eq(began), downtime::ended.eq(ended));
            diesel::insert_into(downtime::table).values(row).execute(to)?;
        }
        Ok(())
    })
}

/// The rows before the first that cannot be read.
fn readable<T>(found: QueryResult<impl Iterator<Item = QueryResult<T>>>) -> Vec<T> {
    found.map(|rows| rows.map_while(Result::ok).collect()).unwrap_or_default()
}

/// A row of a table that is walked.
trait Walked: Sized {
    /// Hands on the rows between two places, both left out, in order or backwards, until one cannot be read. Whether all
    /// could.
    fn rows(
        from: &mut SqliteConnection,
        between: (Place, Place),
        is_backward: bool,
        take: &mut dyn FnMut(Self) -> Result<(), HistorianError>,
    ) -> Result<bool, HistorianError>;

    fn place(&self) -> Place;
}

/// Place of a row in its table: as many numbers of its key as there are, then zeroes.
type Place = [i64; 4];

impl Walked for Header {
    fn rows(
        from: &mut SqliteConnection,
        between: (Place, Place),
        is_backward: bool,
        take: &mut dyn FnMut(Self) -> Result<(), HistorianError>,
    ) -> Result<bool, HistorianError> {
        hand_on(rows::walk(between, is_backward).load_iter(from), take)
    }

    fn place(&self) -> Place {
        [self.generation, self.tag_id, self.t0, self.turn]
    }
}

impl Walked for Late {
    fn rows(
        from: &mut SqliteConnection,
        between: (Place, Place),
        is_backward: bool,
        take: &mut dyn FnMut(Self) -> Result<(), HistorianError>,
    ) -> Result<bool, HistorianError> {
        let between = sample_late::table.filter(sample_late::id.gt(between.0[0]).and(sample_late::id.lt(between.1[0])));
        if is_backward {
            hand_on(between.order(sample_late::id.desc()).load_iter(from), take)
        } else {
            hand_on(between.order(sample_late::id).load_iter(from), take)
        }
    }

    fn place(&self) -> Place {
        [self.id, 0, 0, 0]
    }
}

fn hand_on<T>(
    rows: QueryResult<impl Iterator<Item = QueryResult<T>>>,
    take: &mut dyn FnMut(T) -> Result<(), HistorianError>,
) -> Result<bool, HistorianError> {
    let Ok(rows) = rows else { return Ok(false) };
    for row in rows {
        match row {
            Ok(row) => take(row)?,
            Err(_) => return Ok(false),
        }
    }
    Ok(true)
}

/// Hands on all rows of a table that can be read, up to [`ROWS`] at a time; how many gaps there are between them.
///
/// A gap is closed in on from both sides, and halved again and again for islands in it.
fn walk<T: Walked>(
    from: &mut SqliteConnection,
    mut take: impl FnMut(&[T]) -> Result<(), HistorianError>,
) -> Result<usize, HistorianError> {
    let mut gaps = VecDeque::from([([i64::MIN; 4], [i64::MAX; 4])]);
    let (mut probes, mut lost) = (0, 0);
    let mut seen = ([i64::MAX; 4], [i64::MIN; 4]);
    let mut rows: Vec<T> = Vec::new();
    while let Some((mut low, mut high)) = gaps.pop_front() {
        let mut is_whole = false;
        for is_backward in [false, true] {
            let between = (low, high);
            let edge = if is_backward { &mut high } else { &mut low };
            let mut keep = |row: T| {
                *edge = row.place();
                see(&mut seen, *edge);
                rows.push(row);
                if rows.len() >= ROWS { take(&std::mem::take(&mut rows)) } else { Ok(()) }
            };
            is_whole = T::rows(from, between, is_backward, &mut keep)?;
            if is_whole {
                break;
            }
        }
        probes += 1;
        match middle(low, high, &seen).filter(|_| !is_whole) {
            Some(middle) if probes < PROBES => gaps.extend([(low, middle), (middle, high)]),
            _ => lost += usize::from(!is_whole),
        }
    }
    take(&rows)?;
    Ok(lost)
}

/// The smallest and the largest numbers that were seen at places: what lies beyond is not tried.
type Seen = (Place, Place);

fn see(seen: &mut Seen, place: Place) {
    for (number, (least, most)) in place.iter().zip(seen.0.iter_mut().zip(&mut seen.1)) {
        *least = (*least).min(*number);
        *most = (*most).max(*number);
    }
}

/// A place between two: in the middle of the first of their numbers that leaves room; `None` where they are too close.
fn middle(low: Place, high: Place, seen: &Seen) -> Option<Place> {
    let mut is_open = false;
    for index in 0..low.len() {
        // Once a number of `low` is the smaller one, those behind it are only bounded by what was seen.
        let from = low[index].max(seen.0[index].saturating_sub(1));
        let most = seen.1[index].saturating_add(1);
        let to = if is_open { most } else { high[index].min(most) };
        let mut middle = [i64::MIN; 4];
        middle[..index].copy_from_slice(&low[..index]);
        // Rounded up: the numbers behind are the smallest.
        middle[index] = from.saturating_add_unsigned(to.max(from).abs_diff(from).div_ceil(2));
        if low < middle && middle < high {
            return Some(middle);
        }
        is_open |= low[index] < high[index];
    }
    None
}

impl fmt::Display for Saved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} samples in {} chunks and {} late parts, {} downtimes and the positions of {} journals saved; \
             {} chunks and {} stretches of the file were lost",
            self.samples, self.chunks, self.late, self.downtimes, self.positions, self.lost_chunks, self.gaps
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: Seen = ([0, 1, 0, 0], [9, 100, 1_000, 0]);

    #[test]
    fn gaps_are_halved_down_to_neighbours() {
        assert_eq!(middle([1, 5, 0, 0], [1, 9, 0, 0], &SEEN), Some([1, 7, i64::MIN, i64::MIN]));
        assert_eq!(middle([1, 5, 3, 0], [2, 7, 0, 0], &SEEN), Some([2, i64::MIN, i64::MIN, i64::MIN]));
        assert_eq!(middle([1, 5, 3, 0], [1, 5, 3, 1], &SEEN), None);
    }

    #[test]
    fn an_edge_of_a_gap_is_bounded_by_what_was_seen() {
        let end_of_1 = [2, i64::MIN, i64::MIN, i64::MIN];
        assert_eq!(middle([1, 5, 3, 0], end_of_1, &SEEN), Some([1, 53, i64::MIN, i64::MIN]));
        assert_eq!(middle(end_of_1, [2, 51, 0, 0], &SEEN), Some([2, 26, i64::MIN, i64::MIN]));
        assert_eq!(middle([1, 100, 3, 0], end_of_1, &SEEN), Some([1, 101, i64::MIN, i64::MIN]));
    }

    #[test]
    fn halving_comes_to_an_end() {
        let mut gaps = vec![([0, 4, 10, 0], [1, 6, 20, 0])];
        let mut count = 0;
        while let Some((low, high)) = gaps.pop() {
            count += 1;
            if let Some(middle) = middle(low, high, &([0, 4, 10, 0], [1, 8, 20, 0])) {
                assert!(low < middle && middle < high);
                gaps.extend([(low, middle), (middle, high)]);
            }
        }
        assert!(count < 1_000, "{count} gaps");
    }
}
