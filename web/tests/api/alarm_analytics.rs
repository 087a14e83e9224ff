//! Figures of the alarm system over HTTP.

use super::support::{LEVEL, PATIENCE, Site, definition};
use flyball_web::WebOptions;
use serde_json::{Value as Json, json};
use std::time::Duration;

async fn figures(site: &Site, query: &str, awaited: impl Fn(&Json) -> bool) -> Json {
    let read = async {
        loop {
            let answer = site.get(&format!("/api/v1/alarms/analytics{query}")).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            let figures = answer.json();
            if awaited(&figures) {
                return figures;
            }
            actix_web::rt::time::sleep(Duration::from_millis(10)).await;
        }
    };
    actix_web::rt::time::timeout(PATIENCE, read).await.unwrap()
}

async fn level(site: &Site, value: f64) {
    let written = site.post(&format!("/api/v1/tags/{LEVEL}/write"), &format!(r#"{{"value": {value}}}"#)).await;
    assert_eq!(written.status, 200, "{written:?}");
}

#[actix_web::test]
async fn an_alarm_counts_in_its_area_and_in_the_plant() {
    let mut plant = definition();
    plant.tags[0].area = Some("north/tanks".to_owned());
    let site = Site::start_with("", plant, WebOptions::default()).await;
    for _ in 0..3 {
        level(&site, 16.0).await;
        level(&site, 5.0).await;
    }
    assert_eq!(site.post("/api/v1/alarms/1/ack", "{}").await.status, 200);

    let acknowledged = |figures: &Json| figures["acknowledgement"]["count"] == json!(1);
    let north = figures(&site, "?from=now-10m&area=north", acknowledged).await;
    assert_eq!((&north["area"], &north["activations"]), (&json!("north"), &json!(3)));
    let worst = json!([{"alarm_id": 1, "alarm": "tank/level.high", "times": 3, "share": 1.0}]);
    assert_eq!(north["load"], json!({"alarms": 1, "times": 3, "share_of_worst": 1.0, "worst": worst}));
    assert_eq!((&north["chattering"]["times"], &north["fleeting"]["times"]), (&json!(1), &json!(3)));
    assert_eq!(north["priorities"]["medium"], json!({"activations": 3, "share": 1.0, "target": 0.15}));
    assert_eq!((&north["floods"]["count"], &north["hours_over_30"]["share"]), (&json!(0), &Json::Null));
    assert_eq!(north["acknowledgement"]["exact"], json!(true));
    // Flyball's own alarms are in no area.
    let all = figures(&site, "", acknowledged).await;
    assert!(all["area"].is_null() && all["activations"].as_u64() >= Some(3), "{all}");
    assert_eq!(all["hours_over_30"]["over"], json!(0));
    site.stop().await;
}

#[actix_web::test]
async fn a_question_without_an_answer_is_a_problem() {
    let site = Site::start().await;
    for (query, status, code) in [
        ("area=nroth", 404, "unknown_area"),
        ("from=now-500d", 422, "invalid_range"),
        ("from=then", 400, "malformed"),
        ("form=now", 400, "malformed"),
    ] {
        let problem = site.get(&format!("/api/v1/alarms/analytics?{query}")).await.problem();
        assert_eq!(problem, (status, code.to_owned()), "{query}");
    }
    site.stop().await;
}
