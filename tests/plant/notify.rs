//! Notifications of a whole plant: mails to a server of a stack that we did not write, and webhooks.
//!
//! Where Python's packages are missing the mail server is skipped with a message; with `CI` set that fails.

use crate::flows::{alarm, stop, until};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use flyball::alarms::{AcknowledgeAlarm, AlarmState};
use flyball::notify::settings::{ChannelSettings, Notify, RuleSettings};
use flyball::notify::{Kind, Notification, ReadNotifications, Status};
use flyball::schema::Timestamp;
use flyball::schema::definition::{AlarmDefinition, AlarmKind, PlantDefinition, Priority, TagDefinition};
use flyball::send::{DEADLINE, ask};
use flyball::settings::Settings;
use flyball::{Clock, Plant};
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(20);

/// A server as a process of its own, which prints what it is sent; it ends with its standard input.
struct Sink {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: u16,
}

impl Sink {
    async fn mail(python: &Path, arguments: &[&str]) -> Self {
        Self::start(python, "smtp_sink.py", arguments).await
    }

    async fn start(python: &Path, script: &str, arguments: &[&str]) -> Self {
        let mut process = Command::new(python)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("peers"))
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = timeout(Duration::from_secs(60), lines.next_line()).await.unwrap().unwrap().unwrap();
        let port = ready.strip_prefix("READY ").unwrap().parse().unwrap();
        Self { process, lines, port }
    }

    async fn next(&mut self) -> Json {
        let line = timeout(SOON, self.lines.next_line()).await.expect("a message").unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Ends it; what nobody has asked for.
    async fn stop(mut self) -> Vec<String> {
        drop(self.process.stdin.take());
        let mut rest = Vec::new();
        while let Some(line) = timeout(SOON, self.lines.next_line()).await.unwrap().unwrap() {
            rest.push(line);
        }
        let ended = timeout(SOON, self.process.wait()).await.expect("it ends when its input closes").unwrap();
        assert!(ended.success(), "{ended}");
        rest
    }
}

fn python() -> Option<PathBuf> {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers/venv");
    let packages = std::fs::read_dir(venv.join("lib")).into_iter().flatten().flatten();
    let installed = packages.map(|python| python.path().join("site-packages/aiosmtpd")).any(|path| path.exists());
    if !installed {
        let message = "aiosmtpd is not installed in target/peers/venv (`make test` does it)";
        assert!(std::env::var_os("CI").is_none(), "{message}");
        eprintln!("skipped: {message}");
    }
    installed.then(|| venv.join("bin/python"))
}

fn definition() -> PlantDefinition {
    let tag = |name: &str| TagDefinition {
        area: Some("north/tanks".to_owned()),
        ..TagDefinition::float(name).with_unit("cm").with_range(0.0, 20.0).writable()
    };
    let high = |tag: &str| {
        let alarm = AlarmDefinition::new(format!("{tag}.high"), tag, AlarmKind::High, 15.0).with_dead_band(0.5);
        alarm.with_priority(Priority::Critical).with_description("the tank is about to overflow")
    };
    PlantDefinition {
        tags: vec![tag("level"), tag("level2")],
        alarms: vec![high("level"), high("level2")],
        ..PlantDefinition::default()
    }
}

fn mail_channel(port: u16) -> ChannelSettings {
    ChannelSettings {
        name: "mail".to_owned(),
        kind: "smtp".to_owned(),
        server: Some("127.0.0.1".to_owned()),
        port: Some(port),
        security: Some("plain".to_owned()),
        from: Some("Flyball <flyball@plant.example>".to_owned()),
        ..ChannelSettings::default()
    }
}

/// A rule about the tanks.
fn rule(name: &str, channel: &str, to: &[&str]) -> RuleSettings {
    RuleSettings {
        name: name.to_owned(),
        channel: channel.to_owned(),
        to: to.iter().map(|to| (*to).to_owned()).collect(),
        priorities: vec!["critical".to_owned()],
        areas: vec!["north".to_owned()],
        on_return: true,
        ..RuleSettings::default()
    }
}

const ANN: &str = "ann@plant.example";

async fn start_at(folder: &Path, channels: Vec<ChannelSettings>, rules: Vec<RuleSettings>, clock: Clock) -> Plant {
    let mut settings = Settings::in_folder(folder);
    settings.notify = Notify { channels, rules, ..Notify::default() };
    Plant::builder(settings).definition(definition()).clock(clock).start().await.unwrap()
}

