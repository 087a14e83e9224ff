//! The description of the API, OpenAPI 3.1, from the code.

use crate::problem::{Problem, ProblemDetails, ProblemPart};
use crate::{api, live};
use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use std::sync::OnceLock;
use utoipa::OpenApi;

/// The description of the API.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Flyball",
        description = "Tags, history, alarms, machines and links of a plant. Times are RFC 3339 UTC, but for columns of \
            history and frames of the live feed, which carry milliseconds since the epoch.",
    ),
    paths(
        api::tags::list,
        api::tags::read,
        api::tags::write,
        api::tags::edit::create,
        api::tags::edit::change,
        api::tags::edit::remove,
        api::tags::edit::batch,
        api::tags::edit::definition,
        api::tags::substitute::substitute,
        api::tags::substitute::release,
        api::units::list,
        api::expressions::check,
        api::plant::plan,
        api::plant::apply,
        api::plant::export,
        api::history::columns::read,
        api::history::table::read,
        api::history::aggregates::read,
        api::alarms::list,
        api::alarms::read,
        api::alarms::commands::acknowledge,
        api::alarms::commands::acknowledge_many,
        api::alarms::commands::run,
        api::alarms::journal::journal,
        api::alarms::journal::verification,
        api::alarms::journal::occurrences,
        api::alarms::areas::read,
        api::alarms::analytics::read,
        api::notifications::list,
        api::machines::list,
        api::machines::read,
        api::machines::transition,
        api::machines::parameters,
        api::links::list,
        api::points::list,
        api::points::read,
        api::points::position,
        api::points::delete,
        api::points::import,
        api::health::read,
        api::health::read_again,
        api::health::live,
        api::health::ready,
        live::socket::open,
        describe,
    ),
    components(schemas(Problem, ProblemDetails, ProblemPart))
)]
pub struct Description;

/// The description as JSON.
#[must_use]
pub fn json() -> &'static str {
    static JSON: OnceLock<String> = OnceLock::new();
    JSON.get_or_init(|| serde_json::to_string(&Description::openapi()).unwrap_or_default())
}

/// Reads this description.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "description", responses(
    (status = 200, description = "the description of the API", body = Object, content_type = "application/json"),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
#[expect(dead_code, reason = "stands for `serve` in the description")]
fn describe() {}

/// Answers the description.
pub async fn serve() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(json())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::ROUTES;
    use serde_json::Value as Json;
    use std::collections::BTreeSet;

    fn document() -> Json {
        serde_json::from_str(json()).unwrap()
    }

    #[test]
    fn the_description_has_every_route_and_no_other() {
        let registered: BTreeSet<(String, String)> = ROUTES
            .iter()
            .flat_map(|(path, methods)| methods.iter().map(|method| ((*path).to_owned(), (*method).to_owned())))
            .collect();
        let document = document();
        let described: BTreeSet<(String, String)> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| item.as_object().unwrap().keys().map(|method| (path.clone(), method.clone())))
            .collect();
        assert_eq!(described, registered);
    }

    #[test]
    fn every_route_documents_its_problem_and_every_reference_resolves() {
        let document = document();
        assert_eq!(document["openapi"], "3.1.0");
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let problem = &operation["responses"]["default"]["content"]["application/problem+json"];
                assert!(problem.is_object(), "{method} {path}");
            }
        }
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for reference in json().split("\"$ref\":\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(schemas.contains_key(name), "{name}");
        }
    }

    #[test]
    fn every_number_and_text_of_a_query_has_bounds() {
        for (path, item) in document()["paths"].as_object().unwrap() {
            for parameter in item["get"]["parameters"].as_array().into_iter().flatten() {
                let schema = &parameter["schema"];
                let text = schema["type"].to_string();
                let bounded = text.contains("boolean") || !schema["enum"].is_null();
                let bounded = bounded || !schema["$ref"].is_null() || !schema["oneOf"].is_null();
                let bounded = bounded || text.contains("string") && schema["maxLength"].is_number();
                let bounded = bounded || text.contains("integer") && schema["minimum"].is_number();
                let bounded = bounded || text.contains("number") && schema["minimum"].is_number();
                assert!(bounded, "{path}: {parameter}");
            }
        }
    }
}
