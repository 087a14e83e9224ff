//! `kill -9` in the middle of a flood of alarms.

use super::child::{PATIENCE, alone, wait_for};
use super::server::Server;
use super::shell::succeed;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use std::fmt::Write as _;
use std::path::Path;

/// Tags that follow one, each with two alarms.
const TAGS: usize = 5_000;

fn plant() -> String {
    let mut text = "[[tag]]\nname = \"source\"\ninitial = 5.0\nwritable = true\n".to_owned();
    for number in 0..TAGS {
        // Writing into a string does not fail.
        let _ok = write!(
            text,
            "[[tag]]\nname = \"d{number}\"\nexpression = \"source + 0\"\n\
             [[alarm]]\nname = \"d{number}.high\"\ntag = \"d{number}\"\nkind = \"HIGH\"\nset_point = 10\n\
             [[alarm]]\nname = \"d{number}.high_high\"\ntag = \"d{number}\"\nkind = \"HIGH_HIGH\"\nset_point = 20\n"
        );
    }
    text
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// What a question counts in the database of a folder; the server may run.
fn count(folder: &Path, question: &str) -> i64 {
    let file = folder.join("data/flyball.db");
    let mut connection = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    diesel::sql_query("PRAGMA busy_timeout = 10000").execute(&mut connection).unwrap();
    diesel::sql_query(question).get_result::<Count>(&mut connection).unwrap().n
}

const ACTIVATED: &str = "SELECT count(*) AS n FROM alarm_journal WHERE event = 'activated'";

/// Alarms whose state is not where their journal ends.
const STRAY: &str = "SELECT count(*) AS n FROM alarm_state s JOIN alarm_journal j ON j.id = \
    (SELECT max(id) FROM alarm_journal WHERE alarm_id = s.alarm_id) WHERE s.state <> j.to_state";

/// Occurrences that the journal has and the summary has not.
const UNSUMMED: &str = "SELECT count(*) AS n FROM alarm_journal j WHERE event = 'activated' AND NOT EXISTS \
    (SELECT 1 FROM alarm_occurrence o WHERE o.alarm_id = j.alarm_id AND o.occurrence = j.occurrence)";

#[test]
fn a_flood_that_is_killed_leaves_a_whole_journal_and_the_states_at_its_end() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = Server::start(folder, &plant());
    let source = server.tag("source")["id"].as_u64().unwrap();
    let (status, told) = server.request("POST", &format!("/api/v1/tags/{source}/write"), r#"{"value": 30}"#);
    assert_eq!(status, 200, "{told}");
    wait_for("the flood in the journal", PATIENCE, || (count(folder, ACTIVATED) >= 1_000).then_some(()));
    server.process.kill();

    let kept = count(folder, ACTIVATED);
    println!("killed with {kept} of {} activations durable", 2 * TAGS);
    assert!(succeed(folder, &["verify"]).starts_with("good: "));
    assert_eq!((count(folder, STRAY), count(folder, UNSUMMED)), (0, 0));

    // The source begins with its initial value: what stood returns, and nothing else has ever stood.
    let server = Server::start(folder, "");
    let returned = || {
        let (mut items, mut cursor) = (0, String::new());
        loop {
            let page = server.get(&format!("/api/v1/alarms?state=rtnun&q=d&limit=1000{cursor}"));
            items += page["items"].as_array().unwrap().len();
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return i64::try_from(items).unwrap(),
            }
        }
    };
    wait_for("every alarm that stood to return", PATIENCE, || (returned() == kept).then_some(()));
    server.stop();
    assert!(succeed(folder, &["verify"]).starts_with("good: "));
    assert_eq!((count(folder, STRAY), count(folder, UNSUMMED), count(folder, ACTIVATED)), (0, 0, kept));
}
