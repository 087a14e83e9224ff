//! Whatever a definition says comes back from what is written of it.

use super::csv::{CsvItems, merge, write_alarms, write_tags};
use super::{
    AlarmClass, AlarmDefinition, AlarmKind, DeadBand, Difference, LinkDefinition, Location, MachineDefinition, Mode,
    PlantDefinition, PlantHeader, Priority, Range, Role, Screens, TagDefinition,
};
use crate::{DataType, Value};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// Any text, among it such as looks like something else.
fn text() -> BoxedStrategy<String> {
    let looks = [
        "",
        "1",
        "1.0",
        "true",
        "'",
        "''",
        "'=1",
        "=1+1",
        "-",
        "@x",
        "\t",
        "a,b",
        "a;b",
        "\"",
        "\"\"\"",
        "a\r\nb",
        "é\u{1F600}",
        "# no",
        "'''",
        "\\",
        "\u{feff}",
    ];
    prop_oneof![select(looks.to_vec()).prop_map(str::to_owned), any::<String>(), "[a-z =;,'\"\n\r]{0,8}"].boxed()
}

/// Texts that are rare, since most fields are not set.
fn maybe_text() -> BoxedStrategy<Option<String>> {
    option::weighted(0.3, text()).boxed()
}

fn number() -> BoxedStrategy<f64> {
    let special = select(vec![0.0, -0.0, 1.0, 0.1, 1e300, -1e-300, 5e-324, f64::MAX, 9_007_199_254_740_993.0]);
    prop_oneof![special, any::<f64>().prop_filter("finite", |number| number.is_finite())].boxed()
}

fn range() -> BoxedStrategy<Option<Range>> {
    option::of((number(), number()).prop_map(|(low, high)| Range { low, high })).boxed()
}

fn dead_band() -> BoxedStrategy<Option<DeadBand>> {
    let band = prop_oneof![number().prop_map(DeadBand::Absolute), number().prop_map(DeadBand::Percent)];
    option::of(band).boxed()
}

/// Numbers of either type, and truths.
fn plain_value() -> BoxedStrategy<Value> {
    prop_oneof![
        number().prop_map(Value::Float),
        any::<i64>().prop_map(Value::Integer),
        any::<bool>().prop_map(Value::Boolean)
    ]
    .boxed()
}

fn value() -> BoxedStrategy<Value> {
    prop_oneof![plain_value(), text().prop_map(|text| Value::from(text.as_str()))].boxed()
}

fn initial(data_type: DataType) -> BoxedStrategy<Option<Value>> {
    let fits = move |value: &Value| value.clone().coerce(data_type).is_some();
    option::of(value().prop_filter("of the type", fits)).boxed()
}

fn json<T: serde::de::DeserializeOwned>(texts: &[&str]) -> Vec<Option<T>> {
    texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
}

fn screens() -> Vec<Option<Screens>> {
    json(&[
        "null",
        "{}",
        r#"{"range":{}}"#,
        r#"{"alarm":"low","range":{"high":1.5}}"#,
        r#"{"frozen":{"deviation":0.1,"window_ms":5000},"outlier":{"samples":7,"sigmas":3.0,"floor":0.0}}"#,
        r#"{"rate":{"limit":2.0},"drift":{"target":-1.0,"slack":0.5,"threshold":5.0}}"#,
        r#"{"range":{"low":0.0,"high":1.0},"drift":{"reference_samples":100,"slack":0.5,"threshold":5.0}}"#,
    ])
}

prop_compose! {
    fn tag(name: String)(data_type in select(vec![DataType::Float, DataType::Integer, DataType::Boolean, DataType::Text]))(
        name in Just(name.clone()),
        texts in vec(maybe_text(), 11),
        times in vec(option::of(any::<u32>()), 4),
        ranges in (range(), range()),
        bands in (dead_band(), dead_band()),
        truths in any::<(bool, bool)>(),
        write_role in select(vec![None, Some(Role::Operator), Some(Role::Admin)]),
        filter in select(json(&[
            "null",
            r#"{"lag":{"time_constant_ms":5}}"#,
            r#"{"kalman":{"process_noise":0.1,"measurement_noise":1e-9,"reset_sigmas":4.5}}"#,
            r#"{"median":{"samples":5}}"#,
        ])),
        screens in select(screens()),
        post in number(),
        initial in initial(data_type),
        data_type in Just(data_type),
    ) -> TagDefinition {
        let mut texts = texts.into_iter();
        let mut text = || texts.next().flatten();
        let location = text().map(|segment| Location { segment, post });
        TagDefinition {
            name,
            display_name: text(),
            description: text(),
            area: text(),
            data_type,
            quantity: text(),
            unit: text(),
            display_unit: text(),
            range: ranges.0,
            link: text(),
            node: text(),
            publish_ms: times[0],
            poll_ms: times[1],
            expression: text(),
            filter,
            screens,
            dead_band: bands.0,
            max_silence_ms: times[2],
            stale_after_ms: times[3],
            writable: truths.0,
            write_limits: ranges.1,
            write_role,
            history: truths.1,
            history_dead_band: bands.1,
            retention: text(),
            initial,
            location,
            was: None,
        }
    }
}

