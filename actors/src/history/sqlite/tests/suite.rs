//! What every store does.

use crate::history::sqlite::{Limits, SqliteHistorian};
use crate::history::store_suite::{TestStore, store_suite};
use std::sync::Arc;

fn made() -> Option<TestStore> {
    let folder = tempfile::tempdir().unwrap();
    // A chunk is dropped once all of it is past its retention: so they are small here.
    let limits = Limits { points: 256, ..Limits::REAL };
    let historian = Arc::new(SqliteHistorian::with_limits(folder.path().join("history.db"), limits));
    Some(TestStore { historian, _kept: Box::new(folder) })
}

store_suite!(made);