async fn start(folder: &Path, channels: Vec<ChannelSettings>, rules: Vec<RuleSettings>) -> Plant {
    start_at(folder, channels, rules, Clock::system()).await
}

async fn write(plant: &Plant, tag: &str, value: f64) {
    plant.write(plant.resolve(tag).await.unwrap(), value).await.unwrap();
}

/// Waits until the record is as awaited; newest first.
async fn record(plant: &Plant, awaited: impl Fn(&[Notification]) -> bool) -> Vec<Notification> {
    let page = ReadNotifications { limit: 100, ..ReadNotifications::default() };
    let read = || async { ask(&plant.notifications(), page, DEADLINE).await.unwrap().unwrap() };
    until(read, |rows: &Vec<Notification>| awaited(rows)).await
}

fn all_sent(count: usize) -> impl Fn(&[Notification]) -> bool {
    move |rows| rows.len() == count && rows.iter().all(|row| row.status == Status::Sent)
}

#[actix_rt::test]
async fn a_mail_says_what_an_alarm_is_and_when_it_returns() {
    let Some(python) = python() else { return };
    let (folder, mut server) = (tempfile::tempdir().unwrap(), Sink::mail(&python, &[]).await);
    let rules = vec![rule("tanks", "mail", &[ANN, "nobody@plant.example"])];
    let plant = start(folder.path(), vec![mail_channel(server.port)], rules).await;
    write(&plant, "level", 16.5).await;
    let mail = server.next().await;
    let raised = alarm(&plant, "level.high").await.raised_at.unwrap().to_string();
    let headers = &mail["headers"];
    assert_eq!(headers["subject"], "[critical] level.high raised: 16.5 cm");
    assert_eq!((&headers["from"], &headers["to"]), (&"Flyball <flyball@plant.example>".into(), &ANN.into()));
    assert_eq!((&headers["auto-submitted"], &mail["encrypted"]), (&"auto-generated".into(), &false.into()));
    let text = mail["text"].as_str().unwrap();
    for (name, told) in [
        ("Alarm", "level.high"),
        ("Priority", "critical"),
        ("State", "UNACK"),
        ("Value", "16.5 cm"),
        ("Limit", "HIGH 15.0 cm"),
        ("Tag", "level"),
        ("Area", "north/tanks"),
        ("Raised", raised.as_str()),
    ] {
        let line = format!("{:<13}{told}", format!("{name}:"));
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(text.contains("the tank is about to overflow"));

    write(&plant, "level", 14.0).await;
    let back = server.next().await;
    assert_eq!(back["headers"]["subject"], "[critical] level.high returned to normal: 14.0 cm");
    let settled = |rows: &[Notification]| rows.len() >= 3 && rows.iter().all(|row| row.status != Status::Queued);
    let rows = record(&plant, settled).await;
    let ann: Vec<_> = rows.iter().rev().filter(|row| row.recipient == ANN).collect();
    assert_eq!(
        ann.iter().map(|row| (row.kind, row.status)).collect::<Vec<_>>(),
        [(Kind::Raised, Status::Sent), (Kind::Returned, Status::Sent)]
    );
    assert_eq!((ann[0].alarm_name.as_deref(), ann[0].occurrence, ann[0].attempts), (Some("level.high"), Some(1), 1));
    assert!(headers["message-id"].as_str().unwrap().contains(&ann[0].key));
    let nobody = rows.iter().find(|row| row.recipient != ANN).unwrap();
    assert_eq!((nobody.status, nobody.attempts), (Status::Failed, 1), "{nobody:?}");
    assert!(nobody.error.as_ref().unwrap().contains("no such user"), "{nobody:?}");
    assert!(plant.health().await.reasons.iter().all(|reason| !reason.contains("notifications")));
    stop(plant).await;
    assert_eq!(server.stop().await, [""; 0]);
}

#[actix_rt::test]
async fn mail_goes_by_starttls_and_tls_with_a_password_to_a_server_that_is_trusted() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("password"), "hush hush\n").unwrap();
    let (mut servers, mut channels, mut rules) = (Vec::new(), Vec::new(), Vec::new());
    for security in ["starttls", "tls"] {
        let ca = folder.path().join(format!("{security}.pem"));
        let arguments = ["--tls", security, "--password", "hush hush", "--authority", ca.to_str().unwrap()];
        let server = Sink::mail(&python, &arguments).await;
        channels.push(ChannelSettings {
            name: security.to_owned(),
            server: Some("localhost".to_owned()),
            security: Some(security.to_owned()),
            user: Some("flyball".to_owned()),
            password_file: Some(folder.path().join("password")),
            ca_file: Some(ca),
            ..mail_channel(server.port)
        });
        rules.push(rule(security, security, &[ANN]));
        servers.push(server);
    }
    for n in 0..2 {
        let name = format!("untrusted {}", channels[n].name);
        rules.push(rule(&name, &name, &[ANN]));
        channels.push(ChannelSettings { name, ca_file: None, ..channels[n].clone() });
    }
    let plant = start(folder.path(), channels, rules).await;
    write(&plant, "level", 16.0).await;
    for server in &mut servers {
        let mail = server.next().await;
        assert_eq!((&mail["encrypted"], &mail["user"]), (&true.into(), &"flyball".into()), "{mail}");
    }
    let untrusted = |reason: &&String| reason.contains("by untrusted") && reason.contains("certificate");
    until(|| plant.health(), |health| health.reasons.iter().filter(untrusted).count() == 2).await;
    let sent = |rows: &[Notification]| rows.iter().filter(|row| row.status == Status::Sent).count() == 2;
    record(&plant, sent).await;
    stop(plant).await;
    for server in servers {
        assert_eq!(server.stop().await, [""; 0]);
    }
}

