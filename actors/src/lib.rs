//! What a Flyball plant *does*: every engine, manager and worker, as actix actors that exchange typed
//! messages. This crate knows no HTTP; `flyball-web` shows a plant, [`Plant`] runs one.
//!
//! Start reading at [`plant`], then follow a value: [`opcua`] → [`cvt`] → [`alarms`], [`history`], [`machines`].

pub mod alarms;
pub mod clock;
pub mod configuration;
pub mod cvt;
pub mod db;
pub mod events;
pub mod expressions;
pub mod history;
pub mod links;
pub mod logs;
pub mod machines;
pub mod notify;
pub mod opcua;
pub mod plant;
pub mod points;
pub mod send;
pub mod settings;
pub mod signal;
pub mod simulation;
pub mod ticker;
pub mod users;

pub use clock::Clock;
pub use flyball_schema as schema;
pub use plant::Plant;
