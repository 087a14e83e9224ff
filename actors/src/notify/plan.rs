//! The settings, held against the rules: what is wrong is an error that names its key.

use super::deliver::{Smtp, Webhook};
use super::schedule::{Schedule, Zone};
use super::secret::Secret;
use super::settings::{ChannelSettings, Notify, RuleSettings};
use flyball_schema::definition::{AlarmClass, AlarmDefinition, Priority};
use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const PRIORITIES: [Priority; 4] = [Priority::Critical, Priority::High, Priority::Medium, Priority::Low];
const CLASSES: [AlarmClass; 4] =
    [AlarmClass::Process, AlarmClass::LinkLost, AlarmClass::MachineFault, AlarmClass::System];
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DEFAULT_CAP: u32 = 30;
const LONGEST_QUEUE: usize = 100_000;

/// A setting that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {fault}")]
pub struct NotifyError {
    /// The key, `notify.channels[0].port`.
    pub key: String,
    /// What is wrong with it.
    #[source]
    pub fault: NotifyFault,
}

/// What is wrong with a setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotifyFault {
    /// It has to be given.
    #[error("is missing")]
    Missing,
    /// It has no meaning together with another.
    #[error("has no meaning here: {0}")]
    Foreign(&'static str),
    /// Another one has it.
    #[error("\"{0}\" is taken")]
    Duplicate(String),
    /// It is none of the words there are.
    #[error("\"{value}\" is none of {known}")]
    Unknown {
        /// What it is.
        value: String,
        /// What it could be.
        known: String,
    },
    /// It cannot be read.
    #[error("\"{value}\" is not {expected}")]
    Malformed {
        /// What it is.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A file or variable cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
}

/// Channels and rules.
#[derive(Debug)]
pub struct Plan {
    /// Ways out.
    pub channels: Vec<Channel>,
    /// Who is told of what.
    pub rules: Vec<Rule>,
    /// Messages that wait per channel at the most.
    pub queue: usize,
}

/// A way out.
#[derive(Debug)]
pub struct Channel {
    /// Its name.
    pub name: Arc<str>,
    /// What it sends with.
    pub(super) transport: Transport,
    /// Messages at once, and per 10 minutes; 0 for any number.
    pub most_per_10_min: u32,
}

/// What a channel sends with.
pub(super) enum Transport {
    /// Mail.
    Smtp(Smtp),
    /// An HTTP POST.
    Webhook(Webhook),
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Smtp(_) => "Smtp",
            Self::Webhook(_) => "Webhook",
        })
    }
}

/// Who is told of what.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name.
    pub name: Arc<str>,
    /// Its channel in the plan.
    pub channel: usize,
    /// Recipients; of a webhook its host.
    pub to: Vec<Arc<str>>,
    /// Empty for any.
    pub priorities: Vec<Priority>,
    /// Paths; empty for any.
    pub areas: Vec<String>,
    /// Empty for any.
    pub classes: Vec<AlarmClass>,
    /// When it tells.
    pub schedule: Schedule,
    /// How long an alarm may wait for its acknowledgement.
    pub delay: Duration,
    /// After which time it tells again.
    pub repeat: Option<Duration>,
    /// Whether it tells of the return.
    pub on_return: bool,
}

impl Rule {
    /// Whether the rule is about this alarm.
    #[must_use]
    pub fn applies(&self, alarm: &AlarmDefinition, area: Option<&str>) -> bool {
        let within = |outer: &String| {
            let inner = area.and_then(|area| area.strip_prefix(outer.as_str()));
            inner.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        (self.priorities.is_empty() || self.priorities.contains(&alarm.priority))
            && (self.classes.is_empty() || self.classes.contains(&alarm.class))
            && (self.areas.is_empty() || self.areas.iter().any(within))
    }
}

fn error(key: &str, field: &str, fault: NotifyFault) -> NotifyError {
    NotifyError { key: format!("{key}.{field}"), fault }
}

/// Something of a section that has to be given.
fn required<'a>(key: &str, field: &str, value: Option<&'a str>) -> Result<&'a str, NotifyError> {
    value.filter(|value| !value.trim().is_empty()).ok_or_else(|| error(key, field, NotifyFault::Missing))
}

fn one_of<T: Copy>(key: &str, field: &str, value: &str, known: &[(&str, T)]) -> Result<T, NotifyError> {
    let found = known.iter().find(|(word, _)| *word == value).map(|(_, meaning)| *meaning);
    found.ok_or_else(|| {
        let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        error(key, field, NotifyFault::Unknown { value: value.to_owned(), known: words.join(", ") })
    })
}