#[actix_rt::test]
async fn a_mail_server_that_is_away_gets_it_later_and_once() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    // A port that nobody listens at.
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let plant = start(folder.path(), vec![mail_channel(port)], vec![rule("tanks", "mail", &[ANN])]).await;
    write(&plant, "level", 16.0).await;
    let is_told = |reasons: &[String]| reasons.iter().any(|reason| reason.starts_with("notifications by mail: "));
    until(|| plant.health(), |health| is_told(&health.reasons)).await;

    let mut server = Sink::mail(&python, &["--port", &port.to_string()]).await;
    assert_eq!(server.next().await["headers"]["subject"], "[critical] level.high raised: 16.0 cm");
    let rows = record(&plant, all_sent(1)).await;
    assert!(rows[0].attempts > 1, "{rows:?}");
    assert!(!is_told(&plant.health().await.reasons));
    stop(plant).await;
    assert_eq!(server.stop().await, [""; 0]);
}

#[actix_rt::test]
async fn a_delay_goes_on_over_a_restart_and_nothing_is_told_twice() {
    let Some(python) = python() else { return };
    let (folder, mut server) = (tempfile::tempdir().unwrap(), Sink::mail(&python, &[]).await);
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let hours =
        |hours: u64| Clock::starting_at(Timestamp::from_micros(0) + since_epoch + Duration::from_secs(3_600 * hours));
    let late = || vec![RuleSettings { delay_min: 90, ..rule("late", "mail", &[ANN]) }];
    let channels = vec![mail_channel(server.port)];

    let plant = start_at(folder.path(), channels.clone(), late(), hours(0)).await;
    write(&plant, "level", 16.0).await;
    write(&plant, "level2", 17.0).await;
    until(|| alarm(&plant, "level.high"), |alarm| alarm.state == AlarmState::Unack).await;
    let second = until(|| alarm(&plant, "level2.high"), |alarm| alarm.state == AlarmState::Unack).await;
    let acknowledge = AcknowledgeAlarm { alarm: second.id, by: "ann".to_owned(), comment: None };
    ask(plant.alarms(), acknowledge, DEADLINE).await.unwrap().unwrap();
    stop(plant).await;

    // An hour later the delay is not over; two hours later it is, for what nobody has acknowledged.
    let plant = start_at(folder.path(), channels.clone(), late(), hours(1)).await;
    record(&plant, <[_]>::is_empty).await;
    stop(plant).await;
    let plant = start_at(folder.path(), channels.clone(), late(), hours(2)).await;
    assert_eq!(server.next().await["headers"]["subject"], "[critical] level.high raised: 16.0 cm");
    let rows = record(&plant, all_sent(1)).await;
    stop(plant).await;
    let plant = start_at(folder.path(), channels, late(), hours(3)).await;
    assert_eq!(record(&plant, |_| true).await, rows);
    // The next one that is told comes behind whatever had been told before it.
    write(&plant, "level", 5.0).await;
    assert_eq!(server.next().await["headers"]["subject"], "[critical] level.high returned to normal: 5.0 cm");
    record(&plant, all_sent(2)).await;
    stop(plant).await;
    assert_eq!(server.stop().await, [""; 0]);
}

