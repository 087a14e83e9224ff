//! What the catalogue remembers, on both backends.

use super::super::complete::Complete;
use super::*;
use crate::db::BATCH;
use crate::db::test_support::migrated;
use flyball_schema::Timestamp;
use flyball_schema::test_support::TestDatabase;

fn plant<T: Into<String>>(tags: impl IntoIterator<Item = T>) -> PlantDefinition {
    PlantDefinition { tags: tags.into_iter().map(TagDefinition::float).collect(), ..PlantDefinition::default() }
}

#[test]
fn a_name_that_comes_back_gets_its_id_back() {
    for database in TestDatabase::each() {
        let mut connection = migrated(&database);
        let mut ids = |tags: [&str; 2]| {
            let ids = register(&mut connection, &plant(tags), Timestamp::from_micros(1)).unwrap();
            ids.tags.iter().map(|id| id.0).collect::<Vec<_>>()
        };
        assert_eq!(ids(["a", "b"]), [1, 2]);
        assert_eq!(ids(["b", "c"]), [2, 3]);
        assert_eq!(ids(["c", "a"]), [3, 1]);
    }
}

#[test]
fn what_is_no_longer_defined_is_retired_and_kept() {
    for database in TestDatabase::each() {
        let mut connection = migrated(&database);
        register(&mut connection, &plant(["a", "b"]), Timestamp::from_micros(1)).unwrap();
        register(&mut connection, &plant(["a"]), Timestamp::from_micros(2)).unwrap();
        let retired: Vec<(String, Option<i64>)> = tables::tag::table
            .select((tables::tag::name, tables::tag::retired_at))
            .order(tables::tag::id)
            .load(&mut connection)
            .unwrap();
        assert_eq!(retired, [("a".to_owned(), None), ("b".to_owned(), Some(2))]);
    }
}

#[test]
fn more_tags_than_a_batch_have_ids_in_order() {
    let count = 2 * u32::try_from(BATCH).unwrap() + 1;
    for database in TestDatabase::each() {
        let tags = plant((0..count).map(|n| format!("t{n}")));
        let ids = register(&mut migrated(&database), &tags, Timestamp::from_micros(1)).unwrap();
        assert_eq!(ids.tags, (1..=count).map(TagId).collect::<Vec<_>>());
    }
}

fn named(connection: &mut Connection) -> Vec<(i32, String, bool)> {
    use tables::tag::dsl;
    let rows: Vec<(i32, String, Option<i64>)> =
        dsl::tag.select((dsl::id, dsl::name, dsl::retired_at)).order(dsl::id).load(connection).unwrap();
    rows.into_iter().map(|(id, name, retired)| (id, name, retired.is_some())).collect()
}

fn renamed(name: &str, was: &str) -> TagDefinition {
    TagDefinition { was: Some(was.to_owned()), ..TagDefinition::float(name) }
}

#[test]
fn a_renamed_tag_keeps_its_id_also_where_a_retired_one_had_the_name_and_is_renamed_once() {
    for database in TestDatabase::each() {
        let mut connection = migrated(&database);
        register(&mut connection, &plant(["a", "b"]), Timestamp::from_micros(1)).unwrap();
        register(&mut connection, &plant(["a"]), Timestamp::from_micros(2)).unwrap();
        let definition = PlantDefinition { tags: vec![renamed("b", "a")], ..PlantDefinition::default() };
        for time in [3, 4] {
            let ids = register(&mut connection, &definition, Timestamp::from_micros(time)).unwrap();
            assert_eq!(ids.tags, [TagId(1)]);
            let expected = [(1, "b".to_owned(), false), (2, "b (retired, id 2)".to_owned(), true)];
            assert_eq!(named(&mut connection), expected);
        }
        assert_eq!(load(&mut connection).unwrap().defined().tags, [TagDefinition::float("b")]);
    }
}

#[test]
fn two_tags_swap_their_names_by_way_of_a_third() {
    for database in TestDatabase::each() {
        let mut connection = migrated(&database);
        register(&mut connection, &plant(["a", "b"]), Timestamp::from_micros(1)).unwrap();
        let swap = |names: [(&str, &str); 2]| PlantDefinition {
            tags: names.map(|(name, was)| renamed(name, was)).into(),
            ..PlantDefinition::default()
        };
        register(&mut connection, &swap([("c", "a"), ("d", "b")]), Timestamp::from_micros(2)).unwrap();
        let ids = register(&mut connection, &swap([("b", "c"), ("a", "d")]), Timestamp::from_micros(3)).unwrap();
        assert_eq!(ids.tags, [TagId(1), TagId(2)]);
        let expected = [(1, "b".to_owned(), false), (2, "a".to_owned(), false)];
        assert_eq!(named(&mut connection), expected);
    }
}

#[test]
fn another_unit_is_marked_with_its_time() {
    for database in TestDatabase::each() {
        let mut connection = migrated(&database);
        for (time, unit) in [(1, "cm"), (2, "cm"), (3, "m"), (4, "m")] {
            let tags = vec![TagDefinition::float("level").with_unit(unit)];
            let definition = PlantDefinition { tags, ..PlantDefinition::default() };
            register(&mut connection, &definition, Timestamp::from_micros(time)).unwrap();
        }
        let (before, after) = (Some("cm".to_owned()), Some("m".to_owned()));
        let expected = [UnitChange { tag: TagId(1), at: Timestamp::from_micros(3), before, after }];
        assert_eq!(unit_changes(&mut connection, &[TagId(1)]).unwrap(), expected);
    }
}

