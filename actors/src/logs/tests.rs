//! The engine on both backends.

use super::*;
use crate::Clock;
use crate::db::Database;
use crate::db::test_support::open;
use actix::{Actor, Addr};
use diesel::RunQueryDsl;
use flyball_schema::test_support::TestDatabase;

struct Rig {
    _test_database: TestDatabase,
    database: Database,
    logger: Addr<LogsLogger>,
}

impl Rig {
    fn each() -> Vec<Self> {
        let rig = |test_database| {
            let database = open(&test_database);
            let logger = LogsLogger::new(Clock::system(), database.clone()).start();
            Self { _test_database: test_database, database, logger }
        };
        TestDatabase::each().into_iter().map(rig).collect()
    }

    async fn append(&self, text: &str, links: NoteLinks) -> Result<Note, NoteError> {
        let note = AppendNote { text: text.to_owned(), author: "ann".to_owned(), links };
        self.logger.send(note).await.unwrap()
    }

    async fn amend(&self, id: i64, revision: i64, text: &str) -> Result<Note, NoteError> {
        let change = AmendNote { id, revision, text: text.to_owned(), author: "bob".to_owned() };
        self.logger.send(change).await.unwrap()
    }

    async fn list(&self, query: ListNotes) -> Vec<Note> {
        self.logger.send(query).await.unwrap().unwrap()
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn newest(limit: usize) -> ListNotes {
    ListNotes { limit, ..ListNotes::default() }
}

#[actix_rt::test]
async fn notes_come_back_as_they_were_written_newest_first() {
    for rig in Rig::each() {
        let links = NoteLinks {
            alarm: Some(AlarmId(3)),
            occurrence: Some(2),
            event: Some(1),
            tag: Some(TagId(7)),
            range: Some((at(1), at(2))),
        };
        let full = rig.append("Ventil \"7\" klemmt", links).await.unwrap();
        let plain = rig.append("nothing special", NoteLinks::default()).await.unwrap();
        assert_eq!((full.id, full.links, full.version.author.as_str()), (1, links, "ann"));
        assert_eq!(rig.list(newest(9)).await, [plain.clone(), full.clone()]);
        assert_eq!(rig.list(newest(1)).await, std::slice::from_ref(&plain));
        assert_eq!(rig.list(ListNotes { before: Some(plain.id), ..newest(9) }).await, [full]);
    }
}

#[actix_rt::test]
async fn notes_are_found_by_what_they_are_about() {
    for rig in Rig::each() {
        let none = NoteLinks::default();
        for links in [
            NoteLinks { alarm: Some(AlarmId(1)), occurrence: Some(1), ..none },
            NoteLinks { alarm: Some(AlarmId(1)), occurrence: Some(2), ..none },
            NoteLinks { event: Some(1), ..none },
            NoteLinks { tag: Some(TagId(1)), ..none },
            NoteLinks { range: Some((at(10), at(20))), ..none },
        ] {
            rig.append("seen", links).await.unwrap();
        }
        for (about, ids) in [
            (About::Alarm(AlarmId(1)), vec![2, 1]),
            (About::Occurrence(AlarmId(1), 2), vec![2]),
            (About::Event(1), vec![3]),
            (About::Tag(TagId(1)), vec![4]),
            (About::Tag(TagId(2)), vec![]),
            (About::Time(at(0), at(10)), vec![5]),
            (About::Time(at(12), at(13)), vec![5]),
            (About::Time(at(20), at(30)), vec![5]),
            (About::Time(at(21), at(30)), vec![]),
        ] {
            let found = rig.list(ListNotes { about: Some(about), ..newest(9) }).await;
            assert_eq!(found.iter().map(|note| note.id).collect::<Vec<_>>(), ids, "{about:?}");
        }
    }
}

#[actix_rt::test]
async fn an_amended_note_keeps_its_earlier_versions() {
    for rig in Rig::each() {
        let first = rig.append("pump 1 is hot", NoteLinks::default()).await.unwrap();
        let second = rig.amend(first.id, 1, "pump 2 is hot").await.unwrap();
        assert_eq!((second.version.revision, second.version.author.as_str()), (2, "bob"));
        assert_eq!(rig.list(newest(9)).await, std::slice::from_ref(&second));
        let versions = rig.logger.send(ReadNoteVersions(first.id)).await.unwrap().unwrap();
        assert_eq!(versions, [first.version, second.version]);
        for statement in ["UPDATE note_version SET text = 'x'", "DELETE FROM note_version", "DELETE FROM note"] {
            let job = rig.database.write(move |connection| Ok(diesel::sql_query(statement).execute(connection)?));
            let error = job.await.unwrap_err().to_string();
            assert!(error.contains("immutable") || error.contains("notes are kept"), "{statement}: {error}");
        }
    }
}

#[actix_rt::test]
async fn what_cannot_be_written_is_refused_and_changes_nothing() {
    for rig in Rig::each() {
        let none = NoteLinks::default();
        let backwards = NoteLinks { range: Some((at(2), at(1))), ..none };
        let nowhere = NoteLinks { occurrence: Some(1), ..none };
        assert!(matches!(rig.append(" \n", none).await, Err(NoteError::Empty)));
        assert!(matches!(rig.append("x", backwards).await, Err(NoteError::Range)));
        assert!(matches!(rig.append("x", nowhere).await, Err(NoteError::Occurrence)));
        assert!(matches!(rig.amend(7, 1, "x").await, Err(NoteError::Unknown(7))));
        let note = rig.append("seen", none).await.unwrap();
        rig.amend(note.id, 1, "seen twice").await.unwrap();
        assert!(matches!(rig.amend(note.id, 1, "x").await, Err(NoteError::Conflict { current: 2, .. })));
        let texts: Vec<String> = rig.list(newest(9)).await.into_iter().map(|note| note.version.text).collect();
        assert_eq!(texts, ["seen twice"]);
        assert_eq!(rig.database.health().failures, 0, "a refusal is no failure of the database");
    }
}
