//! Messages of the live feed, subprotocol `flyball.v1`.

use super::selection::Selection;
use crate::problem::Problem;
use actix_web::http::StatusCode;
use bytestring::ByteString;
use flyball::schema::{TagId, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Name of the subprotocol.
pub const SUBPROTOCOL: &str = "flyball.v1";

/// Largest frame that is taken from a client, bytes.
pub const MAX_FRAME: usize = 64 * 1024;

/// Deltas per second where a client does not say, for tags.
const TAGS_HZ: f64 = 10.0;

/// Deltas per second where a client does not say, for all other topics.
const ITEMS_HZ: f64 = 2.0;

/// Bounds of `max_hz`.
const HZ: std::ops::RangeInclusive<f64> = 0.01..=1_000.0;

/// What can be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// Values of tags.
    Tags,
    /// A topic whose items are sent whole.
    Items(ItemTopic),
}

/// Topics whose items are sent whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ItemTopic {
    /// Alarms.
    Alarms,
    /// Machines.
    Machines,
    /// Links.
    Links,
    /// Health of the plant: one item.
    Health,
}

impl ItemTopic {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Alarms, Self::Machines, Self::Links, Self::Health];
}

impl Topic {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "tags" => Self::Tags,
            "alarms" => Self::Items(ItemTopic::Alarms),
            "machines" => Self::Items(ItemTopic::Machines),
            "links" => Self::Items(ItemTopic::Links),
            "health" => Self::Items(ItemTopic::Health),
            _ => return None,
        })
    }
}

/// A message of a client.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Greeting; may be repeated to see whether the server is there.
    Hello {
        /// Number of the message.
        id: u64,
    },
    /// Wish for a topic.
    Subscribe(Subscribe),
    /// End of a subscription.
    Unsubscribe {
        /// Number of the message.
        id: u64,
        /// Number of the message that subscribed.
        sub: u64,
    },
    /// Credit for more deltas.
    Ack {
        /// Number of the message that subscribed.
        sub: u64,
        /// Deltas up to this one have been handled.
        seq: u64,
    },
}

/// A wish for a topic.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscribe {
    /// Number of the message, and name of the subscription.
    pub id: u64,
    /// The topic.
    pub topic: Topic,
    /// Which tags; all for other topics.
    pub selection: Selection,
    /// Least time between two deltas.
    pub interval: Duration,
}

/// A message that was refused.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Number of the message, where it has one.
    pub id: Option<u64>,
    /// Why.
    pub problem: Problem,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Wire {
    Hello {
        id: u64,
        #[serde(default, rename = "token")]
        _token: Option<String>,
    },
    Subscribe {
        id: u64,
        topic: String,
        #[serde(default)]
        select: Option<WireSelect>,
        #[serde(default)]
        max_hz: Option<f64>,
    },
    Unsubscribe {
        id: u64,
        sub: u64,
    },
    Ack {
        sub: u64,
        seq: u64,
    },
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSelect {
    ids: Option<Vec<u32>>,
    prefix: Option<String>,
}

/// Reads a message of a client.
///
/// # Errors
/// [`Refused`] with `malformed`, `unknown_topic`, `invalid_select` or `invalid_max_hz`.
pub fn parse(text: &str) -> Result<Request, Refused> {
    let json: serde_json::Value = serde_json::from_str(text)
        .map_err(|error| Refused { id: None, problem: Problem::malformed(format!("not JSON: {error}")) })?;
    let id = json.get("id").and_then(serde_json::Value::as_u64);
    let refused = |problem| Refused { id, problem };
    let wire: Wire = serde_json::from_value(json).map_err(|error| refused(Problem::malformed(error.to_string())))?;
    Ok(match wire {
        Wire::Hello { id, .. } => Request::Hello { id },
        Wire::Unsubscribe { id, sub } => Request::Unsubscribe { id, sub },
        Wire::Ack { sub, seq } => Request::Ack { sub, seq },
        Wire::Subscribe { id, topic, select, max_hz } => {
            Request::Subscribe(subscribe(id, &topic, select, max_hz).map_err(refused)?)
        }
    })
}

fn subscribe(id: u64, topic: &str, select: Option<WireSelect>, max_hz: Option<f64>) -> Result<Subscribe, Problem> {
    let topic = Topic::parse(topic).ok_or_else(|| Problem::unknown("topic", format!("unknown topic \"{topic}\"")))?;
    let selection = match select.unwrap_or_default() {
        WireSelect { ids: None, prefix: None } => Selection::All,
        _ if topic != Topic::Tags => {
            return Err(Problem::invalid("select", "/select", "only tags can be selected from"));
        }
        WireSelect { ids: Some(ids), prefix: None } => Selection::ids(ids.into_iter().map(TagId)),
        WireSelect { ids: None, prefix: Some(prefix) } => Selection::Prefix(prefix),
        WireSelect { .. } => return Err(Problem::invalid("select", "/select", "either ids or prefix, not both")),
    };
    let hz = max_hz.unwrap_or(if topic == Topic::Tags { TAGS_HZ } else { ITEMS_HZ });
    if !HZ.contains(&hz) {
        let detail = format!("max_hz is between {} and {}", HZ.start(), HZ.end());
        return Err(Problem::invalid("max_hz", "/max_hz", detail));
    }
    Ok(Subscribe { id, topic, selection, interval: Duration::from_secs_f64(1.0 / hz) })
}

#[derive(Serialize)]
struct Hello<'a> {
    id: u64,
    #[serde(rename = "type")]
    kind: &'static str,
    server: &'static str,
    epoch: &'a str,
    now: Timestamp,
}

