//! The record of messages over HTTP.

use super::support::Site;
use flyball::notify::{Kind, NotificationRecord, Outgoing, Status, StoreNotifications};
use flyball::schema::{AlarmId, Timestamp};
use flyball::send::{DEADLINE, ask};
use serde_json::{Value as Json, json};
use std::sync::Arc;

fn record(key: &str, alarm: Option<(AlarmId, u64)>, kind: Kind, status: Status) -> NotificationRecord {
    let outgoing = Outgoing {
        key: key.to_owned(),
        at: Timestamp::from_micros(1_000_000),
        channel: 0,
        channel_name: "mail".into(),
        recipient: "ann@plant.example".into(),
        rule: alarm.map(|_| "night".into()),
        alarm,
        kind,
        subject: String::new(),
        text: String::new(),
        json: Json::Null,
        covers: Vec::new(),
    };
    NotificationRecord { outgoing: Arc::new(outgoing), status, attempts: 2, error: None }
}

#[actix_web::test]
async fn messages_are_listed_newest_first() {
    let site = Site::start().await;
    let records = vec![
        record("a", Some((AlarmId(1), 3)), Kind::Raised, Status::Sent),
        record("b", None, Kind::Summary, Status::Failed),
        record("c", Some((AlarmId(1), 3)), Kind::Returned, Status::Sent),
    ];
    ask(&site.plant.notifications(), StoreNotifications(records), DEADLINE).await.unwrap().unwrap();
    let page = site.get("/api/v1/notifications?limit=2").await.json();
    assert_eq!((&page["items"][0]["key"], &page["items"][1]["rule"]), (&json!("c"), &Json::Null));
    let next = format!("/api/v1/notifications?limit=2&cursor={}", page["next_cursor"].as_str().unwrap());
    let next = site.get(&next).await.json();
    let expected = json!({
        "id": 1, "key": "a", "at": "1970-01-01T00:00:01.000000Z", "channel": "mail",
        "recipient": "ann@plant.example", "rule": "night", "alarm_id": 1, "alarm": "tank/level.high",
        "occurrence": 3, "kind": "raised", "status": "sent", "attempts": 2, "error": null,
    });
    assert_eq!(next, json!({"items": [expected], "next_cursor": null}));
    let failed = site.get("/api/v1/notifications?status=failed").await.json();
    assert_eq!(failed["items"].as_array().unwrap().len(), 1);
    assert_eq!(site.get("/api/v1/notifications?alarm=2").await.json()["items"], json!([]));
    for query in ["status=lost", "status=sent,failed", "cursor=x", "what=1"] {
        let problem = site.get(&format!("/api/v1/notifications?{query}")).await.problem();
        assert_eq!(problem, (400, "malformed".to_owned()), "{query}");
    }
    site.stop().await;
}
