//! Jobs on both backends: all or nothing, contained panics, full lanes, a database that is away.

use super::super::test_support::open;
use super::*;
use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl};
use flyball_schema::tables::tag;
use flyball_schema::test_support::TestDatabase;

fn insert(connection: &mut Connection, name: &str) -> Result<(), DbError> {
    let row = (tag::name.eq(name), tag::definition.eq("{}"), tag::changed_at.eq(0));
    diesel::insert_into(tag::table).values(row).execute(connection)?;
    Ok(())
}

async fn count(database: &Database) -> Result<i64, DbError> {
    database.read(|connection| Ok(tag::table.count().get_result(connection)?)).await
}

#[actix_rt::test]
async fn a_job_that_fails_leaves_nothing_behind() {
    for test_database in TestDatabase::each() {
        let database = open(&test_database);
        let failed = database.write(|connection| {
            insert(connection, "a")?;
            insert(connection, "a")
        });
        assert!(matches!(failed.await, Err(DbError::Query(_))));
        assert_eq!(database.health().failures, 1);
        database.probe().await;
        assert_eq!(database.health().failures, 1, "it can be reached, which it could before");
        assert_eq!(count(&database).await.unwrap(), 0);
        assert_eq!(database.health(), DatabaseHealth::default());
    }
}

#[actix_rt::test]
async fn a_job_that_panics_answers_and_the_writer_lives_on() {
    for test_database in TestDatabase::each() {
        let database = open(&test_database);
        let panicked = database.write(|connection| -> Result<(), DbError> {
            insert(connection, "a")?;
            panic!("out of cheese")
        });
        assert!(matches!(panicked.await, Err(DbError::Panicked(text)) if text == "out of cheese"));
        database.write(|connection| insert(connection, "b")).await.unwrap();
        assert_eq!(count(&database).await.unwrap(), 1);
    }
}

#[actix_rt::test]
async fn a_lane_that_is_full_refuses_as_busy() {
    let test_database = TestDatabase::sqlite();
    let database = open(&test_database);
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let gate = Arc::new(Mutex::new(gate));
    let stuck: Vec<_> = (0..PERMITS)
        .map(|_| {
            let (database, gate) = (database.clone(), Arc::clone(&gate));
            actix_rt::spawn(async move {
                let wait = move |_: &mut Connection| {
                    let _released = gate.lock().unwrap().recv();
                    Ok(())
                };
                database.write(wait).await
            })
        })
        .collect();
    while database.writer.permits.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    // Virtual time: the permit's patience passes at once. Real time again for the jobs on real threads.
    tokio::time::pause();
    assert!(matches!(database.write(|_| Ok(())).await, Err(DbError::Busy)));
    tokio::time::resume();
    drop(release);
    for job in stuck {
        job.await.unwrap().unwrap();
    }
}

#[actix_rt::test]
async fn connections_that_were_cut_between_jobs_are_not_noticed() {
    let Some(test_database) = TestDatabase::postgres() else { return };
    let database = open(&test_database);
    for name in ["a", "b", "c"] {
        database.write(move |connection| insert(connection, name)).await.unwrap();
        test_database.cut_connections();
    }
    assert_eq!(count(&database).await.unwrap(), 3);
}

#[actix_rt::test]
async fn a_connection_that_is_cut_under_a_job_is_a_typed_error_and_the_next_job_succeeds() {
    let Some(test_database) = TestDatabase::postgres() else { return };
    let database = open(&test_database);
    let (cut, was_cut) = std::sync::mpsc::channel::<()>();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let running = database.clone();
    let job = actix_rt::spawn(async move {
        let job = move |connection: &mut Connection| {
            insert(connection, "a")?;
            let _asked = begun.send(());
            let _cut = was_cut.recv();
            insert(connection, "b")
        };
        running.write(job).await
    });
    has_begun.await.unwrap();
    test_database.cut_connections();
    cut.send(()).unwrap();
    let lost = job.await.unwrap().unwrap_err();
    assert!(matches!(lost, DbError::Lost(_)), "{lost:?}");
    assert!(database.health().is_away);
    database.write(|connection| insert(connection, "c")).await.unwrap();
    assert_eq!(count(&database).await.unwrap(), 1, "nothing of the job that was cut");
}

#[actix_rt::test]
async fn while_the_database_is_away_jobs_fail_quickly_and_succeed_again_when_it_is_back() {
    let Some(test_database) = TestDatabase::postgres() else { return };
    let database = open(&test_database);
    database.write(|connection| insert(connection, "a")).await.unwrap();
    test_database.allow_connections(false);
    test_database.cut_connections();
    let began = tokio::time::Instant::now();
    let jobs = (0..20).map(|_| database.write(|connection| insert(connection, "b")));
    for outcome in futures_util::future::join_all(jobs).await {
        assert!(
            matches!(&outcome, Err(DbError::Connect(why)) if why.contains("not currently accepting")),
            "{outcome:?}"
        );
    }
    // Twenty times the patience of one, were each to wait by itself.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(database.health().is_away);

    test_database.allow_connections(true);
    while database.health().is_away {
        database.probe().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(database.health(), DatabaseHealth::default());
    database.write(|connection| insert(connection, "c")).await.unwrap();
    // The readers look for themselves.
    let answer = loop {
        match count(&database).await {
            Err(DbError::Connect(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
            answer => break answer,
        }
    };
    assert_eq!(answer.unwrap(), 2);
}