#[derive(Serialize)]
struct Failure<'a> {
    id: Option<u64>,
    #[serde(rename = "type")]
    kind: &'static str,
    problem: &'a Problem,
}

/// Answer to a greeting.
///
/// # Errors
/// Where a part has no JSON form, which none should.
pub fn hello(id: u64, epoch: &str, now: Timestamp) -> Result<ByteString, serde_json::Error> {
    let server = concat!("flyball ", env!("CARGO_PKG_VERSION"));
    Ok(serde_json::to_string(&Hello { id, kind: "hello", server, epoch, now })?.into())
}

/// The message `id` was not done.
#[must_use]
pub fn error(refused: &Refused) -> ByteString {
    let frame = Failure { id: refused.id, kind: "error", problem: &refused.problem };
    serde_json::to_string(&frame).unwrap_or_else(|_| r#"{"id":null,"type":"error"}"#.to_owned()).into()
}

/// Answer to the end of a subscription.
#[must_use]
pub fn unsubscribed(id: u64, sub: u64) -> ByteString {
    format!(r#"{{"id":{id},"type":"unsubscribed","sub":{sub}}}"#).into()
}

/// The state at the start of subscription `sub`. `body` is a JSON object.
#[must_use]
pub fn snapshot(sub: u64, seq: u64, body: &str) -> ByteString {
    format!(r#"{{"id":{sub},"type":"snapshot","sub":{sub},"seq":{seq},{}"#, members(body)).into()
}

/// The state of subscription `sub` anew, unasked: its tags, their names or their places are other ones. `body` is that of a
/// [`snapshot`].
#[must_use]
pub fn resync(sub: u64, seq: u64, body: &str) -> ByteString {
    format!(r#"{{"sub":{sub},"type":"resync","seq":{seq},{}"#, members(body)).into()
}

/// What has changed. `body` is a JSON object with at least one member.
#[must_use]
pub fn delta(sub: u64, seq: u64, body: &str) -> ByteString {
    format!(r#"{{"sub":{sub},"type":"delta","seq":{seq},{}"#, members(body)).into()
}

/// A JSON object without its opening brace.
fn members(object: &str) -> &str {
    object.strip_prefix('{').unwrap_or(object)
}

/// 409: the number of a subscription is in use.
pub(super) fn duplicate_subscription(id: u64) -> Problem {
    Problem::new(StatusCode::CONFLICT, "duplicate_subscription", format!("subscription {id} exists already"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> (Option<u64>, String) {
        let refused = parse(text).unwrap_err();
        (refused.id, refused.problem.code.to_string())
    }

    #[test]
    fn every_message_of_a_client_is_read() {
        assert_eq!(parse(r#"{"id":1,"type":"hello"}"#).unwrap(), Request::Hello { id: 1 });
        assert_eq!(parse(r#"{"type":"ack","sub":2,"seq":101}"#).unwrap(), Request::Ack { sub: 2, seq: 101 });
        assert_eq!(parse(r#"{"id":4,"type":"unsubscribe","sub":2}"#).unwrap(), Request::Unsubscribe { id: 4, sub: 2 });
        let tags = r#"{"id":2,"type":"subscribe","topic":"tags","select":{"ids":[9,7,7]},"max_hz":5}"#;
        let selection = Selection::ids([TagId(7), TagId(9)]);
        let interval = Duration::from_millis(200);
        assert_eq!(
            parse(tags).unwrap(),
            Request::Subscribe(Subscribe { id: 2, topic: Topic::Tags, selection, interval })
        );
    }

    #[test]
    fn topics_have_their_usual_rate_where_the_client_does_not_say() {
        let interval = |topic| match parse(&format!(r#"{{"id":2,"type":"subscribe","topic":"{topic}"}}"#)).unwrap() {
            Request::Subscribe(wish) => wish.interval,
            other => panic!("{other:?}"),
        };
        assert_eq!(interval("tags"), Duration::from_millis(100));
        assert_eq!(interval("alarms"), Duration::from_millis(500));
    }

    #[test]
    fn a_refused_message_names_its_number_and_reason() {
        assert_eq!(code("{"), (None, "malformed".into()));
        assert_eq!(code("[1]"), (None, "malformed".into()));
        assert_eq!(code(r#"{"id":7,"type":"dance"}"#), (Some(7), "malformed".into()));
        assert_eq!(code(r#"{"id":7,"type":"hello","extra":1}"#), (Some(7), "malformed".into()));
        assert_eq!(code(r#"{"id":7,"type":"subscribe","topic":"events"}"#), (Some(7), "unknown_topic".into()));
        let subscribe = |rest: &str| code(&format!(r#"{{"id":7,"type":"subscribe",{rest}}}"#)).1;
        assert_eq!(subscribe(r#""topic":"tags","max_hz":0"#), "invalid_max_hz");
        assert_eq!(subscribe(r#""topic":"tags","select":{"ids":[1],"prefix":"a"}"#), "invalid_select");
        assert_eq!(subscribe(r#""topic":"alarms","select":{"ids":[1]}"#), "invalid_select");
        assert_eq!(subscribe(r#""topic":"tags","select":{"id":[1]}"#), "malformed");
    }
}
