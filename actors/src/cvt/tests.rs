//! What a reader or a subscriber of the table sees.

use super::table::Table;
use super::{
    CreateTags, Cvt, CvtError, Delivery, ListTags, Refusal, Subscribe, TagChange, TagsChanged, Update, WriteTags,
};
use crate::Clock;
use actix::{Actor, Addr, Context, Handler, Message};
use flyball_schema::definition::TagDefinition;
use flyball_schema::{Quality, TagId, Timestamp, Value};
use proptest::prelude::*;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_micros(1_000_000);

fn table(tags: Vec<TagDefinition>) -> Table {
    let mut table = Table::default();
    let tags = (1..).map(TagId).zip(tags).collect();
    table.create(tags, NOW, &mut Vec::new()).unwrap();
    table
}

fn write(table: &mut Table, update: Update) -> Vec<TagChange> {
    let mut changes = Vec::new();
    table.write([update], NOW, &mut changes);
    changes
}

fn float(value: f64) -> Update {
    Update::good(TagId(1), value)
}

#[test]
fn a_change_is_six_words() {
    assert_eq!(size_of::<TagChange>(), 48);
}

#[test]
fn a_value_inside_the_dead_band_is_no_change_but_was_seen() {
    let mut table = table(vec![TagDefinition::float("t").with_dead_band(0.5)]);
    assert_eq!(write(&mut table, float(1.0)).len(), 1);
    let later = NOW + Duration::from_secs(1);
    let mut changes = Vec::new();
    table.write([float(1.5)], later, &mut changes);
    assert!(changes.is_empty());
    let record = table.record(TagId(1)).unwrap();
    assert_eq!((record.state.value, record.seen), (Some(Value::Float(1.0)), Some(later)));
    assert_eq!(write(&mut table, float(1.6)).len(), 1);
}

#[test]
fn creeping_inside_the_dead_band_adds_up_to_a_change() {
    let mut table = table(vec![TagDefinition::float("t").with_dead_band(0.5)]);
    let changes: usize = (0..=20).map(|step| write(&mut table, float(f64::from(step) * 0.1)).len()).sum();
    assert_eq!(changes, 4, "0.0, 0.6, 1.2, 1.8");
}

#[test]
fn a_value_that_is_not_finite_is_bad_and_keeps_the_last_one() {
    let mut table = table(vec![TagDefinition::float("t")]);
    write(&mut table, float(7.0));
    for value in [f64::NAN, f64::INFINITY] {
        write(&mut table, float(value));
        let state = table.state(TagId(1)).unwrap();
        assert_eq!((state.value.clone(), state.quality), (Some(Value::Float(7.0)), Quality::BAD_OUT_OF_RANGE));
    }
    assert_eq!(table.bad(), 1);
    assert_eq!(write(&mut table, float(7.0)).len(), 1, "good again with the same value is a change");
    assert_eq!(table.bad(), 0);
}

#[test]
fn information_bits_of_a_status_are_no_change() {
    let mut table = table(vec![TagDefinition::float("t")]);
    write(&mut table, float(7.0));
    let overflow = Update { quality: Quality::from_status_code(0x480), ..float(7.0) };
    assert!(write(&mut table, overflow).is_empty());
}

#[test]
fn two_integers_that_differ_are_never_taken_for_equal() {
    let mut table = table(vec![TagDefinition::integer("t")]);
    write(&mut table, Update::good(TagId(1), i64::MAX - 1));
    assert_eq!(write(&mut table, Update::good(TagId(1), i64::MAX)).len(), 1);
}

#[test]
fn a_refused_update_changes_nothing_and_the_others_count() {
    let mut table = table(vec![TagDefinition::integer("t")]);
    let batch = [
        Update::good(TagId(9), 1),
        Update::good(TagId(1), 2.5),
        Update::good(TagId(1), 3.0),
        Update::good(TagId(1), "3"),
    ];
    let mut changes = Vec::new();
    let report = table.write(batch, NOW, &mut changes);
    assert_eq!((report.accepted, report.changed), (1, 1));
    let positions: Vec<usize> = report.refused.iter().map(|(position, _)| *position).collect();
    assert_eq!(positions, [0, 1, 3]);
    assert_eq!(report.refused[0].1, Refusal::UnknownTag(TagId(9)));
    assert_eq!(changes[0].value, Some(Value::Integer(3)));
}

#[test]
fn tags_are_created_all_or_none() {
    let mut table = table(vec![TagDefinition::float("a")]);
    let pair = |id, name: &str| (TagId(id), TagDefinition::float(name));
    let mut create = |tags| table.create(tags, NOW, &mut Vec::new());
    assert_eq!(create(vec![pair(5, "b"), pair(6, "a")]), Err(CvtError::DuplicateName("a".to_owned())));
    assert_eq!(create(vec![pair(5, "b"), pair(5, "c")]), Err(CvtError::DuplicateId(TagId(5))));
    let bad_unit = (TagId(5), TagDefinition::float("b").with_unit("furlong"));
    assert!(matches!(create(vec![bad_unit]), Err(CvtError::Invalid { field: "unit", .. })));
    assert_eq!(table.len(), 1);
}

#[test]
fn a_definition_comes_back_as_it_was_given() {
    let mut given = TagDefinition::float("t").with_unit("cm").with_range(0.0, 20.0).on_link("plc", "ns=2;s=t");
    given.dead_band = Some(flyball_schema::definition::DeadBand::Percent(1.0));
    given.display_name = Some("Tank".to_owned());
    let table = table(vec![given.clone()]);
    assert_eq!(table.record(TagId(1)).unwrap().definition, given);
}

