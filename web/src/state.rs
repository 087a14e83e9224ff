//! What every handler shares: the plant, and the hub of its live feed.

use crate::live::hub::LiveHub;
use actix::Addr;
use flyball::plant::Plant;

/// What every handler shares.
#[derive(Debug)]
pub struct WebState {
    plant: Plant,
    hub: Addr<LiveHub>,
    allowed_hosts: Vec<String>,
}

impl WebState {
    pub(crate) fn new(plant: Plant, hub: Addr<LiveHub>, allowed_hosts: Vec<String>) -> Self {
        Self { plant, hub, allowed_hosts }
    }

    /// The plant that is shown.
    pub(crate) fn plant(&self) -> &Plant {
        &self.plant
    }

    /// The live feed of the plant.
    pub(crate) fn hub(&self) -> &Addr<LiveHub> {
        &self.hub
    }

    /// Host names that are answered besides those of the loopback interface.
    pub(crate) fn allowed_hosts(&self) -> &[String] {
        &self.allowed_hosts
    }
}
