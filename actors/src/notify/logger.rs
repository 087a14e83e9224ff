//! The record of messages in the database. **Engine.**

use super::{
    AbandonQueued, Kind, Notification, NotificationRecord, ReadNotifications, ReadTold, Status, StoreNotifications,
    Told,
};
use crate::db::{Database, DbError, limit, storable};
use actix::{Actor, Context, Handler, ResponseFuture};
use diesel::prelude::*;
use flyball_schema::db::Connection;
use flyball_schema::tables::alarm;
use flyball_schema::tables::notifications::{NewNotificationRow, NotificationOutcome, NotificationRow, notification};
use flyball_schema::{AlarmId, Timestamp};

/// Keeps the record of messages. **Engine.**
#[derive(Debug)]
pub struct NotificationsLogger {
    database: Database,
}

impl NotificationsLogger {
    /// An engine on `database`, which is migrated.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

impl Actor for NotificationsLogger {
    type Context = Context<Self>;
}

impl Handler<StoreNotifications> for NotificationsLogger {
    type Result = ResponseFuture<Result<(), DbError>>;

    fn handle(&mut self, StoreNotifications(records): StoreNotifications, _ctx: &mut Self::Context) -> Self::Result {
        let database = self.database.clone();
        let store = move |connection: &mut Connection| records.iter().try_for_each(|record| store(connection, record));
        Box::pin(async move { database.write(store).await })
    }
}

impl Handler<AbandonQueued> for NotificationsLogger {
    type Result = ResponseFuture<Result<usize, DbError>>;

    fn handle(&mut self, _: AbandonQueued, _ctx: &mut Self::Context) -> Self::Result {
        let database = self.database.clone();
        Box::pin(async move { database.write(abandon).await })
    }
}

impl Handler<ReadTold> for NotificationsLogger {
    type Result = ResponseFuture<Result<Vec<Told>, DbError>>;

    fn handle(&mut self, ReadTold(occurrences): ReadTold, _ctx: &mut Self::Context) -> Self::Result {
        let database = self.database.clone();
        Box::pin(async move { database.read(move |connection| told(connection, &occurrences)).await })
    }
}

impl Handler<ReadNotifications> for NotificationsLogger {
    type Result = ResponseFuture<Result<Vec<Notification>, DbError>>;

