//! `[notify]` of the settings, as it is written. [`Plan`](super::Plan) holds it against the rules.

use serde::Deserialize;
use std::fmt;
use std::path::PathBuf;

/// Who is told of alarms, by which way. Nobody by default.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Notify {
    /// Messages that wait per channel at the most, 1 to 100,000; past that the oldest is dropped, counted and told in health.
    pub queue: usize,
    /// Ways out.
    pub channels: Vec<ChannelSettings>,
    /// Who is told of what, when and by which channel.
    pub rules: Vec<RuleSettings>,
}

impl Default for Notify {
    fn default() -> Self {
        Self { queue: 1_000, channels: Vec::new(), rules: Vec::new() }
    }
}

/// A way out. A password or token is never written here, but in a file or a variable of the environment.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChannelSettings {
    /// Unique.
    pub name: String,
    /// `smtp` or `webhook`.
    pub kind: String,
    /// Host of the mail server. SMTP.
    pub server: Option<String>,
    /// Its port; 25 for `plain`, 587 for `starttls`, 465 for `tls`. SMTP.
    pub port: Option<u16>,
    /// `plain`, `starttls` (the default; refused where the server does not offer it) or `tls`. SMTP.
    pub security: Option<String>,
    /// Sender, `Flyball <flyball@plant.example>`. SMTP.
    pub from: Option<String>,
    /// User for AUTH; none where it is not given. SMTP.
    pub user: Option<String>,
    /// File with the password.
    pub password_file: Option<PathBuf>,
    /// Variable of the environment with the password.
    pub password_env: Option<String>,
    /// `http://` or `https://`; may carry a secret in its path, so it is told nowhere. Webhook.
    pub url: Option<String>,
    /// File with the token that is sent as `Authorization: Bearer`. Webhook.
    pub token_file: Option<PathBuf>,
    /// Variable of the environment with that token. Webhook.
    pub token_env: Option<String>,
    /// Certificates (PEM) that are trusted besides the authorities of the web.
    pub ca_file: Option<PathBuf>,
    /// Messages that go out at once at the most, and per 10 minutes after that; more are summed up in one. 30 where it is
    /// not given, 0 for no cap.
    pub most_per_10_min: Option<u32>,
}

impl fmt::Debug for ChannelSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelSettings")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("server", &self.server)
            .field("url", &self.url.as_ref().map(|_| "…"))
            .finish_non_exhaustive()
    }
}

/// Who is told of what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuleSettings {
    /// Unique.
    pub name: String,
    /// Name of the channel.
    pub channel: String,
    /// Mail addresses; none for a webhook.
    pub to: Vec<String>,
    /// `critical`, `high`, `medium`, `low`; empty for any.
    pub priorities: Vec<String>,
    /// Areas of the alarms' tags, each with all that is in it; empty for any, also for none.
    pub areas: Vec<String>,
    /// `process`, `link_lost`, `machine_fault`, `system`; empty for any.
    pub classes: Vec<String>,
    /// `mon` to `sun`: days on which the time span begins; empty for every day.
    pub days: Vec<String>,
    /// Begin of the time span, `22:00`; with `end`.
    pub start: Option<String>,
    /// End of the time span, `06:00`, not included; before `start` it is that of the next day.
    pub end: Option<String>,
    /// `UTC` (the default), a fixed offset (`+01:00`), or `local`: the zone of the machine with its summer time.
    pub zone: Option<String>,
    /// Minutes that an alarm is left unacknowledged before anybody is told; 0 for at once.
    pub delay_min: u32,
    /// Minutes after which it is told again while it is not acknowledged; 0 for never.
    pub repeat_min: u32,
    /// Whether those who were told are also told of its return.
    pub on_return: bool,
}
