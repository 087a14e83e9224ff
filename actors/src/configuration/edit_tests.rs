//! Edits, one after the other on what the one before has left.

use super::*;
use flyball_schema::definition::{AlarmDefinition, AlarmKind, MachineDefinition, Mode};
use serde_json::json;

fn derived(name: &str, expression: &str) -> TagDefinition {
    TagDefinition::float(name).with_expression(expression)
}

fn machine() -> MachineDefinition {
    MachineDefinition {
        name: "m".to_owned(),
        kind: "pid".to_owned(),
        description: None,
        mode: Mode::Sync,
        interval_ms: 100,
        inputs: [("level".to_owned(), "a".to_owned())].into(),
        outputs: [("valve".to_owned(), "b".to_owned())].into(),
        parameters: std::collections::BTreeMap::new(),
    }
}

/// Tags `a`, `b`, `c` and `sum` with the ids 1 to 4; a machine and an alarm on them.
fn catalogue() -> Catalogue {
    let names = ["a", "b", "c"].map(TagDefinition::float);
    Catalogue::of(PlantDefinition {
        tags: names.into_iter().chain([derived("sum", "a + b")]).collect(),
        alarms: vec![AlarmDefinition::new("high", "a", AlarmKind::High, 1.0)],
        machines: vec![machine()],
        ..PlantDefinition::default()
    })
}

fn patch(id: u32, patch: Json) -> Edit {
    Edit::PatchTag { id: TagId(id), patch, expected: None }
}

fn rename(id: u32, name: &str) -> Edit {
    patch(id, json!({ "name": name }))
}

fn remove(id: u32) -> Edit {
    Edit::RemoveTag { id: TagId(id), expected: None }
}

fn create(tag: TagDefinition) -> Edit {
    Edit::CreateTag(Box::new(tag))
}

fn refused(edits: &[Edit]) -> String {
    apply(&catalogue(), edits).unwrap_err().to_string()
}

fn names(definition: &PlantDefinition) -> Vec<&str> {
    definition.tags.iter().map(|tag| tag.name.as_str()).collect()
}

#[test]
fn a_removal_sees_who_uses_the_tag_at_that_moment() {
    let free = patch(4, json!({"expression": "c * 2"}));
    let error = refused(&[remove(2), free.clone()]);
    assert_eq!(error, "edit 1: tag \"b\" is used by machine \"m\", tag \"sum\"");
    assert_eq!(refused(&[free.clone(), remove(2)]), "edit 2: tag \"b\" is used by machine \"m\"");
    assert_eq!(refused(&[free, remove(3)]), "edit 2: tag \"c\" is used by tag \"sum\"");
    let created = [create(derived("twice", "c * 2")), remove(3)];
    assert_eq!(refused(&created), "edit 2: tag \"c\" is used by tag \"twice\"");
    let after = apply(&catalogue(), &[remove(4), remove(3)]).unwrap();
    assert_eq!(names(&after), ["a", "b"]);
    assert_eq!(refused(&[remove(3), remove(3)]), "edit 2: unknown tag 3");
    assert_eq!(refused(&[remove(3), patch(3, json!({}))]), "edit 2: unknown tag 3");
}

#[test]
fn what_uses_a_renamed_tag_follows_and_is_told_by_its_new_name() {
    let edits = [rename(4, "total"), rename(1, "x"), rename(2, "y"), rename(1, "unit 1/x"), remove(4), remove(1)];
    let error = refused(&edits);
    assert_eq!(error, "edit 6: tag \"unit 1/x\" is used by alarm \"high\", machine \"m\"");
    assert_eq!(
        refused(&[rename(4, "total"), rename(2, "y"), remove(2)]),
        "edit 3: tag \"y\" is used by machine \"m\", tag \"total\""
    );
    let after = apply(&catalogue(), &edits[..4]).unwrap();
    assert_eq!(names(&after), ["unit 1/x", "y", "c", "total"]);
    assert_eq!(after.tags[3].expression.as_deref(), Some("{unit 1/x} + y"));
    assert_eq!(after.alarms[0].tag, "unit 1/x");
    assert_eq!((&*after.machines[0].inputs["level"], &*after.machines[0].outputs["valve"]), ("unit 1/x", "y"));
    let was: Vec<_> = after.tags.iter().map(|tag| tag.was.as_deref()).collect();
    assert_eq!(was, [Some("a"), Some("b"), None, Some("sum")], "the name in the catalogue");
}

