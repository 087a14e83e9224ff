use super::super::settings::RuleSettings;
use super::super::test_support::{alarm, at, plan, rule};
use super::*;
use crate::alarms::AlarmState::{self, Acked, Norm, Rtnun, Unack};

const MINUTE: i64 = 60;

fn router(rules: Vec<RuleSettings>) -> Router {
    Router::new("demo", plan(0, rules))
}

fn after(minutes: u32) -> RuleSettings {
    RuleSettings { delay_min: minutes, ..rule("r") }
}

/// `rule kind alarm` of what is sent, and of what is held with a `~`.
fn told(effects: &[Effect]) -> Vec<String> {
    let line = |outgoing: &Outgoing| {
        let about = outgoing.alarm.map(|(alarm, occurrence)| format!(" a{alarm}#{occurrence}")).unwrap_or_default();
        format!("{} {}{about}", outgoing.rule.as_deref().unwrap_or("-"), outgoing.kind.as_str())
    };
    effects
        .iter()
        .map(|effect| match effect {
            Effect::Send(outgoing) => line(outgoing),
            Effect::Hold(outgoing) => format!("~{}", line(outgoing)),
        })
        .collect()
}

/// Alarm 1 in an occurrence and state at a second, and what is told.
fn step(router: &mut Router, occurrence: u64, state: AlarmState, second: i64) -> Vec<String> {
    told(&router.changed(alarm(1, occurrence, state), at(second)))
}

fn wait(router: &mut Router, second: i64) -> Vec<String> {
    told(&router.due(at(second)))
}

const NOTHING: [String; 0] = [];

#[test]
fn without_a_delay_an_occurrence_is_told_at_once_and_once() {
    let mut router = router(vec![rule("r")]);
    assert_eq!(step(&mut router, 1, Unack, 10), ["r raised a1#1"]);
    assert_eq!(step(&mut router, 1, Unack, 11), NOTHING, "a change that changes nothing");
    assert_eq!(step(&mut router, 1, Rtnun, 20), NOTHING);
    assert_eq!(step(&mut router, 2, Unack, 30), ["r raised a1#2"]);
    assert_eq!(step(&mut router, 2, Acked, 40), NOTHING);
    assert_eq!(step(&mut router, 2, Norm, 50), NOTHING);
    assert_eq!((router.deadline(), router.watches(AlarmId(1))), (None, false), "nothing is left of it");
}

#[test]
fn what_is_acknowledged_before_the_delay_is_not_told() {
    let mut router = router(vec![after(5)]);
    assert_eq!(step(&mut router, 1, Unack, 0), NOTHING);
    assert_eq!(router.deadline(), Some(at(5 * MINUTE)));
    assert_eq!(step(&mut router, 1, Acked, 4 * MINUTE), NOTHING);
    assert_eq!((router.deadline(), wait(&mut router, 10 * MINUTE)), (None, vec![]));
}

#[test]
fn what_returns_unacknowledged_before_the_delay_is_told_all_the_same() {
    let mut router = router(vec![after(5)]);
    step(&mut router, 1, Unack, 0);
    assert_eq!(step(&mut router, 1, Rtnun, MINUTE), NOTHING);
    assert_eq!(wait(&mut router, 5 * MINUTE - 1), NOTHING);
    assert_eq!(wait(&mut router, 5 * MINUTE), ["r raised a1#1"]);
}

#[test]
fn a_new_occurrence_has_a_delay_of_its_own() {
    let mut router = router(vec![after(5)]);
    step(&mut router, 1, Unack, 0);
    step(&mut router, 1, Rtnun, MINUTE);
    step(&mut router, 2, Unack, 3 * MINUTE);
    assert_eq!(wait(&mut router, 5 * MINUTE), NOTHING);
    assert_eq!(wait(&mut router, 8 * MINUTE), ["r raised a1#2"]);
}

#[test]
fn it_is_repeated_until_somebody_acknowledges() {
    let mut router = router(vec![RuleSettings { repeat_min: 30, ..after(5) }]);
    step(&mut router, 1, Unack, 0);
    assert_eq!(wait(&mut router, 5 * MINUTE), ["r raised a1#1"]);
    assert_eq!(wait(&mut router, 34 * MINUTE), NOTHING);
    assert_eq!(wait(&mut router, 35 * MINUTE), ["r repeated a1#1"]);
    assert_eq!(wait(&mut router, 200 * MINUTE), ["r repeated a1#1"], "late, and not three at once");
    step(&mut router, 1, Acked, 201 * MINUTE);
    assert_eq!(wait(&mut router, 999 * MINUTE), NOTHING);
}

