//! Tags created, changed and removed, plant files planned and applied, over HTTP.

use super::support::{Answer, LEVEL, PUMP, SENSOR, Site};
use awc::http::Method;
use serde_json::{Value as Json, json};

const JSON: (&str, &str) = ("content-type", "application/json");

async fn patch(site: &Site, id: u32, query: &str, body: &Json) -> Answer {
    let seen = site.get(&format!("/api/v1/tags/{id}/definition")).await;
    let headers = [JSON, ("if-match", seen.header("etag"))];
    site.send(Method::PATCH, &format!("/api/v1/tags/{id}{query}"), &headers, &body.to_string()).await
}

#[actix_web::test]
async fn a_tag_is_created_changed_renamed_and_removed() {
    let site = Site::start().await;
    let definition = json!({"name": "t", "unit": "°C", "display_unit": "°F", "initial": 20.0, "area": "site/a"});
    let dry = site.post("/api/v1/tags?dry_run=true", &definition.to_string()).await;
    assert_eq!((dry.status, &dry.json()["added"]), (200, &json!(1)));
    let created = site.post("/api/v1/tags", &definition.to_string()).await;
    assert_eq!(created.status, 201, "{created:?}");
    let tag = created.json();
    let id = u32::try_from(tag["id"].as_u64().unwrap()).unwrap();
    assert_eq!(created.header("location"), format!("/api/v1/tags/{id}"));
    assert_eq!((&tag["value"], &tag["display_unit"], &tag["made"]), (&json!(20.0), &json!("°F"), &json!(false)));
    assert!((tag["display"]["factor"].as_f64().unwrap() - 1.8).abs() < 1e-12);
    assert!((tag["display"]["offset"].as_f64().unwrap() - 32.0).abs() < 1e-9);

    let plan = patch(&site, id, "?dry_run=true", &json!({"unit": "K"})).await.json();
    assert_eq!(plan["items"][0]["fields"][0], json!({"field": "unit", "before": "°C", "after": "K"}));
    assert_eq!(plan["warnings"].as_array().unwrap().len(), 1, "{plan}");
    let filter = json!({"filter": {"lag": {"time_constant_ms": 1000}}, "dead_band": {"absolute": 0.5}, "name": "u"});
    let changed = patch(&site, id, "", &filter).await;
    assert_eq!((changed.status, &changed.json()["name"]), (200, &json!("u")));
    let seen = site.get(&format!("/api/v1/tags/{id}/definition")).await;
    assert_eq!(seen.header("etag"), changed.header("etag"));
    assert_eq!(seen.json()["definition"]["filter"], json!({"lag": {"time_constant_ms": 1000}}));
    assert_eq!(site.get("/api/v1/tags?area=site").await.json()["items"][0]["name"], "u");

    let path = format!("/api/v1/tags/{id}");
    let blind = site.send(Method::DELETE, &path, &[], "").await;
    assert_eq!(blind.problem(), (428, "precondition_required".to_owned()));
    let late = site.send(Method::DELETE, &path, &[("if-match", "\"0\"")], "").await;
    assert_eq!(late.problem(), (412, "changed_meanwhile".to_owned()));
    let gone = site.send(Method::DELETE, &path, &[("if-match", seen.header("etag"))], "").await;
    assert_eq!(gone.status, 204);
    assert_eq!(site.get(&path).await.problem(), (404, "unknown_tag".to_owned()));
    site.stop().await;
}

