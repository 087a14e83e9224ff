//! The table, put together.

use super::{Unit, electrical, energy, flow, geometry, matter, mechanics};

const GROUPS: [&[Unit]; 7] = [
    energy::TEMPERATURE,
    geometry::UNITS,
    matter::UNITS,
    mechanics::UNITS,
    flow::UNITS,
    energy::UNITS,
    electrical::UNITS,
];

const COUNT: usize = {
    let (mut count, mut group) = (0, 0);
    while group < GROUPS.len() {
        count += GROUPS[group].len();
        group += 1;
    }
    count
};

static TABLE: [Unit; COUNT] = {
    let mut table = [GROUPS[0][0]; COUNT];
    let (mut next, mut group) = (0, 0);
    while group < GROUPS.len() {
        let mut position = 0;
        while position < GROUPS[group].len() {
            table[next] = GROUPS[group][position];
            next += 1;
            position += 1;
        }
        group += 1;
    }
    table
};

/// Every unit known, by quantity.
pub static UNITS: &[Unit] = &TABLE;
