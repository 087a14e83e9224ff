//! Requests and answers.

use super::support::{LEVEL, PATIENCE, PUMP, SENSOR, Site};
use awc::http::Method;
use serde_json::{Value as Json, json};

#[actix_web::test]
async fn a_tag_is_read_written_and_listed() {
    let site = Site::start().await;
    let tag = site.get(&format!("/api/v1/tags/{LEVEL}")).await.json();
    assert_eq!(tag["name"], "tank/level");
    assert_eq!(tag["range"], json!({"low": 0.0, "high": 20.0}));
    assert_eq!((&tag["value"], &tag["quality"], &tag["reason"]), (&json!(5.0), &json!("good"), &Json::Null));
    let written = site.post(&format!("/api/v1/tags/{LEVEL}/write"), r#"{"value": 7}"#).await;
    assert_eq!(written.status, 200, "{written:?}");
    assert_eq!(written.json()["value"], json!(7.0));
    let listed = site.get("/api/v1/tags?name=tank/level").await.json();
    assert_eq!(listed["items"][0]["value"], json!(7.0));
    assert_eq!(listed["next_cursor"], Json::Null);
    site.stop().await;
}

#[actix_web::test]
async fn pages_of_tags_follow_each_other_by_cursor() {
    let site = Site::start().await;
    let first = site.get("/api/v1/tags?limit=2").await.json();
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = site.get(&format!("/api/v1/tags?limit=2&cursor={cursor}")).await.json();
    assert_eq!(second["items"][0]["id"], SENSOR);
    let bad = site.get("/api/v1/tags?quality=bad").await.json();
    assert!(bad["items"].as_array().unwrap().iter().any(|tag| tag["id"] == SENSOR), "{bad}");
    assert!(bad["items"].as_array().unwrap().iter().all(|tag| tag["quality"] == "bad"));
    site.stop().await;
}

#[actix_web::test]
async fn every_wrong_request_is_a_problem_that_says_what_is_wrong() {
    let site = Site::start().await;
    let write = format!("/api/v1/tags/{LEVEL}/write");
    let read_only = format!("/api/v1/tags/{SENSOR}/write");
    let pump = format!("/api/v1/tags/{PUMP}/write");
    let unit = site.post(&write, r#"{"value": 7, "unit": null}"#).await;
    assert_eq!(unit.problem(), (409, "unit_changed".to_owned()), "the value is in the tag's unit, or it is not taken");
    let get = [
        ("/api/v1/tags/999", 404, "unknown_tag"),
        ("/api/v1/tags/x", 400, "malformed"),
        ("/api/v1/tags/-1", 400, "malformed"),
        ("/api/v1/tags?limit=0", 422, "invalid_limit"),
        ("/api/v1/tags?limit=x", 400, "malformed"),
        ("/api/v1/tags?lmit=1", 400, "malformed"),
        ("/api/v1/tags?cursor=zzz", 400, "malformed"),
        ("/api/v1/tags?quality=ugly", 400, "malformed"),
        ("/api/v1/tags/1?verbose=1", 400, "malformed"),
        ("/api/v1/alarms/999", 404, "unknown_alarm"),
        ("/api/v1/alarms?state=asleep", 400, "malformed"),
        ("/api/v1/alarms/journal?cursor=kffffffffffffffff", 400, "malformed"),
        ("/api/v1/machines/999", 404, "unknown_machine"),
        ("/api/v1/history", 400, "malformed"),
        ("/api/v1/history?tags=999", 404, "unknown_tag"),
        ("/api/v1/history?tags=1&from=then", 400, "malformed"),
        ("/api/v1/history?tags=1&from=now&to=now-1h", 422, "invalid_range"),
        ("/api/v1/history?tags=1&max_points=0", 422, "invalid_max_points"),
        ("/api/v1/history?tags=1&cursor=k0", 400, "malformed"),
        ("/api/v1/history?tags=1&agg=raw&cursor=zzz", 400, "malformed"),
        ("/api/v1/history?tags=1,1", 422, "invalid_tags"),
        ("/api/v1/history/table?tags=1", 400, "malformed"),
        ("/api/v1/history/table?tags=1&step=1s&rows=5", 400, "malformed"),
        ("/api/v1/history/table?tags=999&step=1s", 404, "unknown_tag"),
        ("/api/v1/history/table?tags=1&step=0s", 422, "invalid_step"),
        ("/api/v1/history/table?tags=1&step=1s&limit=10001", 422, "invalid_limit"),
        ("/api/v1/history/aggregates?tags=1&aggregates=Median", 400, "malformed"),
        ("/api/v1/history/aggregates?tags=1&aggregates=Count,Count", 422, "invalid_aggregates"),
        ("/api/v1/history/aggregates?tags=1&aggregates=Count&interval=1ms", 422, "invalid_interval"),
        (
            "/api/v1/history/aggregates?tags=1&aggregates=Count&percent_data_good=1&percent_data_bad=1",
            422,
            "invalid_percent",
        ),
        ("/api/v1/ws", 426, "upgrade_required"),
        ("/api/v1/nothing", 404, "unknown_route"),
        ("/api", 404, "unknown_route"),
        ("/assets/missing.js", 404, "unknown_route"),
        ("/api/v1/tags/1/write", 405, "method_not_allowed"),
    ];
    for (path, status, code) in get {
        assert_eq!(site.get(path).await.problem(), (status, code.to_owned()), "GET {path}");
    }
    let post = [
        (&*write, "{", 400, "malformed"),
        (&write, r#"{"value": NaN}"#, 400, "malformed"),
        (&write, r#"{"value": 1, "force": true}"#, 400, "malformed"),
        (&write, "{}", 400, "malformed"),
        (&write, r#"{"value": null}"#, 422, "invalid_value"),
        (&write, r#"{"value": 21}"#, 422, "invalid_value"),
        (&write, r#"{"value": "7"}"#, 422, "invalid_value"),
        (&pump, r#"{"value": 1}"#, 422, "invalid_value"),
        (&read_only, r#"{"value": 1}"#, 409, "not_writable"),
        ("/api/v1/tags/999/write", r#"{"value": 1}"#, 404, "unknown_tag"),
        ("/api/v1/alarms/1/ack", "{}", 409, "wrong_state"),
        ("/api/v1/alarms/999/ack", "{}", 404, "unknown_alarm"),
        ("/api/v1/alarms/1/ack", r#"{"by": 7}"#, 400, "malformed"),
        ("/api/v1/alarms/ack", r#"{"ids": []}"#, 422, "invalid_ids"),
        ("/api/v1/machines/999/transitions", r#"{"transition": "reset"}"#, 404, "unknown_machine"),
        ("/api/v1/machines/999/transitions", r#"{"transition": "explode"}"#, 422, "invalid_transition"),
        ("/api/v1/tags", "{}", 422, "invalid_tag"),
        ("/overview", "{}", 405, "method_not_allowed"),
    ];
    for (path, body, status, code) in post {
        assert_eq!(site.post(path, body).await.problem(), (status, code.to_owned()), "POST {path} {body}");
    }
    site.stop().await;
}

#[actix_web::test]
async fn a_body_that_is_too_large_or_no_json_is_refused() {
    let site = Site::start().await;
    let write = format!("/api/v1/tags/{LEVEL}/write");
    let large = format!(r#"{{"value": "{}"}}"#, "x".repeat(1024 * 1024));
    assert_eq!(site.post(&write, &large).await.problem(), (413, "too_large".to_owned()));
    let text = site.send(Method::POST, &write, &[("content-type", "text/plain")], r#"{"value": 1}"#).await;
    assert_eq!(text.problem(), (415, "unsupported_media_type".to_owned()));
    let patch = [("content-type", "application/merge-patch+json")];
    let parameters = site.send(Method::PATCH, "/api/v1/machines/999/parameters", &patch, r#"{"gain": 1}"#).await;
    assert_eq!(parameters.problem(), (404, "unknown_machine".to_owned()));
    let null = site.send(Method::PATCH, "/api/v1/machines/999/parameters", &patch, r#"{"gain": null}"#).await;
    assert_eq!(null.problem(), (422, "invalid_parameter".to_owned()));
    assert_eq!(null.json()["errors"][0]["pointer"], "/gain");
    site.stop().await;
}

#[actix_web::test]
async fn a_wrong_method_is_told_the_right_ones_and_head_is_get_without_a_body() {
    let site = Site::start().await;
    let answer = site.send(Method::DELETE, "/api/v1/links", &[], "").await;
    assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"));
    let answer = site.get("/api/v1/alarms/ack").await;
    assert_eq!((answer.status, answer.header("allow")), (405, "POST"));
    for path in ["/api/v1/tags", "/health/live", "/health/ready", "/health", "/"] {
        let head = site.send(Method::HEAD, path, &[], "").await;
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
    }
    site.stop().await;
}

#[actix_web::test]
async fn a_command_from_another_site_and_a_rebound_name_are_refused() {
    let site = Site::start().await;
    let write = format!("/api/v1/tags/{LEVEL}/write");
    let json = ("content-type", "application/json");
    let foreign = [json, ("origin", "http://evil.example")];
    let answer = site.send(Method::POST, &write, &foreign, r#"{"value": 1}"#).await;
    assert_eq!(answer.problem(), (403, "forbidden".to_owned()));
    let own = format!("http://{}", site.address);
    let answer = site.send(Method::POST, &write, &[json, ("origin", &own)], r#"{"value": 1}"#).await;
    assert_eq!(answer.status, 200);
    let rebound = site.send(Method::GET, "/api/v1/tags", &[("host", "evil.example")], "").await;
    assert_eq!(rebound.problem(), (403, "forbidden".to_owned()));
    site.stop().await;
}

/// Waits until the alarm with id 1 is in `state`.
pub(crate) async fn alarm_in(site: &Site, state: &str) -> Json {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let alarm = site.get("/api/v1/alarms/1").await.json();
        if alarm["state"] == state {
            return alarm;
        }
        assert!(tokio::time::Instant::now() < deadline, "{alarm}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[actix_web::test]
async fn an_alarm_is_raised_acknowledged_and_journaled() {
    let site = Site::start().await;
    site.post(&format!("/api/v1/tags/{LEVEL}/write"), r#"{"value": 16}"#).await;
    let alarm = alarm_in(&site, "UNACK").await;
    let allowed = json!(["acknowledge", "silence", "shelve", "out_of_service", "comment"]);
    assert_eq!((&alarm["active"], &alarm["allowed"]), (&json!(true), &allowed));
    assert_eq!(
        (&alarm["tag"], &alarm["set_point"], &alarm["unit"]),
        (&json!("tank/level"), &json!(15.0), &json!("cm"))
    );
    let standing = site.get("/api/v1/alarms?state=active").await.json();
    assert_eq!(standing["items"].as_array().unwrap().len(), 1);
    let acked = site.post("/api/v1/alarms/1/ack", r#"{"by": "ann", "comment": "seen"}"#).await.json();
    assert_eq!((&acked["state"], &acked["acknowledged_by"]), (&json!("ACKED"), &json!("ann")));
    let again = site.post("/api/v1/alarms/ack", r#"{"ids": [1, 999]}"#).await.json();
    assert_eq!(again["items"][0]["problem"]["code"], "wrong_state");
    assert_eq!(again["items"][0]["problem"]["allowed"], json!(["shelve", "out_of_service", "comment"]));
    assert_eq!(again["items"][1]["problem"]["code"], "unknown_alarm");
    let journal = site.get("/api/v1/alarms/journal?alarm=1").await.json();
    let events: Vec<&str> =
        journal["items"].as_array().unwrap().iter().map(|row| row["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["acknowledged", "activated"], "newest first");
    assert_eq!((&journal["items"][0]["actor"], &journal["items"][0]["reason"]), (&json!("ann"), &json!("seen")));
    site.stop().await;
}

#[actix_web::test]
async fn health_tells_how_the_plant_is() {
    let site = Site::start().await;
    for path in ["/health", "/api/v1/health"] {
        let health = site.get(path).await.json();
        assert!(health["tags"]["total"].as_u64().unwrap() >= 3, "{health}");
        assert_eq!(health["epoch"], site.plant.epoch());
        assert_eq!(health["database"]["state"], "ok");
    }
    assert_eq!(site.get("/health/live").await.json(), json!({"status": "live"}));
    assert_eq!(site.get("/health/ready").await.json(), json!({"status": "ready"}));
    site.stop().await;
}

#[actix_web::test]
async fn every_route_of_the_description_exists_and_answers_problems() {
    let site = Site::start().await;
    let document = site.get("/api/v1/openapi.json").await.json();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let concrete = path.replace("{id}", "999999").replace("{segment}", "L9");
            let bytes = method.to_ascii_uppercase();
            let method = Method::from_bytes(bytes.as_bytes()).unwrap();
            let answer = site.send(method, &concrete, &[("content-type", "application/json")], "{}").await;
            assert_ne!(answer.status, 405, "{bytes} {path}");
            assert!(answer.status < 500, "{bytes} {path}: {answer:?}");
            if path.contains("{id}") || answer.status >= 400 {
                let (_, code) = answer.problem();
                assert_ne!(code, "unknown_route", "{bytes} {path}");
            }
        }
    }
    site.stop().await;
}
