//! The engine on both backends, and the import beside a plant that does not run.

use super::offline::OfflineImportError;
use super::*;
use crate::Clock;
use crate::db::Database;
use crate::db::test_support::open;
use crate::history::offline::OfflineError;
use crate::plant::DataFolder;
use crate::settings::Settings;
use actix::{Actor, Addr};
use flyball_schema::linear::{PositionKind, RowError};
use flyball_schema::test_support::TestDatabase;

struct Rig {
    _test_database: TestDatabase,
    database: Database,
    logger: Addr<PointsLogger>,
}

impl Rig {
    fn each() -> Vec<Self> {
        let rig = |test_database| {
            let database = open(&test_database);
            let logger = PointsLogger::new(Clock::system(), database.clone()).start();
            Self { _test_database: test_database, database, logger }
        };
        TestDatabase::each().into_iter().map(rig).collect()
    }

    async fn import(&self, points: Vec<Point>, replace: bool) -> Result<PointsImported, PointsError> {
        self.logger.send(import_of(points, replace)).await.unwrap()
    }

    async fn segments(&self) -> Vec<(String, u64, f64, f64)> {
        let segments = self.logger.send(ListSegments { after: None, limit: 9 }).await.unwrap().unwrap();
        segments.into_iter().map(|found| (found.name, found.points, found.first_post, found.last_post)).collect()
    }

    async fn read(&self, query: ReadPoints) -> Result<Vec<f64>, PointsError> {
        let points = self.logger.send(query).await.unwrap()?;
        Ok(points.into_iter().map(|point| point.post).collect())
    }

    async fn locate(&self, segment: &str, post: f64) -> Result<Position, PointsError> {
        self.logger.send(LocatePost { segment: segment.to_owned(), post }).await.unwrap()
    }
}

fn import_of(points: Vec<Point>, replace: bool) -> ImportPoints {
    let rows = (2..).zip(points).map(|(line, point)| NumberedPoint { line, point }).collect();
    ImportPoints { rows, replace, dry_run: false }
}

fn point(segment: &str, post: f64) -> Point {
    Point { segment: segment.to_owned(), post, latitude: 48.0 + post / 100.0, longitude: 11.0, elevation: Some(post) }
}

/// A line with a hole in its elevations, in no order, and another.
fn survey() -> Vec<Point> {
    let bare = Point { elevation: None, ..point("L1", 30.0) };
    vec![point("L1", 20.0), point("L2", 0.1 + 0.2), point("L1", 10.0), bare]
}

fn all(segment: &str) -> ReadPoints {
    ReadPoints { segment: segment.to_owned(), limit: 9, ..ReadPoints::default() }
}

fn faults(error: PointsError) -> Vec<RowFault> {
    match error {
        PointsError::Rows(faults) => faults,
        other => panic!("{other}"),
    }
}

#[actix_rt::test]
async fn imported_points_come_back_bit_for_bit_and_in_order() {
    for rig in Rig::each() {
        let imported = rig.import(survey(), false).await.unwrap();
        assert_eq!(imported, PointsImported { points: 4, segments: 2, removed: 0 });
        let third = 0.1 + 0.2;
        let segments = [("L1".to_owned(), 3, 10.0, 30.0), ("L2".to_owned(), 1, third, third)];
        assert_eq!(rig.segments().await, segments);
        let behind = ListSegments { after: Some("L1".to_owned()), limit: 9 };
        assert_eq!(rig.logger.send(behind).await.unwrap().unwrap()[0].name, "L2");
        let points = rig.logger.send(all("L1")).await.unwrap().unwrap();
        let mut expected: Vec<Point> = survey().into_iter().filter(|point| point.segment == "L1").collect();
        expected.sort_by(|one, other| one.post.total_cmp(&other.post));
        assert_eq!(points, expected);
        for (query, posts) in [
            (ReadPoints { from: Some(20.0), ..all("L1") }, vec![20.0, 30.0]),
            (ReadPoints { from: Some(11.0), to: Some(20.0), ..all("L1") }, vec![20.0]),
            (ReadPoints { after: Some(10.0), limit: 1, ..all("L1") }, vec![20.0]),
            (ReadPoints { from: Some(31.0), ..all("L1") }, vec![]),
        ] {
            assert_eq!(rig.read(query.clone()).await.unwrap(), posts, "{query:?}");
        }
    }
}

#[actix_rt::test]
async fn a_post_is_located_by_its_neighbours_in_the_database() {
    for rig in Rig::each() {
        rig.import(survey(), false).await.unwrap();
        for (post, kind, latitude, elevation) in [
            (20.0, PositionKind::Exact, 48.2, Some(20.0)),
            (15.0, PositionKind::Interpolated, 48.15, Some(15.0)),
            (25.0, PositionKind::Interpolated, 48.25, None),
            (-7.0, PositionKind::Outside { nearest: 10.0 }, 48.1, Some(10.0)),
            (99.0, PositionKind::Outside { nearest: 30.0 }, 48.3, None),
        ] {
            let found = rig.locate("L1", post).await.unwrap();
            assert_eq!((found.kind, found.elevation), (kind, elevation), "{post}");
            assert!((found.latitude - latitude).abs() < 1e-9, "{post}: {found:?}");
        }
        assert!(matches!(rig.locate("L1", f64::NAN).await, Err(PointsError::Point(_))));
    }
}

