//! Every rule, by what is told of a file that breaks it.

use crate::definition::PlantDefinition;

fn fault_of(text: &str) -> String {
    PlantDefinition::from_toml(text).unwrap_err().to_string()
}

const TANK: &str = "[[tag]]\nname = \"tank\"\nunit = \"cm\"\n";

#[test]
fn every_broken_rule_names_its_place() {
    for (text, expected) in [
        ("[[tag]]\nname = 1", "line 2, column 8: invalid type: integer `1`, expected a string"),
        (
            "[[tag]]\nname = \"a\"\ncolour = 1",
            "line 3, column 1: unknown field `colour`, expected one of `name`, `display_name`, `description`, `area`, \
             `data_type`, `quantity`, `unit`, `display_unit`, `range`, `link`, `node`, `publish_ms`, `poll_ms`, \
             `expression`, `filter`, `screens`, `dead_band`, `max_silence_ms`, `stale_after_ms`, `writable`, \
             `write_limits`, `write_role`, `history`, `history_dead_band`, `retention`, `initial`, `location`, `was`",
        ),
        (
            "[[tag]]\nname = \"a\"\n[[tag]]\nname = \"a\"",
            "line 4, column 1: tag \"a\", name: this name is taken: it already stands at entry 1",
        ),
        ("[[tag]]\nname = \"a\"\nunit = \"furlong\"", "line 3, column 1: tag \"a\", unit: unknown unit \"furlong\""),
        (
            "[[tag]]\nname = \"a\"\nquantity = \"ph\"\nunit = \"cm\"",
            "line 4, column 1: tag \"a\", unit: \"cm\" is no unit of ph; its units are pH",
        ),
        (
            "[[tag]]\nname = \"a\"\nlink = \"plc\"\nnode = \"i=1\"",
            "line 3, column 1: tag \"a\", link: there is no link \"plc\"",
        ),
        ("[[tag]]\nname = \"a\"\nnode = \"i=1\"", "line 3, column 1: tag \"a\", node: needs link as well"),
        (
            "[[tag]]\nname = \"a\"\nrange = { low = 1, high = nan }",
            "line 3, column 1: tag \"a\", range: NaN is not allowed: a finite number above the low end",
        ),
        (
            "[[link]]\nname = \"plc\"\nendpoint = \"http://x\"",
            "line 3, column 1: link \"plc\", endpoint: \"http://x\" is no endpoint, which reads opc.tcp://host:port/path",
        ),
        (
            "[[alarm]]\nname = \"h\"\ntag = \"tank\"\nkind = \"HIGH\"\nset_point = 1",
            "line 3, column 1: alarm \"h\", tag: there is no tag \"tank\"",
        ),
    ] {
        assert_eq!(fault_of(text), expected, "{text}");
    }
}

#[test]
fn limits_of_a_tag_must_rise() {
    let alarm = |name: &str, kind: &str, set_point: f64| {
        format!("[[alarm]]\nname = \"{name}\"\ntag = \"tank\"\nkind = \"{kind}\"\nset_point = {set_point}\n")
    };
    let rising = [TANK.to_owned(), alarm("hh", "HIGH_HIGH", 3.0), alarm("h", "HIGH", 2.0), alarm("l", "LOW", 0.0)];
    assert!(PlantDefinition::from_toml(&rising.concat()).is_ok());
    let crossed = [TANK.to_owned(), alarm("h", "HIGH", 2.0), alarm("l", "LOW", 2.0)].concat();
    assert!(fault_of(&crossed).ends_with("\"h\" has 2"), "{}", fault_of(&crossed));
    let twice = [TANK.to_owned(), alarm("h", "HIGH", 2.0), alarm("h2", "HIGH", 3.0)].concat();
    assert!(
        fault_of(&twice).ends_with("kind: \"h\" is an alarm of this type on this tag as well, and only one may be")
    );
}

