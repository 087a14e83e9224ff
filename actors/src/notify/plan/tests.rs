use super::super::test_support::{alarm, at, mail, rule};
use super::*;
use crate::alarms::AlarmState;
use std::io::Write as _;

fn hook(url: &str) -> ChannelSettings {
    ChannelSettings {
        name: "hook".to_owned(),
        kind: "webhook".to_owned(),
        url: Some(url.to_owned()),
        ..ChannelSettings::default()
    }
}

fn read(channels: Vec<ChannelSettings>, rules: Vec<RuleSettings>) -> Result<Plan, NotifyError> {
    let environment = |name: &str| (name == "SECRET").then(|| "open sesame".to_owned());
    Plan::read(&Notify { channels, rules, ..Notify::default() }, &environment)
}

fn refused(channel: ChannelSettings, rule: RuleSettings) -> String {
    read(vec![mail("mail"), channel], vec![rule]).unwrap_err().to_string()
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn a_wrong_channel_is_told_by_its_key() {
    let key = "notify.channels[1]";
    let second = || mail("second");
    let table: Vec<(ChannelSettings, &str)> = vec![
        (mail(" "), "name: is missing"),
        (mail("mail"), "name: \"mail\" is taken"),
        (ChannelSettings { kind: "sms".to_owned(), ..second() }, "kind: \"sms\" is none of smtp, webhook"),
        (ChannelSettings { server: None, ..second() }, "server: is missing"),
        (ChannelSettings { from: text("Flyball"), ..second() }, "from: \"Flyball\" is not a mail address"),
        (ChannelSettings { security: text("ssl"), ..second() }, "security: \"ssl\" is none of plain, starttls, tls"),
        (ChannelSettings { user: text("ann"), ..second() }, "password_file: is missing"),
        (ChannelSettings { password_env: text("SECRET"), ..second() }, "user: is missing"),
        (
            ChannelSettings { user: text("ann"), password_env: text("OTHER"), ..second() },
            "password_env: cannot be read: OTHER is not set",
        ),
        (ChannelSettings { url: text("http://a"), ..second() }, "url: has no meaning here: webhooks have it"),
        (ChannelSettings { port: Some(1), ..hook("http://a") }, "port: has no meaning here: SMTP has it"),
        (hook("ftp://a/b"), "url: \"…\" is not an address (https://host/path)"),
        (hook("/secret"), "url: \"…\" is not an address (https://host/path)"),
    ];
    for (channel, expected) in table {
        assert_eq!(refused(channel, rule("r")), format!("{key}.{expected}"));
    }
    let missing = ChannelSettings { ca_file: Some("/nowhere/ca.pem".into()), ..mail("second") };
    assert!(refused(missing, rule("r")).starts_with("notify.channels[1].ca_file: cannot be read: /nowhere/ca.pem"));
    let queue = Notify { queue: 0, ..Notify::default() };
    assert!(Plan::read(&queue, &|_| None).unwrap_err().to_string().starts_with("notify.queue: \"0\""));
}

#[test]
fn a_wrong_rule_is_told_by_its_key() {
    let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let one = || rule("r");
    let table: Vec<(RuleSettings, &str)> = vec![
        (rule(""), "name: is missing"),
        (RuleSettings { channel: "fax".to_owned(), ..one() }, "channel: \"fax\" is none of mail, hook"),
        (RuleSettings { to: vec![], ..one() }, "to: is missing"),
        (RuleSettings { to: list(&["ann@a.b", "bob"]), ..one() }, "to[1]: \"bob\" is not a mail address"),
        (
            RuleSettings { channel: "hook".to_owned(), ..one() },
            "to: has no meaning here: the webhook says where it goes",
        ),
        (
            RuleSettings { priorities: list(&["urgent"]), ..one() },
            "priorities[0]: \"urgent\" is none of critical, high, medium, low",
        ),
        (
            RuleSettings { classes: list(&["process", "x"]), ..one() },
            "classes[1]: \"x\" is none of process, link_lost, machine_fault, system",
        ),
        (RuleSettings { areas: list(&[""]), ..one() }, "areas: is missing"),
        (
            RuleSettings { days: list(&["monday"]), ..one() },
            "days[0]: \"monday\" is none of mon, tue, wed, thu, fri, sat, sun",
        ),
        (RuleSettings { start: text("22:00"), ..one() }, "end: is missing"),
        (
            RuleSettings { start: text("24:00"), end: text("06:00"), ..one() },
            "start: \"24:00\" is not a time of day (22:00)",
        ),
        (
            RuleSettings { zone: text("Europe/Berlin"), ..one() },
            "zone: \"Europe/Berlin\" is not UTC, local or an offset (+01:00)",
        ),
    ];
    for (rule, expected) in table {
        assert_eq!(refused(hook("https://a/b"), rule), format!("notify.rules[0].{expected}"));
    }
}

#[test]
fn secrets_come_from_files_and_the_environment_and_are_shown_nowhere() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"hush hush\n").unwrap();
    let smtp = ChannelSettings { user: text("ann"), password_file: Some(file.path().to_owned()), ..mail("mail") };
    let hook = ChannelSettings { token_env: text("SECRET"), ..hook("https://a:8443/swordfish") };
    let to_hook = RuleSettings { channel: "hook".to_owned(), to: vec![], ..rule("h") };
    let (channels, rules) = (vec![smtp, hook], vec![rule("r"), to_hook]);
    let shown = format!("{channels:?}");
    let plan = read(channels, rules).unwrap();
    assert_eq!(&*plan.rules[1].to[0], "a:8443", "as far as it may be told");
    let shown = format!("{shown} {plan:?}");
    for secret in ["hush", "sesame", "swordfish"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let both = ChannelSettings {
        user: text("ann"),
        password_file: Some(file.path().to_owned()),
        password_env: text("SECRET"),
        ..mail("mail")
    };
    assert!(read(vec![both], vec![]).unwrap_err().to_string().contains("password_env: has no meaning here"));
}

