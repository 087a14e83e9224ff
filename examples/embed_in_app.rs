//! Flyball inside a larger actix-web application: its API, live feed and console under `/plant`, beside a route and an
//! actor of the application, which takes part in the changes of tags.
//!
//! `cargo run -p flyball-examples --example embed_in_app`; with `-- --serve` it stays up for a browser.

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use actix::{Actor, Addr, Context, Handler, Message};
use actix_web::{App, HttpServer, web};
use flyball::Plant;
use flyball::cvt::{Delivery, TagsChanged};
use flyball::schema::definition::{PlantDefinition, TagDefinition};
use flyball::settings::Settings;
use flyball_web::Web;
use std::error::Error;
use std::time::Duration;

/// The application's own actor: counts the changes of tags.
#[derive(Debug, Default)]
struct Audience {
    changes: usize,
}

impl Actor for Audience {
    type Context = Context<Self>;
}

impl Handler<TagsChanged> for Audience {
    type Result = ();

    fn handle(&mut self, message: TagsChanged, _ctx: &mut Self::Context) {
        self.changes += message.changes.len();
    }
}

#[derive(Debug, Message)]
#[rtype(result = "usize")]
struct CountChanges;

impl Handler<CountChanges> for Audience {
    type Result = usize;

    fn handle(&mut self, _: CountChanges, _ctx: &mut Self::Context) -> usize {
        self.changes
    }
}

/// The application's own route.
async fn changes(audience: web::Data<Addr<Audience>>) -> actix_web::Result<String> {
    let count = audience.send(CountChanges).await.map_err(actix_web::error::ErrorServiceUnavailable)?;
    Ok(count.to_string())
}

#[actix_rt::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let speed = TagDefinition::float("line.speed").with_unit("m/s").with_range(0.0, 5.0).writable();
    let definition = PlantDefinition { tags: vec![speed], ..PlantDefinition::default() };
    let plant = Plant::builder(Settings::in_folder(folder.path())).definition(definition).start().await?;

    let audience = Audience::default().start();
    let delivery = Delivery::Every { credit: 8, backlog: 10_000 };
    plant.subscribe("application", audience.clone().recipient(), delivery).await?;

    let flyball = Web::start(&plant);
    let (routes, data) = (flyball.clone(), web::Data::new(audience));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(data.clone())
            .route("/changes", web::get().to(changes))
            .service(web::scope("/plant").configure(routes.routes()))
    });
    let server = server.workers(1).shutdown_timeout(1).disable_signals().bind("127.0.0.1:0")?;
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    let serving = actix_rt::spawn(server);
    println!("application at http://{address}/changes, plant at http://{address}/plant/");
    if std::env::args().any(|argument| argument == "--serve") {
        tokio::signal::ctrl_c().await?;
    }

    let client = awc::Client::default();
    let tag = plant.resolve("line.speed").await?;
    let url = format!("http://{address}/plant/api/v1/tags/{tag}/write");
    let written = client.post(url).send_json(&serde_json::json!({ "value": 2.5 })).await?;
    assert_eq!(written.status(), 200);
    println!("written through the API: 2.5 m/s");

    let ten_seconds = Duration::from_secs(10);
    tokio::time::timeout(ten_seconds, async {
        loop {
            let mut reply = client.get(format!("http://{address}/changes")).send().await?;
            let count: usize = std::str::from_utf8(&reply.body().await?)?.parse()?;
            if count > 0 {
                println!("the application's actor has seen {count} changes");
                return Ok::<(), Box<dyn Error>>(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await??;
    let mut page = client.get(format!("http://{address}/plant/")).send().await?;
    assert!(std::str::from_utf8(&page.body().await?)?.contains("<html"));
    println!("the console is at /plant/");

    flyball.close().await;
    handle.stop(true).await;
    serving.await??;
    let report = plant.shutdown().await;
    assert!(report.is_clean());
    println!("plant stopped: {report}");
    Ok(())
}