#[actix_rt::test]
async fn an_import_with_wrong_rows_names_them_all_and_stores_nothing() {
    for rig in Rig::each() {
        rig.import(vec![point("L1", 1.0)], false).await.unwrap();
        let north = Point { latitude: 91.0, ..point("L1", 2.0) };
        let rows = vec![point("L1", 3.0), north, point("L1", 3.0)];
        let wrong = faults(rig.import(rows.clone(), false).await.unwrap_err());
        assert_eq!(
            wrong.iter().map(|fault| (fault.line, fault.error.field())).collect::<Vec<_>>(),
            [(3, "latitude"), (4, "post")]
        );
        assert!(matches!(wrong[1].error, RowError::Duplicate { first_line: 2, .. }), "{wrong:?}");
        let replaced = faults(rig.import(rows, true).await.unwrap_err());
        assert_eq!(replaced.len(), 2, "nothing was removed either");
        let stored = faults(rig.import(vec![point("L1", 0.5), point("L1", 1.0)], false).await.unwrap_err());
        assert!(matches!(&stored[..], [RowFault { line: 3, error: RowError::Stored { .. } }]), "{stored:?}");
        assert!(matches!(rig.import(Vec::new(), false).await, Err(PointsError::Empty)));
        let many = vec![point("L1", 5.0); MAX_POINTS + 1];
        assert!(matches!(rig.import(many, false).await, Err(PointsError::TooMany { .. })));
        assert_eq!(rig.segments().await, [("L1".to_owned(), 1, 1.0, 1.0)]);
        assert_eq!(rig.database.health().failures, 0, "a refusal is no failure of the database");
    }
}

#[actix_rt::test]
async fn a_replacing_import_takes_the_place_of_the_segments_it_names() {
    for rig in Rig::each() {
        rig.import(survey(), false).await.unwrap();
        let mut trial = import_of(vec![point("L1", 10.0), point("L3", 1.0)], true);
        trial.dry_run = true;
        let done = PointsImported { points: 2, segments: 2, removed: 3 };
        assert_eq!(rig.logger.send(trial.clone()).await.unwrap().unwrap(), done);
        assert_eq!(rig.segments().await.len(), 2, "a dry run changes nothing");
        trial.dry_run = false;
        assert_eq!(rig.logger.send(trial).await.unwrap().unwrap(), done);
        assert_eq!(rig.read(all("L1")).await.unwrap(), [10.0]);
        assert_eq!(rig.read(all("L2")).await.unwrap().len(), 1, "it is not named");
    }
}

#[actix_rt::test]
async fn a_segment_is_deleted_whole_and_is_unknown_afterwards() {
    for rig in Rig::each() {
        rig.import(survey(), false).await.unwrap();
        assert_eq!(rig.logger.send(DeleteSegment("L1".to_owned())).await.unwrap().unwrap(), 3);
        for name in ["L1", "", "a\0b"] {
            let deleted = rig.logger.send(DeleteSegment(name.to_owned())).await.unwrap();
            assert!(matches!(deleted, Err(PointsError::UnknownSegment(unknown)) if unknown == name));
            assert!(matches!(rig.read(all(name)).await, Err(PointsError::UnknownSegment(_))));
            assert!(matches!(rig.locate(name, 1.0).await, Err(PointsError::UnknownSegment(_))));
        }
        assert_eq!(rig.segments().await.len(), 1);
    }
}

#[actix_rt::test]
async fn a_large_import_is_stored_in_one_go() {
    for rig in Rig::each() {
        let points = (0..25_001).map(|metre| point("L1", f64::from(metre) / 1_000.0)).collect();
        assert_eq!(rig.import(points, false).await.unwrap().points, 25_001);
        assert_eq!(rig.segments().await, [("L1".to_owned(), 25_001, 0.0, 25.0)]);
    }
}

#[test]
fn points_are_imported_while_no_plant_runs_and_only_then() {
    for database in TestDatabase::each() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::in_folder(folder.path());
        settings.database.url = Some(database.url().to_owned());
        if database.backend() == flyball_schema::db::Backend::Sqlite {
            let missing = offline::import(&settings, &import_of(survey(), false));
            assert!(matches!(missing, Err(OfflineImportError::Offline(OfflineError::NoPlant(_)))));
        }
        drop(crate::db::test_support::migrated(&database));
        assert_eq!(offline::import(&settings, &import_of(survey(), false)).unwrap().points, 4);
        let again = offline::import(&settings, &import_of(survey(), false)).unwrap_err();
        assert!(matches!(again, OfflineImportError::Points(PointsError::Rows(faults)) if faults.len() == 4));
        let _running = DataFolder::take(folder.path()).unwrap();
        let refused = offline::import(&settings, &import_of(survey(), true)).unwrap_err();
        assert!(matches!(refused, OfflineImportError::Offline(OfflineError::Folder(_))), "{refused}");
    }
}
