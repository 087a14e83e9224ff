//! Who *sees* a Flyball plant: HTTP API, live feed and console.
//!
//! [`Web`] is made once per plant and mounted anywhere, at the root or under a scope of a host application:
//!
//! ```no_run
//! # use actix_web::{App, HttpServer, web};
//! # async fn run(plant: flyball::Plant) -> std::io::Result<()> {
//! let console = flyball_web::Web::start(&plant);
//! let routes = console.clone();
//! HttpServer::new(move || App::new().service(web::scope("/plant").configure(routes.routes())))
//!     .bind(("127.0.0.1", 8080))?
//!     .run()
//!     .await?;
//! console.close().await;
//! # Ok(())
//! # }
//! ```

pub mod api;
pub mod cells;
pub mod console;
mod errors;
pub mod extract;
pub mod live;
pub mod openapi;
pub mod origin;
pub mod plant_text;
pub mod points_csv;
pub mod problem;
pub mod range;
pub mod routes;
mod settings;
mod state;

pub use openapi::json as openapi_json;
pub use problem::Problem;
pub use settings::{DemoSettings, HttpSettings, ServerSettings};

use actix::{Actor as _, Addr, Arbiter, ArbiterHandle};
use actix_web::web::{self, ServiceConfig};
use flyball::Plant;
use flyball::send::SendError;
use flyball::send::ask;
use live::client::STALL_LIMIT;
use live::hub::{CloseSockets, CountClients, LiveHub};
use state::WebState;
use std::time::Duration;

/// How long [`Web::close`] waits.
const CLOSE_DEADLINE: Duration = Duration::from_secs(3);

/// The web side of one plant: a cheap handle that every HTTP worker mounts.
#[derive(Debug, Clone)]
pub struct Web {
    state: web::Data<WebState>,
    arbiter: ArbiterHandle,
}

/// Settings of the web side.
#[derive(Debug, Clone)]
pub struct WebOptions {
    /// Host names that are answered besides those of the loopback interface while the server listens on that: the
    /// names under which a reverse proxy on this machine is reached. Without port.
    pub allowed_hosts: Vec<String>,
    /// A client of the live feed whose socket takes nothing for so long is let go.
    pub stall_limit: Duration,
}

impl Default for WebOptions {
    fn default() -> Self {
        Self { allowed_hosts: Vec::new(), stall_limit: STALL_LIMIT }
    }
}

impl Web {
    /// Starts the live feed of a running plant, on a thread of its own.
    #[must_use]
    pub fn start(plant: &Plant) -> Self {
        Self::start_with(plant, WebOptions::default())
    }

    /// [`start`](Self::start) with settings.
    #[must_use]
    pub fn start_with(plant: &Plant, options: WebOptions) -> Self {
        let arbiter = Arbiter::new().handle();
        let hub: Addr<LiveHub> = {
            let plant = plant.clone();
            LiveHub::start_in_arbiter(&arbiter, move |_| LiveHub::new(plant, options.stall_limit))
        };
        let state = WebState::new(plant.clone(), hub, options.allowed_hosts);
        Self { state: web::Data::new(state), arbiter }
    }

    /// Everything there is to mount: API, live feed, health and console. Once per HTTP worker.
    pub fn routes(&self) -> impl FnOnce(&mut ServiceConfig) + use<> {
        let state = self.state.clone();
        move |config| {
            let scope = web::scope("")
                .wrap(actix_web::middleware::from_fn(origin::guard))
                .app_data(state)
                .configure(extract::configure)
                .configure(routes::register)
                .default_service(web::to(console::serve));
            config.service(scope);
        }
    }

    /// Clients of the live feed.
    ///
    /// # Errors
    /// [`SendError`] where the feed has ended.
    pub async fn clients(&self) -> Result<usize, SendError> {
        ask(self.state.hub(), CountClients, CLOSE_DEADLINE).await
    }

    /// Closes every socket of the live feed with code 1001 and ends the feed. HTTP goes on being answered.
    pub async fn close(&self) {
        match ask(self.state.hub(), CloseSockets, CLOSE_DEADLINE).await {
            Ok(count) => log::debug!("{count} sockets of the live feed closed"),
            Err(error) => log::warn!("the live feed was not closed: {error}"),
        }
        self.arbiter.stop();
    }
}
