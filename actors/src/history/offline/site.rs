//! The data folder of a plant that does not run, for tests.

use super::Recorded;
use crate::configuration::catalogue::register;
use crate::cvt::TagChange;
use crate::history::framer::Frame;
use crate::history::historian::{Batch, Cancel};
use crate::history::journal::Journal;
use crate::history::sample::{Block, Sample};
use crate::settings::Settings;
use flyball_schema::db::{Access, DatabaseUrl, connect, migrate};
use flyball_schema::definition::{PlantDefinition, TagDefinition};
use flyball_schema::test_support::TestDatabase;
use flyball_schema::{Quality, TagId, Timestamp, Value};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// See the module.
pub(in crate::history) struct Site {
    pub(in crate::history) settings: Settings,
    _folder: tempfile::TempDir,
    _database: Option<TestDatabase>,
}

impl Site {
    /// A folder in which no plant has run.
    pub(in crate::history) fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { settings: Settings::in_folder(folder.path().join("data")), _folder: folder, _database: None }
    }

    /// The same with history and configuration in a database of their own.
    pub(in crate::history) fn empty_in(database: TestDatabase) -> Self {
        let mut site = Self::empty();
        if database.backend() == flyball_schema::db::Backend::Postgres {
            site.settings.database.url = Some(database.url().to_owned());
        }
        Self { _database: Some(database), ..site }
    }

    /// A folder whose plant has the tags `level` (1), `count` (2), `on` (3) and `mode` (4), one of each type.
    pub(in crate::history) fn with_tags(self) -> Self {
        std::fs::create_dir_all(&self.settings.data.dir).unwrap();
        let url = DatabaseUrl::parse(&self.settings.database_url()).unwrap();
        let mut connection = connect(&url, Access::Write).unwrap();
        migrate(&mut connection).unwrap();
        let tags = vec![
            TagDefinition::float("level"),
            TagDefinition::integer("count"),
            TagDefinition::boolean("on"),
            TagDefinition::text("mode"),
        ];
        let definition = PlantDefinition { tags, ..PlantDefinition::default() };
        let ids = register(&mut connection, &definition, Timestamp::from_micros(1)).unwrap();
        assert_eq!(ids.tags, [1, 2, 3, 4].map(TagId));
        drop(self.journal());
        self
    }

    pub(in crate::history) fn journal(&self) -> Journal {
        Journal::open(&self.settings.journal()).unwrap()
    }

    /// Journals samples in frames of three, numbered behind the last.
    pub(in crate::history) fn append(&self, samples: &[(TagId, Sample)]) {
        let mut journal = self.journal();
        let mut seq = journal.last_seq().unwrap();
        for samples in samples.chunks(3) {
            let mut change = |(tag, sample): &(TagId, Sample)| {
                seq += 1;
                TagChange {
                    value: sample.value.clone(),
                    source_time: sample.time,
                    server_time: Timestamp::from_micros(seq.cast_signed()),
                    seq,
                    tag: *tag,
                    quality: sample.quality,
                }
            };
            let changes = samples.iter().map(&mut change).collect();
            journal.append(&[Arc::new(Frame { changes, opens_run: false })], 0).unwrap();
        }
    }

    /// Moves the changes up to a number into the store.
    pub(in crate::history) fn store(&self, upto: u64) {
        let (mut journal, mut store) = (self.journal(), self.settings.historian().unwrap().open_writer().unwrap());
        let behind = store.position(journal.id()).unwrap();
        let mut series = BTreeMap::<TagId, Block>::new();
        let mut push = |change: TagChange| {
            let sample = Sample { time: change.source_time, value: change.value, quality: change.quality };
            series.entry(change.tag).or_default().push(sample);
        };
        journal.scan(behind, upto, None, &Cancel::default(), &mut push).unwrap();
        let (journal, series) = (journal.id(), series.into_iter().collect());
        store.store(&Batch { journal, behind, upto, series, downtimes: Vec::new() }).unwrap();
    }

    /// Moves all there is into the store.
    pub(in crate::history) fn store_all(&self) {
        let last = self.journal().last_seq().unwrap();
        self.store(last);
    }

    /// Every sample, tag by tag.
    pub(in crate::history) fn all(&self) -> Vec<(TagId, Sample)> {
        read_all(&mut Recorded::open(&self.settings).unwrap())
    }
}

/// Every sample of tags 1 to 4.
pub(in crate::history) fn read_all(recorded: &mut Recorded) -> Vec<(TagId, Sample)> {
    let mut all = Vec::new();
    recorded
        .read(&[1, 2, 3, 4].map(TagId), Timestamp::MIN..Timestamp::MAX, |tag, block, rows| {
            all.extend(rows.map(|row| (tag, block.sample(row))));
            ControlFlow::Continue(())
        })
        .unwrap();
    all
}

pub(in crate::history) fn sample(tag: u32, time: i64, value: impl Into<Value>) -> (TagId, Sample) {
    let value = Some(value.into());
    (TagId(tag), Sample { time: Timestamp::from_micros(time), value, quality: Quality::GOOD })
}

/// Samples of every kind in the order in which they came: late ones, some of one time, without a value, of every type.
pub(in crate::history) fn mixed() -> Vec<(TagId, Sample)> {
    let bad = |tag: u32, time: i64, quality| {
        (TagId(tag), Sample { time: Timestamp::from_micros(time), value: None, quality })
    };
    vec![
        bad(1, 5, Quality::BAD_WAITING_FOR_INITIAL_DATA),
        sample(1, 10, 0.1),
        sample(2, 10, i64::MAX),
        sample(3, 11, true),
        sample(4, 12, "=1+1\n\"quoted\", 'and' ü"),
        sample(1, 30, -0.0),
        sample(1, 20, f64::MIN_POSITIVE),
        sample(2, 10, 9_007_199_254_740_993_i64),
        (TagId(1), Sample { quality: Quality::from_status_code(0x4094_0480), ..sample(1, 30, 1e300).1 }),
        sample(4, 12, ""),
        sample(3, -7, false),
        bad(4, 40, Quality::BAD_NO_COMMUNICATION),
        sample(2, 50, -1_i64),
    ]
}