    fn handle(&mut self, query: ReadNotifications, _ctx: &mut Self::Context) -> Self::Result {
        let database = self.database.clone();
        Box::pin(async move { database.read(move |connection| list(connection, query)).await })
    }
}

fn store(connection: &mut Connection, record: &NotificationRecord) -> Result<(), DbError> {
    let outgoing = &*record.outgoing;
    let error = record.error.as_deref().map(storable);
    let (status, error) = (record.status.as_str(), error.as_deref());
    let attempts = i32::try_from(record.attempts).unwrap_or(i32::MAX);
    let outcome = NotificationOutcome { status, attempts, error };
    let known = notification::table.filter(notification::message_key.eq(&outgoing.key));
    if diesel::update(known).set(&outcome).execute(connection)? > 0 {
        return Ok(());
    }
    let row = NewNotificationRow {
        message_key: &outgoing.key,
        at: outgoing.at.as_micros(),
        channel: &outgoing.channel_name,
        recipient: &outgoing.recipient,
        rule: outgoing.rule.as_deref(),
        alarm_id: outgoing.alarm.map(|(alarm, _)| alarm.to_i32()),
        occurrence: outgoing.alarm.map(|(_, occurrence)| to_i64(occurrence)),
        kind: outgoing.kind.as_str(),
        status,
        attempts,
        error,
    };
    diesel::insert_into(notification::table).values(row).execute(connection)?;
    Ok(())
}

fn abandon(connection: &mut Connection) -> Result<usize, DbError> {
    let queued = notification::table.filter(notification::status.eq(Status::Queued.as_str()));
    let failed = (
        notification::status.eq(Status::Failed.as_str()),
        notification::error.eq("not sent before the end of the run"),
    );
    Ok(diesel::update(queued).set(failed).execute(connection)?)
}

fn told(connection: &mut Connection, occurrences: &[(AlarmId, u64)]) -> Result<Vec<Told>, DbError> {
    let mut all = Vec::new();
    for &(alarm, occurrence) in occurrences {
        let of_it = notification::alarm_id.eq(alarm.to_i32()).and(notification::occurrence.eq(to_i64(occurrence)));
        let sent = notification::table.filter(of_it.and(notification::status.eq(Status::Sent.as_str())));
        let rows: Vec<NotificationRow> = sent.select(NotificationRow::as_select()).load(connection)?;
        for row in rows {
            let (id, at) = (row.id, Timestamp::from_micros(row.at));
            let kind = Kind::parse(&row.kind).ok_or_else(|| no_word(id, &row.kind, "kind"))?;
            all.extend(row.rule.map(|rule| Told { rule, alarm, occurrence, kind, at }));
        }
    }
    Ok(all)
}

fn list(connection: &mut Connection, query: ReadNotifications) -> Result<Vec<Notification>, DbError> {
    let mut select = notification::table
        .left_join(alarm::table)
        .select((NotificationRow::as_select(), alarm::name.nullable()))
        .order(notification::id.desc())
        .limit(limit(query.limit))
        .into_boxed();
    if let Some(alarm) = query.alarm {
        select = select.filter(notification::alarm_id.eq(alarm.to_i32()));
    }
    if let Some(status) = query.status {
        select = select.filter(notification::status.eq(status.as_str()));
    }
    if let Some(before) = query.before {
        select = select.filter(notification::id.lt(before));
    }
    let rows: Vec<(NotificationRow, Option<String>)> = select.load(connection)?;
    rows.into_iter().map(|(row, alarm_name)| notification_of(row, alarm_name)).collect()
}

fn no_word(id: i64, word: &str, expected: &str) -> DbError {
    DbError::Corrupt { table: "notification", id, problem: format!("\"{word}\" is no {expected}") }
}

fn notification_of(row: NotificationRow, alarm_name: Option<String>) -> Result<Notification, DbError> {
    Ok(Notification {
        id: row.id,
        at: Timestamp::from_micros(row.at),
        channel: row.channel,
        recipient: row.recipient,
        rule: row.rule,
        alarm: row.alarm_id.and_then(AlarmId::from_i32),
        alarm_name,
        occurrence: row.occurrence.and_then(|occurrence| u64::try_from(occurrence).ok()),
        kind: Kind::parse(&row.kind).ok_or_else(|| no_word(row.id, &row.kind, "kind"))?,
        status: Status::parse(&row.status).ok_or_else(|| no_word(row.id, &row.status, "status"))?,
        attempts: u32::try_from(row.attempts).unwrap_or(0),
        error: row.error,
        key: row.message_key,
    })
}

fn to_i64(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{at, outgoing_of};
    use super::*;
    use crate::db::test_support::open;
    use crate::send::{DEADLINE, ask};
    use actix::Addr;
    use flyball_schema::test_support::TestDatabase;

    fn record(key: &str, alarm: u32, kind: Kind, status: Status) -> NotificationRecord {
        let outgoing = outgoing_of(key, Some((AlarmId(alarm), 1)), kind, at(5));
        NotificationRecord { outgoing, status, attempts: 1, error: None }
    }

    async fn with(test: impl AsyncFn(Addr<NotificationsLogger>)) {
        for test_database in TestDatabase::each() {
            test(NotificationsLogger::new(open(&test_database)).start()).await;
        }
    }

    async fn store(logger: &Addr<NotificationsLogger>, records: Vec<NotificationRecord>) {
        ask(logger, StoreNotifications(records), DEADLINE).await.unwrap().unwrap();
    }

    async fn read(logger: &Addr<NotificationsLogger>, query: ReadNotifications) -> Vec<(String, Status)> {
        let rows = ask(logger, query, DEADLINE).await.unwrap().unwrap();
        rows.into_iter().map(|row| (row.key, row.status)).collect()
    }

    fn told(keys: &[(&str, Status)]) -> Vec<(String, Status)> {
        keys.iter().map(|(key, status)| ((*key).to_owned(), *status)).collect()
    }

    #[actix_rt::test]
    async fn the_newest_of_a_message_counts_and_pages_follow_each_other() {
        with(async |logger| {
            let queued: Vec<_> =
                ["a", "b", "c"].iter().map(|key| record(key, 1, Kind::Raised, Status::Queued)).collect();
            store(&logger, queued).await;
            store(&logger, vec![record("b", 1, Kind::Raised, Status::Sent)]).await;
            let page = ReadNotifications { limit: 2, ..ReadNotifications::default() };
            assert_eq!(read(&logger, page).await, told(&[("c", Status::Queued), ("b", Status::Sent)]));
            let rows = ask(&logger, page, DEADLINE).await.unwrap().unwrap();
            let (row, expected) =
                (&rows[1], ("mail", "ann@plant.example", Some("rule"), at(5), Some(AlarmId(1)), Some(1)));
            let found = (&*row.channel, &*row.recipient, row.rule.as_deref(), row.at, row.alarm, row.occurrence);
            assert_eq!((found, row.alarm_name.as_deref(), row.attempts), (expected, None, 1));
            let next = ReadNotifications { before: Some(rows[1].id), ..page };
            assert_eq!(read(&logger, next).await, told(&[("a", Status::Queued)]));
            let sent = ReadNotifications { status: Some(Status::Sent), alarm: Some(AlarmId(1)), ..page };
            assert_eq!(read(&logger, sent).await, told(&[("b", Status::Sent)]));
            assert_eq!(read(&logger, ReadNotifications { alarm: Some(AlarmId(2)), ..page }).await, []);
        })
        .await;
    }

    #[actix_rt::test]
    async fn only_what_was_sent_of_an_occurrence_was_told() {
        with(async |logger| {
            let records = vec![
                record("a", 1, Kind::Raised, Status::Sent),
                record("b", 1, Kind::Returned, Status::Queued),
                record("c", 2, Kind::Raised, Status::Failed),
            ];
            store(&logger, records).await;
            let asked = ReadTold(vec![(AlarmId(1), 1), (AlarmId(1), 2), (AlarmId(2), 1)]);
            let (alarm, kind) = (AlarmId(1), Kind::Raised);
            let expected = Told { rule: "rule".to_owned(), alarm, occurrence: 1, kind, at: at(5) };
            assert_eq!(ask(&logger, asked, DEADLINE).await.unwrap().unwrap(), [expected]);
        })
        .await;
    }

    #[actix_rt::test]
    async fn what_is_queued_at_a_start_was_not_sent() {
        with(async |logger| {
            let records =
                vec![record("a", 1, Kind::Raised, Status::Sent), record("b", 1, Kind::Repeated, Status::Queued)];
            store(&logger, records).await;
            assert_eq!(ask(&logger, AbandonQueued, DEADLINE).await.unwrap().unwrap(), 1);
            let page = ReadNotifications { limit: 9, ..ReadNotifications::default() };
            assert_eq!(read(&logger, page).await, told(&[("b", Status::Failed), ("a", Status::Sent)]));
        })
        .await;
    }
}
