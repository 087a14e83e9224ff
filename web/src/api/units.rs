//! Quantities and their units.

use super::NoQuery;
use crate::problem::Problem;
use actix_web::web::{Json, Query};
use flyball::schema::units;
use serde::Serialize;
use utoipa::ToSchema;

/// Every quantity.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuantitiesView {
    /// In a fixed order.
    #[schema(value_type = Vec<QuantityView>)]
    pub quantities: Vec<QuantityView>,
}

/// A quantity with its units.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuantityView {
    /// Name, as tags give it.
    #[schema(value_type = String)]
    pub name: &'static str,
    /// Its units.
    pub units: Vec<UnitView>,
}

/// A unit: SI value = value × factor + offset.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnitView {
    /// Symbol, as tags give it.
    #[schema(value_type = String)]
    pub symbol: &'static str,
    /// Multiplier to the SI unit.
    pub factor: f64,
    /// Added after the multiplication, in the SI unit.
    pub offset: f64,
}

/// Lists quantities and units.
///
/// # Errors
/// `malformed`.
#[utoipa::path(get, path = "/api/v1/units", tag = "tags", responses(
    (status = 200, description = "every quantity with its units", body = QuantitiesView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn list(_: Query<NoQuery>) -> Result<Json<QuantitiesView>, Problem> {
    let units = |name| {
        let view = |unit: &&units::Unit| UnitView { symbol: unit.symbol, factor: unit.factor, offset: unit.offset };
        units::of_quantity(name).iter().map(view).collect()
    };
    let quantities = units::quantities().map(|name| QuantityView { name, units: units(name) }).collect();
    Ok(Json(QuantitiesView { quantities }))
}
