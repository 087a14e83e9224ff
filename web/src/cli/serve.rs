//! `flyball serve`: the plant, its HTTP API and console, until a signal.

use super::plant_file::PlantFile;
use super::{Failure, INTERNAL, UNAVAILABLE, WRONG_CONFIGURATION, chain};
use flyball::Plant;
use flyball::configuration::ReadDefinition;
use flyball::plant::PlantError;
use flyball::schema::definition::{Difference, PlantDefinition};
use flyball::send::{DEADLINE, ask};
use flyball_web::{ServerSettings, Web};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

/// How long open requests may take once the server stops.
const DRAIN: Duration = Duration::from_millis(1_000);

/// What a server is told of its plant.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// What the plant is at its first start.
    pub(super) definition: PlantDefinition,
    /// The file that says so, by the name that people are told.
    pub(super) file: Option<String>,
    /// Where the links of the definition are at this start, whatever is stored.
    pub(super) endpoint: Option<String>,
}

impl From<(PlantFile, PlantDefinition)> for Given {
    fn from((file, definition): (PlantFile, PlantDefinition)) -> Self {
        Self { definition, file: Some(file.name().to_owned()), endpoint: None }
    }
}

/// Runs the server until SIGTERM, Ctrl-C or the loss of a core actor.
pub(super) async fn serve(settings: ServerSettings, given: Given) -> Result<(), Failure> {
    let bind = settings.http.bind;
    // First the port, so that a second server on it does not open the first one's database.
    let listener = std::net::TcpListener::bind(bind)
        .map_err(|error| Failure::new(UNAVAILABLE, format!("cannot listen on {bind}: {error}")))?;
    let address = listener.local_addr().map_err(|error| Failure::new(UNAVAILABLE, error))?;
    let Given { definition, file, endpoint } = given;
    let mut builder = Plant::builder(settings.plant()).initial_definition(definition.clone());
    if let Some(endpoint) = endpoint {
        let given: Vec<String> = definition.links.iter().map(|link| link.name.clone()).collect();
        builder = builder.amend(move |stored| {
            let links = stored.links.iter_mut().filter(|link| given.contains(&link.name));
            links.for_each(|link| link.endpoint.clone_from(&endpoint));
        });
    }
    let plant = builder.start().await.map_err(|error| failure(&error))?;
    if let Some(file) = file {
        compare(&plant, &file, &definition).await;
    }
    let web = Web::start(&plant);
    let routes = web.clone();
    let server = actix_web::HttpServer::new(move || actix_web::App::new().configure(routes.routes()))
        .workers(settings.http.workers.clamp(1, 64))
        .disable_signals()
        .shutdown_timeout(DRAIN.as_secs())
        .listen(listener)
        .map_err(|error| Failure::new(UNAVAILABLE, error))?
        .run();
    let http = server.handle();
    let serving = actix_rt::spawn(server);
    log::info!("flyball {} serves {} at http://{address}/", env!("CARGO_PKG_VERSION"), plant.name());
    let lost = ended(&plant).await?;

    web.close().await;
    let drained = timeout(DRAIN + Duration::from_millis(200), http.stop(true)).await;
    if drained.is_err() {
        log::warn!("open requests were cut off");
    }
    serving.abort();
    let report = plant.shutdown().await;
    eprintln!("flyball stopped: {report}");
    match lost {
        Some(actor) => Err(Failure::new(INTERNAL, format!("{actor} was lost"))),
        None if report.is_clean() => Ok(()),
        None => Err(Failure::new(INTERNAL, "the shutdown was not clean")),
    }
}

/// Says where the plant is no longer what its file says.
async fn compare(plant: &Plant, file: &str, definition: &PlantDefinition) {
    let stored = match ask(plant.configuration(), ReadDefinition, DEADLINE * 6).await {
        Ok(Ok(stored)) => stored,
        Ok(Err(error)) => return log::warn!("the plant is not compared with {file}: {}", chain(&error)),
        Err(error) => return log::warn!("the plant is not compared with {file}: {error}"),
    };
    let counts = Difference::between(&stored, definition).counts();
    let differ = match counts.added + counts.changed + counts.renamed + counts.removed {
        0 => return,
        1 => "1 item differs".to_owned(),
        items => format!("{items} items differ"),
    };
    log::warn!(
        "{file} is not what the plant is: {differ}; \"flyball plan {file}\" shows them, \"flyball apply {file}\" applies them"
    );
}

/// Waits for the end; the name of the core actor that was lost, where that is why.
async fn ended(plant: &Plant) -> Result<Option<&'static str>, Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| Failure::new(INTERNAL, error))?;
    tokio::select! {
        _ = terminate.recv() => Ok(None),
        _ = tokio::signal::ctrl_c() => Ok(None),
        actor = plant.failed() => Ok(Some(actor)),
    }
}

fn failure(error: &PlantError) -> Failure {
    let code = if error.is_configuration() { WRONG_CONFIGURATION } else { UNAVAILABLE };
    Failure::new(code, chain(error))
}