#[actix_web::test]
async fn what_is_refused_names_field_value_and_what_is_allowed() {
    let site = Site::start().await;
    for (body, status, code, pointer) in [
        (json!({"name": "tank/level"}), 409, "duplicate_tag", "/name"),
        (json!({"name": "x", "unit": "furlong"}), 422, "invalid_unit", "/unit"),
        (json!({"name": "x", "colour": 1}), 422, "invalid_tag", ""),
        (json!({"name": "x", "filter": {"median": {"samples": 4}}}), 422, "invalid_filter", "/filter/median/samples"),
        (json!({"name": "x", "expression": "1 +"}), 422, "invalid_expression", "/expression"),
    ] {
        let refused = site.post("/api/v1/tags", &body.to_string()).await;
        assert_eq!(refused.problem(), (status, code.to_owned()), "{body}");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{body}");
    }
    let boolean = json!({"data_type": "boolean", "range": null, "unit": null, "initial": null});
    let used = patch(&site, LEVEL, "", &boolean).await;
    assert_eq!(used.problem(), (422, "invalid_kind".to_owned()));
    // Beside the tag's own fields stands only what is wrong with it.
    let pointer = used.json()["errors"][0]["pointer"].as_str().unwrap().to_owned();
    assert_eq!(pointer, "/alarm/tank/level.high/kind");
    let other = json!({"atomic": true, "ops": [
        {"op": "create", "tag": {"name": "fine"}},
        {"op": "create", "tag": {"name": "wrong", "unit": "furlong"}},
    ]});
    let refused = site.post("/api/v1/tags/batch", &other.to_string()).await;
    assert_eq!(refused.json()["errors"][0]["pointer"], "/ops/1/unit", "{refused:?}");
    let path = format!("/api/v1/tags/{LEVEL}");
    let refused = site.send(Method::DELETE, &path, &[("if-match", "*")], "").await;
    assert_eq!(refused.problem(), (409, "in_use".to_owned()));
    assert!(refused.json()["detail"].as_str().unwrap().contains("alarm \"tank/level.high\""));
    site.stop().await;
}

#[actix_web::test]
async fn a_batch_is_done_whole_or_each_by_itself() {
    let site = Site::start().await;
    let ops = json!([
        {"op": "create", "tag": {"name": "a"}},
        {"op": "update", "id": PUMP, "patch": {"description": "the pump"}},
        {"op": "delete", "id": LEVEL},
    ]);
    let atomic = site.post("/api/v1/tags/batch", &json!({"atomic": true, "ops": ops}).to_string()).await;
    assert_eq!(atomic.problem(), (409, "in_use".to_owned()));
    assert!(atomic.json()["errors"].as_array().unwrap().iter().any(|part| part["pointer"] == "/ops/2"), "{atomic:?}");
    assert_eq!(site.get("/api/v1/tags?name=a").await.json()["items"], json!([]));
    let late = json!({"ops": [{"op": "update", "id": PUMP, "patch": {"description": "x"}, "version": "0"}]});
    let late = site.post("/api/v1/tags/batch", &late.to_string()).await.json();
    assert_eq!(late["results"][0]["problem"]["code"], "changed_meanwhile");
    let each = site.post("/api/v1/tags/batch", &json!({"ops": ops}).to_string()).await.json();
    let ok: Vec<&Json> = each["results"].as_array().unwrap().iter().map(|result| &result["ok"]).collect();
    assert_eq!(ok, [true, true, false]);
    assert_eq!(each["results"][2]["problem"]["code"], "in_use");
    site.stop().await;
}

