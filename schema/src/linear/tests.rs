//! Points, lines and rows.

use super::*;
use proptest::prelude::*;

fn point(post: f64, latitude: f64, longitude: f64, elevation: Option<f64>) -> Point {
    Point { segment: "L1".to_owned(), post, latitude, longitude, elevation }
}

fn line(points: &[(f64, f64, f64, Option<f64>)]) -> Line {
    Line::new(
        points
            .iter()
            .map(|&(post, latitude, longitude, elevation)| point(post, latitude, longitude, elevation))
            .collect(),
    )
    .unwrap()
}

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-9
}

#[test]
fn a_point_out_of_bounds_is_refused_by_field_value_and_what_is_allowed() {
    let good = point(1.0, 48.0, 11.0, Some(500.0));
    assert_eq!(good.clone().checked().as_ref(), Ok(&good));
    for (wrong, text) in [
        (Point { segment: String::new(), ..good.clone() }, "segment \"\" is not allowed: a name has"),
        (Point { segment: " L1".to_owned(), ..good.clone() }, "segment \" L1\" is not allowed: a name has"),
        (Point { segment: "a\u{7}".to_owned(), ..good.clone() }, "segment \"a\\u{7}\" is not allowed: a name has"),
        (Point { segment: "ü".repeat(201), ..good.clone() }, "segment \"ü"),
        (Point { post: f64::INFINITY, ..good.clone() }, "post inf is not allowed: -100,000 to 100,000 km"),
        (Point { latitude: 90.5, ..good.clone() }, "latitude 90.5 is not allowed: -90 to 90 degrees"),
        (Point { longitude: f64::NAN, ..good.clone() }, "longitude NaN is not allowed: -180 to 180 degrees"),
        (Point { elevation: Some(-1e5), ..good.clone() }, "elevation -100000.0 is not allowed: -12,000 to 12,000 m"),
    ] {
        let error = wrong.checked().unwrap_err();
        assert!(error.to_string().starts_with(text), "{error}");
        assert!(text.starts_with(error.field()), "{error}");
    }
    assert!(Point { segment: "ü".repeat(200), ..good }.checked().is_ok());
}

#[test]
fn a_post_is_located_exactly_between_neighbours_or_at_the_nearest_end() {
    let line = line(&[(12.0, 48.2, 11.2, Some(520.0)), (10.0, 48.0, 11.0, Some(500.0)), (13.0, 48.2, 11.5, None)]);
    assert_eq!(line.segment(), "L1");
    let exact = line.locate(12.0).unwrap();
    assert_eq!((exact.kind, exact.elevation), (PositionKind::Exact, Some(520.0)));
    let between = line.locate(10.5).unwrap();
    assert_eq!(between.kind, PositionKind::Interpolated);
    assert!(near(between.latitude, 48.05) && near(between.longitude, 11.05), "{between:?}");
    assert!(near(between.elevation.unwrap(), 505.0));
    assert_eq!(line.locate(12.5).unwrap().elevation, None, "one neighbour has no elevation");
    let before = line.locate(-3.0).unwrap();
    assert_eq!((before.kind, before.elevation), (PositionKind::Outside { nearest: 10.0 }, Some(500.0)));
    assert_eq!(line.locate(14.0).unwrap().kind, PositionKind::Outside { nearest: 13.0 });
    assert_eq!(line.locate(f64::NAN).unwrap_err().field(), "post");
}

#[test]
fn longitudes_across_the_180_degree_meridian_are_joined_the_short_way() {
    let east = line(&[(0.0, -17.0, 179.0, None), (4.0, -17.0, -179.0, None)]);
    for (post, longitude) in [(1.0, 179.5), (3.0, -179.5)] {
        assert!(near(east.locate(post).unwrap().longitude, longitude), "{post}");
    }
    assert!(near(east.locate(2.0).unwrap().longitude.abs(), 180.0));
    let west = line(&[(0.0, -17.0, -170.0, None), (2.0, -17.0, 160.0, None)]);
    assert!(near(west.locate(1.0).unwrap().longitude, 175.0));
    let plain = line(&[(0.0, 0.0, -90.0, None), (2.0, 0.0, 80.0, None)]);
    assert!(near(plain.locate(1.0).unwrap().longitude, -5.0));
}