#[test]
fn set_point_zero_and_false_are_values() {
    let text = format!(
        "{TANK}[[tag]]\nname = \"run\"\ndata_type = \"boolean\"\n\
         [[alarm]]\nname = \"l\"\ntag = \"tank\"\nkind = \"LOW\"\nset_point = 0\n\
         [[alarm]]\nname = \"b\"\ntag = \"run\"\nkind = \"BOOL\"\nset_point = false\n"
    );
    let plant = PlantDefinition::from_toml(&text).unwrap();
    assert_eq!(plant.alarms[1].set_point, crate::Value::Boolean(false));
    let back = PlantDefinition::from_toml(&plant.to_toml().unwrap()).unwrap();
    assert_eq!(back, plant);
}

#[test]
fn an_alarm_may_watch_what_the_plant_makes_by_itself() {
    let machine = "[[machine]]\nname = \"pid\"\nkind = \"pid\"\ninterval_ms = 100\n";
    let alarm =
        |tag: &str| format!("{machine}[[alarm]]\nname = \"a\"\ntag = \"{tag}\"\nkind = \"HIGH\"\nset_point = 9\n");
    assert!(PlantDefinition::from_toml(&alarm("pid.out")).is_ok());
    assert!(fault_of(&alarm("pidout")).ends_with("there is no tag \"pidout\""));
}

#[test]
fn a_limit_alarm_on_a_boolean_tag_is_refused() {
    let text = "[[tag]]\nname = \"run\"\ndata_type = \"boolean\"\n\
                [[alarm]]\nname = \"h\"\ntag = \"run\"\nkind = \"HIGH\"\nset_point = 1\n";
    assert!(fault_of(text).ends_with("kind: not for a tag of type boolean"));
}

#[test]
fn a_fault_of_two_tags_is_told_once_and_names_both() {
    let tag = |name: &str| format!("[[tag]]\nname = \"{name}\"\nlink = \"plc\"\nnode = \"i=1\"\n");
    let text = ["[[link]]\nname = \"plc\"\nendpoint = \"opc.tcp://h:1/\"\n", &tag("a"), &tag("b")].concat();
    let told = PlantDefinition::from_toml_or_all(&text).unwrap_err();
    let [fault] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(fault.place.as_ref().map(|place| place.name.as_str()), Some("b"));
    assert_eq!(fault.fault.other(), Some("a"));
    assert_eq!(fault.fault.to_string(), "tag \"a\" reads this node as well, and only one may");
}

#[test]
fn texts_have_a_longest_length_in_characters() {
    let tag = |field: &str, length: usize| {
        let text = "ä".repeat(length);
        format!(
            "[[link]]\nname = \"plc\"\nendpoint = \"opc.tcp://h:1/\"\n[[tag]]\nname = \"t\"\n{field} = \"{text}\"\n"
        )
    };
    let node = |length| format!("{}link = \"plc\"\n", tag("node", length));
    assert!(PlantDefinition::from_toml(&tag("description", 1_000)).is_ok());
    assert!(PlantDefinition::from_toml(&node(4_096)).is_ok());
    let too_long = fault_of(&tag("description", 1_001));
    assert!(too_long.ends_with("description: a text of 1001 characters is too long: 1000 at the most"), "{too_long}");
    let too_long = fault_of(&node(4_097));
    assert!(too_long.ends_with("node: a text of 4097 characters is too long: 4096 at the most"), "{too_long}");
    for watched in ["tank", "pid.out"] {
        for field in ["description", "cause", "consequence", "action"] {
            let alarm = |length: usize| {
                let text = "ä".repeat(length);
                format!(
                    "{TANK}[[machine]]\nname = \"pid\"\nkind = \"pid\"\ninterval_ms = 100\n\
                     [[alarm]]\nname = \"h\"\ntag = \"{watched}\"\nkind = \"HIGH\"\nset_point = 1\n{field} = \"{text}\"\n"
                )
            };
            assert!(PlantDefinition::from_toml(&alarm(2_000)).is_ok());
            let too_long = fault_of(&alarm(2_001));
            let expected = format!("{field}: a text of 2001 characters is too long: 2000 at the most");
            assert!(too_long.ends_with(&expected), "{too_long}");
        }
    }
}

