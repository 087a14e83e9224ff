//! The one place where errors of the plant become HTTP.

use crate::api::points::refused;
use crate::points_csv::CsvFault;
use crate::problem::{Problem, chain};
use actix_web::http::StatusCode;
use flyball::alarms::AlarmError;
use flyball::alarms::analytics::AnalyticsError;
use flyball::configuration::ConfigurationError;
use flyball::cvt::CvtError;
use flyball::db::DbError;
use flyball::history::HistoryError;
use flyball::machines::MachineError;
use flyball::opcua::LinkError;
use flyball::plant::WriteError;
use flyball::points::PointsError;
use flyball::schema::definition::DefinitionError;
use flyball::send::SendError;

impl From<SendError> for Problem {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Closed => Self::unavailable("this part of the plant is not running"),
            SendError::Full => Self::busy("this part of the plant has too much to do"),
            SendError::Deadline(_) => Self::deadline("this part of the plant did not answer in time"),
            other => Self::internal(&other),
        }
    }
}

impl From<CvtError> for Problem {
    fn from(error: CvtError) -> Self {
        let detail = chain(&error);
        match error {
            CvtError::UnknownTag(_) | CvtError::UnknownName(_) => Self::unknown("tag", detail),
            CvtError::DuplicateName(_) | CvtError::DuplicateId(_) => {
                Self::new(StatusCode::CONFLICT, "duplicate_tag", detail)
            }
            CvtError::WrongType { .. } => Self::invalid("value", "/value", detail),
            CvtError::Invalid { field, .. } => Self::invalid(field, format!("/{field}"), detail),
            other => Self::internal(&other),
        }
    }
}

impl From<ConfigurationError> for Problem {
    fn from(error: ConfigurationError) -> Self {
        Self::of_tags(error, &|_| None)
    }
}

impl Problem {
    /// A refused change of tags; `own` gives where in the request the tag of a name stands, none for one that the request
    /// does not name.
    pub(crate) fn of_tags(error: ConfigurationError, own: &dyn Fn(&str) -> Option<String>) -> Self {
        let detail = chain(&error);
        let conflict = |code| Self::new(StatusCode::CONFLICT, code, detail.clone());
        match error {
            ConfigurationError::Invalid(errors) => invalid(&errors, detail, own),
            ConfigurationError::AtEdit { index, source } => {
                let problem = Self::of_tags(*source, own).saying(detail.clone());
                let code = problem.code.clone();
                problem.at(format!("/ops/{index}"), code, detail)
            }
            ConfigurationError::Machine(error) => error.into(),
            ConfigurationError::RetentionClass { ref tag, .. } => {
                let pointer = own(tag).unwrap_or_else(|| format!("/tag/{tag}"));
                Self::invalid("retention", format!("{pointer}/retention"), detail)
            }
            ConfigurationError::UnknownTag(_) => Self::unknown("tag", detail),
            ConfigurationError::DuplicateTag(_) => conflict("duplicate_tag").at("/name", "duplicate_tag", detail),
            ConfigurationError::MadeByPlant(_) => conflict("made_by_plant"),
            ConfigurationError::InUse { users, .. } => users.into_iter().fold(conflict("in_use"), |problem, user| {
                let pointer = format!("/{}/{}/{}", user.item, user.name, user.field);
                problem.at(pointer, "in_use", user.to_string())
            }),
            ConfigurationError::ChangedMeanwhile(_) | ConfigurationError::PlantChangedMeanwhile => {
                Self::new(StatusCode::PRECONDITION_FAILED, "changed_meanwhile", detail)
            }
            ConfigurationError::WrongType { .. } => Self::invalid("value", "/value", detail),
            ConfigurationError::NotSubstituted(_) => conflict("not_substituted"),
            ConfigurationError::Database(error) => error.into(),
            ConfigurationError::Unavailable => Self::unavailable(detail),
            other => Self::internal(&other),
        }
    }
}

