//! The columns of each kind of item.

use crate::definition::{AlarmDefinition, TagDefinition};

/// What a cell of a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text, or a word of a few.
    Text,
    /// A finite number.
    Number,
    /// A whole number of 32 bits without sign.
    Integer,
    /// True or false.
    Truth,
    /// A value of the type that the row says.
    Value,
    /// True for a table that says something without any field; empty otherwise.
    Table,
}

/// A column: the dotted path of its field, as TOML has it, and what its cells hold.
pub(super) type Column = (&'static str, Kind);

/// Columns of tags, in the order in which they are written.
pub(super) const TAG: &[Column] = &[
    ("name", Kind::Text),
    ("display_name", Kind::Text),
    ("description", Kind::Text),
    ("area", Kind::Text),
    ("data_type", Kind::Text),
    ("quantity", Kind::Text),
    ("unit", Kind::Text),
    ("display_unit", Kind::Text),
    ("range.low", Kind::Number),
    ("range.high", Kind::Number),
    ("link", Kind::Text),
    ("node", Kind::Text),
    ("publish_ms", Kind::Integer),
    ("poll_ms", Kind::Integer),
    ("expression", Kind::Text),
    ("filter.lag.time_constant_ms", Kind::Integer),
    ("filter.kalman.process_noise", Kind::Number),
    ("filter.kalman.measurement_noise", Kind::Number),
    ("filter.kalman.reset_sigmas", Kind::Number),
    ("filter.median.samples", Kind::Integer),
    ("screens", Kind::Table),
    ("screens.frozen.deviation", Kind::Number),
    ("screens.frozen.window_ms", Kind::Integer),
    ("screens.outlier.samples", Kind::Integer),
    ("screens.outlier.sigmas", Kind::Number),
    ("screens.outlier.floor", Kind::Number),
    ("screens.range", Kind::Table),
    ("screens.range.low", Kind::Number),
    ("screens.range.high", Kind::Number),
    ("screens.rate.limit", Kind::Number),
    ("screens.drift.target", Kind::Number),
    ("screens.drift.reference_samples", Kind::Integer),
    ("screens.drift.slack", Kind::Number),
    ("screens.drift.threshold", Kind::Number),
    ("screens.alarm", Kind::Text),
    ("dead_band.absolute", Kind::Number),
    ("dead_band.percent", Kind::Number),
    ("max_silence_ms", Kind::Integer),
    ("stale_after_ms", Kind::Integer),
    ("writable", Kind::Truth),
    ("write_limits.low", Kind::Number),
    ("write_limits.high", Kind::Number),
    ("write_role", Kind::Text),
    ("history", Kind::Truth),
    ("history_dead_band.absolute", Kind::Number),
    ("history_dead_band.percent", Kind::Number),
    ("retention", Kind::Text),
    ("initial", Kind::Value),
    ("location.segment", Kind::Text),
    ("location.post", Kind::Number),
    ("was", Kind::Text),
];

/// Columns of alarms, in the order in which they are written.
pub(super) const ALARM: &[Column] = &[
    ("name", Kind::Text),
    ("tag", Kind::Text),
    ("kind", Kind::Text),
    ("set_point", Kind::Value),
    ("set_point_tag", Kind::Text),
    ("reference", Kind::Text),
    ("window_ms", Kind::Integer),
    ("dead_band", Kind::Number),
    ("on_delay_ms", Kind::Integer),
    ("off_delay_ms", Kind::Integer),
    ("latching", Kind::Truth),
    ("auto_acknowledge", Kind::Truth),
    ("re_alarm_ms", Kind::Integer),
    ("group", Kind::Text),
    ("suppress_when", Kind::Text),
    ("max_shelve_ms", Kind::Integer),
    ("priority", Kind::Text),
    ("class", Kind::Text),
    ("description", Kind::Text),
    ("cause", Kind::Text),
    ("consequence", Kind::Text),
    ("action", Kind::Text),
    ("respond_ms", Kind::Integer),
    ("owner", Kind::Text),
    ("revision", Kind::Text),
    ("was", Kind::Text),
];

/// Columns of which only one may be filled: tables that are one of several.
pub(super) const ALTERNATIVES: &[&[&str]] = &[
    &["filter.lag", "filter.kalman", "filter.median"],
    &["dead_band.absolute", "dead_band.percent"],
    &["history_dead_band.absolute", "history_dead_band.percent"],
];

/// The field of the item that a column is part of.
pub(super) fn field_of(column: &str) -> &str {
    column.split('.').next().unwrap_or(column)
}

/// Whether `path` is `table`, or a field within it.
pub(super) fn is_within(path: &str, table: &str) -> bool {
    path.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// What is kept of an item for which a file has no column: a field of `old` whose column is not there goes into `new`.
pub(super) trait Keep {
    /// Takes over every field for which `has` is false.
    fn keep(&mut self, old: &Self, has: &dyn Fn(&str) -> bool);
}

/// Takes over each field of an item; that none is forgotten is seen by the compiler.
macro_rules! keep {
    ($item:ident, $($field:ident),+) => {
        impl Keep for $item {
            fn keep(&mut self, old: &Self, has: &dyn Fn(&str) -> bool) {
                let Self { name: _, was: _, $($field),+ } = old;
                $(if !has(stringify!($field)) {
                    self.$field.clone_from($field);
                })+
            }
        }
    };
}

keep!(
    TagDefinition,
    display_name,
    description,
    area,
    data_type,
    quantity,
    unit,
    display_unit,
    range,
    link,
    node,
    publish_ms,
    poll_ms,
    expression,
    filter,
    screens,
    dead_band,
    max_silence_ms,
    stale_after_ms,
    writable,
    write_limits,
    write_role,
    history,
    history_dead_band,
    retention,
    initial,
    location
);

keep!(
    AlarmDefinition,
    tag,
    kind,
    set_point,
    set_point_tag,
    reference,
    window_ms,
    dead_band,
    on_delay_ms,
    off_delay_ms,
    latching,
    auto_acknowledge,
    re_alarm_ms,
    group,
    suppress_when,
    max_shelve_ms,
    priority,
    class,
    description,
    cause,
    consequence,
    action,
    respond_ms,
    owner,
    revision
);