#[test]
fn a_list_is_paged_by_id_and_filtered() {
    let table = table((0..10).map(|n| TagDefinition::float(format!("T{n}"))).collect());
    let page = table.list(&ListTags { after: Some(TagId(3)), limit: 2, ..ListTags::default() });
    assert_eq!(page.iter().map(|record| record.id.0).collect::<Vec<_>>(), [4, 5]);
    let named = ListTags { limit: 9, contains: Some("t7".to_owned()), ..ListTags::default() };
    assert_eq!(table.list(&named).len(), 1);
}

proptest! {
    #[test]
    fn sequence_numbers_have_no_gap_and_states_agree(
        writes in prop::collection::vec((1u32..5, -2i32..3, any::<bool>()), 1..200),
    ) {
        let mut table = table((0..4).map(|n| TagDefinition::float(format!("t{n}"))).collect());
        let mut expected = table.seq();
        for (tag, value, bad) in writes {
            let quality = if bad { Quality::BAD } else { Quality::GOOD };
            let update = Update { quality, ..Update::good(TagId(tag), f64::from(value)) };
            for change in write(&mut table, update) {
                expected += 1;
                prop_assert_eq!(change.seq, expected);
                prop_assert_eq!(table.state(change.tag), Some(&change));
            }
            prop_assert_eq!(table.bad(), table.states().filter(|state| state.quality.is_bad()).count());
        }
    }
}

/// Keeps what it is sent; as long as it is told to, it also keeps the credit.
#[derive(Default)]
struct Probe {
    seen: Vec<TagsChanged>,
    keep_credit: bool,
    values: Vec<(bool, u64, Vec<u64>)>,
}

impl Actor for Probe {
    type Context = Context<Self>;
}

impl Handler<TagsChanged> for Probe {
    type Result = ();

    fn handle(&mut self, message: TagsChanged, _ctx: &mut Self::Context) {
        let seqs = message.changes.iter().map(|change| change.seq).collect();
        self.values.push((message.snapshot, message.lost, seqs));
        if self.keep_credit {
            self.seen.push(message);
        }
    }
}

#[derive(Message)]
#[rtype(result = "Vec<(bool, u64, Vec<u64>)>")]
struct Take {
    then_keep_credit: bool,
}

impl Handler<Take> for Probe {
    type Result = Vec<(bool, u64, Vec<u64>)>;

    fn handle(&mut self, take: Take, _ctx: &mut Self::Context) -> Self::Result {
        self.keep_credit = take.then_keep_credit;
        self.seen.clear();
        std::mem::take(&mut self.values)
    }
}

async fn subscribed(delivery: Delivery) -> (Addr<Cvt>, Addr<Probe>) {
    tokio::time::pause();
    let cvt = Cvt::new(Clock::system(), 100).start();
    let tags = vec![(TagId(1), TagDefinition::float("a")), (TagId(2), TagDefinition::float("b"))];
    cvt.send(CreateTags(tags)).await.unwrap().unwrap();
    let probe = Probe { keep_credit: true, ..Probe::default() }.start();
    let recipient = probe.clone().recipient();
    cvt.send(Subscribe { name: "probe".to_owned(), recipient, delivery }).await.unwrap();
    (cvt, probe)
}

async fn write_value(cvt: &Addr<Cvt>, value: f64) {
    cvt.send(WriteTags(vec![float(value)])).await.unwrap();
}

async fn later() {
    tokio::time::sleep(Duration::from_millis(200)).await;
}

#[actix_rt::test]
async fn every_change_arrives_in_order_behind_the_snapshot_and_waits_for_credit() {
    let (cvt, probe) = subscribed(Delivery::Every { credit: 2, backlog: 100 }).await;
    for value in 1..=5 {
        write_value(&cvt, f64::from(value)).await;
    }
    later().await;
    let first = probe.send(Take { then_keep_credit: false }).await.unwrap();
    assert_eq!(first, [(true, 0, vec![101, 102]), (false, 0, vec![103])], "two messages are all the credit");
    later().await;
    let rest = probe.send(Take { then_keep_credit: false }).await.unwrap();
    assert_eq!(rest, [(false, 0, vec![104, 105, 106, 107])], "what waited comes as one message");
}

#[actix_rt::test]
async fn past_its_backlog_a_subscriber_is_told_how_many_it_lost() {
    let (cvt, probe) = subscribed(Delivery::Every { credit: 1, backlog: 3 }).await;
    for value in 1..=5 {
        write_value(&cvt, f64::from(value)).await;
    }
    probe.send(Take { then_keep_credit: false }).await.unwrap();
    later().await;
    let rest = probe.send(Take { then_keep_credit: false }).await.unwrap();
    assert_eq!(rest, [(false, 2, vec![105, 106, 107])]);
}

#[actix_rt::test]
async fn latest_sends_the_newest_of_each_wanted_tag_once_an_interval() {
    let wanted = Delivery::Latest { tags: Some(vec![TagId(1)]), interval: Duration::from_millis(100) };
    let (cvt, probe) = subscribed(wanted).await;
    probe.send(Take { then_keep_credit: false }).await.unwrap();
    for value in 1..=5 {
        write_value(&cvt, f64::from(value)).await;
    }
    cvt.send(WriteTags(vec![Update::good(TagId(2), 1.0)])).await.unwrap();
    assert!(probe.send(Take { then_keep_credit: false }).await.unwrap().is_empty(), "not before its interval");
    later().await;
    assert_eq!(probe.send(Take { then_keep_credit: false }).await.unwrap(), [(false, 0, vec![107])]);
}
