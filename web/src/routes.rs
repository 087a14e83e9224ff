//! Every route there is, in one table: what is registered and what the description is held against.

use crate::problem::Problem;
use crate::{api, live, openapi};
use actix_web::web::{self, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};

/// Writes [`ROUTES`] and [`register`] from one table. A `get` answers HEAD too; any other method is 405 with `Allow`.
macro_rules! routes {
    ($($path:literal => { $($method:ident $handler:path),+ $(,)? })+) => {
        /// Path and methods of every route.
        pub const ROUTES: &[(&str, &[&str])] = &[$(($path, &[$(stringify!($method)),+])),+];

        /// Registers every route.
        pub(crate) fn register(config: &mut ServiceConfig) {
            $({
                let methods: &'static [&'static str] = &[$(stringify!($method)),+];
                let refuse = move |_: HttpRequest| async move { Err::<HttpResponse, Problem>(refused(methods)) };
                let resource = resource($path)$(.route(web::$method().to($handler)))+;
                let resource = $(routes!(@head $method resource $handler);
                let resource = )+ resource.default_service(web::to(refuse));
                config.service(resource);
            })+
        }
    };
    (@head get $resource:ident $handler:path) => { $resource.route(web::head().to($handler)) };
    (@head $method:ident $resource:ident $handler:path) => { $resource };
}

routes! {
    "/api/v1/tags" => { get api::tags::list, post api::tags::edit::create }
    "/api/v1/tags/batch" => { post api::tags::edit::batch }
    "/api/v1/tags/{id}" => { get api::tags::read, patch api::tags::edit::change, delete api::tags::edit::remove }
    "/api/v1/tags/{id}/definition" => { get api::tags::edit::definition }
    "/api/v1/tags/{id}/substitute" => { post api::tags::substitute::substitute, delete api::tags::substitute::release }
    "/api/v1/tags/{id}/write" => { post api::tags::write }
    "/api/v1/units" => { get api::units::list }
    "/api/v1/expressions/check" => { post api::expressions::check }
    "/api/v1/plant/export" => { get api::plant::export }
    "/api/v1/plant/plan" => { post api::plant::plan }
    "/api/v1/plant/apply" => { post api::plant::apply }
    "/api/v1/history" => { get api::history::columns::read }
    "/api/v1/history/table" => { get api::history::table::read }
    "/api/v1/history/aggregates" => { get api::history::aggregates::read }
    "/api/v1/alarms" => { get api::alarms::list }
    "/api/v1/alarms/ack" => { post api::alarms::commands::acknowledge_many }
    "/api/v1/alarms/journal" => { get api::alarms::journal::journal }
    "/api/v1/alarms/journal/verification" => { get api::alarms::journal::verification }
    "/api/v1/alarms/occurrences" => { get api::alarms::journal::occurrences }
    "/api/v1/alarms/areas" => { get api::alarms::areas::read }
    "/api/v1/alarms/analytics" => { get api::alarms::analytics::read }
    "/api/v1/alarms/{id}" => { get api::alarms::read }
    "/api/v1/alarms/{id}/ack" => { post api::alarms::commands::acknowledge }
    "/api/v1/alarms/{id}/commands" => { post api::alarms::commands::run }
    "/api/v1/notifications" => { get api::notifications::list }
    "/api/v1/machines" => { get api::machines::list }
    "/api/v1/machines/{id}" => { get api::machines::read }
    "/api/v1/machines/{id}/transitions" => { post api::machines::transition }
    "/api/v1/machines/{id}/parameters" => { patch api::machines::parameters }
    "/api/v1/links" => { get api::links::list }
    "/api/v1/segments" => { get api::points::list }
    "/api/v1/segments/{segment}" => { delete api::points::delete }
    "/api/v1/segments/{segment}/points" => { get api::points::read }
    "/api/v1/segments/{segment}/position" => { get api::points::position }
    "/api/v1/points/import" => { post api::points::import }
    "/api/v1/health" => { get api::health::read }
    "/api/v1/ws" => { get live::socket::open }
    "/api/v1/openapi.json" => { get openapi::serve }
    "/health" => { get api::health::read }
    "/health/live" => { get api::health::live }
    "/health/ready" => { get api::health::ready }
}

fn refused(methods: &[&str]) -> Problem {
    let mut names: Vec<String> = methods.iter().map(|method| method.to_ascii_uppercase()).collect();
    if methods.contains(&"get") {
        names.push("HEAD".to_owned());
    }
    Problem::method_not_allowed(&names.join(", "))
}