impl Plan {
    /// Reads settings, and the secrets that they point to. `environment`: a variable's value.
    ///
    /// # Errors
    /// [`NotifyError`], the first there is.
    pub fn read(settings: &Notify, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, NotifyError> {
        if !(1..=LONGEST_QUEUE).contains(&settings.queue) {
            let value = settings.queue.to_string();
            return Err(error("notify", "queue", NotifyFault::Malformed { value, expected: "1 to 100000" }));
        }
        let mut names = HashSet::new();
        let mut channels = Vec::new();
        for (index, channel) in settings.channels.iter().enumerate() {
            let key = format!("notify.channels[{index}]");
            unique(&key, &channel.name, &mut names)?;
            channels.push(read_channel(&key, channel, environment)?);
        }
        names.clear();
        let mut rules = Vec::new();
        for (index, rule) in settings.rules.iter().enumerate() {
            let key = format!("notify.rules[{index}]");
            unique(&key, &rule.name, &mut names)?;
            rules.push(read_rule(&key, rule, &channels)?);
        }
        Ok(Self { channels, rules, queue: settings.queue })
    }
}

fn unique(key: &str, name: &str, names: &mut HashSet<String>) -> Result<(), NotifyError> {
    required(key, "name", Some(name))?;
    if names.insert(name.to_owned()) {
        return Ok(());
    }
    Err(error(key, "name", NotifyFault::Duplicate(name.to_owned())))
}

type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

fn read_channel(key: &str, channel: &ChannelSettings, environment: Environment<'_>) -> Result<Channel, NotifyError> {
    let kind = required(key, "kind", Some(&channel.kind))?;
    let is_smtp = one_of(key, "kind", kind, &[("smtp", true), ("webhook", false)])?;
    let of_smtp = [
        ("server", channel.server.is_some()),
        ("port", channel.port.is_some()),
        ("security", channel.security.is_some()),
        ("from", channel.from.is_some()),
        ("user", channel.user.is_some()),
        ("password_file", channel.password_file.is_some()),
        ("password_env", channel.password_env.is_some()),
    ];
    let of_webhook = [
        ("url", channel.url.is_some()),
        ("token_file", channel.token_file.is_some()),
        ("token_env", channel.token_env.is_some()),
    ];
    let (foreign, whose) = if is_smtp { (&of_webhook[..], "webhooks have it") } else { (&of_smtp[..], "SMTP has it") };
    if let Some((field, _)) = foreign.iter().find(|(_, given)| *given) {
        return Err(error(key, field, NotifyFault::Foreign(whose)));
    }
    let roots = channel.ca_file.as_deref().map(|path| read_file(key, "ca_file", path)).transpose()?;
    let transport = if is_smtp {
        Transport::Smtp(read_smtp(key, channel, roots.as_deref(), environment)?)
    } else {
        let files = (channel.token_file.as_deref(), channel.token_env.as_deref());
        let token = read_secret(key, ["token_file", "token_env"], files, environment)?;
        let url = required(key, "url", channel.url.as_deref())?;
        Transport::Webhook(
            Webhook::new(url, token, roots.as_deref()).map_err(|(field, fault)| error(key, field, fault))?,
        )
    };
    let most_per_10_min = channel.most_per_10_min.unwrap_or(DEFAULT_CAP);
    Ok(Channel { name: channel.name.as_str().into(), transport, most_per_10_min })
}

fn read_smtp(
    key: &str,
    channel: &ChannelSettings,
    roots: Option<&[u8]>,
    environment: Environment<'_>,
) -> Result<Smtp, NotifyError> {
    let server = required(key, "server", channel.server.as_deref())?;
    let from = required(key, "from", channel.from.as_deref())?;
    let known = [("plain", Security::Plain), ("starttls", Security::StartTls), ("tls", Security::Tls)];
    let security = one_of(key, "security", channel.security.as_deref().unwrap_or("starttls"), &known)?;
    let files = (channel.password_file.as_deref(), channel.password_env.as_deref());
    let password = read_secret(key, ["password_file", "password_env"], files, environment)?;
    let credentials = match (channel.user.as_deref(), password) {
        (Some(user), Some(password)) => Some((required(key, "user", Some(user))?.to_owned(), password)),
        (None, None) => None,
        (Some(_), None) => return Err(error(key, "password_file", NotifyFault::Missing)),
        (None, Some(_)) => return Err(error(key, "user", NotifyFault::Missing)),
    };
    if credentials.is_some() && security == Security::Plain {
        log::warn!("{key}: the password is sent without encryption");
    }
    let smtp = Smtp::new(server, channel.port, security, from, credentials, roots);
    smtp.map_err(|(field, fault)| error(key, field, fault))
}

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    /// Not at all.
    Plain,
    /// By TLS once the server has been asked, or not at all used.
    StartTls,
    /// By TLS from the start.
    Tls,
}

fn read_file(key: &str, field: &str, path: &Path) -> Result<Vec<u8>, NotifyError> {
    let unreadable = |cause: std::io::Error| NotifyFault::Unreadable(format!("{}: {cause}", path.display()));
    std::fs::read(path).map_err(|cause| error(key, field, unreadable(cause)))
}