/// Broken rules of a definition: each by the path of its field in the request, of items that the request does not name
/// with their kind and name.
fn invalid(errors: &[DefinitionError], detail: String, own: &dyn Fn(&str) -> Option<String>) -> Problem {
    let code = |error: &DefinitionError| {
        let field = error.place.as_ref().map_or("", |place| place.field);
        let field = field.split('.').next().unwrap_or_default();
        if field.is_empty() { "invalid_tag".to_owned() } else { format!("invalid_{field}") }
    };
    let first = errors.first().map_or_else(|| "invalid_tag".to_owned(), code);
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, first, detail);
    errors.iter().take(100).fold(problem, |problem, error| {
        let Some(place) = &error.place else { return problem.at("", code(error), error.to_string()) };
        match own(&place.name).filter(|_| place.item == "tag") {
            Some(pointer) => {
                let pointer = format!("{pointer}/{}", place.field.replace('.', "/"));
                problem.at(pointer, code(error), error.fault.to_string())
            }
            None => {
                let pointer = format!("/{}/{}/{}", place.item, place.name, place.field);
                problem.at(pointer, code(error), error.to_string())
            }
        }
    })
}

impl From<AlarmError> for Problem {
    fn from(error: AlarmError) -> Self {
        let detail = chain(&error);
        match error {
            AlarmError::UnknownAlarm(_) => Self::unknown("alarm", detail),
            AlarmError::Invalid { field, .. } => Self::invalid(field, format!("/{field}"), detail),
            AlarmError::WrongState { allowed, .. } => {
                Self::wrong_state(detail, allowed.into_iter().map(str::to_owned).collect())
            }
            AlarmError::ShelvedTooLong { .. } => Self::invalid("seconds", "/seconds", detail),
            AlarmError::ReasonNeeded => Self::invalid("reason", "/reason", detail),
            AlarmError::NotDurable(_) => Self::unavailable(detail),
            other => Self::internal(&other),
        }
    }
}