#[test]
fn a_rule_is_about_its_priorities_areas_and_classes() {
    let subject = alarm(1, 1, AlarmState::Unack);
    let applies = |settings: RuleSettings, area: Option<&str>| {
        let plan = read(vec![mail("mail")], vec![settings]).unwrap();
        plan.rules[0].applies(&subject.status.definition, area)
    };
    let list = |word: &str| vec![word.to_owned()];
    assert!(applies(rule("any"), None));
    assert!(applies(RuleSettings { priorities: list("high"), classes: list("process"), ..rule("r") }, None));
    assert!(!applies(RuleSettings { priorities: list("low"), ..rule("r") }, None));
    assert!(!applies(RuleSettings { classes: list("system"), ..rule("r") }, None));
    let north = || RuleSettings { areas: list("north/"), ..rule("r") };
    assert!(applies(north(), Some("north")) && applies(north(), Some("north/tanks")));
    assert!(!applies(north(), Some("northern")) && !applies(north(), None));
}

#[test]
fn what_is_not_said_is_always_at_once_and_once() {
    let plan = read(vec![mail("mail")], vec![rule("r")]).unwrap();
    let rule = &plan.rules[0];
    assert!(rule.schedule.is_open(at(0)) && rule.delay.is_zero() && rule.repeat.is_none() && !rule.on_return);
    assert_eq!((plan.channels[0].most_per_10_min, plan.queue), (30, 1_000));
    let ends = RuleSettings { start: text("12:00"), end: text("24:00"), ..super::super::test_support::rule("r") };
    let plan = read(vec![mail("mail")], vec![ends]).unwrap();
    assert!(plan.rules[0].schedule.is_open(at(86_399)) && !plan.rules[0].schedule.is_open(at(86_400)));
}
