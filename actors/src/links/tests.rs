//! The engine on both backends.

use super::*;
use crate::Clock;
use crate::db::Database;
use crate::db::test_support::open;
use actix::{Actor, Addr};
use diesel::RunQueryDsl;
use flyball_schema::test_support::TestDatabase;
use serde_json::json;

struct Rig {
    _test_database: TestDatabase,
    database: Database,
    logger: Addr<LinksLogger>,
}

impl Rig {
    fn each() -> Vec<Self> {
        let rig = |test_database| {
            let database = open(&test_database);
            let logger = LinksLogger::new(Clock::system(), database.clone()).start();
            Self { _test_database: test_database, database, logger }
        };
        TestDatabase::each().into_iter().map(rig).collect()
    }

    async fn save(&self, name: &str, definition: Json, revision: Option<i64>) -> Result<Setting, SettingError> {
        let (name, by) = (name.to_owned(), "ann".to_owned());
        self.logger.send(SaveSetting { kind: SettingKind::Link, name, definition, revision, by }).await.unwrap()
    }

    async fn remove(&self, name: &str, revision: i64) -> Result<(), SettingError> {
        let (name, by) = (name.to_owned(), "bob".to_owned());
        self.logger.send(RemoveSetting { kind: SettingKind::Link, name, revision, by }).await.unwrap()
    }

    async fn list(&self, kind: SettingKind, after: Option<&str>, limit: usize) -> Vec<Setting> {
        let after = after.map(str::to_owned);
        self.logger.send(ListSettings { kind, after, limit }).await.unwrap().unwrap()
    }

    async fn versions(&self, name: &str) -> Vec<(i64, Option<Json>)> {
        let query = ReadSettingVersions { kind: SettingKind::Link, name: name.to_owned() };
        let versions = self.logger.send(query).await.unwrap().unwrap();
        versions.into_iter().map(|version| (version.revision, version.definition)).collect()
    }
}

#[actix_rt::test]
async fn a_setting_is_made_changed_and_removed_and_its_versions_stay() {
    for rig in Rig::each() {
        let (one, two, three) = (json!({ "url": "opc.tcp://a" }), json!({ "url": "opc.tcp://b" }), json!({}));
        let made = rig.save("plc", one.clone(), None).await.unwrap();
        assert_eq!((made.revision, made.changed_by.as_str()), (1, "ann"));
        let changed = rig.save("plc", two.clone(), Some(1)).await.unwrap();
        assert_eq!(rig.list(SettingKind::Link, None, 9).await, [changed]);
        rig.remove("plc", 2).await.unwrap();
        assert_eq!(rig.list(SettingKind::Link, None, 9).await, []);
        let again = rig.save("plc", three.clone(), None).await.unwrap();
        assert_eq!(again.revision, 4, "a name that comes back goes on");
        assert_eq!(rig.list(SettingKind::Link, None, 9).await, [again]);
        let kept = rig.versions("plc").await;
        assert_eq!(kept, [(1, Some(one)), (2, Some(two)), (3, None), (4, Some(three))]);
        assert_eq!(rig.versions("other").await, []);
        for statement in ["UPDATE opcua_setting_version SET changed_by = 'x'", "DELETE FROM opcua_setting_version"] {
            let job = rig.database.write(move |connection| Ok(diesel::sql_query(statement).execute(connection)?));
            let error = job.await.unwrap_err().to_string();
            assert!(error.contains("immutable"), "{statement}: {error}");
        }
    }
}

#[actix_rt::test]
async fn who_did_not_see_the_last_change_is_told_and_changes_nothing() {
    for rig in Rig::each() {
        rig.save("plc", json!(1), None).await.unwrap();
        rig.save("plc", json!(2), Some(1)).await.unwrap();
        for revision in [None, Some(1), Some(3)] {
            let refused = rig.save("plc", json!(3), revision).await;
            assert!(matches!(refused, Err(SettingError::Conflict { current: 2, .. })), "{refused:?}");
        }
        assert!(matches!(rig.remove("plc", 1).await, Err(SettingError::Conflict { current: 2, .. })));
        assert!(matches!(rig.save("other", json!(1), Some(1)).await, Err(SettingError::Unknown(_))));
        assert!(matches!(rig.remove("other", 1).await, Err(SettingError::Unknown(_))));
        rig.remove("plc", 2).await.unwrap();
        assert!(matches!(rig.remove("plc", 3).await, Err(SettingError::Unknown(_))));
        assert!(matches!(rig.save("plc", json!(3), Some(3)).await, Err(SettingError::Unknown(_))));
        assert_eq!(rig.versions("plc").await.len(), 3);
        assert_eq!(rig.database.health().failures, 0, "a refusal is no failure of the database");
    }
}

#[actix_rt::test]
async fn settings_are_listed_by_name_in_the_same_order_on_both_backends() {
    for rig in Rig::each() {
        for name in ["b", "a", "B", "ä", "a-1", "a1"] {
            rig.save(name, json!(name), None).await.unwrap();
        }
        let names = |settings: Vec<Setting>| settings.into_iter().map(|setting| setting.name).collect::<Vec<_>>();
        assert_eq!(names(rig.list(SettingKind::Link, None, 4).await), ["B", "a", "a-1", "a1"]);
        assert_eq!(names(rig.list(SettingKind::Link, Some("a1"), 4).await), ["b", "ä"]);
        assert_eq!(names(rig.list(SettingKind::ServerNode, None, 4).await), Vec::<String>::new());
    }
}

#[actix_rt::test]
async fn connections_are_listed_newest_first_a_page_at_a_time() {
    for rig in Rig::each() {
        for (number, link) in [(1, 1), (2, 2), (3, 1), (4, 1)] {
            let connected = number % 2 == 1;
            let reason = (!connected).then(|| "keep-alive".to_owned());
            let occurred = Timestamp::from_micros(number);
            let change = NoteConnection { link: LinkId(link), connected, reason, occurred };
            rig.logger.send(change).await.unwrap().unwrap();
        }
        let list =
            async |query: ListConnections| -> Vec<ConnectionChange> { rig.logger.send(query).await.unwrap().unwrap() };
        let times =
            |changes: &[ConnectionChange]| changes.iter().map(|one| one.occurred.as_micros()).collect::<Vec<_>>();
        let all = list(ListConnections { limit: 3, ..ListConnections::default() }).await;
        assert_eq!(times(&all), [4, 3, 2]);
        assert_eq!(
            (all[0].connected, all[0].reason.as_deref(), all[1].reason.as_deref()),
            (false, Some("keep-alive"), None)
        );
        let of_one = ListConnections { link: Some(LinkId(1)), before: Some(all[0].id), limit: 9 };
        assert_eq!(times(&list(of_one).await), [3, 1]);
    }
}
