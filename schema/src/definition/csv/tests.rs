//! Files by what they are read as, and by what is told of those that are wrong.

use super::*;
use crate::definition::{
    AlarmKind, DeadBand, Difference, Filter, PlantDefinition, Priority, RangeScreen, RateScreen, Screens,
};
use crate::{DataType, Value};

fn faults_of(text: &str) -> String {
    let errors = CsvItems::read(text).unwrap_err();
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn tags_of(text: &str) -> Vec<TagDefinition> {
    CsvItems::read(text).unwrap().tags().to_vec()
}

#[test]
fn only_columns_that_are_used_are_written() {
    let mut level = TagDefinition::float("tank1.level").with_unit("cm").with_dead_band(0.05).with_range(-1.0, 1e300);
    level.description = Some("=SUM(A1), or \"level\"".to_owned());
    let text = write_tags(&[level, TagDefinition::text("mode").with_initial("1").writable()]).unwrap();
    insta::assert_snapshot!(text.replace("\r\n", "\n"), @r#"
    name,description,data_type,unit,range.low,range.high,dead_band.absolute,writable,history,initial
    tank1.level,"'=SUM(A1), or ""level""",float,cm,-1.0,1e+300,0.05,,true,
    mode,,text,,,,,true,true,1
    "#);
    let alarms =
        [AlarmDefinition::new("a", "x", AlarmKind::High, 5), AlarmDefinition::new("b", "y", AlarmKind::Bool, true)];
    let text = write_alarms(&alarms).unwrap();
    insta::assert_snapshot!(text.replace("\r\n", "\n"), @r"
    name,tag,kind,set_point,dead_band,priority,class
    a,x,HIGH,5,0.0,medium,process
    b,y,BOOL,,0.0,medium,process
    ");
    assert_eq!(CsvItems::read(&text).unwrap().alarms(), alarms);
}

#[test]
fn a_file_without_items_names_all_columns_and_is_read_as_what_it_is() {
    let tags = write_tags(&[]).unwrap();
    assert!(tags.starts_with("name,display_name,") && tags.ends_with(",was\r\n"), "{tags}");
    assert!(tags_of(&tags).is_empty());
    assert!(CsvItems::read(&write_alarms(&[]).unwrap()).unwrap().alarms().is_empty());
}

#[test]
fn a_number_that_is_not_finite_is_not_written() {
    let error = write_tags(&[TagDefinition::float("x").with_range(0.0, f64::INFINITY)]).unwrap_err();
    assert_eq!(error.to_string(), "tag \"x\", range.high: not a finite number");
}

#[test]
fn a_spreadsheet_of_a_country_with_decimal_commas_is_read() {
    let text = "\u{feff}name;range.low;range.high;writable;node;initial;data_type\r\n\
                tank;0;1,5;TRUE;\"ns=2;s=x\";0,5;float\r\n\
                mode;;;FALSE;;'-1;text\r\n;;;;;;\r\n\r\n";
    let tags = tags_of(text);
    assert_eq!(tags.len(), 2);
    assert_eq!(tags[0].range.map(|range| range.high.to_string()).as_deref(), Some("1.5"));
    assert_eq!(tags[0].node.as_deref(), Some("ns=2;s=x"));
    assert_eq!(tags[0].initial, Some(Value::Float(0.5)));
    assert!(tags[0].writable && !tags[1].writable);
    assert_eq!(tags[1].initial, Some(Value::from("-1")));
}

#[test]
fn an_initial_value_has_the_type_of_its_tag() {
    let text = "name,data_type,initial\na,text,1\nb,integer,1\nc,,1.0\nd,boolean,1\ne,text,'\n";
    let initial: Vec<_> = tags_of(text).into_iter().map(|tag| tag.initial.unwrap()).collect();
    let expected = [Value::from("1"), Value::Integer(1), Value::Float(1.0), Value::Boolean(true), Value::from("")];
    assert_eq!(initial, expected);
}

#[test]
fn a_screen_by_the_range_of_its_tag_is_told_without_a_field() {
    let text = "name,screens.range.high,screens.range,range.low,range.high,screens.rate.limit\n\
                a,,true,0,1,\nb,5,TRUE,0,1,\nc,5,,0,1,2\nd,,,0,1,\n";
    let tags = tags_of(text);
    let told: Vec<String> = tags.iter().map(|tag| serde_json::to_string(&tag.screens).unwrap()).collect();
    let expected =
        [r#"{"range":{}}"#, r#"{"range":{"high":5.0}}"#, r#"{"range":{"high":5.0},"rate":{"limit":2.0}}"#, "null"];
    assert_eq!(told, expected);
    assert_eq!(tags_of(&write_tags(&tags).unwrap()), tags);
    let faults = faults_of("name,screens.range\na,no\n");
    assert_eq!(faults, "line 2, column 3: tag \"a\", screens.range: \"no\" is not allowed: true, or nothing");
}

#[test]
fn every_wrong_column_is_told() {
    insta::assert_snapshot!(faults_of("name,unti,unit,unit\nx,1,2,3\n"), @r#"
    line 1, column 6: there is no column "unti" of tags; similar are unit
    line 1, column 16: unit: this column is there twice
    "#);
    insta::assert_snapshot!(faults_of("unit,initial\n"), @r#"
    line 1, column 1: the column "name" is missing
    line 1, column 1: the column "data_type" is missing
    "#);
    insta::assert_snapshot!(faults_of("name,set_point,unit\n"), @r#"
    line 1, column 16: there is no column "unit" of alarms
    line 1, column 1: the column "tag" is missing
    line 1, column 1: the column "kind" is missing
    "#);
    insta::assert_snapshot!(faults_of(""), @"line 1, column 1: the file is empty: its first line names the columns");
}

#[test]
fn every_wrong_row_is_told_with_line_column_name_and_what_is_allowed() {
    let text = "name,description,data_type,range.low,range.high,writable,publish_ms,dead_band.absolute,dead_band.percent\n\
                a,\"two\nlines\",float,x,1,maybe,1.5,,\n\
                b,,flaot,0,1,,,,\n\
                a,,float,,,,,,\n\
                ,,float,,,,,,\n\
                c,,float\n\
                d,,float,0,,,,,\n\
                e,,float,0,1,,,1,2\n\
                f,,float,0,1,,,1,,9\n\
                'g,,float,0,1,,-1,,\n";
    insta::assert_snapshot!(faults_of(text), @r#"
    line 3, column 14: tag "a", range.low: "x" is not allowed: a number
    line 3, column 18: tag "a", writable: "maybe" is not allowed: true or false
    line 3, column 24: tag "a", publish_ms: "1.5" is not allowed: a whole number from 0 to 4,294,967,295
    line 4, column 4: tag "b", data_type: unknown variant `flaot`, expected one of `float`, `integer`, `boolean`, `text`
    line 5, column 1: tag "a", name: this name already stands in line 2
    line 6, column 1: tag "", name: the name is missing
    line 7, column 4: tag "c": 3 cells, where there are 9 columns
    line 8, column 10: tag "d", range.low: missing field `high`
    line 9, column 18: tag "e", dead_band.percent: not together with dead_band.absolute
    line 10, column 19: tag "f": 10 cells, where there are 9 columns
    line 11, column 16: tag "'g", publish_ms: "-1" is not allowed: a whole number from 0 to 4,294,967,295
    "#);
    let text = "name,tag,kind,set_point,priority\na,x,HIGH,true,low\nb,x,BOOL,2,low\nc,x,HI,1,low\nd,x,LOW,1,urgent\ne,,LOW,,\n";
    insta::assert_snapshot!(faults_of(text), @r#"
    line 2, column 10: alarm "a", set_point: "true" is not allowed: a number
    line 3, column 10: alarm "b", set_point: "2" is not allowed: true or false
    line 4, column 5: alarm "c", kind: unknown variant `HI`, expected one of `LOW_LOW`, `LOW`, `HIGH`, `HIGH_HIGH`, `BOOL`, `DEVIATION`, `RATE`, `BAD_QUALITY`
    line 5, column 11: alarm "d", priority: unknown variant `urgent`, expected one of `low`, `medium`, `high`, `critical`
    line 6, column 1: alarm "e", name: missing field `tag`
    "#);
    insta::assert_snapshot!(faults_of("name,description\nx,\"open\ny,1\n"), @"line 2, column 3: this quote is never closed");
}

fn plant() -> PlantDefinition {
    let mut plant = PlantDefinition {
        tags: vec![
            TagDefinition::float("a").with_unit("cm").with_dead_band(0.1).with_description("first"),
            TagDefinition::float("b").with_unit("cm"),
        ],
        ..PlantDefinition::default()
    };
    plant.alarms.push(AlarmDefinition::new("high", "b", AlarmKind::High, 5.0).with_priority(Priority::High));
    plant
}

#[test]
fn rows_change_add_and_rename_and_other_items_stay() {
    let text = "name,data_type,unit,dead_band.percent,range.low,range.high,was\n\
                c,float,mm,,,,b\nd,integer,,,,,\na,float,,5,0,1,\n";
    let merged = merge(&plant(), CsvItems::read(text).unwrap());
    insta::assert_snapshot!(Difference::between(&plant(), &merged), @r#"
    + tag "d"                      integer
    ~ tag "a"                      unit: cm -> (none)
                                   dead_band.absolute: 0.1 -> (none)
                                   range.low: (none) -> 0.0
                                   range.high: (none) -> 1.0
                                   dead_band.percent: (none) -> 5.0
    > tag "b" is renamed "c"       unit: cm -> mm
    ~ alarm "high"                 tag: b -> c
    1 to add, 2 to change, 1 to rename, 0 to remove
    "#);
    let names: Vec<&str> = merged.tags.iter().map(|tag| tag.name.as_str()).collect();
    assert_eq!(names, ["a", "c", "d"]);
    assert!(merged.problems().is_empty());
    let again = merge(&merged, CsvItems::read(text).unwrap());
    assert_eq!(again, merged);
}

#[test]
fn a_field_without_a_column_stays_and_an_empty_cell_clears_it() {
    let merged = merge(&plant(), CsvItems::read("name,dead_band.absolute\na,0.2\nb,\n").unwrap());
    let mut expected = plant();
    expected.tags[0].dead_band = Some(DeadBand::Absolute(0.2));
    assert_eq!(merged, expected);
    let merged = merge(&plant(), CsvItems::read("name,description\na,\n").unwrap());
    assert_eq!(merged.tags[0].description, None);
    assert_eq!(merged.tags[0].unit.as_deref(), Some("cm"));
    let merged = merge(&plant(), CsvItems::read("name,tag,kind,set_point\nhigh,b,HIGH,7\n").unwrap());
    assert_eq!((merged.alarms[0].priority, &merged.alarms[0].set_point), (Priority::High, &Value::Integer(7)));
}

#[test]
fn a_field_within_a_table_stays_where_it_has_no_column_of_its_own() {
    let mut plant = plant();
    plant.tags[0].filter = Some(Filter::Kalman { process_noise: 0.1, measurement_noise: 1.0, reset_sigmas: 7.0 });
    plant.tags[0].screens = Some(Screens {
        alarm: Some(Priority::High),
        range: Some(RangeScreen { low: Some(0.0), high: None }),
        rate: Some(RateScreen { limit: 1.0 }),
        ..Screens::default()
    });
    let merged = |text: &str| merge(&plant, CsvItems::read(text).unwrap()).tags[0].clone();
    let mut expected = plant.tags[0].clone();
    expected.screens.as_mut().unwrap().rate = Some(RateScreen { limit: 2.5 });
    assert_eq!(merged("name,screens.rate.limit\na,2.5\n"), expected);
    expected.screens.as_mut().unwrap().rate = None;
    assert_eq!(merged("name,screens.rate.limit\na,\n"), expected, "only what the empty cell stands for");
    let noises = "name,filter.kalman.process_noise,filter.kalman.measurement_noise\n";
    let kalman = merged(&format!("{noises}a,0.2,2\n")).filter;
    assert_eq!(kalman, Some(Filter::Kalman { process_noise: 0.2, measurement_noise: 2.0, reset_sigmas: 7.0 }));
    assert_eq!(merged(&format!("{noises}a,,\n")).filter, None, "a filter without what it needs is none");
    let lag = merged("name,filter.lag.time_constant_ms\na,500\n").filter;
    assert_eq!(lag, Some(Filter::Lag { time_constant_ms: 500 }), "one filter excludes the other");
    assert_eq!(merged("name,dead_band.percent\na,5\n").dead_band, Some(DeadBand::Percent(5.0)));
}

#[test]
fn a_row_of_its_own_name_comes_before_one_that_was_it() {
    let merged = merge(&plant(), CsvItems::read("name,unit,was\nc,mm,b\nb,m,\n").unwrap());
    let names: Vec<&str> = merged.tags.iter().map(|tag| tag.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(merged.alarms[0].tag, "b");
}

#[test]
fn a_broken_rule_is_told_with_line_and_column_of_its_cell() {
    let text = "name,unit,dead_band.absolute,dead_band.percent,description\n\
                x,cm,,,\"two\nlines\"\ny,cm,,200,\nz,furlong,,,\na,cm,-1,,\nw,,,,\n";
    let items = CsvItems::read(text).unwrap();
    let mut definition = plant();
    definition.tags[1].data_type = DataType::Text;
    definition.alarms.push(AlarmDefinition::new("w", "w", AlarmKind::Low, 1.0));
    definition.alarms.push(AlarmDefinition::new("x", "nothing", AlarmKind::Low, 1.0));
    let mut problems = merge(&definition, items.clone()).problems();
    items.locate_all(&mut problems);
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    line 6, column 6: tag "a", dead_band: -1 is not allowed: 0 or more
    line 4, column 7: tag "y", dead_band: 200 is not allowed: 0 to 100 %
    line 5, column 3: tag "z", unit: unknown unit "furlong"
    alarm "high", kind: not for a tag of type text
    alarm "x", tag: there is no tag "nothing"
    "#);
    let place = |field| Place { item: "tag", index: 0, name: "w".to_owned(), field };
    assert_eq!(items.locate(&place("area")), Some((7, 1)));
    assert_eq!(items.locate(&place("")), Some((7, 1)));
    assert_eq!(items.locate(&place("dead_band")), Some((7, 4)));
    assert_eq!(items.locate(&Place { item: "alarm", ..place("") }), None);
}