#[test]
fn what_is_no_line_is_refused() {
    assert_eq!(Line::new(Vec::new()), Err(LineError::Empty));
    let (a, zero) = (point(0.0, 0.0, 0.0, None), point(-0.0, 1.0, 1.0, None));
    let twice = LineError::Duplicate { segment: "L1".to_owned(), post: 0.0 };
    assert_eq!(Line::new(vec![a.clone(), zero]), Err(twice));
    let foreign = Point { segment: "L2".to_owned(), ..a.clone() };
    assert!(matches!(Line::new(vec![a.clone(), foreign]), Err(LineError::OtherSegment { .. })));
    assert!(matches!(Line::new(vec![Point { latitude: 91.0, ..a }]), Err(LineError::Point(_))));
}

#[test]
fn a_row_that_stands_twice_names_both_lines() {
    let mut rows = Rows::default();
    rows.take(2, point(0.0, 1.0, 1.0, None)).unwrap();
    rows.take(3, Point { segment: "L2".to_owned(), ..point(0.0, 1.0, 1.0, None) }).unwrap();
    let error = rows.take(4, point(-0.0, 2.0, 2.0, None)).unwrap_err();
    let fault = RowFault { line: 4, error };
    assert_eq!(fault.to_string(), "line 4: segment \"L1\" has km 0.0 twice: it already stands in line 2");
    assert!(matches!(rows.take(5, point(1.0, 99.0, 0.0, None)), Err(RowError::Point(_))));
    let lines: Vec<u64> = rows.into_points().iter().map(|row| row.line).collect();
    assert_eq!(lines, [2, 3]);
}

fn points() -> impl Strategy<Value = Vec<Point>> {
    let any = (-1_000.0..1_000.0, -90.0..=90.0, -180.0..=180.0, proptest::option::of(-100.0..100.0));
    let any = any.prop_map(|(post, latitude, longitude, elevation)| point(post, latitude, longitude, elevation));
    proptest::collection::vec(any, 1..20)
}

proptest! {
    #[test]
    fn every_position_is_on_earth_and_between_its_neighbours(points in points(), post in -1_100.0..1_100.0) {
        let line = Line::new(points).unwrap();
        let found = line.locate(post).unwrap();
        prop_assert!((-90.0..=90.0).contains(&found.latitude) && (-180.0..=180.0).contains(&found.longitude));
        let before = line.points().iter().rev().find(|point| point.post <= post);
        let after = line.points().iter().find(|point| point.post >= post);
        match (before, after) {
            (Some(before), Some(after)) => {
                let (low, high) = (before.latitude.min(after.latitude), before.latitude.max(after.latitude));
                prop_assert!((low..=high).contains(&found.latitude));
                let way = |from: f64, to: f64| {
                    let apart = (to - from).abs();
                    apart.min(360.0 - apart)
                };
                let apart = way(before.longitude, after.longitude);
                prop_assert!(way(before.longitude, found.longitude) <= apart + 1e-9, "{before:?} {found:?} {after:?}");
                prop_assert!(way(found.longitude, after.longitude) <= apart + 1e-9, "{before:?} {found:?} {after:?}");
                prop_assert_eq!(found.elevation.is_some(), before.elevation.is_some() && after.elevation.is_some());
            }
            (Some(end), None) | (None, Some(end)) => {
                prop_assert_eq!(found.kind, PositionKind::Outside { nearest: end.post });
                prop_assert_eq!(found.latitude.to_bits(), end.latitude.to_bits());
            }
            (None, None) => prop_assert!(false, "a line has points"),
        }
    }

    #[test]
    fn every_point_is_found_exactly_whatever_the_order(points in points()) {
        let line = Line::new(points.iter().rev().cloned().collect()).unwrap();
        for point in points {
            let found = line.locate(point.post).unwrap();
            prop_assert_eq!(found.kind, PositionKind::Exact);
            prop_assert_eq!((found.latitude, found.longitude, found.elevation), (point.latitude, point.longitude, point.elevation));
        }
    }

    #[test]
    fn a_line_told_from_its_other_end_has_the_same_positions(points in points(), post in -1_000.0..1_000.0) {
        let there = Line::new(points.clone()).unwrap().locate(post).unwrap();
        let mirrored = points.into_iter().map(|point| Point { post: -point.post, ..point }).collect();
        let back = Line::new(mirrored).unwrap().locate(-post).unwrap();
        prop_assert!(near(there.latitude, back.latitude));
        let apart = (there.longitude - back.longitude).abs();
        prop_assert!(near(apart, 0.0) || near(apart, 360.0), "{there:?} {back:?}");
    }
}
