//! What was, as clients read it.

use super::support::{LEVEL, PATIENCE, Site};
use awc::http::Method;
use flyball::cvt::{Update, WriteTags};
use flyball::history::{ReadLast, ReadRaw};
use flyball::schema::{TagId, Timestamp, Value};
use flyball::send::ask;
use serde_json::{Value as Json, json};
use std::time::Duration;

const CSV: [(&str, &str); 1] = [("accept", "text/csv")];

/// A time of the samples below: so many seconds behind a minute that is over.
fn at(start: Timestamp, seconds: u64) -> Timestamp {
    start + Duration::from_secs(seconds)
}

/// A site where the level was 0 to 9, one a second, and the time of the first.
async fn site() -> (Site, Timestamp) {
    let site = Site::start().await;
    let minute = site.plant.clock().now().as_micros() / 60_000_000 - 2;
    let start = Timestamp::from_micros(minute * 60_000_000);
    let level = |second: u32| Update {
        source_time: Some(at(start, second.into())),
        ..Update::good(TagId(LEVEL), f64::from(second))
    };
    ask(site.plant.cvt(), WriteTags((0..10).map(level).collect()), PATIENCE).await.unwrap();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let last = ReadLast { tags: vec![TagId(LEVEL)], at: at(start, 9) };
        let last = ask(&site.plant.data_logger(), last, PATIENCE).await.unwrap();
        if last.is_ok_and(|last| last[0].as_ref().is_some_and(|last| last.value == Some(Value::Float(9.0)))) {
            return (site, start);
        }
        assert!(tokio::time::Instant::now() < deadline, "the samples are not in history");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn numbers(column: &Json) -> Vec<f64> {
    column.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

#[actix_web::test]
async fn a_trend_has_columns_of_one_length() {
    let (site, start) = site().await;
    let range = format!("from={start}&to={}", at(start, 10));
    let trend = site.get(&format!("/api/v1/history?tags=1,2&{range}&max_points=5")).await.json();
    assert_eq!(trend["t"].as_array().unwrap().len(), 5);
    for series in trend["series"].as_array().unwrap() {
        for column in ["min", "max", "v", "q"] {
            assert_eq!(series[column].as_array().unwrap().len(), 5, "{column}");
        }
    }
    assert_eq!(numbers(&trend["series"][0]["max"]), [1.0, 3.0, 5.0, 7.0, 9.0]);
    let weighed = site.get(&format!("/api/v1/history?tags=1&{range}&max_points=5&agg=twa")).await.json();
    assert_eq!(numbers(&weighed["series"][0]["v"]), [0.5, 2.5, 4.5, 6.5, 8.5]);
    assert_eq!(numbers(&weighed["series"][0]["usable"]), [1.0; 5]);
    site.stop().await;
}

#[actix_web::test]
async fn pages_of_samples_follow_each_other_by_cursor() {
    let (site, start) = site().await;
    let path = format!("/api/v1/history?tags=2,1&from={start}&to={}&agg=raw&max_points=4", at(start, 10));
    let (mut values, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = site.get(&format!("{path}{cursor}")).await.json();
        values.extend(numbers(&page["series"][1]["v"]));
        pages += 1;
        assert_eq!(page["truncated"], page["next_cursor"].is_string());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(values, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
    assert_eq!(pages, 3);
    site.stop().await;
}

#[actix_web::test]
async fn samples_are_a_file_for_those_who_ask_for_one() {
    let (site, start) = site().await;
    let range = format!("from={start}&to={}", at(start, 10));
    let raw = site.send(Method::GET, &format!("/api/v1/history?tags=1&{range}&agg=raw"), &CSV, "").await;
    assert_eq!((raw.status, raw.header("content-type")), (200, "text/csv; charset=utf-8; header=present"));
    let text = String::from_utf8(raw.body).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "tag,time,value,type,quality");
    assert_eq!(lines[1], format!("tank/level,{start},0.0,float,0x00000000 good"));
    assert_eq!(lines.len(), 11);
    let some = site.send(Method::GET, &format!("/api/v1/history?tags=1&{range}&agg=raw&max_points=3"), &CSV, "").await;
    assert_eq!(String::from_utf8(some.body).unwrap().lines().count(), 4);
    let trend = site.send(Method::GET, &format!("/api/v1/history?tags=1&{range}&max_points=5"), &CSV, "").await;
    let text = String::from_utf8(trend.body).unwrap();
    assert_eq!(text.lines().nth(1), Some(&*format!("tank/level,{start},0.0,1.0,0.5,0x00000000 good")));
    let head = site.send(Method::HEAD, &format!("/api/v1/history?tags=1&{range}&agg=raw"), &CSV, "").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    let wrong = site.send(Method::GET, "/api/v1/history?tags=999&agg=raw", &CSV, "").await;
    assert_eq!(wrong.problem(), (404, "unknown_tag".to_owned()));
    site.stop().await;
}

#[actix_web::test]
async fn a_table_tells_values_at_the_times_of_a_grid_page_by_page() {
    let (site, start) = site().await;
    let path = format!("/api/v1/history/table?tags=1,2&from={start}&to={}&step=2500ms", at(start, 10));
    let table = site.get(&path).await.json();
    assert_eq!(numbers(&table["series"][0]["v"]), [0.0, 2.0, 5.0, 7.0]);
    assert_eq!(table["next_cursor"], Json::Null);
    let line = site.get(&format!("{path}&interpolation=linear")).await.json();
    assert_eq!(numbers(&line["series"][0]["v"]), [0.0, 2.5, 5.0, 7.5]);
    let first = site.get(&format!("{path}&limit=3")).await.json();
    let next = first["next_cursor"].as_str().unwrap();
    let second = site.get(&format!("{path}&limit=3&cursor={next}")).await.json();
    assert_eq!((numbers(&second["series"][0]["v"]), &second["next_cursor"]), (vec![7.0], &Json::Null));
    let file = site.send(Method::GET, &path, &CSV, "").await;
    let text = String::from_utf8(file.body).unwrap();
    assert_eq!(text.lines().next(), Some("time,tank/level,tank/level quality,tank/pump,tank/pump quality"));
    assert_eq!(text.lines().count(), 5);
    site.stop().await;
}

#[actix_web::test]
async fn aggregates_are_told_with_their_status() {
    let (site, start) = site().await;
    let path = format!("/api/v1/history/aggregates?tags=1&from={start}&to={}&interval=5s", at(start, 10));
    let answer = site.get(&format!("{path}&aggregates=Average,MaximumActualTime,Count&stepped=true")).await.json();
    let all = &answer["series"][0]["aggregates"];
    assert_eq!(all[0], json!({"name": "Average", "v": [2.0, 7.0], "q": [0, 0], "status": [1025, 1025]}));
    assert_eq!(numbers(&all[1]["v"]), [4.0, 9.0]);
    assert_eq!(numbers(&all[1]["t"]), [at(start, 4).as_millis_f64(), at(start, 9).as_millis_f64()]);
    assert_eq!(all[2]["v"], json!([5, 5]));
    site.stop().await;
}

#[actix_web::test]
async fn a_file_has_more_pages_than_one_and_every_sample_once() {
    let (site, start) = site().await;
    // More than a page of 10,000, and many of one time.
    let update = |step: u32| Update {
        source_time: Some(at(start, 60) - Duration::from_millis(u64::from(step / 100))),
        ..Update::good(TagId(LEVEL), f64::from(step % 7))
    };
    for batch in 0..25 {
        let updates = (0..1_000).map(|step| update(batch * 1_000 + step)).collect();
        ask(site.plant.cvt(), WriteTags(updates), PATIENCE).await.unwrap();
    }
    let question = ReadRaw { tags: vec![TagId(LEVEL)], from: start, to: at(start, 61), limit: 100_000, after: None };
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let expected = loop {
        let page = ask(&site.plant.data_logger(), question.clone(), PATIENCE).await.unwrap().unwrap();
        // The first sample is the one before the range, where there is one.
        if page.series[0].samples.len() >= 25_010 {
            break page.series.into_iter().next().unwrap().samples;
        }
        assert!(tokio::time::Instant::now() < deadline, "{} samples", page.series[0].samples.len());
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let path = format!("/api/v1/history?tags=1&from={start}&to={}&agg=raw", at(start, 61));
    let file = site.send(Method::GET, &path, &CSV, "").await;
    let text = String::from_utf8(file.body).unwrap();
    let row = |line: &str| line.split(',').skip(1).take(2).map(str::to_owned).collect::<Vec<_>>();
    let rows: Vec<_> = text.lines().skip(1).map(row).collect();
    assert_eq!(rows.len(), expected.len());
    for (row, sample) in rows.iter().zip(&expected) {
        let Some(Value::Float(value)) = sample.value else { panic!("{sample:?}") };
        assert_eq!(*row, [sample.time.to_string(), format!("{value:?}")]);
    }
    site.stop().await;
}