fn read_secret(
    key: &str,
    [file_field, env_field]: [&str; 2],
    (file, variable): (Option<&Path>, Option<&str>),
    environment: Environment<'_>,
) -> Result<Option<Secret>, NotifyError> {
    let (field, text) = match (file, variable) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err(error(key, env_field, NotifyFault::Foreign("the file is given already"))),
        (Some(path), None) => {
            (file_field, String::from_utf8_lossy(&read_file(key, file_field, path)?).trim_end().to_owned())
        }
        (None, Some(name)) => {
            let unset = || error(key, env_field, NotifyFault::Unreadable(format!("{name} is not set")));
            (env_field, environment(name).ok_or_else(unset)?)
        }
    };
    if text.is_empty() {
        return Err(error(key, field, NotifyFault::Unreadable("it is empty".to_owned())));
    }
    Ok(Some(Secret::new(text)))
}

fn read_rule(key: &str, rule: &RuleSettings, channels: &[Channel]) -> Result<Rule, NotifyError> {
    let name = required(key, "channel", Some(&rule.channel))?;
    let known: Vec<(&str, usize)> = channels.iter().enumerate().map(|(n, channel)| (&*channel.name, n)).collect();
    let channel = one_of(key, "channel", name, &known)?;
    let to = match channels.get(channel).map(|channel| &channel.transport) {
        Some(Transport::Webhook(webhook)) => {
            if !rule.to.is_empty() {
                return Err(error(key, "to", NotifyFault::Foreign("the webhook says where it goes")));
            }
            vec![webhook.host()]
        }
        _ => recipients(key, &rule.to)?,
    };
    let priorities: Vec<_> = PRIORITIES.iter().map(|priority| (priority.as_str(), *priority)).collect();
    let classes: Vec<_> = CLASSES.iter().map(|class| (class.as_str(), *class)).collect();
    let words = |field, words: &[String]| -> Result<(), NotifyError> {
        let empty = words.iter().any(|word| word.trim().is_empty());
        if empty { Err(error(key, field, NotifyFault::Missing)) } else { Ok(()) }
    };
    words("areas", &rule.areas)?;
    let minutes = |count: u32| Duration::from_secs(60 * u64::from(count));
    Ok(Rule {
        name: rule.name.as_str().into(),
        channel,
        to,
        priorities: all_of(key, "priorities", &rule.priorities, &priorities)?,
        areas: rule.areas.iter().map(|area| area.trim().trim_matches('/').to_owned()).collect(),
        classes: all_of(key, "classes", &rule.classes, &classes)?,
        schedule: read_schedule(key, rule)?,
        delay: minutes(rule.delay_min),
        repeat: (rule.repeat_min > 0).then(|| minutes(rule.repeat_min)),
        on_return: rule.on_return,
    })
}

fn recipients(key: &str, to: &[String]) -> Result<Vec<Arc<str>>, NotifyError> {
    if to.is_empty() {
        return Err(error(key, "to", NotifyFault::Missing));
    }
    let check = |(n, address): (usize, &String)| {
        let fault = NotifyFault::Malformed { value: address.clone(), expected: "a mail address" };
        let valid = address.parse::<lettre::message::Mailbox>().is_ok();
        if valid { Ok(address.as_str().into()) } else { Err(error(key, &format!("to[{n}]"), fault)) }
    };
    to.iter().enumerate().map(check).collect()
}

fn all_of<T: Copy>(key: &str, field: &str, words: &[String], known: &[(&str, T)]) -> Result<Vec<T>, NotifyError> {
    words.iter().enumerate().map(|(n, word)| one_of(key, &format!("{field}[{n}]"), word, known)).collect()
}

fn read_schedule(key: &str, rule: &RuleSettings) -> Result<Schedule, NotifyError> {
    let days: Vec<_> = DAYS.iter().enumerate().map(|(n, day)| (*day, n)).collect();
    let days = all_of(key, "days", &rule.days, &days)?;
    let days = std::array::from_fn(|day| days.is_empty() || days.contains(&day));
    let zone = rule.zone.as_deref().unwrap_or("UTC");
    let expected = "UTC, local or an offset (+01:00)";
    let no_zone = || error(key, "zone", NotifyFault::Malformed { value: zone.to_owned(), expected });
    let zone = Zone::parse(zone).ok_or_else(no_zone)?;
    let (start, end) = match (rule.start.as_deref(), rule.end.as_deref()) {
        (None, None) => (0, 0),
        (Some(start), Some(end)) => (minute(key, "start", start)?, minute(key, "end", end)? % (24 * 60)),
        (Some(_), None) => return Err(error(key, "end", NotifyFault::Missing)),
        (None, Some(_)) => return Err(error(key, "start", NotifyFault::Missing)),
    };
    Ok(Schedule::new(days, start, end, zone))
}

/// Minute of the day of `22:00`; `24:00` is its end.
fn minute(key: &str, field: &str, text: &str) -> Result<u32, NotifyError> {
    let read = || {
        let (hours, minutes) = text.split_once(':')?;
        let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
        let ends_day = field == "end" && hours == 24 && minutes == 0;
        ((hours < 24 && minutes < 60) || ends_day).then_some(hours * 60 + minutes)
    };
    let fault = || NotifyFault::Malformed { value: text.to_owned(), expected: "a time of day (22:00)" };
    read().ok_or_else(|| error(key, field, fault()))
}

#[cfg(test)]
mod tests;
