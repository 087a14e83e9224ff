//! The chain of hashes over the journal.

use super::super::super::{JournalVerification, VerifyAlarmJournal};
use super::*;

async fn verify(plant: &Plant) -> JournalVerification {
    ask(&plant.logger, VerifyAlarmJournal, DEADLINE).await.unwrap().unwrap()
}

async fn broken(plant: &Plant) -> (u64, Option<BrokenJournal>) {
    let found = verify(plant).await;
    (found.checked, found.broken)
}

/// What somebody with access to the database can do.
async fn drop_triggers(plant: &Plant) {
    let statements = match plant.test_database.backend() {
        Backend::Sqlite => vec![
            "DROP TRIGGER alarm_journal_no_update",
            "DROP TRIGGER alarm_journal_no_delete",
            "DROP TRIGGER alarm_journal_no_replace",
        ],
        Backend::Postgres => vec!["DROP TRIGGER alarm_journal_no_change ON alarm_journal"],
    };
    for statement in statements {
        execute(plant, statement).await.unwrap();
    }
}

async fn store_batches(plant: &Plant, batches: std::ops::Range<u64>) {
    for batch in batches {
        let records: Vec<Record> = (1..=10).map(|n| record(1 + u32::from(n % 2 == 0), batch * 10 + n)).collect();
        store(plant, &records).await;
    }
}

#[actix_rt::test]
async fn the_chain_is_whole_after_many_batches_also_where_they_are_repeated() {
    for plant in plants(2).await {
        assert_eq!(verify(&plant).await, JournalVerification { checked: 0, head: None, broken: None });
        for batch in 0..20 {
            store_batches(&plant, batch..batch + 1).await;
            // Late answers: written again, with what came meanwhile.
            let mut again: Vec<Record> = (1..=10).map(|n| record(1 + u32::from(n % 2 == 0), batch * 10 + n)).collect();
            store(&plant, &again).await;
            again.push(record(1, 10_000 + batch));
            store(&plant, &again).await;
        }
        let found = verify(&plant).await;
        assert_eq!((found.checked, found.broken), (220, None));
        let ids: Vec<i64> = journal(&plant.logger, all()).await.iter().rev().map(|row| row.id).collect();
        assert_eq!(ids, (1..=220).collect::<Vec<_>>(), "numbers without a gap");
        // The head moves on with each row, and is the same for whoever looks.
        assert_eq!(verify(&plant).await, found);
        store(&plant, &[record(2, 77_777)]).await;
        assert_ne!(verify(&plant).await.head, found.head);
        let offline = plant.database.write(verify_offline).await.unwrap();
        assert_eq!(offline, verify(&plant).await);
    }
}

#[actix_rt::test]
async fn a_row_that_was_altered_or_deleted_is_found() {
    for (change, expected) in [
        ("UPDATE alarm_journal SET actor = 'nobody' WHERE id = 7", (6, BrokenJournal::Altered(7))),
        ("UPDATE alarm_journal SET reason = '' WHERE id = 7", (6, BrokenJournal::Altered(7))),
        ("UPDATE alarm_journal SET recorded = recorded + 1 WHERE id = 30", (29, BrokenJournal::Altered(30))),
        ("UPDATE alarm_journal SET hash = NULL WHERE id = 7", (6, BrokenJournal::Unchained(7))),
        ("DELETE FROM alarm_journal WHERE id = 7", (6, BrokenJournal::Altered(8))),
        ("DELETE FROM alarm_journal WHERE id = 1", (0, BrokenJournal::Altered(2))),
        (
            "INSERT INTO alarm_journal (id, alarm_id, occurrence, from_state, to_state, event, quality, occurred, \
             recorded, actor) VALUES (31, 1, 1, 'UNACK', 'ACKED', 'acknowledged', 0, 1, 1, 'nobody')",
            (30, BrokenJournal::Unchained(31)),
        ),
    ] {
        for plant in plants(2).await {
            store_batches(&plant, 0..3).await;
            assert_eq!(broken(&plant).await, (30, None));
            drop_triggers(&plant).await;
            execute(&plant, change).await.unwrap();
            assert_eq!(broken(&plant).await, (expected.0, Some(expected.1)), "{change}");
        }
    }
}

#[actix_rt::test]
async fn missing_rows_at_the_end_are_seen_by_a_head_that_was_kept() {
    for plant in plants(2).await {
        store_batches(&plant, 0..3).await;
        let kept = verify(&plant).await;
        drop_triggers(&plant).await;
        execute(&plant, "DELETE FROM alarm_journal WHERE id > 25").await.unwrap();
        let found = verify(&plant).await;
        assert_eq!((found.checked, found.broken), (25, None));
        assert_ne!(found.head, kept.head);
    }
}

#[actix_rt::test]
async fn rows_from_before_the_chain_are_accepted_before_it_and_nowhere_else() {
    for plant in plants(2).await {
        for id in 1..=5 {
            let row = format!(
                "INSERT INTO alarm_journal (id, alarm_id, occurrence, from_state, to_state, event, quality, occurred, \
                 recorded, actor) VALUES ({id}, 1, {id}, 'NORM', 'UNACK', 'activated', 0, 1, {id}, 'system')"
            );
            execute(&plant, &row).await.unwrap();
        }
        assert_eq!(verify(&plant).await, JournalVerification { checked: 5, head: None, broken: None });
        store_batches(&plant, 1..3).await;
        assert_eq!(broken(&plant).await, (25, None));
        let rows = journal(&plant.logger, all()).await;
        assert_eq!((rows.len(), rows[0].id), (25, 25));
        assert!(rows.iter().all(|row| row.transition.annunciated), "older rows were all told");
        drop_triggers(&plant).await;
        execute(&plant, "UPDATE alarm_journal SET hash = NULL WHERE id = 6").await.unwrap();
        // It looks like an older one, but the next is chained to what it was.
        assert_eq!(broken(&plant).await, (6, Some(BrokenJournal::Altered(7))));
    }
}

#[actix_rt::test]
async fn an_alarm_that_moves_to_and_fro_within_one_batch_of_samples_is_journalled_whole() {
    for plant in plants(1).await {
        let mut latching = alarm(1, AlarmKind::High, 10.0);
        latching.definition.latching = true;
        let mut registry = Registry::default();
        registry.add(vec![latching], at(0)).unwrap();
        let changes: Vec<_> = (1..=9).map(|n| good(1, if n % 2 == 1 { 11.0 } else { 5.0 }, n)).collect();
        // One occurrence, nine transitions, noticed at the same moment, in batches that end anywhere.
        let stored = records(registry.evaluate(&changes, at(50), usize::MAX).effects);
        for batch in stored.chunks(2) {
            store(&plant, batch).await;
        }
        let rows = journal(&plant.logger, all()).await;
        let words: Vec<_> = rows.iter().rev().map(|row| row.transition.event).collect();
        let expected: Vec<_> = ["activated", "returned"].into_iter().cycle().take(9).collect();
        assert_eq!(words, expected);
        assert!(rows.iter().all(|row| row.transition.occurrence == 1));
        assert_eq!(broken(&plant).await, (9, None));
    }
}