impl From<AnalyticsError> for Problem {
    fn from(error: AnalyticsError) -> Self {
        let detail = chain(&error);
        match error {
            AnalyticsError::Range { .. } => Self::invalid("range", "?from", detail),
            AnalyticsError::UnknownArea(_) => Self::unknown("area", detail),
            AnalyticsError::Database(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}

impl From<LinkError> for Problem {
    fn from(error: LinkError) -> Self {
        let detail = chain(&error);
        match error {
            LinkError::UnknownLink(_) => Self::unknown("link", detail),
            LinkError::UnknownTag(_) => Self::unknown("tag", detail),
            LinkError::DuplicateLink(_) => Self::new(StatusCode::CONFLICT, "duplicate_link", detail),
            LinkError::Refused { .. } => Self::invalid("value", "/value", detail),
            LinkError::NotConnected(_) => Self::unavailable(detail),
            LinkError::Deadline(_) => Self::deadline(detail),
            other => Self::internal(&other),
        }
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        let detail = chain(&error);
        match error {
            WriteError::UnknownTag(_) => Self::unknown("tag", detail),
            WriteError::NotWritable(_) | WriteError::Derived(_) => {
                Self::new(StatusCode::CONFLICT, "not_writable", detail)
            }
            WriteError::Substituted(_) => Self::new(StatusCode::CONFLICT, "substituted", detail),
            WriteError::RoleNeeded { .. } => Self::new(StatusCode::FORBIDDEN, "forbidden", detail),
            WriteError::WrongType { .. } | WriteError::NotFinite(_) | WriteError::OutOfRange { .. } => {
                Self::invalid("value", "/value", detail)
            }
            WriteError::Link(error) => error.into(),
            WriteError::Deadline(_) => Self::deadline(detail),
            WriteError::Unavailable => Self::unavailable(detail),
            other => Self::internal(&other),
        }
    }
}

impl From<HistoryError> for Problem {
    fn from(error: HistoryError) -> Self {
        let detail = chain(&error);
        match error {
            HistoryError::TagCount(_) | HistoryError::DuplicateTag(_) | HistoryError::Text { .. } => {
                Self::invalid("tags", "?tags", detail)
            }
            HistoryError::BucketCount(_) | HistoryError::CellCount { .. } | HistoryError::SampleCount(_) => {
                Self::invalid("max_points", "?max_points", detail)
            }
            HistoryError::Cursor => Self::malformed_parameter("cursor", detail),
            HistoryError::Step(_) => Self::invalid("step", "?step", detail),
            HistoryError::AggregateCount => Self::invalid("aggregates", "?aggregates", detail),
            HistoryError::Percent { .. } => Self::invalid("percent", "?percent_good", detail),
            HistoryError::Range { .. } => Self::invalid("range", "?from", detail),
            HistoryError::Busy => Self::busy(detail),
            HistoryError::Cancelled | HistoryError::Unavailable(_) => Self::unavailable(detail),
            HistoryError::Deadline(_) => Self::deadline(detail),
            other => Self::internal(&other),
        }
    }
}

impl From<MachineError> for Problem {
    fn from(error: MachineError) -> Self {
        let detail = error.to_string();
        match error {
            MachineError::UnknownMachine(_) => Self::unknown("machine", detail),
            MachineError::DuplicateId(_) | MachineError::DuplicateName(_) => {
                Self::new(StatusCode::CONFLICT, "duplicate_machine", detail)
            }
            MachineError::UnknownKind { .. } => Self::invalid("kind", "/kind", detail),
            MachineError::UnknownInput { .. } | MachineError::UnboundInput { .. } => {
                Self::invalid("inputs", "/inputs", detail)
            }
            MachineError::UnknownOutput { .. }
            | MachineError::NotWritable { .. }
            | MachineError::AlreadyDriven { .. } => Self::invalid("outputs", "/outputs", detail),
            MachineError::UnknownTag { .. } | MachineError::TypeMismatch { .. } | MachineError::UnitMismatch { .. } => {
                Self::invalid("tag", "/inputs", detail)
            }
            MachineError::BadInterval { .. } => Self::invalid("interval_ms", "/interval_ms", detail),
            MachineError::InvalidParameters { faults, .. } => {
                let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_parameter", detail);
                faults.into_iter().fold(problem, |problem, (name, fault)| {
                    problem.at(format!("/{name}"), "invalid_parameter", fault.to_string())
                })
            }
            MachineError::WrongState { refused, .. } => {
                let allowed = refused.allowed.iter().map(|transition| transition.as_str().to_owned()).collect();
                Self::wrong_state(detail, allowed)
            }
            MachineError::Denied { .. } => Self::wrong_state(detail, Vec::new()),
            MachineError::TooManyThreads { .. } => Self::busy(detail),
            MachineError::NotDurable { .. } | MachineError::Stopping(_) => Self::unavailable(detail),
            MachineError::Unavailable { source, .. } => Self::from(source).saying(detail),
            other => Self::internal(&other),
        }
    }
}

impl From<PointsError> for Problem {
    fn from(error: PointsError) -> Self {
        let detail = error.to_string();
        match error {
            PointsError::UnknownSegment(_) => Self::unknown("segment", detail),
            PointsError::Point(error) => Self::invalid(error.field(), format!("?{}", error.field()), detail),
            PointsError::Rows(faults) => {
                let faults: Vec<CsvFault> = faults.into_iter().map(CsvFault::from).collect();
                refused(&faults)
            }
            PointsError::Empty | PointsError::TooMany { .. } => Self::invalid("points", "", detail),
            PointsError::Database(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Busy => Self::busy("the database has too much to do"),
            DbError::Closed => Self::unavailable("the database is closed"),
            other => Self::internal(&other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::ResponseError as _;
    use actix_web::http::header;
    use flyball::alarms::AlarmState;
    use flyball::schema::definition::Fault;
    use flyball::schema::linear::check_post;
    use flyball::schema::{AlarmId, LinkId, TagId, Timestamp};
    use std::time::Duration;

    fn line(problem: &Problem) -> String {
        let retry = problem.error_response().headers().contains_key(header::RETRY_AFTER);
        format!("{} {}{}", problem.status, problem.code, if retry { " retry" } else { "" })
    }

    #[test]
    fn every_error_of_the_plant_has_its_status_and_code() {
        let wrong_state = AlarmError::WrongState {
            alarm: AlarmId(1),
            state: AlarmState::Norm,
            event: "acknowledged",
            allowed: vec!["shelve"],
        };
        let table: Vec<(&str, Problem)> = vec![
            ("send closed", SendError::Closed.into()),
            ("send full", SendError::Full.into()),
            ("send deadline", SendError::Deadline(Duration::from_secs(5)).into()),
            ("tag id", CvtError::UnknownTag(TagId(7)).into()),
            ("tag name", CvtError::UnknownName("a".into()).into()),
            ("tag name taken", CvtError::DuplicateName("a".into()).into()),
            ("tag id taken", CvtError::DuplicateId(TagId(7)).into()),
            ("tag field", CvtError::Invalid { tag: "a".into(), field: "unit", fault: Fault::BadName }.into()),
            ("alarm id", AlarmError::UnknownAlarm(AlarmId(1)).into()),
            ("alarm field", AlarmError::Invalid { alarm: "a".into(), field: "name", fault: Fault::BadName }.into()),
            ("alarm state", wrong_state.into()),
            ("alarm journal", AlarmError::NotDurable("disk full".into()).into()),
            ("analytics range", AnalyticsError::Range { from: Timestamp::MIN, to: Timestamp::MAX }.into()),
            ("analytics area", AnalyticsError::UnknownArea("north".into()).into()),
            ("analytics busy", AnalyticsError::Database(DbError::Busy).into()),
            ("link id", LinkError::UnknownLink(LinkId(1)).into()),
            ("link id taken", LinkError::DuplicateLink(LinkId(1)).into()),
            ("link tag", LinkError::UnknownTag(TagId(7)).into()),
            ("link away", LinkError::NotConnected("plc".into()).into()),
            ("link refused", LinkError::Refused { tag: TagId(7), status: "BadOutOfRange".into() }.into()),
            ("link deadline", LinkError::Deadline("plc".into()).into()),
            ("segment name", PointsError::UnknownSegment("L1".into()).into()),
            ("post", PointsError::Point(check_post(f64::NAN).unwrap_err()).into()),
            ("rows of points", PointsError::Rows(vec![]).into()),
            ("no points", PointsError::Empty.into()),
            ("many points", PointsError::TooMany { count: 1_000_000 }.into()),
            ("points busy", PointsError::Database(DbError::Busy).into()),
            ("anything else", Problem::internal(&std::fmt::Error)),
        ];
        let lines: Vec<String> = table.iter().map(|(fact, problem)| format!("{fact}: {}", line(problem))).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        send closed: 503 unavailable retry
        send full: 503 busy retry
        send deadline: 504 deadline
        tag id: 404 unknown_tag
        tag name: 404 unknown_tag
        tag name taken: 409 duplicate_tag
        tag id taken: 409 duplicate_tag
        tag field: 422 invalid_unit
        alarm id: 404 unknown_alarm
        alarm field: 422 invalid_name
        alarm state: 409 wrong_state
        alarm journal: 503 unavailable retry
        analytics range: 422 invalid_range
        analytics area: 404 unknown_area
        analytics busy: 503 busy retry
        link id: 404 unknown_link
        link id taken: 409 duplicate_link
        link tag: 404 unknown_tag
        link away: 503 unavailable retry
        link refused: 422 invalid_value
        link deadline: 504 deadline
        segment name: 404 unknown_segment
        post: 422 invalid_post
        rows of points: 422 invalid_points
        no points: 422 invalid_points
        many points: 422 invalid_points
        points busy: 503 busy retry
        anything else: 500 internal
        ");
    }
}
