//! The screens, each by itself.

mod drift;
mod frozen;
mod outlier;
mod rate;

pub(super) use drift::Drift;
pub(super) use frozen::Frozen;
pub(super) use outlier::Outlier;
pub(super) use rate::Rate;