#[test]
fn what_the_plant_makes_is_known_by_the_names_it_is_made_for() {
    let machine = |name: &str| format!("[[machine]]\nname = \"{name}\"\nkind = \"pid\"\ninterval_ms = 100\n");
    let link = "[[link]]\nname = \"p.l\"\nendpoint = \"opc.tcp://h:1/\"\n";
    let screened = "[[tag]]\nname = \"s.t\"\nscreens = { alarm = \"low\" }\n";
    let plant = [link, screened, "[[tag]]\nname = \"plain\"\n", &machine("unit.pid"), &machine("")].concat();
    let plant: PlantDefinition = toml::from_str(&plant).unwrap();
    let made = super::made::Made::of(&plant);
    for tag in ["system.x", "unit.pid.out", "unit.pid.a.b", "link.p.l.connected", "s.t.instrument", ".out"] {
        assert!(made.has(tag), "{tag}");
    }
    for tag in ["unit.out", "unit.pid", "unit.pidout", "link.p.connected", "plain.instrument", "instrument"] {
        assert!(!made.has(tag), "{tag}");
    }
}

fn fault_of_tag(fields: &str) -> String {
    let text = format!("[[link]]\nname = \"plc\"\nendpoint = \"opc.tcp://h:1/\"\n[[tag]]\nname = \"t\"\n{fields}");
    fault_of(&text).split_once("tag \"t\", ").unwrap().1.to_owned()
}

#[test]
fn every_rule_of_a_tag_says_what_would_be_allowed() {
    for (fields, expected) in [
        ("unit = \"pas\"", "unit: unknown unit \"pas\"; similar are "),
        ("quantity = \"colour\"", "quantity: unknown quantity \"colour\"; there are temperature, length, "),
        ("display_unit = \"cm\"", "display_unit: needs unit as well"),
        ("unit = \"bar\"\ndisplay_unit = \"cm\"", "display_unit: \"cm\" is no unit of pressure; its units are Pa, "),
        ("area = \"site//unit\"", "area: site//unit is not allowed: a path such as site/area/unit"),
        ("display_name = \" t\"", "display_name: a name has 1 to 200 printable characters"),
        ("poll_ms = 100", "poll_ms: needs link as well"),
        ("link = \"plc\"\nnode = \"i=1\"\npoll_ms = 100\npublish_ms = 100", "poll_ms: not together with publish_ms"),
        ("link = \"plc\"\nnode = \"i=1\"\npoll_ms = 5", "poll_ms: 5 is not allowed: 10 to 3,600,000 ms"),
        (
            "link = \"plc\"\nnode = \"i=1\"\npoll_ms = 2000\nstale_after_ms = 2000",
            "stale_after_ms: 2000 is not allowed: more than poll_ms",
        ),
        ("stale_after_ms = 1", "stale_after_ms: 1 is not allowed: 100 to 604,800,000 ms"),
        ("max_silence_ms = 1", "max_silence_ms: 1 is not allowed: 100 to 604,800,000 ms"),
        ("expression = \"1\"\nwritable = true", "expression: not together with writable"),
        ("expression = \"1\"\ninitial = 1.0", "expression: not together with initial"),
        ("data_type = \"integer\"\nfilter = { median = { samples = 3 } }", "filter: not for a tag of type integer"),
        ("data_type = \"text\"\nscreens = { alarm = \"low\" }", "screens: not for a tag of type text"),
        ("write_limits = { low = 0, high = 1 }", "write_limits: needs writable as well"),
        ("write_role = \"operator\"", "write_role: needs writable as well"),
        (
            "writable = true\nrange = { low = 0, high = 1 }\nwrite_limits = { low = 0, high = 2 }",
            "write_limits: 2 is not allowed: not above the range",
        ),
        ("history = false\nhistory_dead_band = { absolute = 1 }", "history_dead_band: needs history as well"),
        ("history_dead_band = { percent = 1 }", "history_dead_band: needs range as well"),
        ("dead_band = { percent = 101 }\nrange = { low = 0, high = 1 }", "dead_band: 101 is not allowed: 0 to 100 %"),
        ("location = { segment = \"\", post = 1 }", "location.segment: a name has 1 to 200 printable characters"),
        ("location = { segment = \"L\", post = inf }", "location.post: inf is not allowed: a finite number"),
    ] {
        let fault = fault_of_tag(fields);
        assert!(fault.starts_with(expected), "{fields}: {fault}");
    }
}

