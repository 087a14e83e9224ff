//! What people do to alarms over HTTP, and what is kept of it.

use super::http::alarm_in;
use super::support::{Answer, LEVEL, Site};
use serde_json::{Value as Json, json};

async fn run(site: &Site, command: Json) -> Answer {
    site.post("/api/v1/alarms/1/commands", &command.to_string()).await
}

async fn level(site: &Site, value: f64) {
    let written = site.post(&format!("/api/v1/tags/{LEVEL}/write"), &json!({ "value": value }).to_string()).await;
    assert_eq!(written.status, 200, "{written:?}");
}

#[actix_web::test]
async fn an_alarm_is_shelved_seen_on_its_list_and_taken_back_with_what_stands_beneath() {
    let site = Site::start().await;
    let nameless = run(&site, json!({"command": "shelve", "seconds": 60})).await;
    assert_eq!(nameless.problem(), (422, "invalid_reason".to_owned()));
    let long = run(&site, json!({"command": "shelve", "seconds": 600_000, "reason": "x"})).await;
    assert_eq!(long.problem(), (422, "invalid_seconds".to_owned()));
    let shelved =
        run(&site, json!({"command": "shelve", "seconds": 600, "by": "ann", "reason": "cleaning"})).await.json();
    assert_eq!(
        (&shelved["state"], &shelved["core"], &shelved["shelf"]["by"]),
        (&json!("SHLVD"), &json!("NORM"), &json!("ann"))
    );
    level(&site, 16.0).await;
    let areas = site.get("/api/v1/alarms/areas").await.json();
    assert_eq!(
        (&areas["items"][0]["area"], &areas["items"][0]["standing"]),
        (&json!(""), &json!(0)),
        "hidden: {areas}"
    );
    let hidden = site.get("/api/v1/alarms?state=shelved").await.json();
    assert_eq!(hidden["items"][0]["name"], "tank/level.high");
    assert_eq!(site.get("/api/v1/alarms?state=standing").await.json()["items"], json!([]), "nobody is told");
    assert_eq!(site.get("/api/v1/health").await.json()["alarms"]["shelved"], 1);
    let refused = run(&site, json!({"command": "acknowledge"})).await;
    assert_eq!(refused.problem(), (409, "wrong_state".to_owned()));
    assert_eq!(refused.json()["allowed"], json!(["shelve", "unshelve", "out_of_service", "comment"]));
    let back = run(&site, json!({"command": "unshelve", "by": "ann"})).await.json();
    assert_eq!((&back["state"], &back["active"]), (&json!("UNACK"), &json!(true)), "it stands, and is told now");
    let plant = &site.get("/api/v1/alarms/areas").await.json()["items"][0];
    assert_eq!((&plant["unacknowledged"], &plant["highest_unacknowledged"]), (&json!(1), &json!("medium")));
    site.stop().await;
}

#[actix_web::test]
async fn an_occurrence_is_one_row_and_the_journal_is_whole() {
    let site = Site::start().await;
    level(&site, 16.0).await;
    alarm_in(&site, "UNACK").await;
    level(&site, 18.5).await;
    assert_eq!(run(&site, json!({"command": "silence"})).await.json()["silenced"], true);
    run(&site, json!({"command": "comment", "by": "ann", "reason": "valve stuck"})).await;
    run(&site, json!({"command": "acknowledge", "by": "ann"})).await;
    level(&site, 5.0).await;
    alarm_in(&site, "NORM").await;
    let out = run(&site, json!({"command": "out_of_service", "by": "bob", "reason": "repair"})).await.json();
    assert_eq!((&out["state"], &out["out_of_service"]["reason"]), (&json!("OOSRV"), &json!("repair")));
    assert_eq!(run(&site, json!({"command": "return_to_service"})).await.json()["state"], "NORM");
    let rows = site.get("/api/v1/alarms/occurrences?alarm=1").await.json();
    let row = &rows["items"][0];
    assert_eq!((&row["occurrence"], &row["acknowledged_by"], &row["peak"]), (&json!(1), &json!("ann"), &json!(18.5)));
    assert!(row["duration_ms"].as_f64().unwrap() >= 0.0 && row["cleared_at"].is_string(), "{row}");
    assert_eq!((&rows["items"].as_array().unwrap().len(), &rows["next_cursor"]), (&1, &Json::Null));
    let journal = site.get("/api/v1/alarms/journal?alarm=1").await.json();
    let events: Vec<&Json> = journal["items"].as_array().unwrap().iter().map(|row| &row["event"]).collect();
    let expected =
        ["returned_to_service", "out_of_service", "returned", "acknowledged", "commented", "silenced", "activated"];
    assert_eq!(events, expected);
    assert_eq!(journal["items"][4]["reason"], "valve stuck");
    let whole = site.get("/api/v1/alarms/journal/verification").await.json();
    assert_eq!((&whole["ok"], &whole["problem"]), (&json!(true), &Json::Null));
    assert!(whole["checked"].as_u64().unwrap() >= 7, "{whole}");
    site.stop().await;
}
