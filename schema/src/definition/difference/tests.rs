//! Differences, by what they hold and what is told of them.

use super::*;
use crate::definition::{AlarmKind, Priority};
use serde_json::json;

fn plant(text: &str) -> PlantDefinition {
    PlantDefinition::from_toml(text).unwrap()
}

fn tags(tags: impl IntoIterator<Item = TagDefinition>) -> PlantDefinition {
    PlantDefinition { tags: tags.into_iter().collect(), ..PlantDefinition::default() }
}

fn renamed(from: &str, to: &str) -> TagDefinition {
    TagDefinition { was: Some(from.to_owned()), ..TagDefinition::float(to) }
}

const BEFORE: &str = r#"
[[link]]
name = "tanks"
endpoint = "opc.tcp://plc1:4840"
[[tag]]
name = "tank1.level"
unit = "cm"
dead_band = { absolute = 0.01 }
[[tag]]
name = "tank2.lvl"
unit = "cm"
[[alarm]]
name = "tank1.high"
tag = "tank1.level"
kind = "HIGH"
set_point = 90
[[alarm]]
name = "tank3.high"
tag = "tank2.lvl"
kind = "HIGH"
set_point = 90
[[machine]]
name = "fill"
kind = "pid"
interval_ms = 100
inputs = { level = "tank1.level" }
parameters = { gain = 2 }
"#;

const AFTER: &str = r#"
[plant]
name = "tank farm"
[[link]]
name = "tanks"
endpoint = "opc.tcp://plc2:4840"
[[tag]]
name = "tank5.level"
unit = "cm"
link = "tanks"
node = "ns=2;s=Tank5"
[[tag]]
name = "tank2.level"
was = "tank2.lvl"
unit = "mm"
[[tag]]
name = "tank1.level"
unit = "cm"
display_unit = "in"
dead_band = { absolute = 0.05 }
[[alarm]]
name = "tank1.high"
tag = "tank1.level"
kind = "HIGH"
set_point = 90.0
[[machine]]
name = "fill"
kind = "pid"
interval_ms = 100
inputs = { level = "tank1.level", flow = "tank2.level" }
parameters = { gain = 2.0 }
"#;