#[test]
fn an_alarm_that_calls_again_is_told_again() {
    let mut router = router(vec![rule("r")]);
    step(&mut router, 1, Unack, 0);
    step(&mut router, 1, Acked, 1);
    assert_eq!(step(&mut router, 1, Unack, 2), ["r repeated a1#1"]);
}

#[test]
fn only_who_was_told_of_an_alarm_is_told_of_its_return() {
    let on_return = |rule: RuleSettings| RuleSettings { on_return: true, ..rule };
    let late = RuleSettings { name: "late".to_owned(), ..after(60) };
    let mut router = router(vec![on_return(rule("now")), on_return(late), rule("quiet")]);
    assert_eq!(step(&mut router, 1, Unack, 0), ["now raised a1#1", "quiet raised a1#1"]);
    assert_eq!(step(&mut router, 1, Rtnun, 10), ["now returned a1#1"]);
    assert_eq!(step(&mut router, 1, Norm, 20), NOTHING, "once");
    step(&mut router, 2, Unack, 30);
    step(&mut router, 2, Acked, 40);
    assert_eq!(step(&mut router, 2, Norm, 50), ["now returned a1#2"]);
    assert!(!router.watches(AlarmId(1)));
}

#[test]
fn outside_the_schedule_it_waits_for_the_opening() {
    let office = RuleSettings {
        start: Some("08:00".to_owned()),
        end: Some("16:00".to_owned()),
        on_return: true,
        ..rule("office")
    };
    let mut router = router(vec![office]);
    let hour = 60 * MINUTE;
    assert_eq!(step(&mut router, 1, Unack, 3 * hour), NOTHING);
    assert_eq!(router.deadline(), Some(at(8 * hour)));
    assert_eq!(wait(&mut router, 8 * hour), ["office raised a1#1"]);
    // The return of 17:00 is told the next morning, that of an occurrence nobody was told of is not.
    assert_eq!(step(&mut router, 1, Acked, 16 * hour), NOTHING);
    assert_eq!(step(&mut router, 1, Norm, 17 * hour), NOTHING);
    assert_eq!(wait(&mut router, 32 * hour), ["office returned a1#1"]);
    assert!(!router.watches(AlarmId(1)));
    step(&mut router, 2, Unack, 41 * hour);
    step(&mut router, 2, Acked, 42 * hour);
    assert_eq!(step(&mut router, 2, Norm, 43 * hour), NOTHING);
    assert_eq!(wait(&mut router, 56 * hour), NOTHING);
}

#[test]
fn an_alarm_that_is_removed_is_told_of_no_more() {
    let mut router = router(vec![after(5)]);
    step(&mut router, 1, Unack, 0);
    router.removed(AlarmId(1));
    assert_eq!((router.deadline(), wait(&mut router, 9 * MINUTE)), (None, vec![]));
}

#[test]
fn each_recipient_gets_a_message_of_its_own() {
    let to = vec!["ann@plant.example".to_owned(), "Bob <bob@plant.example>".to_owned()];
    let mut router = router(vec![RuleSettings { to, ..rule("r") }]);
    let effects = router.changed(alarm(1, 1, Unack), at(7));
    let sent: Vec<_> = effects
        .iter()
        .map(|effect| match effect {
            Effect::Send(outgoing) => outgoing,
            Effect::Hold(_) => panic!("there is no cap"),
        })
        .collect();
    assert_eq!([&*sent[0].recipient, &*sent[1].recipient], ["ann@plant.example", "Bob <bob@plant.example>"]);
    assert_ne!(sent[0].key, sent[1].key);
    assert_eq!(sent[0].subject, "[high] a1 raised: 16.5 cm");
    for line in [
        "Alarm:       a1",
        "Priority:    high",
        "State:       UNACK",
        "Value:       16.5 cm",
        "Limit:       HIGH 10.0 cm",
        "Area:        north/tanks",
        "Raised:      1970-01-01T00:00:00.000000Z",
        "Told:        1970-01-01T00:00:07.000000Z",
        "Plant:       demo",
    ] {
        assert!(sent[0].text.lines().any(|told| told == line), "{line}\n{}", sent[0].text);
    }
    let json = &sent[0].json;
    assert_eq!((&json["alarm"], &json["value"], &json["unit"]), (&"a1".into(), &16.5.into(), &"cm".into()));
    assert_eq!(
        (&json["state"], &json["area"], &json["kind"]),
        (&"UNACK".into(), &"north/tanks".into(), &"raised".into())
    );
}