#[test]
fn a_tag_that_comes_back_in_another_unit_is_marked_as_its_history_comes_back_too() {
    for database in TestDatabase::each() {
        let mut connection = migrated(&database);
        let mut register = |time, units: &[(&str, &str)]| {
            let tags = units.iter().map(|(name, unit)| TagDefinition::float(*name).with_unit(*unit)).collect();
            let definition = PlantDefinition { tags, ..PlantDefinition::default() };
            register(&mut connection, &definition, Timestamp::from_micros(time)).unwrap();
        };
        register(1, &[("p", "bar"), ("q", "bar")]);
        register(2, &[]);
        register(3, &[("p", "Pa"), ("q", "bar"), ("new", "m")]);
        let (before, after) = (Some("bar".to_owned()), Some("Pa".to_owned()));
        let expected = [UnitChange { tag: TagId(1), at: Timestamp::from_micros(3), before, after }];
        assert_eq!(unit_changes(&mut connection, &[TagId(1), TagId(2), TagId(3)]).unwrap(), expected);
    }
}

#[test]
fn the_version_rises_with_each_change_and_stays_where_nothing_changes() {
    for database in TestDatabase::each() {
        let mut connection = migrated(&database);
        let mut versions = vec![load(&mut connection).unwrap().version()];
        for (time, tags) in [(5, ["a", "b"]), (6, ["a", "b"]), (5, ["a", "c"]), (4, ["c", "a"]), (9, ["a", "b"])] {
            register(&mut connection, &plant(tags), Timestamp::from_micros(time)).unwrap();
            versions.push(load(&mut connection).unwrap().version());
            assert_eq!(versions.last(), Some(&version(&mut connection).unwrap()));
        }
        assert_eq!(versions, ["0", "5", "5", "6", "6", "9"]);
    }
}

#[test]
fn what_was_stored_is_read_back_less_what_the_plant_made() {
    for database in TestDatabase::each() {
        let mut connection = migrated(&database);
        assert!(!load(&mut connection).unwrap().is_stored);
        let mut complete = Complete::of_people_alone(plant(["a", "made.b"]));
        complete.defined.tags = 1;
        store(&mut connection, &Catalogue::default(), &complete, Timestamp::from_micros(1)).unwrap();
        let stored = load(&mut connection).unwrap();
        assert!(stored.is_stored);
        assert_eq!(stored.defined(), plant(["a"]));
        assert_eq!(stored.whole(), plant(["a", "made.b"]));
    }
}

#[test]
fn a_parameter_that_the_definition_changes_wins_over_the_remembered_one() {
    use tables::machine_memory::dsl;
    let machine = |set_point: f64| MachineDefinition {
        name: "loop".to_owned(),
        kind: "pid".to_owned(),
        description: None,
        mode: flyball_schema::definition::Mode::Sync,
        interval_ms: 100,
        inputs: std::collections::BTreeMap::new(),
        outputs: std::collections::BTreeMap::new(),
        parameters: [("set_point".to_owned(), set_point.into())].into(),
    };
    let plant = |set_point| PlantDefinition { machines: vec![machine(set_point)], ..PlantDefinition::default() };
    for database in TestDatabase::each() {
        let mut connection = migrated(&database);
        register(&mut connection, &plant(1.0), Timestamp::from_micros(1)).unwrap();
        let memory = r#"{"parameters":{"gain":2.0,"set_point":7.0},"state":null}"#;
        let row = (dsl::machine_id.eq(1), dsl::memory.eq(memory), dsl::saved_at.eq(0));
        diesel::insert_into(dsl::machine_memory).values(row).execute(&mut connection).unwrap();
        let remembered = |connection: &mut Connection| -> String {
            dsl::machine_memory.find(1).select(dsl::memory).first(connection).unwrap()
        };
        register(&mut connection, &plant(1.0), Timestamp::from_micros(2)).unwrap();
        assert_eq!(remembered(&mut connection), memory, "nothing has changed");
        register(&mut connection, &plant(3.0), Timestamp::from_micros(3)).unwrap();
        let after = remembered(&mut connection);
        assert!(!after.contains("set_point") && after.contains("gain"), "{after}");

        let set = dsl::memory.eq(memory);
        diesel::update(dsl::machine_memory.find(1)).set(set).execute(&mut connection).unwrap();
        register(&mut connection, &PlantDefinition::default(), Timestamp::from_micros(4)).unwrap();
        register(&mut connection, &plant(3.0), Timestamp::from_micros(5)).unwrap();
        assert_eq!(remembered(&mut connection), memory, "it comes back as it was");
        register(&mut connection, &PlantDefinition::default(), Timestamp::from_micros(6)).unwrap();
        register(&mut connection, &plant(4.0), Timestamp::from_micros(7)).unwrap();
        let after = remembered(&mut connection);
        assert!(!after.contains("set_point") && after.contains("gain"), "comes back as another: {after}");
    }
}
