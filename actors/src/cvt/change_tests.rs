//! What a change of some tags does to those that are calculated from them.

#![expect(clippy::float_cmp, reason = "values are passed on, not calculated")]

use super::live_tests::{Rig, redefined};
use super::table::Table;
use super::{ChangeTags, NewTag};
use flyball_schema::definition::TagDefinition;
use flyball_schema::{DataType, Quality, TagId, Value};
use serde_json::Value as Json;

fn derived(name: &str, expression: &str) -> TagDefinition {
    TagDefinition::float(name).with_expression(expression)
}

fn text(name: &str) -> TagDefinition {
    TagDefinition { data_type: DataType::Text, ..TagDefinition::float(name) }
}

fn removed(tag: u32) -> ChangeTags {
    ChangeTags { remove: vec![TagId(tag)], ..ChangeTags::default() }
}

#[test]
fn a_derived_tag_that_is_about_to_go_does_not_stand_in_the_way_of_a_change() {
    let mut rig = Rig::new(vec![
        TagDefinition::float("x").with_initial(1.0),
        derived("r", "x + 1"),
        TagDefinition::float("y").with_initial(1.0),
        derived("s", "y + 1"),
    ]);
    let change = ChangeTags { leaving: vec![TagId(2), TagId(4), TagId(77)], ..redefined(1, text("x")) };
    rig.change(change, 1.0).unwrap();
    assert_eq!(rig.quality(2), Quality::BAD_CONFIGURATION_ERROR, "nobody calculates it any more");
    rig.write(1, "text", 2.0);
    rig.write(3, 5.0, 2.0);
    assert_eq!((rig.float(4), rig.quality(4)), (6.0, Quality::GOOD), "the others go on until they go");
    rig.change(removed(2), 3.0).unwrap();
    rig.change(removed(4), 3.0).unwrap();
    rig.change(redefined(1, TagDefinition::float("x")), 4.0).unwrap();
    assert_eq!(rig.table.len(), 2);
}

#[test]
fn a_tag_that_is_about_to_go_gives_its_name_to_another_at_once() {
    let mut rig = Rig::new(vec![TagDefinition::float("a").with_initial(1.0), derived("twice", "a * 2")]);
    let create = vec![NewTag::new(TagId(9), TagDefinition::float("a").with_initial(7.0))];
    rig.change(ChangeTags { create, leaving: vec![TagId(1)], ..ChangeTags::default() }, 1.0).unwrap();
    assert_eq!((rig.table.resolve("a"), rig.float(2)), (Some(TagId(9)), 14.0));
    rig.change(removed(1), 2.0).unwrap();
    assert_eq!((rig.table.resolve("a"), rig.float(2), rig.quality(2)), (Some(TagId(9)), 14.0, Quality::GOOD));
}

#[test]
fn a_total_goes_on_over_another_type_of_its_input() {
    for is_changed_too in [false, true] {
        let total = derived("total", "total(flow, 1s) + 0 * avg(flow, 60s)");
        let flow = TagDefinition::integer("flow").with_initial(2);
        let mut rig = Rig::new(vec![flow, total.clone()]);
        rig.run(0.0, 10.0);
        let before = rig.float(2);
        assert!(before > 15.0, "{before}");
        let mut change = redefined(1, TagDefinition::float("flow"));
        if is_changed_too {
            change.change.push((TagId(2), TagDefinition { description: Some("other".to_owned()), ..total }));
        }
        rig.change(change, 10.0).unwrap();
        assert!(rig.float(2) >= before, "{} < {before}", rig.float(2));
        rig.write(1, 2.5, 11.0);
        rig.run(11.0, 20.0);
        assert!(rig.float(2) > before + 15.0 && rig.quality(2) != Quality::BAD_TYPE_MISMATCH, "{}", rig.float(2));
    }
}

#[test]
fn what_reads_a_tag_of_another_type_is_compiled_again_although_it_changes_itself() {
    let is_same = TagDefinition { data_type: DataType::Boolean, ..derived("same", "x == x") };
    let mut rig = Rig::new(vec![TagDefinition::float("x").with_initial(1.0), is_same.clone()]);
    let mut change = redefined(1, text("x"));
    change.change.push((TagId(2), TagDefinition { description: Some("other".to_owned()), ..is_same }));
    rig.change(change, 1.0).unwrap();
    rig.write(1, "text", 2.0);
    assert_eq!(rig.quality(2), Quality::GOOD);
    assert_eq!(rig.table.state(TagId(2)).unwrap().value, Some(Value::Boolean(true)));
}

/// A plant that is started with a total of this expression, and what it remembers.
fn total_after_restart(expression: &str, sums: Json) -> f64 {
    let mut rig = Rig { table: Table::default(), changes: Vec::new() };
    let flow = |id, name: &str| NewTag::new(TagId(id), TagDefinition::float(name).with_initial(2.0));
    let total = NewTag { sums: Some(sums), ..NewTag::new(TagId(3), derived("total", expression)) };
    let create = vec![flow(1, "in"), flow(2, "out"), total];
    rig.change(ChangeTags { create, ..ChangeTags::default() }, 100.0).unwrap();
    rig.float(3)
}

#[test]
fn a_total_is_not_taken_for_that_of_another_expression_after_a_restart() {
    let flow = |name: &str| TagDefinition::float(name).with_initial(2.0);
    let mut rig = Rig::new(vec![flow("feed"), flow("out"), derived("total", "total(feed, 1s)")]);
    rig.run(0.0, 10.0);
    let before = rig.float(3);
    let sums = rig.table.sums().remove(0).1;
    assert_eq!(total_after_restart("total( in, 1s )", sums.clone()), before, "renamed, and typed otherwise");
    for other in ["total(out, 1s)", "total(in, 1h)", "total(in, 1s) * 2"] {
        assert_eq!(total_after_restart(other, sums.clone()), 0.0, "{other}");
    }
    let without_expression = sums["sums"].clone();
    assert!(without_expression.is_array(), "{sums}");
    assert_eq!(total_after_restart("total(in, 1s)", without_expression), before, "of an older version");
}

#[test]
fn a_tag_of_the_plant_that_somebody_defines_is_no_longer_made() {
    let mut rig = Rig::new(Vec::new());
    let made = |id, name: &str| NewTag { made: true, ..NewTag::new(TagId(id), TagDefinition::float(name)) };
    rig.change(ChangeTags { create: vec![made(1, "a"), made(2, "b")], ..ChangeTags::default() }, 0.0).unwrap();
    let is_made = |rig: &Rig, tag: u32| rig.table.record(TagId(tag)).unwrap().made;
    rig.change(redefined(1, TagDefinition::float("a").with_dead_band(1.0)), 1.0).unwrap();
    assert!(is_made(&rig, 1));
    let taken = ChangeTags { made: vec![(TagId(1), false)], ..redefined(1, TagDefinition::float("a")) };
    rig.change(taken, 2.0).unwrap();
    assert_eq!((is_made(&rig, 1), is_made(&rig, 2)), (false, true));
    rig.change(ChangeTags { made: vec![(TagId(1), true), (TagId(2), false)], ..ChangeTags::default() }, 3.0).unwrap();
    assert_eq!((is_made(&rig, 1), is_made(&rig, 2)), (true, false));
}