#[test]
fn past_the_cap_messages_are_held_and_summed_up() {
    let mut router = Router::new("demo", plan(2, vec![rule("r")]));
    let mut raise = |id| told(&router.changed(alarm(id, 1, Unack), at(0)));
    assert_eq!((raise(1), raise(2)), (vec!["r raised a1#1".to_owned()], vec!["r raised a2#1".to_owned()]));
    assert_eq!((raise(3), raise(4)), (vec!["~r raised a3#1".to_owned()], vec!["~r raised a4#1".to_owned()]));
    assert_eq!(router.deadline(), Some(at(300)), "two in 10 minutes are one in five");
    assert_eq!(wait(&mut router, 299), NOTHING);
    let effects = router.due(at(300));
    let [Effect::Send(summary)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((summary.kind, &*summary.recipient, summary.alarm), (Kind::Summary, "ann@plant.example", None));
    assert_eq!(summary.covers.iter().map(|held| held.alarm.unwrap().0.0).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(summary.subject, "2 more alarm messages: 2 high");
    assert!(summary.text.contains("[high] a4 raised: 16.5 cm"), "{}", summary.text);
    assert_eq!((&summary.json["messages"], &summary.json["priorities"]["high"]), (&2.into(), &2.into()));
    assert_eq!(router.deadline(), None);
    assert_eq!(told(&router.changed(alarm(5, 1, Unack), at(301))), ["~r raised a5#1"], "the summary counts too");
    assert_eq!(told(&router.due(at(600))), ["- summary"]);
}

fn was_told(kind: Kind, second: i64) -> Told {
    Told { rule: "r".to_owned(), alarm: AlarmId(1), occurrence: 3, kind, at: at(second) }
}

#[test]
fn a_restart_arms_what_waits_from_the_time_it_was_raised() {
    let mut router = router(vec![after(5)]);
    assert_eq!(told(&router.restore(vec![alarm(1, 3, Unack)], &[], at(2 * MINUTE))), NOTHING);
    assert_eq!(router.deadline(), Some(at(5 * MINUTE)));
    assert_eq!(wait(&mut router, 5 * MINUTE), ["r raised a1#3"]);
}

#[test]
fn a_restart_tells_at_once_what_has_waited_for_longer() {
    let mut router = router(vec![after(5)]);
    let subjects = vec![alarm(1, 3, Unack), alarm(2, 1, Acked), alarm(3, 2, Rtnun)];
    assert_eq!(told(&router.restore(subjects, &[], at(60 * MINUTE))), ["r raised a1#3", "r raised a3#2"]);
}

#[test]
fn a_restart_does_not_tell_again_what_was_sent() {
    let told_before = [was_told(Kind::Raised, 10)];
    let mut once = router(vec![rule("r")]);
    assert_eq!(told(&once.restore(vec![alarm(1, 3, Unack)], &told_before, at(99))), NOTHING);
    assert_eq!(step(&mut once, 4, Unack, 100), ["r raised a1#4"]);

    let mut repeats = router(vec![RuleSettings { repeat_min: 30, ..rule("r") }]);
    assert_eq!(told(&repeats.restore(vec![alarm(1, 3, Unack)], &told_before, at(99))), NOTHING);
    assert_eq!(repeats.deadline(), Some(at(10 + 30 * MINUTE)), "from when it was last told");

    let mut other = router(vec![rule("other")]);
    let effects = other.restore(vec![alarm(1, 3, Unack)], &told_before, at(99));
    assert_eq!(told(&effects), ["other raised a1#3"], "by another rule nobody was told");
}

#[test]
fn a_restart_makes_up_for_a_return_that_was_not_told() {
    let rules = || vec![RuleSettings { on_return: true, ..rule("r") }];
    let mut told_before = vec![was_told(Kind::Raised, 10)];
    let returned = |told_before: &[Told]| told(&router(rules()).restore(vec![alarm(1, 3, Rtnun)], told_before, at(99)));
    assert_eq!(returned(&told_before), ["r returned a1#3"]);
    told_before.push(was_told(Kind::Returned, 20));
    assert_eq!(returned(&told_before), NOTHING);
}

#[test]
fn a_message_has_the_same_key_after_a_restart_and_another_one_when_it_is_another() {
    let keys = |effects: Vec<Effect>| -> Vec<String> {
        effects
            .into_iter()
            .map(|effect| match effect {
                Effect::Send(outgoing) | Effect::Hold(outgoing) => outgoing.key.clone(),
            })
            .collect()
    };
    let rules = || vec![RuleSettings { repeat_min: 1, ..rule("r") }];
    let mut before = router(rules());
    let first = keys(before.changed(alarm(1, 3, Unack), at(1)));
    let again = keys(router(rules()).restore(vec![alarm(1, 3, Unack)], &[], at(50)));
    assert_eq!(first, again);
    let others =
        [keys(before.due(at(61))), keys(before.due(at(121))), keys(before.changed(alarm(1, 4, Unack), at(130)))];
    let mut all: Vec<_> = others.concat().into_iter().chain(first).collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 4);
}
