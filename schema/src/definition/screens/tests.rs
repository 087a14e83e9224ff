use super::*;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Holder {
    screens: Screens,
}

fn read(text: &str) -> Screens {
    toml::from_str::<Holder>(&format!("screens = {{ {text} }}")).unwrap().screens
}

fn field_of(text: &str, range: Option<Range>) -> (&'static str, String) {
    let (field, fault) = read(text).check(range).unwrap_err();
    (field, fault.to_string())
}

const TANK: Option<Range> = Some(Range { low: 0.0, high: 10.0 });

#[test]
fn screens_are_read_as_written_and_written_as_read() {
    let screens = read(
        "alarm = \"medium\", frozen = { deviation = 0.01, window_ms = 60000 }, outlier = { samples = 11 }, \
         range = { low = 0.0, high = 10.0 }, rate = { limit = 5.0 }, \
         drift = { reference_samples = 100, slack = 0.5, threshold = 5.0 }",
    );
    assert_eq!(screens.check(None), Ok(()));
    assert_eq!(screens.alarm, Some(Priority::Medium));
    assert_eq!(screens.outlier, Some(OutlierScreen { samples: 11, sigmas: 3.0, floor: 0.0 }));
    let text = toml::to_string(&Holder { screens: screens.clone() }).unwrap();
    assert_eq!(toml::from_str::<Holder>(&text).unwrap().screens, screens);
}

#[test]
fn no_screens_are_empty_and_an_alarm_alone_is_refused() {
    assert!(read("").is_empty());
    assert_eq!(read("").check(None), Ok(()));
    assert_eq!(field_of("alarm = \"high\"", TANK), ("screens.alarm", "needs a screen as well".to_owned()));
    assert!(toml::from_str::<Holder>("screens = { colour = 1 }").is_err());
    assert!(toml::from_str::<Holder>("screens = { rate = { limit = 1.0, colour = 1 } }").is_err());
}

#[test]
fn a_range_screen_takes_missing_ends_from_the_tag() {
    let range = |text: &str| read(text).range.unwrap();
    assert_eq!(range("range = {}").ends(TANK), (0.0, 10.0));
    assert_eq!(range("range = { low = 2.0 }").ends(TANK), (2.0, 10.0));
    assert_eq!(range("range = { low = 2.0 }").ends(None), (2.0, f64::INFINITY));
    assert_eq!(read("range = { high = 2.0 }").check(None), Ok(()));
    assert_eq!(
        field_of("range = {}", None),
        ("screens.range", "needs low, high or the tag's range as well".to_owned())
    );
    assert_eq!(field_of("range = { low = 10.0 }", TANK).0, "screens.range.low");
    assert_eq!(field_of("range = { low = 1.0, high = 0.0 }", None).0, "screens.range.high");
    assert_eq!(field_of("range = { low = nan }", TANK).0, "screens.range.low");
    assert_eq!(field_of("range = { high = inf }", TANK).0, "screens.range.high");
}

#[test]
fn a_number_out_of_bounds_is_refused_by_its_field() {
    for (text, field) in [
        ("frozen = { deviation = 0.0, window_ms = 1000 }", "screens.frozen.deviation"),
        ("frozen = { deviation = inf, window_ms = 1000 }", "screens.frozen.deviation"),
        ("frozen = { deviation = 1.0, window_ms = 0 }", "screens.frozen.window_ms"),
        ("outlier = { samples = 2 }", "screens.outlier.samples"),
        ("outlier = { samples = 102 }", "screens.outlier.samples"),
        ("outlier = { samples = 11, sigmas = 0.0 }", "screens.outlier.sigmas"),
        ("outlier = { samples = 11, floor = -1.0 }", "screens.outlier.floor"),
        ("rate = { limit = nan }", "screens.rate.limit"),
        ("drift = { slack = 0.5, threshold = 5.0 }", "screens.drift"),
        (
            "drift = { target = 1.0, reference_samples = 5, slack = 0.5, threshold = 5.0 }",
            "screens.drift.reference_samples",
        ),
        ("drift = { target = inf, slack = 0.5, threshold = 5.0 }", "screens.drift.target"),
        ("drift = { reference_samples = 0, slack = 0.5, threshold = 5.0 }", "screens.drift.reference_samples"),
        ("drift = { target = 1.0, slack = -0.5, threshold = 5.0 }", "screens.drift.slack"),
        ("drift = { target = 1.0, slack = 0.5, threshold = 0.0 }", "screens.drift.threshold"),
    ] {
        assert_eq!(field_of(text, TANK).0, field, "{text}");
    }
}
