//! The engine on both backends.

use super::*;
use crate::db::Database;
use crate::db::test_support::open;
use actix::{Actor, Addr};
use diesel::RunQueryDsl;
use flyball_schema::db::Backend;
use flyball_schema::test_support::TestDatabase;
use serde_json::json;

struct Rig {
    test_database: TestDatabase,
    database: Database,
    logger: Addr<EventsLogger>,
}

impl Rig {
    fn each() -> Vec<Self> {
        let rig = |test_database| {
            let database = open(&test_database);
            let logger = EventsLogger::new(database.clone()).start();
            Self { test_database, database, logger }
        };
        TestDatabase::each().into_iter().map(rig).collect()
    }

    async fn append(&self, events: Vec<NewEvent>) -> Vec<i64> {
        self.logger.send(AppendEvents(events)).await.unwrap().unwrap()
    }

    async fn list(&self, query: ListEvents) -> Vec<Event> {
        self.logger.send(query).await.unwrap().unwrap()
    }

    async fn verify(&self) -> Verification {
        self.logger.send(VerifyEvents).await.unwrap().unwrap()
    }

    /// As somebody would who owns the database.
    async fn behind_our_back(&self, statement: &'static str) {
        let off = match self.test_database.backend() {
            Backend::Sqlite => {
                vec!["DROP TRIGGER event_no_update", "DROP TRIGGER event_no_delete", "DROP TRIGGER event_no_replace"]
            }
            Backend::Postgres => vec!["ALTER TABLE event DISABLE TRIGGER event_no_change"],
        };
        for statement in off.into_iter().chain([statement]) {
            self.execute(statement).await.unwrap();
        }
    }

    async fn execute(&self, statement: &'static str) -> Result<usize, DbError> {
        self.database.write(move |connection| Ok(diesel::sql_query(statement).execute(connection)?)).await
    }
}

fn event(actor: &str, action: &str, seconds: i64) -> NewEvent {
    NewEvent {
        occurred: Timestamp::from_micros(seconds * 1_000_000),
        actor: actor.to_owned(),
        origin: None,
        action: action.to_owned(),
        object: None,
        before: None,
        after: None,
        reason: None,
        outcome: Outcome::Done,
    }
}

fn on(kind: &str, id: i64, event: NewEvent) -> NewEvent {
    let object = EventObject { kind: kind.to_owned(), id: Some(id), name: None };
    NewEvent { object: Some(object), ..event }
}

fn newest(limit: usize) -> ListEvents {
    ListEvents { limit, ..ListEvents::default() }
}

#[actix_rt::test]
async fn events_come_back_as_they_were_appended_newest_first() {
    for rig in Rig::each() {
        let full = NewEvent {
            origin: Some("10.0.0.7".to_owned()),
            object: Some(EventObject { kind: "tag".to_owned(), id: Some(7), name: Some("Füllstand".to_owned()) }),
            before: Some(json!({ "value": 0.1 + 0.2 })),
            after: Some(json!(null)),
            reason: Some("\"test\"; --".to_owned()),
            outcome: Outcome::Refused,
            ..event("ann", "tag.write", 1)
        };
        let plain = NewEvent { outcome: Outcome::Failed, ..event("system", "plant.start", 2) };
        assert_eq!(rig.append(vec![full.clone(), plain.clone()]).await, [1, 2]);
        assert_eq!(rig.append(Vec::new()).await, Vec::<i64>::new());
        assert_eq!(rig.append(vec![full.clone()]).await, [3]);
        let expected = [(3, &full), (2, &plain), (1, &full)].map(|(id, event)| Event { id, event: event.clone() });
        assert_eq!(rig.list(newest(10)).await, expected);
    }
}

#[actix_rt::test]
async fn events_are_found_by_who_what_which_and_when_a_page_at_a_time() {
    for rig in Rig::each() {
        rig.append(vec![
            on("tag", 1, event("ann", "tag.write", 1)),
            on("tag", 2, event("bob", "tag.write", 2)),
            on("alarm", 1, event("ann", "alarm.acknowledge", 3)),
            event("ann", "user.login", 4),
        ])
        .await;
        let at = |seconds: i64| Some(Timestamp::from_micros(seconds * 1_000_000));
        let some = |text: &str| Some(text.to_owned());
        for (query, ids) in [
            (newest(2), vec![4, 3]),
            (ListEvents { before: Some(3), ..newest(2) }, vec![2, 1]),
            (ListEvents { actor: some("ann"), ..newest(9) }, vec![4, 3, 1]),
            (ListEvents { action: some("tag.write"), ..newest(9) }, vec![2, 1]),
            (ListEvents { object_kind: some("tag"), ..newest(9) }, vec![2, 1]),
            (ListEvents { object_kind: some("tag"), object_id: Some(1), ..newest(9) }, vec![1]),
            (ListEvents { from: at(2), to: at(4), ..newest(9) }, vec![3, 2]),
            (ListEvents { actor: some("ann"), from: at(2), before: Some(4), ..newest(9) }, vec![3]),
            (ListEvents { actor: some("nobody"), ..newest(9) }, vec![]),
        ] {
            let found: Vec<i64> = rig.list(query.clone()).await.iter().map(|event| event.id).collect();
            assert_eq!(found, ids, "{query:?}");
        }
    }
}

#[actix_rt::test]
async fn events_cannot_be_altered() {
    for rig in Rig::each() {
        rig.append(vec![event("ann", "tag.write", 1)]).await;
        let mut statements = vec!["UPDATE event SET actor = 'nobody'", "DELETE FROM event"];
        statements.push(match rig.test_database.backend() {
            Backend::Sqlite => "INSERT OR REPLACE INTO event SELECT * FROM event",
            Backend::Postgres => "TRUNCATE event",
        });
        for statement in statements {
            let error = rig.execute(statement).await.unwrap_err().to_string();
            assert!(error.contains("events are immutable"), "{statement}: {error}");
        }
        assert_eq!(rig.list(newest(9)).await.len(), 1);
    }
}

#[actix_rt::test]
async fn a_whole_chain_is_verified_over_several_pages() {
    for rig in Rig::each() {
        assert_eq!(rig.verify().await, Verification { checked: 0, head: [0; 32], broken: None });
        let count = crate::db::BATCH + 1;
        rig.append(vec![event("ann", "tag.write", 1); count]).await;
        let whole = rig.verify().await;
        assert_eq!((whole.checked, whole.broken), (u64::try_from(count).unwrap(), None));
        rig.append(vec![event("ann", "tag.write", 1)]).await;
        assert_ne!(rig.verify().await.head, whole.head);
    }
}

#[actix_rt::test]
async fn an_event_that_was_altered_behind_our_back_is_named() {
    for rig in Rig::each() {
        rig.append(vec![event("ann", "tag.write", 1); 4]).await;
        rig.behind_our_back("UPDATE event SET actor = 'nobody' WHERE id = 3").await;
        let verification = rig.verify().await;
        assert_eq!((verification.checked, verification.broken), (2, Some(BrokenEvent::Altered(3))));
        assert_eq!(rig.append(vec![event("ann", "tag.write", 2)]).await, [5], "the chain goes on");
    }
}

#[actix_rt::test]
async fn an_event_that_was_deleted_behind_our_back_is_named() {
    for rig in Rig::each() {
        rig.append(vec![event("ann", "tag.write", 1); 4]).await;
        rig.behind_our_back("DELETE FROM event WHERE id = 2").await;
        assert_eq!(rig.verify().await.broken, Some(BrokenEvent::Missing(2)));
    }
}