/// What is told of alarm `a` with these fields, on tag `tank` in cm where they name no other.
fn check_of_alarm(fields: &str) -> Result<PlantDefinition, String> {
    let tag = if fields.starts_with("\ntag =") { "" } else { "tag = \"tank\"\n" };
    let text = format!(
        "{TANK}[[tag]]\nname = \"other\"\nunit = \"cm\"\n[[tag]]\nname = \"hot\"\nunit = \"°C\"\n\
         [[tag]]\nname = \"plain\"\n[[tag]]\nname = \"mode\"\ndata_type = \"text\"\n\
         [[tag]]\nname = \"run\"\ndata_type = \"boolean\"\n\
         [[machine]]\nname = \"pid\"\nkind = \"pid\"\ninterval_ms = 100\n[[alarm]]\nname = \"a\"\n{tag}{fields}"
    );
    PlantDefinition::from_toml(&text).map_err(|error| match error.to_string().split_once("alarm \"a\", ") {
        Some((_, fault)) => fault.to_owned(),
        None => error.to_string(),
    })
}

#[test]
fn every_rule_of_an_alarm_says_what_would_be_allowed() {
    let high = "kind = \"HIGH\"\nset_point = 1\n";
    let rate = "kind = \"RATE\"\nset_point = 1\n";
    let of = |kind: &str, more: &str| format!("{kind}{more}");
    for (fields, expected) in [
        ("kind = \"HIGH\"".to_owned(), "set_point: true is not allowed: a finite number"),
        ("kind = \"HIGH\"\nset_point = nan".to_owned(), "set_point: NaN is not allowed: a finite number"),
        ("kind = \"RATE\"\nset_point = -1".to_owned(), "set_point: -1 is not allowed: 0 or more"),
        (
            "kind = \"DEVIATION\"\nreference = \"other\"\nset_point = -0.5".to_owned(),
            "set_point: -0.5 is not allowed: 0 or more",
        ),
        (
            "kind = \"BAD_QUALITY\"\nset_point = 1".to_owned(),
            "set_point: 1 is not allowed: nothing: the quality has no set point",
        ),
        ("\ntag = \"run\"\nkind = \"BOOL\"\nset_point = 2".to_owned(), "set_point: 2 is not allowed: true or false"),
        ("kind = \"BOOL\"".to_owned(), "kind: not for a tag of type float"),
        ("\ntag = \"mode\"\nkind = \"RATE\"\nset_point = 1".to_owned(), "kind: not for a tag of type text"),
        (of(high, "set_point_tag = \"other\""), "set_point_tag: not together with set_point"),
        ("kind = \"HIGH\"\nset_point_tag = \"no\"".to_owned(), "set_point_tag: there is no tag \"no\""),
        ("kind = \"HIGH\"\nset_point_tag = \"run\"".to_owned(), "set_point_tag: not for a tag of type boolean"),
        (
            "kind = \"HIGH\"\nset_point_tag = \"hot\"".to_owned(),
            "set_point_tag: °C is not allowed: the unit of the alarm's tag",
        ),
        (
            "kind = \"HIGH\"\nset_point_tag = \"plain\"".to_owned(),
            "set_point_tag: no unit is not allowed: the unit of the alarm's tag",
        ),
        (
            "\ntag = \"run\"\nkind = \"BOOL\"\nset_point_tag = \"run\"".to_owned(),
            "set_point_tag: run is not allowed: only where the set point is a number",
        ),
        (
            "kind = \"BAD_QUALITY\"\nset_point_tag = \"other\"".to_owned(),
            "set_point_tag: other is not allowed: only where the set point is a number",
        ),
        ("kind = \"DEVIATION\"\nset_point = 1".to_owned(), "kind: needs reference as well"),
        (of(high, "reference = \"other\""), "reference: other is not allowed: only of DEVIATION"),
        ("kind = \"DEVIATION\"\nset_point = 1\nreference = \"no\"".to_owned(), "reference: there is no tag \"no\""),
        (
            "kind = \"DEVIATION\"\nset_point = 1\nreference = \"mode\"".to_owned(),
            "reference: not for a tag of type text",
        ),
        (
            "kind = \"DEVIATION\"\nset_point = 1\nreference = \"hot\"".to_owned(),
            "reference: °C is not allowed: the unit of the alarm's tag",
        ),
        (of(high, "window_ms = 1000"), "window_ms: 1000 is not allowed: only of RATE"),
        (of(rate, "window_ms = 99"), "window_ms: 99 is not allowed: 100 to 86,400,000 ms"),
        (of(rate, "window_ms = 86400001"), "window_ms: 86400001 is not allowed: 100 to 86,400,000 ms"),
        (of(high, "dead_band = -1"), "dead_band: -1 is not allowed: 0 or more"),
        (of(high, "dead_band = inf"), "dead_band: inf is not allowed: 0 or more"),
        (of(high, "on_delay_ms = 86400001"), "on_delay_ms: 86400001 is not allowed: 0 to 86,400,000 ms"),
        (of(high, "off_delay_ms = 86400001"), "off_delay_ms: 86400001 is not allowed: 0 to 86,400,000 ms"),
        (of(high, "re_alarm_ms = 999"), "re_alarm_ms: 999 is not allowed: 1,000 ms or more"),
        (of(high, "max_shelve_ms = 604800001"), "max_shelve_ms: 604800001 is not allowed: 0 to 604,800,000 ms"),
        (of(high, "latching = true\nauto_acknowledge = true"), "auto_acknowledge: not together with latching"),
        (of(high, "group = \" g\""), "group: a name has 1 to 200 printable characters"),
        (of(high, "was = \"\""), "was: a name has 1 to 200 printable characters"),
        (of(high, "suppress_when = \"run and\""), "suppress_when: column 8: expected "),
        (of(high, "suppress_when = \"no > 1\""), "suppress_when: column 1: there is no tag \"no\""),
        (of(high, "suppress_when = \"other + 1\""), "suppress_when: "),
    ] {
        let fault = check_of_alarm(&fields).unwrap_err();
        assert!(fault.starts_with(expected), "{fields}: {fault}");
    }
    for field in ["owner", "revision"] {
        let fault = check_of_alarm(&format!("{high}{field} = \"{}\"", "x".repeat(2_001))).unwrap_err();
        assert_eq!(fault, format!("{field}: a text of 2001 characters is too long: 2000 at the most"));
    }
}