#[test]
fn a_name_is_renamed_and_its_expression_changed_in_one_patch() {
    let after =
        apply(&catalogue(), &[patch(4, json!({"name": "twice", "expression": "c * 2"})), rename(3, "d")]).unwrap();
    assert_eq!(after.tags[3].expression.as_deref(), Some("d * 2"));
    let freed = [patch(4, json!({"name": "twice", "expression": "c * 2"})), rename(2, "d")];
    assert_eq!(apply(&catalogue(), &freed).unwrap().tags[3].expression.as_deref(), Some("c * 2"));
}

#[test]
fn a_name_that_the_catalogue_gives_to_another_tag_is_taken_also_where_that_one_has_gone() {
    assert_eq!(refused(&[remove(3), rename(2, "c")]), "edit 2: tag \"c\" exists already");
    assert_eq!(refused(&[rename(3, "d"), rename(2, "c")]), "edit 2: tag \"c\" exists already");
    assert_eq!(refused(&[remove(3), create(TagDefinition::float("c"))]), "edit 2: tag \"c\" exists already");
    assert_eq!(refused(&[create(TagDefinition::float("d")), rename(3, "d")]), "edit 2: tag \"d\" exists already");
    let back = apply(&catalogue(), &[rename(3, "d"), rename(3, "c")]).unwrap();
    assert_eq!(names(&back), ["a", "b", "c", "sum"], "its own name is its own");
}

#[test]
fn a_table_is_merged_into_what_the_edits_before_have_left() {
    let items = CsvItems::read("name,unit\nd,m\ne,cm\n").unwrap();
    let edits = [rename(3, "d"), Edit::Put(Box::new(items)), patch(3, json!({"range": {"low": 0, "high": 1}}))];
    let after = apply(&catalogue(), &edits).unwrap();
    assert_eq!(names(&after), ["a", "b", "d", "sum", "e"]);
    let tag = &after.tags[2];
    assert_eq!((tag.unit.as_deref(), tag.was.as_deref(), tag.range.is_some()), (Some("m"), Some("c"), true));
}

#[test]
fn a_fault_of_a_patch_tells_where_the_tag_stands_now() {
    let error = apply(&catalogue(), &[remove(3), patch(4, json!({"colour": 1}))]).unwrap_err();
    let ConfigurationError::AtEdit { index: 1, source } = error else { panic!("{error:?}") };
    let ConfigurationError::Invalid(errors) = *source else { panic!("{source:?}") };
    assert_eq!(errors[0].place.as_ref().map(|place| place.index), Some(2));
}

#[test]
fn many_thousand_edits_of_a_large_plant_do_what_each_of_them_says() {
    const SIZE: u32 = 20_000;
    let tag = |n: u32| {
        if n % 10 == 9 {
            derived(&format!("t{n}"), &format!("t{} * 2", n - 9))
        } else {
            TagDefinition::float(format!("t{n}"))
        }
    };
    let stored = PlantDefinition {
        tags: (0..SIZE).map(tag).collect(),
        alarms: (0..SIZE / 10)
            .map(|n| AlarmDefinition::new(format!("h{n}"), format!("t{}", 10 * n), AlarmKind::High, 1.0))
            .collect(),
        ..PlantDefinition::default()
    };
    let catalogue = Catalogue::of(stored);
    // Of ten tags the first is read and watched, the last reads it, five between go.
    let id = |n: u32| n + 1;
    let removals = (0..SIZE).filter(|n| (1..=5).contains(&(n % 10))).map(|n| remove(id(n)));
    let creations = (0..SIZE / 2).map(|n| create(TagDefinition::float(format!("new{n}"))));
    let renames = (0..SIZE).step_by(10).map(|n| rename(id(n), &format!("renamed {n}")));
    let edits: Vec<Edit> = removals.chain(creations).chain(renames).collect();
    assert_eq!(edits.len(), 10_000 + 10_000 + 2_000);
    let after = apply(&catalogue, &edits).unwrap();
    assert_eq!(after.tags.len(), 20_000);
    assert_eq!(names(&after)[..6], ["renamed 0", "t6", "t7", "t8", "t9", "renamed 10"]);
    assert_eq!(after.tags[9_999].expression.as_deref(), Some("{renamed 19990} * 2"));
    assert_eq!(names(&after)[10_000..10_002], ["new0", "new1"]);
    assert!(after.alarms.iter().enumerate().all(|(n, alarm)| alarm.tag == format!("renamed {}", 10 * n)));
    let used = [edits, vec![remove(id(10))]].concat();
    let error = apply(&catalogue, &used).unwrap_err().to_string();
    assert_eq!(error, "edit 22001: tag \"renamed 10\" is used by alarm \"h1\", tag \"t19\"");
}
