//! One row per occurrence, and comments.

use super::super::super::CommandAlarm;
use super::*;
use crate::cvt::TagChange;
use flyball_schema::Value;

async fn occurrences(plant: &Plant, query: ReadOccurrences) -> Vec<Occurrence> {
    ask(&plant.logger, query, DEADLINE).await.unwrap().unwrap()
}

fn every() -> ReadOccurrences {
    ReadOccurrences { alarm: None, from: Timestamp::MIN, to: Timestamp::MAX, before: None, limit: 1_000 }
}

async fn feed(manager: &Addr<AlarmManager>, changes: Vec<TagChange>) {
    ask(manager, TagsChanged::for_test(changes), DEADLINE).await.unwrap();
    ask(manager, FlushAlarms, DEADLINE).await.unwrap().unwrap();
}

async fn acknowledge(manager: &Addr<AlarmManager>, id: u32) -> AlarmStatus {
    let acknowledge = AcknowledgeAlarm { alarm: AlarmId(id), by: "ann".to_owned(), comment: None };
    ask(manager, acknowledge, DEADLINE).await.unwrap().unwrap()
}

#[actix_rt::test]
async fn an_occurrence_is_one_row_from_its_begin_to_its_end() {
    for plant in plants(2).await {
        let manager = manager(&plant, 2).await;
        feed(&manager, vec![good(2, 11.0, 1), good(1, 12.0, 2)]).await;
        let begun = occurrences(&plant, every()).await;
        assert_eq!(begun.iter().map(|row| (row.alarm.0, row.occurrence)).collect::<Vec<_>>(), [(1, 1), (2, 1)]);
        let open = Occurrence {
            alarm: AlarmId(1),
            alarm_name: Some("a1".to_owned()),
            occurrence: 1,
            raised_at: at(2),
            acknowledged_at: None,
            acknowledged_by: None,
            returned_at: None,
            cleared_at: None,
            peak: Some(Value::Float(12.0)),
            first_out: false,
        };
        assert_eq!(begun[0], open);
        feed(&manager, vec![good(1, 30.0, 3), good(1, 11.0, 4)]).await;
        let acknowledged_at = acknowledge(&manager, 1).await.acknowledged_at;
        let of_one = ReadOccurrences { alarm: Some(AlarmId(1)), ..every() };
        let by = Some("ann".to_owned());
        let acknowledged =
            Occurrence { acknowledged_at, acknowledged_by: by, peak: Some(Value::Float(30.0)), ..open.clone() };
        assert_eq!(occurrences(&plant, of_one).await, std::slice::from_ref(&acknowledged));
        feed(&manager, vec![good(1, 5.0, 6)]).await;
        let ended = Occurrence { returned_at: Some(at(6)), cleared_at: Some(at(6)), ..acknowledged };
        assert_eq!(occurrences(&plant, of_one).await, std::slice::from_ref(&ended));

        feed(&manager, vec![good(1, 15.0, 7), good(1, 5.0, 8)]).await;
        let both = occurrences(&plant, of_one).await;
        let second = Occurrence {
            occurrence: 2,
            raised_at: at(7),
            returned_at: Some(at(8)),
            peak: Some(Value::Float(15.0)),
            ..open
        };
        assert_eq!(both, [second.clone(), ended], "newest first, the first one as it was");
        // Acknowledged when it had returned: then it is over.
        let cleared = acknowledge(&manager, 1).await;
        let newest = occurrences(&plant, of_one).await.remove(0);
        assert_eq!((newest.returned_at, newest.cleared_at), (second.returned_at, cleared.acknowledged_at));
        // Where it trips again before anybody has acknowledged, the next one stands for it.
        feed(&manager, vec![good(1, 15.0, 9), good(1, 5.0, 10), good(1, 16.0, 11)]).await;
        let both = occurrences(&plant, of_one).await;
        let ends: Vec<_> = both.iter().take(2).map(|row| (row.occurrence, row.cleared_at)).collect();
        assert_eq!(ends, [(4, None), (3, Some(at(11)))]);
    }
}

#[actix_rt::test]
async fn occurrences_are_read_by_range_and_a_page_at_a_time() {
    for plant in plants(3).await {
        let manager = manager(&plant, 3).await;
        for second in 1..=6 {
            let value = if second % 2 == 1 { 11.0 } else { 5.0 };
            feed(&manager, (1..=3).map(|tag| good(tag, value, second)).collect()).await;
        }
        let keys = |rows: &[Occurrence]| rows.iter().map(|row| (row.raised_at, row.alarm.0)).collect::<Vec<_>>();
        let (mut query, mut read) = (ReadOccurrences { limit: 2, ..every() }, Vec::new());
        loop {
            let page = occurrences(&plant, query).await;
            let Some(last) = page.last() else { break };
            query.before = Some((last.raised_at, last.alarm));
            read.extend(keys(&page));
        }
        let expected: Vec<_> = [5, 3, 1].into_iter().flat_map(|second| [3, 2, 1].map(|id| (at(second), id))).collect();
        assert_eq!(read, expected);
        let range = ReadOccurrences { from: at(3), to: at(5), ..every() };
        assert_eq!(keys(&occurrences(&plant, range).await), [(at(3), 3), (at(3), 2), (at(3), 1)]);
    }
}

#[actix_rt::test]
async fn a_comment_is_in_the_journal_with_its_occurrence() {
    for plant in plants(1).await {
        let manager = manager(&plant, 1).await;
        feed(&manager, vec![good(1, 11.0, 1)]).await;
        let comment = CommandAlarm {
            alarm: AlarmId(1),
            command: AlarmCommand::Comment,
            by: "ann".to_owned(),
            reason: Some("pump was changed".to_owned()),
        };
        ask(&manager, comment, DEADLINE).await.unwrap().unwrap();
        let row = journal(&plant.logger, all()).await.remove(0).transition;
        assert_eq!(
            (row.event, row.occurrence, row.from, row.to),
            ("commented", 1, AlarmState::Unack, AlarmState::Unack)
        );
        assert_eq!((row.actor.as_str(), row.reason.as_deref()), ("ann", Some("pump was changed")));
    }
}