#[test]
fn every_field_of_an_alarm_is_accepted_at_its_bounds_and_comes_back() {
    for fields in [
        "kind = \"HIGH\"\nset_point = 0\non_delay_ms = 86400000\noff_delay_ms = 86400000\nre_alarm_ms = 1000\n\
         max_shelve_ms = 0\nlatching = true\ngroup = \"trip\"\nsuppress_when = \"run or other < 1\"\nowner = \"ann\"\n\
         revision = \"B\"\nrespond_ms = 60000\ncause = \"c\"\nconsequence = \"c\"\naction = \"a\"\n\
         description = \"d\"\nclass = \"process\"\npriority = \"critical\"",
        "kind = \"LOW\"\nset_point_tag = \"other\"\nauto_acknowledge = true\nmax_shelve_ms = 604800000",
        "kind = \"HIGH\"\nset_point_tag = \"pid.out\"",
        "kind = \"DEVIATION\"\nreference = \"other\"\nset_point = 0",
        "kind = \"DEVIATION\"\nreference = \"other\"\nset_point_tag = \"other\"",
        "kind = \"RATE\"\nset_point = 0\nwindow_ms = 100",
        "kind = \"RATE\"\nset_point_tag = \"plain\"\nwindow_ms = 86400000",
        "kind = \"BAD_QUALITY\"",
        "\ntag = \"mode\"\nkind = \"BAD_QUALITY\"",
        "\ntag = \"run\"\nkind = \"BOOL\"",
        "kind = \"HIGH\"\nset_point = 1\nsuppress_when = \"pid.out > 1\"",
    ] {
        let plant = check_of_alarm(fields).unwrap_or_else(|fault| panic!("{fields}: {fault}"));
        assert_eq!(PlantDefinition::from_toml(&plant.to_toml().unwrap()).unwrap(), plant, "{fields}");
        let csv = crate::definition::csv::write_alarms(&plant.alarms).unwrap();
        assert_eq!(crate::definition::csv::CsvItems::read(&csv).unwrap().alarms(), plant.alarms, "{fields}");
    }
}

