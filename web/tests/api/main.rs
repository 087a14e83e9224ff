//! The HTTP API, the live feed and the console of a whole plant, over real sockets.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod alarm_analytics;
mod alarms;
mod console;
mod history;
mod http;
mod live;
mod notifications;
mod points;
mod support;
mod tags;
