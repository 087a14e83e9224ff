//! Areas of the plant as numbers, each with the one above it. Pure.

use std::collections::HashMap;

/// An area of [`Areas`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AreaId(u32);

impl AreaId {
    /// The whole plant.
    pub const PLANT: Self = Self(0);

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Area paths (`site/area/unit`, ISA-95) and what is above what.
#[derive(Debug, Clone)]
pub struct Areas {
    by_path: HashMap<String, AreaId>,
    paths: Vec<String>,
    above: Vec<AreaId>,
}

impl Default for Areas {
    fn default() -> Self {
        Self {
            by_path: HashMap::from([(String::new(), AreaId::PLANT)]),
            paths: vec![String::new()],
            above: vec![AreaId::PLANT],
        }
    }
}

impl Areas {
    /// The number of a path, and of all that is above it; empty steps do not count. `None` is the whole plant.
    pub fn intern(&mut self, path: Option<&str>) -> AreaId {
        let mut area = AreaId::PLANT;
        let mut known = String::new();
        for step in steps(path.unwrap_or_default()) {
            if !known.is_empty() {
                known.push('/');
            }
            known.push_str(step);
            area = self.by_path.get(&known).copied().unwrap_or_else(|| self.add(known.clone(), area));
        }
        area
    }

    fn add(&mut self, path: String, above: AreaId) -> AreaId {
        let area = AreaId(u32::try_from(self.paths.len()).unwrap_or(u32::MAX));
        self.by_path.insert(path.clone(), area);
        self.paths.push(path);
        self.above.push(above);
        area
    }

    /// The number of a path that something is in.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<AreaId> {
        let clean: Vec<&str> = steps(path).collect();
        self.by_path.get(&clean.join("/")).copied()
    }

    /// The path; `None` for the whole plant.
    #[must_use]
    pub fn path(&self, area: AreaId) -> Option<&str> {
        self.paths.get(area.index()).map(String::as_str).filter(|path| !path.is_empty())
    }

    /// The area and all above it, the whole plant last.
    pub fn upwards(&self, area: AreaId) -> impl Iterator<Item = AreaId> + '_ {
        std::iter::successors(Some(area), |&below| {
            (below != AreaId::PLANT).then(|| self.above.get(below.index()).copied().unwrap_or(AreaId::PLANT))
        })
    }

    /// Whether `inner` is `outer` or somewhere below it.
    #[must_use]
    pub fn is_within(&self, inner: AreaId, outer: AreaId) -> bool {
        self.upwards(inner).any(|area| area == outer)
    }

    /// How many there are, the whole plant included.
    #[must_use]
    pub fn count(&self) -> usize {
        self.paths.len()
    }
}

fn steps(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').map(str::trim).filter(|step| !step.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_area_counts_for_all_above_it() {
        let mut areas = Areas::default();
        let unit = areas.intern(Some("north/tanks/t1"));
        let told: Vec<_> = areas.upwards(unit).map(|area| areas.path(area).unwrap_or("-").to_owned()).collect();
        assert_eq!(told, ["north/tanks/t1", "north/tanks", "north", "-"]);
        assert!(areas.is_within(unit, areas.find("north").unwrap()));
        assert!(!areas.is_within(areas.find("north").unwrap(), unit));
        assert_eq!(areas.upwards(AreaId::PLANT).count(), 1);
    }

    #[test]
    fn a_path_is_one_area_however_it_is_written() {
        let mut areas = Areas::default();
        let area = areas.intern(Some("north/tanks"));
        assert_eq!(areas.intern(Some(" north//tanks/")), area);
        assert_eq!(areas.find("/north/tanks"), Some(area));
        assert_eq!(areas.find("north/tank"), None, "a part of a name is no area");
        assert_eq!((areas.intern(None), areas.intern(Some(""))), (AreaId::PLANT, AreaId::PLANT));
        assert_eq!(areas.count(), 3);
    }
}
