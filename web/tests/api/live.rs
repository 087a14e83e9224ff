//! The live feed.

use super::support::{LEVEL, PATIENCE, Site, definition};
use awc::Client;
use awc::error::{WsClientError, WsProtocolError};
use awc::ws::{CloseCode, Frame, Message};
use flyball::cvt::{CreateTags, Update, WriteTags};
use flyball::schema::TagId;
use flyball::schema::definition::TagDefinition;
use flyball::send::ask;
use flyball_web::WebOptions;
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use serde_json::{Value as Json, json};
use std::time::Duration;

trait Wire: Sink<Message, Error = WsProtocolError> + Stream<Item = Result<Frame, WsProtocolError>> + Unpin {}
impl<T: Sink<Message, Error = WsProtocolError> + Stream<Item = Result<Frame, WsProtocolError>> + Unpin> Wire for T {}

/// A client of the live feed.
struct Feed {
    framed: Box<dyn Wire>,
}

async fn connect(site: &Site, origin: Option<&str>) -> Result<Feed, WsClientError> {
    let mut request = Client::new().ws(site.url("/api/v1/ws")).protocols(["flyball.v1"]).max_frame_size(10_000_000);
    if let Some(origin) = origin {
        request = request.origin(origin);
    }
    let (response, framed) = request.connect().await?;
    assert_eq!(response.headers().get("sec-websocket-protocol").unwrap(), "flyball.v1");
    Ok(Feed { framed: Box::new(framed) })
}

impl Feed {
    async fn open(site: &Site) -> Self {
        connect(site, None).await.unwrap()
    }

    async fn say(&mut self, text: &str) {
        self.framed.send(Message::Text(text.to_owned().into())).await.unwrap();
    }