#[test]
fn a_difference_is_told_item_by_item() {
    let difference = Difference::between(&plant(BEFORE), &plant(AFTER));
    insta::assert_snapshot!(difference, @r#"
    ~ plant                        name: plant -> "tank farm"
    ~ link "tanks"                 endpoint: opc.tcp://plc1:4840 -> opc.tcp://plc2:4840
    + tag "tank5.level"            float, cm, link tanks, node ns=2;s=Tank5
    ~ tag "tank1.level"            display_unit: (none) -> in
                                   dead_band.absolute: 0.01 -> 0.05
    > tag "tank2.lvl" is renamed "tank2.level"  unit: cm -> mm
    - alarm "tank3.high"
    ~ machine "fill"               inputs.flow: (none) -> tank2.level
    1 to add, 4 to change, 1 to rename, 1 to remove
    "#);
    let counts = Counts { added: 1, changed: 4, renamed: 1, removed: 1 };
    assert_eq!(difference.counts(), counts);
    assert_eq!(difference.tags.changed[0].after.was, None);
}

#[test]
fn what_deserves_attention_is_told_in_sentences() {
    let told: Vec<String> =
        Difference::between(&plant(AFTER), &plant(BEFORE)).warnings().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    link "tanks": its endpoint changes from opc.tcp://plc2:4840 to opc.tcp://plc1:4840
    tag "tank5.level": it is removed; its history is kept
    tag "tank2.level": it is removed; its history is kept
    "#);
    let mut after = plant(BEFORE);
    after.links.clear();
    after.tags[0].unit = Some("m".to_owned());
    after.tags[1].unit = None;
    after.tags[1].data_type = crate::DataType::Integer;
    after.alarms.push(AlarmDefinition::new("tank1.low", "tank1.level", AlarmKind::Low, 0.1));
    let difference = Difference::between(&plant(BEFORE), &after);
    let told: Vec<String> = difference.warnings().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    link "tanks": it is removed, and its connection ends
    tag "tank1.level": its unit changes from cm to m; samples kept so far keep their numbers and are marked; not converted: its dead_band, set point of alarm "tank1.high", what refers to it (machine "fill")
    tag "tank2.lvl": its unit changes from cm to none; samples kept so far keep their numbers and are marked; not converted: set point of alarm "tank3.high"
    tag "tank2.lvl": its data type changes from float to integer; samples kept so far keep theirs
    "#);
    after.alarms[0].set_point = 0.9.into();
    after.machines.clear();
    let told: Vec<String> =
        Difference::between(&plant(BEFORE), &after).warnings().iter().map(ToString::to_string).collect();
    assert!(told[1].ends_with("; not converted: its dead_band"), "{}", told[1]);
    assert_eq!(told[4], "machine \"fill\": it is stopped and removed");
}

#[test]
fn a_renaming_is_applied_once_and_then_no_difference() {
    let file = tags([renamed("old", "new")]);
    let first = Difference::between(&tags([TagDefinition::float("old")]), &file);
    assert_eq!(first.counts(), Counts { renamed: 1, ..Counts::default() });
    assert_eq!(first.to_string(), "> tag \"old\" is renamed \"new\"\n0 to add, 0 to change, 1 to rename, 0 to remove");
    let applied = tags(first.tags.changed.into_iter().map(|change| change.after));
    assert!(Difference::between(&applied, &file).is_empty());
}

#[test]
fn an_item_that_was_nothing_known_is_new() {
    let added = Difference::between(&tags([]), &tags([renamed("old", "new")]));
    assert_eq!(added.tags.added, [TagDefinition::float("new")]);
    let before = tags([TagDefinition::float("old")]);
    let still_there = Difference::between(&before, &tags([renamed("old", "new"), TagDefinition::float("old")]));
    assert_eq!(still_there.counts(), Counts { added: 1, ..Counts::default() });
    let claimed_twice = Difference::between(&before, &tags([renamed("old", "new"), renamed("old", "newer")]));
    assert_eq!(claimed_twice.counts(), Counts { added: 1, renamed: 1, ..Counts::default() });
}

#[test]
fn an_old_item_of_the_new_name_is_changed_and_the_former_is_removed() {
    let before = tags([TagDefinition::float("old"), TagDefinition::integer("new")]);
    let difference = Difference::between(&before, &tags([renamed("old", "new")]));
    assert_eq!(difference.counts(), Counts { changed: 1, removed: 1, ..Counts::default() });
    assert_eq!(difference.tags.removed[0].name, "old");
}

#[test]
fn neither_order_nor_the_type_of_a_number_is_a_difference() {
    let alarm = |set_point: crate::Value| AlarmDefinition::new("a", "x", AlarmKind::High, set_point);
    let mut one = tags([TagDefinition::float("x").with_initial(1), TagDefinition::float("y")]);
    one.alarms.push(alarm(5.into()));
    let mut other = tags([TagDefinition::float("y"), TagDefinition::float("x").with_initial(1.0)]);
    other.alarms.push(alarm(5.0.into()));
    assert!(Difference::between(&one, &other).is_empty());
    other.alarms[0].priority = Priority::High;
    let fields = Difference::between(&one, &other).alarms.changed[0].fields();
    assert_eq!(fields.len(), 1, "{fields:?}");
    // The two integers are one float.
    let beyond = |integer: i64| tags([TagDefinition::float("x").with_initial(integer)]);
    assert!(!Difference::between(&beyond(1 << 53), &beyond((1 << 53) + 1)).is_empty());
}

#[test]
fn fields_that_change_are_told_in_the_order_of_the_definition() {
    let before = TagDefinition::float("x").with_range(0.0, 1.0).with_dead_band(0.1).with_description("a tank");
    let mut after = TagDefinition::float("x").writable().with_range(0.0, 2.0).with_unit("cm");
    after.dead_band = Some(crate::definition::DeadBand::Percent(5.0));
    let changed = Changed { before, after };
    let fields = changed.fields();
    let told: Vec<_> = fields.iter().map(|f| (f.path.as_str(), f.before.clone(), f.after.clone())).collect();
    assert_eq!(
        told,
        [
            ("description", Some(json!("a tank")), None),
            ("unit", None, Some(json!("cm"))),
            ("range.high", Some(json!(1.0)), Some(json!(2.0))),
            ("dead_band.absolute", Some(json!(0.1)), None),
            ("dead_band.percent", None, Some(json!(5.0))),
            ("writable", None, Some(json!(true))),
        ]
    );
    let mut after = changed.before.clone();
    after.screens = Some(crate::definition::Screens::default());
    let fields = Changed { before: changed.before, after }.fields();
    assert_eq!(fields, [FieldChange { path: "screens".to_owned(), before: None, after: Some(json!({})) }]);
}

#[test]
fn a_large_difference_ends_with_how_many_follow() {
    let after = tags((0..10_000).map(|index| TagDefinition::float(format!("t{index}"))));
    let mut text = String::new();
    Difference::between(&tags([]), &after).write(&mut text, 2).unwrap();
    insta::assert_snapshot!(text, @r#"
    + tag "t0"                     float
    + tag "t1"                     float
    … and 9,998 more tags to add
    10,000 to add, 0 to change, 0 to rename, 0 to remove
    "#);
    let mut text = String::new();
    Difference::between(&after, &tags(after.tags[..9_997].iter().cloned())).write(&mut text, 2).unwrap();
    assert!(text.contains("… and 1 more tag to remove\n"), "{text}");
}

#[test]
fn a_text_is_told_so_that_it_is_nothing_else() {
    for (text, told) in [
        ("cm", "cm"),
        ("opc.tcp://a:1/b", "opc.tcp://a:1/b"),
        ("°C", "°C"),
        ("a tank", "\"a tank\""),
        ("1", "\"1\""),
        ("true", "\"true\""),
        ("(none)", "\"(none)\""),
        ("", "\"\""),
        ("a\u{1b}[31m", "\"a\\u{1b}[31m\""),
    ] {
        assert_eq!(text::bare_or_quoted(text), told);
    }
    let difference = Difference::between(&tags([]), &tags([TagDefinition::float("\u{1b}[2J")]));
    assert!(!difference.to_string().contains('\u{1b}'));
}