type Posts = web::Data<Mutex<Vec<(String, String, Json)>>>;

async fn take(request: HttpRequest, posts: Posts, body: web::Json<Json>) -> HttpResponse {
    let header = |name: &str| request.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let mut posts = posts.lock().unwrap();
    posts.push((header("authorization"), header("idempotency-key"), body.into_inner()));
    // The first one fails, as behind a proxy whose server starts.
    if posts.len() == 1 { HttpResponse::BadGateway().finish() } else { HttpResponse::NoContent().finish() }
}

#[actix_rt::test]
async fn a_webhook_gets_the_alarm_as_json_with_the_same_key_when_it_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let posts: Posts = web::Data::from(Arc::new(Mutex::new(Vec::new())));
    let seen = posts.clone();
    let server = HttpServer::new(move || App::new().app_data(seen.clone()).route("/hook", web::post().to(take)))
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", 0))
        .unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    actix_rt::spawn(server);
    std::fs::write(folder.path().join("token"), "swordfish").unwrap();
    let channel = ChannelSettings {
        name: "pager".to_owned(),
        kind: "webhook".to_owned(),
        url: Some(format!("http://{address}/hook")),
        token_file: Some(folder.path().join("token")),
        ..ChannelSettings::default()
    };
    let plant = start(folder.path(), vec![channel], vec![rule("tanks", "pager", &[])]).await;
    write(&plant, "level", 16.5).await;
    let rows = record(&plant, all_sent(1)).await;
    assert_eq!((rows[0].attempts, &*rows[0].recipient), (2, &*address.to_string()));
    let posts = posts.lock().unwrap().clone();
    assert_eq!((posts.len(), &posts[0]), (2, &posts[1]));
    let (authorization, key, json) = &posts[0];
    assert_eq!((authorization.as_str(), key), ("Bearer swordfish", &rows[0].key));
    let raised = serde_json::json!(alarm(&plant, "level.high").await.raised_at);
    for (name, expected) in [
        ("kind", Json::from("raised")),
        ("alarm", "level.high".into()),
        ("occurrence", 1.into()),
        ("priority", "critical".into()),
        ("class", "process".into()),
        ("state", "UNACK".into()),
        ("active", true.into()),
        ("value", 16.5.into()),
        ("unit", "cm".into()),
        ("set_point", 15.0.into()),
        ("area", "north/tanks".into()),
        ("tag", "level".into()),
        ("raised_at", raised),
    ] {
        assert_eq!(json[name], expected, "{name}: {json}");
    }
    stop(plant).await;
    handle.stop(false).await;
}

#[actix_rt::test]
async fn a_webhook_goes_by_https_to_a_server_that_is_trusted() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let mut server = Sink::start(&python, "https_sink.py", &[ca.to_str().unwrap()]).await;
    let channel = |name: &str, ca_file| ChannelSettings {
        name: name.to_owned(),
        kind: "webhook".to_owned(),
        url: Some(format!("https://localhost:{}/", server.port)),
        ca_file,
        ..ChannelSettings::default()
    };
    let channels = vec![channel("trusted", Some(ca)), channel("untrusted", None)];
    let rules = vec![rule("a", "trusted", &[]), rule("b", "untrusted", &[])];
    let plant = start(folder.path(), channels, rules).await;
    write(&plant, "level", 16.0).await;
    assert_eq!(server.next().await["alarm"], "level.high");
    let untrusted =
        |reason: &String| reason.starts_with("notifications by untrusted: ") && reason.contains("ertificate");
    until(|| plant.health(), |health| health.reasons.iter().any(untrusted)).await;
    stop(plant).await;
    assert_eq!(server.stop().await, [""; 0]);
}

#[actix_rt::test]
async fn a_wrong_setting_is_told_by_its_key_and_nothing_starts() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::in_folder(folder.path().join("data"));
    settings.notify = Notify { rules: vec![rule("tanks", "mail", &[ANN])], ..Notify::default() };
    let error = Plant::builder(settings).definition(definition()).start().await.unwrap_err();
    assert_eq!(error.to_string(), "wrong setting notify.rules[0].channel: \"mail\" is none of ");
    assert!(!folder.path().join("data").exists(), "nothing is left behind");
}