#[test]
fn limits_from_tags_are_not_held_against_numbers_before_they_are_known() {
    let alarm = |name: &str, kind: &str, limit: &str| {
        format!("[[alarm]]\nname = \"{name}\"\ntag = \"tank\"\nkind = \"{kind}\"\n{limit}\n")
    };
    let other = "[[tag]]\nname = \"other\"\nunit = \"cm\"\n";
    let bound = alarm("h", "HIGH", "set_point_tag = \"other\"");
    for set_point in ["set_point = 0.5", "set_point = 5"] {
        let text = [TANK, other, &bound, &alarm("l", "LOW", set_point)].concat();
        assert!(PlantDefinition::from_toml(&text).is_ok(), "{set_point}");
    }
    let twice = [TANK, other, &bound, &alarm("h2", "HIGH", "set_point = 5")].concat();
    assert!(fault_of(&twice).contains("kind: \"h\" is an alarm of this type"), "{}", fault_of(&twice));
}

#[test]
fn what_the_plant_makes_of_an_alarm_is_known_by_its_name() {
    let deviation = "kind = \"DEVIATION\"\nreference = \"other\"\nset_point = 1\nsuppress_when = \"run\"\n";
    let second = |tag: &str| format!("{deviation}[[alarm]]\nname = \"b\"\ntag = \"{tag}\"\nkind = \"BAD_QUALITY\"");
    for tag in ["a.deviation", "a.suppressed"] {
        check_of_alarm(&second(tag)).unwrap();
    }
    let fault = check_of_alarm(&second("a.rate")).unwrap_err();
    assert!(fault.ends_with("there is no tag \"a.rate\""), "{fault}");
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let text = "[[tag]]\nname = \"a\"\ndisplay_name = \"A\"\nunit = \"x\"\n\
                [[tag]]\nname = \"b\"\nwas = \"a\"\n\
                [[tag]]\nname = \"c\"\nwas = \"old\"\ndisplay_name = \"C\"\n\
                [[tag]]\nname = \"d\"\nwas = \"old\"\n\
                [[tag]]\nname = \"e\"\ndisplay_name = \"C\"\n\
                [[alarm]]\nname = \"h\"\ntag = \"c\"\nkind = \"HIGH\"\nset_point = true\n";
    let told: Vec<String> =
        PlantDefinition::from_toml_or_all(text).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "line 4, column 1: tag \"a\", unit: unknown unit \"x\"",
            "line 7, column 1: tag \"b\", was: \"a\" is itself defined here, so that it cannot have been renamed",
            "line 14, column 1: tag \"d\", was: \"c\" is said to have had this name as well, and only one may be",
            "line 17, column 1: tag \"e\", display_name: tag \"c\" has this display name as well, and only one may",
            "line 22, column 1: alarm \"h\", set_point: true is not allowed: a finite number",
        ]
    );
}

#[test]
fn an_expression_is_checked_with_its_position_and_a_cycle_shown_as_its_path() {
    for (expression, expected) in [
        ("1 +", "expression: column 4: expected a number"),
        ("nothing > 1", "expression: column 1: there is no tag \"nothing\""),
        ("1 > 2", "expression: "),
    ] {
        let fault = fault_of_tag(&format!("expression = \"{expression}\""));
        assert!(fault.starts_with(expected), "{expression}: {fault}");
    }
    let derived = |name: &str, expression: &str| format!("[[tag]]\nname = \"{name}\"\nexpression = \"{expression}\"\n");
    let cycle = [derived("a", "b + 1"), derived("b", "c * 2"), derived("c", "a - 1")].concat();
    let told = fault_of(&cycle);
    assert!(
        told.contains("a -> b -> c -> a") || told.contains("b -> c -> a -> b") || told.contains("c -> a -> b -> c"),
        "{told}"
    );
    let alone = fault_of(&derived("a", "a + 1"));
    assert!(alone.ends_with("a -> a"), "{alone}");
    let of_a_machine = "[[machine]]\nname = \"pid\"\nkind = \"pid\"\ninterval_ms = 100\n";
    assert!(PlantDefinition::from_toml(&[of_a_machine, &derived("a", "pid.out * 2")].concat()).is_ok());
}