    async fn hear(&mut self) -> Json {
        loop {
            match tokio::time::timeout(PATIENCE, self.framed.next()).await.unwrap().unwrap().unwrap() {
                Frame::Text(bytes) => return serde_json::from_slice(&bytes).unwrap(),
                Frame::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// What comes within `time`.
    async fn hear_for(&mut self, time: Duration) -> Vec<Json> {
        let mut heard = Vec::new();
        let end = tokio::time::Instant::now() + time;
        while let Ok(frame) = tokio::time::timeout_at(end, self.framed.next()).await {
            if let Frame::Text(bytes) = frame.unwrap().unwrap() {
                heard.push(serde_json::from_slice(&bytes).unwrap());
            }
        }
        heard
    }

    async fn close_code(&mut self) -> (CloseCode, String) {
        loop {
            match tokio::time::timeout(PATIENCE, self.framed.next()).await.unwrap().unwrap().unwrap() {
                Frame::Close(Some(reason)) => return (reason.code, reason.description.unwrap_or_default()),
                Frame::Close(None) => panic!("closed without a reason"),
                _ => {}
            }
        }
    }
}

async fn set_level(site: &Site, value: f64) {
    ask(site.plant.cvt(), WriteTags(vec![Update::good(TagId(LEVEL), value)]), PATIENCE).await.unwrap();
}

#[actix_web::test]
async fn a_greeting_is_answered_each_time() {
    let site = Site::start().await;
    let mut feed = Feed::open(&site).await;
    for id in [1, 5] {
        feed.say(&format!(r#"{{"id":{id},"type":"hello"}}"#)).await;
        let hello = feed.hear().await;
        assert_eq!(
            (&hello["id"], &hello["type"], &hello["epoch"]),
            (&json!(id), &json!("hello"), &json!(site.plant.epoch()))
        );
        assert!(hello["server"].as_str().unwrap().starts_with("flyball "));
    }
    site.stop().await;
}

#[actix_web::test]
async fn tags_are_told_as_a_snapshot_and_then_as_deltas() {
    let site = Site::start().await;
    let mut feed = Feed::open(&site).await;
    feed.say(r#"{"id":2,"type":"subscribe","topic":"tags","select":{"prefix":"tank/"}}"#).await;
    let snapshot = feed.hear().await;
    assert_eq!(snapshot["map"], json!([[0, 1, "tank/level"], [1, 2, "tank/pump"]]));
    assert_eq!(snapshot["u"][0][1], json!(5.0));
    set_level(&site, 6.5).await;
    let delta = feed.hear().await;
    assert_eq!((&delta["sub"], &delta["type"]), (&json!(2), &json!("delta")));
    assert_eq!((&delta["u"][0][0], &delta["u"][0][1], &delta["u"][0][2]), (&json!(0), &json!(6.5), &json!("good")));
    assert!(delta["seq"].as_u64() > snapshot["seq"].as_u64());
    feed.say(r#"{"id":4,"type":"unsubscribe","sub":2}"#).await;
    assert_eq!(feed.hear().await, json!({"id": 4, "type": "unsubscribed", "sub": 2}));
    site.stop().await;
}

#[actix_web::test]
async fn a_tag_that_is_made_later_joins_the_selections_it_belongs_to() {
    let site = Site::start().await;
    let mut feed = Feed::open(&site).await;
    feed.say(r#"{"id":2,"type":"subscribe","topic":"tags","select":{"prefix":"tank/"}}"#).await;
    feed.hear().await;
    let made = vec![(TagId(900), TagDefinition::float("tank/new").with_initial(1.5))];
    ask(site.plant.cvt(), CreateTags(made), PATIENCE).await.unwrap().unwrap();
    let delta = feed.hear().await;
    assert_eq!(delta["map"], json!([[2, 900, "tank/new"]]));
    assert_eq!((&delta["u"][0][0], &delta["u"][0][1]), (&json!(2), &json!(1.5)));
    site.stop().await;
}

#[actix_web::test]
async fn a_socket_that_does_not_drain_is_closed_with_its_reason() {
    let mut definition = definition();
    definition.tags.extend((0..3_000).map(|number| TagDefinition::float(format!("bulk/{number:040}"))));
    let options = WebOptions { stall_limit: Duration::from_millis(300), ..WebOptions::default() };
    let site = Site::start_with("", definition, options).await;
    let mut feed = Feed::open(&site).await;
    // Snapshots fill what the sockets of both ends hold, until the server takes no more messages either.
    for id in 0.. {
        let sub = id % 60;
        let unsubscribe = format!(r#"{{"id":1000,"type":"unsubscribe","sub":{sub}}}"#);
        let subscribe = format!(r#"{{"id":{sub},"type":"subscribe","topic":"tags"}}"#);
        for text in [unsubscribe, subscribe] {
            feed.framed.feed(Message::Text(text.into())).await.unwrap();
        }
        if tokio::time::timeout(Duration::from_millis(300), feed.framed.flush()).await.is_err() || id > 2_000 {
            break;
        }
    }
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut value = 0.0;
    while site.web.clients().await.unwrap() > 0 {
        assert!(tokio::time::Instant::now() < deadline, "the client is still there");
        value += 1.0;
        set_level(&site, value).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(feed.close_code().await, (CloseCode::Policy, "the socket does not drain".to_owned()));
    site.stop().await;
}

#[actix_web::test]
async fn a_client_that_does_not_acknowledge_gets_four_deltas_and_later_the_newest() {
    let site = Site::start().await;
    let mut feed = Feed::open(&site).await;
    feed.say(r#"{"id":2,"type":"subscribe","topic":"tags","select":{"ids":[1]},"max_hz":100}"#).await;
    feed.hear().await;
    let mut deltas = Vec::new();
    let mut value = 0.0;
    while deltas.len() < 4 {
        value += 0.1;
        set_level(&site, value).await;
        deltas.push(feed.hear().await);
    }
    for _ in 0..5 {
        value += 0.1;
        set_level(&site, value).await;
    }
    assert!(feed.hear_for(Duration::from_millis(400)).await.is_empty());
    let seq = deltas[3]["seq"].as_u64().unwrap();
    feed.say(&format!(r#"{{"type":"ack","sub":2,"seq":{seq}}}"#)).await;
    assert_eq!(feed.hear().await["u"][0][1], json!(value));
    site.stop().await;
}

#[actix_web::test]
async fn an_alarm_that_is_raised_is_told_with_its_new_state() {
    let site = Site::start().await;
    let mut feed = Feed::open(&site).await;
    feed.say(r#"{"id":3,"type":"subscribe","topic":"alarms","max_hz":10}"#).await;
    let snapshot = feed.hear().await;
    assert_eq!((&snapshot["items"][0]["id"], &snapshot["items"][0]["state"]), (&json!(1), &json!("NORM")));
    set_level(&site, 16.0).await;
    let delta = feed.hear().await;
    assert_eq!((&delta["items"][0]["id"], &delta["items"][0]["state"]), (&json!(1), &json!("UNACK")));
    site.stop().await;
}

#[actix_web::test]
async fn machines_links_and_health_answer_with_what_is_now() {
    let site = Site::start().await;
    let mut feed = Feed::open(&site).await;
    for (id, topic) in [(1, "machines"), (2, "links"), (3, "health")] {
        feed.say(&format!(r#"{{"id":{id},"type":"subscribe","topic":"{topic}","max_hz":1}}"#)).await;
        let snapshot = loop {
            let frame = feed.hear().await;
            if frame["type"] == "snapshot" {
                break frame;
            }
        };
        assert_eq!(snapshot["sub"], id, "{snapshot}");
        assert!(snapshot["items"].is_array(), "{snapshot}");
        if topic == "health" {
            assert_eq!(snapshot["items"][0]["epoch"], site.plant.epoch());
        }
    }
    site.stop().await;
}

#[actix_web::test]
async fn a_message_that_makes_no_sense_is_answered_and_the_socket_stays() {
    let site = Site::start().await;
    let mut feed = Feed::open(&site).await;
    for (text, id, code) in [
        ("nonsense", Json::Null, "malformed"),
        (r#"{"id":7,"type":"subscribe","topic":"weather"}"#, json!(7), "unknown_topic"),
        (r#"{"id":8,"type":"unsubscribe","sub":1}"#, json!(8), "unknown_subscription"),
    ] {
        feed.say(text).await;
        let error = feed.hear().await;
        assert_eq!((&error["type"], &error["id"], &error["problem"]["code"]), (&json!("error"), &id, &json!(code)));
    }
    feed.framed.send(Message::Binary(vec![1, 2, 3].into())).await.unwrap();
    assert_eq!(feed.hear().await["problem"]["code"], "malformed");
    feed.say(r#"{"id":9,"type":"hello"}"#).await;
    assert_eq!(feed.hear().await["type"], "hello");
    site.stop().await;
}

#[actix_web::test]
async fn a_message_that_is_too_large_ends_the_socket_with_its_reason() {
    let site = Site::start().await;
    let mut feed = Feed::open(&site).await;
    feed.say(&"x".repeat(70_000)).await;
    assert_eq!(feed.close_code().await.0, CloseCode::Size);
    site.stop().await;
}

#[actix_web::test]
async fn a_socket_of_another_site_is_refused() {
    let site = Site::start().await;
    let refused = connect(&site, Some("http://evil.example")).await;
    assert!(matches!(refused, Err(WsClientError::InvalidResponseStatus(status)) if status == 403));
    let own = format!("http://{}", site.address);
    assert!(connect(&site, Some(&own)).await.is_ok());
    site.stop().await;
}

#[actix_web::test]
async fn a_shutdown_closes_every_socket_with_1001() {
    let site = Site::start().await;
    let mut feeds = [Feed::open(&site).await, Feed::open(&site).await];
    let web = site.web.clone();
    let started = tokio::time::Instant::now();
    let closing = actix_rt::spawn(async move { web.close().await });
    for feed in &mut feeds {
        let (code, reason) = feed.close_code().await;
        assert_eq!((code, &*reason), (CloseCode::Away, "the plant is shutting down"));
    }
    closing.await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(2), "all were told");
    assert!(connect(&site, None).await.is_err());
    site.stop().await;
}