#[actix_web::test]
async fn a_value_is_substituted_and_released() {
    let site = Site::start().await;
    let path = format!("/api/v1/tags/{SENSOR}/substitute");
    let refused = site.post(&path, r#"{"value": "x"}"#).await;
    assert_eq!(refused.problem(), (422, "invalid_value".to_owned()));
    let other_unit = site.post(&path, r#"{"value": 3, "unit": "furlong"}"#).await;
    assert_eq!(other_unit.problem(), (409, "unit_changed".to_owned()), "{other_unit:?}");
    let tag = site.post(&path, r#"{"value": 3, "reason": "away"}"#).await.json();
    assert_eq!(
        (&tag["value"], &tag["substituted"], &tag["reason"]),
        (&json!(3.0), &json!(true), &json!("substituted"))
    );
    let tag = site.send(Method::DELETE, &path, &[], "").await.json();
    assert_eq!((&tag["substituted"], &tag["quality"]), (&json!(false), &json!("bad")));
    assert_eq!(site.send(Method::DELETE, &path, &[], "").await.problem(), (409, "not_substituted".to_owned()));
    site.stop().await;
}

#[actix_web::test]
async fn units_are_listed_and_expressions_checked() {
    let site = Site::start().await;
    let units = site.get("/api/v1/units").await.json();
    assert!(units["quantities"].as_array().unwrap().len() >= 22);
    let check = async |text: &str| {
        let body = json!({"expression": text, "data_type": "float"});
        site.post("/api/v1/expressions/check", &body.to_string()).await.json()
    };
    assert_eq!(check("{tank/level} * 2").await, json!({"ok": true, "tags": ["tank/level"]}));
    let wrong = check("{tank/level} +").await;
    assert_eq!((&wrong["ok"], &wrong["position"]), (&json!(false), &json!(15)));
    assert_eq!(check("nothing").await["ok"], false);
    site.stop().await;
}

#[actix_web::test]
async fn a_plant_file_is_planned_applied_and_exported() {
    let site = Site::start().await;
    let send =
        async |path: &str, kind: &str, body: &str| site.send(Method::POST, path, &[("content-type", kind)], body).await;
    let exported = site.get("/api/v1/plant/export").await;
    assert!(exported.header("content-type").starts_with("application/toml"));
    let text = String::from_utf8(exported.body.clone()).unwrap();
    assert!(!text.contains("system."), "nothing that the plant makes by itself");
    let same = send("/api/v1/plant/plan", "application/toml", &text).await.json();
    assert_eq!(same["empty"], true, "{same}");
    let more = format!("{text}\n[[tag]]\nname = \"more\"\nlocation = {{ segment = \"L1\", post = 12.5 }}\n");
    let plan = send("/api/v1/plant/plan", "application/toml", &more).await.json();
    assert_eq!((&plan["added"], &plan["items"][0]["name"]), (&json!(1), &json!("more")));
    let fields = plan["items"][0]["fields"].as_array().unwrap();
    assert!(fields.contains(&json!({"field": "location.post", "before": null, "after": 12.5})), "{plan}");
    let class = format!("{more}retention = \"yaer\"\n");
    let refused = send("/api/v1/plant/apply", "application/toml", &class).await;
    let line = class.lines().position(|line| line.starts_with("retention")).unwrap() + 1;
    assert_eq!(refused.json()["errors"][0]["pointer"], format!("/line/{line}/column/1"), "{refused:?}");
    assert_eq!(send("/api/v1/plant/apply?dry_run=true", "application/toml", &more).await.status, 200);
    let planned = send("/api/v1/plant/plan", "application/toml", &more).await;
    let version = site.get("/api/v1/health").await.json()["definition"].as_str().unwrap().to_owned();
    assert_eq!(planned.header("etag"), format!("\"{version}\""));
    let headers = [("content-type", "application/toml"), ("if-match", "\"0\"")];
    let late = site.send(Method::POST, "/api/v1/plant/apply", &headers, &more).await;
    assert_eq!(late.problem(), (412, "changed_meanwhile".to_owned()), "not the plant that was looked at");
    assert_eq!(site.get("/api/v1/tags?name=more").await.json()["items"], json!([]));
    assert_eq!(send("/api/v1/plant/apply", "application/toml", &more).await.status, 200);
    assert_ne!(site.get("/api/v1/health").await.json()["definition"].as_str().unwrap(), version);
    let found = site.get("/api/v1/tags?segment=L1&post_from=12&post_to=13").await.json();
    assert_eq!(found["items"][0]["name"], "more");
    assert_eq!(site.get("/api/v1/alarms?segment=L1").await.json()["items"], json!([]));

    let csv = "name,unit,dead_band.absolute\nmore,furlong,0.1\nother,cm,x\n";
    let refused = send("/api/v1/plant/apply", "text/csv", csv).await;
    assert_eq!(refused.problem(), (422, "invalid_plant".to_owned()));
    assert_eq!(refused.json()["errors"][0]["pointer"], "/line/3/column/10");
    let refused = send("/api/v1/plant/apply", "text/csv", "name,unit\nmore,furlong\n").await;
    assert_eq!(refused.json()["errors"][0]["pointer"], "/line/2/column/6", "{refused:?}");
    let good = send("/api/v1/plant/apply", "text/csv", "name,unit\nmore,cm\nother,bar\n").await.json();
    assert_eq!((&good["added"], &good["changed"]), (&json!(1), &json!(1)));
    let tags = String::from_utf8(site.get("/api/v1/plant/export?format=tags_csv").await.body).unwrap();
    assert!(tags.contains("more,"), "{tags}");
    let odd = send("/api/v1/plant/plan", "text/plain", "").await;
    assert_eq!(odd.problem(), (415, "unsupported_media_type".to_owned()));
    site.stop().await;
}