prop_compose! {
    fn alarm(name: String)(
        name in Just(name),
        tag in text(),
        kind in select(vec![AlarmKind::LowLow, AlarmKind::High, AlarmKind::Bool, AlarmKind::Deviation, AlarmKind::Rate]),
        limit in prop_oneof![number().prop_map(Value::Float), any::<i64>().prop_map(Value::Integer)],
        truth in any::<bool>(),
        dead_band in number(),
        priority in select(vec![Priority::Low, Priority::Critical]),
        class in select(vec![AlarmClass::Process, AlarmClass::LinkLost]),
        texts in (maybe_text(), maybe_text(), maybe_text(), maybe_text()),
        others in (maybe_text(), maybe_text(), maybe_text(), maybe_text(), maybe_text(), maybe_text()),
        times in (any::<u32>(), any::<u32>(), any::<Option<u32>>(), any::<Option<u32>>(), any::<Option<u32>>(), any::<Option<u32>>()),
        (latching, auto_acknowledge) in any::<(bool, bool)>(),
    ) -> AlarmDefinition {
        let set_point = if kind.has_number() { limit } else { Value::Boolean(truth) };
        let (description, cause, consequence, action) = texts;
        let (set_point_tag, reference, group, suppress_when, owner, revision) = others;
        let (on_delay_ms, off_delay_ms, window_ms, re_alarm_ms, max_shelve_ms, respond_ms) = times;
        AlarmDefinition {
            name, tag, kind, set_point, set_point_tag, reference, window_ms, dead_band, on_delay_ms, off_delay_ms, latching,
            auto_acknowledge, re_alarm_ms, group, suppress_when, max_shelve_ms, priority, class, description, cause,
            consequence, action, respond_ms, owner, revision, was: None,
        }
    }
}

prop_compose! {
    fn machine(name: String)(
        name in Just(name),
        kind in text(),
        description in maybe_text(),
        mode in select(vec![Mode::Sync, Mode::Async]),
        interval_ms in any::<u32>(),
        inputs in btree_map(text(), text(), 0..3),
        outputs in btree_map(text(), text(), 0..3),
        parameters in btree_map(text(), value(), 0..3),
    ) -> MachineDefinition {
        MachineDefinition { name, kind, description, mode, interval_ms, inputs, outputs, parameters }
    }
}

/// Unique names that are not empty.
fn names() -> impl Strategy<Value = Vec<String>> {
    vec(text(), 0..4).prop_map(|names| names.into_iter().enumerate().map(|(at, name)| format!("{name}{at}")).collect())
}

/// An item for each name.
fn items<S: Strategy>(item: fn(String) -> S) -> impl Strategy<Value = Vec<S::Value>> {
    names().prop_flat_map(move |names| names.into_iter().map(item).collect::<Vec<_>>())
}

prop_compose! {
    fn plant()(
        name in text(),
        description in maybe_text(),
        endpoints in vec((text(), any::<(u32, u32, u32)>()), 0..3),
        tags in items(tag),
        alarms in items(alarm),
        machines in items(machine),
    ) -> PlantDefinition {
        let links = endpoints.into_iter().enumerate().map(|(at, (endpoint, (publish_ms, sampling_ms, queue)))| {
            LinkDefinition { name: format!("l{at}"), endpoint, publish_ms, sampling_ms, queue }
        });
        PlantDefinition { plant: PlantHeader { name, description }, links: links.collect(), tags, alarms, machines }
    }
}

proptest! {
    // A plant has hundreds of generated values.
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_plant_comes_back_from_toml(plant in plant()) {
        let text = plant.to_toml().unwrap();
        let read: PlantDefinition = toml::from_str(&text).unwrap();
        prop_assert!(Difference::between(&plant, &read).is_empty());
        // Debug tells 0.0 from -0.0, and an integer from a float.
        prop_assert_eq!(format!("{read:?}"), format!("{plant:?}"));
        prop_assert!(!text.contains("]\n\n"), "{}", text);
    }

    #[test]
    fn tags_and_alarms_come_back_from_csv(plant in plant()) {
        let tags = CsvItems::read(&write_tags(&plant.tags).unwrap()).unwrap();
        prop_assert_eq!(format!("{:?}", tags.tags()), format!("{:?}", plant.tags));
        let alarms = CsvItems::read(&write_alarms(&plant.alarms).unwrap()).unwrap();
        prop_assert_eq!(format!("{:?}", alarms.alarms()), format!("{:?}", plant.alarms));
        let merged = merge(&merge(&plant, tags.clone()), alarms.clone());
        prop_assert!(Difference::between(&plant, &merged).is_empty());
        let filled = merge(&merge(&PlantDefinition::default(), tags), alarms);
        prop_assert_eq!((filled.tags, filled.alarms), (plant.tags, plant.alarms));
    }

    #[test]
    fn a_difference_leads_from_one_plant_to_the_other(before in plant(), after in plant()) {
        let difference = Difference::between(&before, &after);
        let mut tags: Vec<TagDefinition> = before.tags.clone();
        tags.retain(|tag| !difference.tags.removed.contains(tag));
        for change in &difference.tags.changed {
            prop_assert!(!change.fields().is_empty());
            let so_far = tags.iter_mut().find(|tag| **tag == change.before).unwrap();
            *so_far = change.after.clone();
        }
        tags.extend(difference.tags.added.iter().cloned());
        let applied = PlantDefinition { tags, ..after.clone() };
        prop_assert!(Difference::between(&applied, &after).is_empty());
        prop_assert!(difference.to_string().ends_with(&difference.counts().to_string()));
    }
}
