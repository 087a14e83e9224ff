//! Expressions, checked while somebody types.

use super::{NoQuery, State};
use crate::problem::Problem;
use actix_web::web::{Json, Query};
use flyball::cvt::{ReadTags, ResolveTags};
use flyball::schema::DataType;
use flyball::schema::expression::{Expression, ExpressionError};
use flyball::send::{DEADLINE, ask};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use utoipa::ToSchema;

/// An expression to be checked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpressionInput {
    /// The expression.
    #[schema(max_length = 4000)]
    expression: String,
    /// Type of the tag that it calculates: `float`, `integer`, `boolean`, `text`.
    #[schema(value_type = String)]
    data_type: DataType,
}

/// What is found of an expression.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct ExpressionView {
    /// Whether it can be calculated.
    pub ok: bool,
    /// The tags that it reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Where it is wrong: characters from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl From<ExpressionError> for ExpressionView {
    fn from(error: ExpressionError) -> Self {
        Self { position: Some(error.position()), detail: Some(error.to_string()), ..Self::default() }
    }
}

/// Checks an expression against the tags there are.
///
/// # Errors
/// `malformed`, `unavailable`. An expression that is wrong is an answer.
#[utoipa::path(post, path = "/api/v1/expressions/check", tag = "tags", request_body = ExpressionInput, responses(
    (status = 200, description = "what is found", body = ExpressionView),
    (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json"),
))]
pub async fn check(
    state: State,
    _: Query<NoQuery>,
    input: Json<ExpressionInput>,
) -> Result<Json<ExpressionView>, Problem> {
    let ExpressionInput { expression, data_type } = input.into_inner();
    let expression = match Expression::parse(&expression) {
        Ok(expression) => expression,
        Err(error) => return Ok(Json(error.into())),
    };
    let mut types: HashMap<String, DataType> = HashMap::new();
    for (name, _) in expression.tags() {
        let cvt = state.plant().cvt();
        let Ok(ids) = ask(cvt, ResolveTags(vec![name.to_owned()]), DEADLINE).await? else { continue };
        let records = ask(cvt, ReadTags(ids), DEADLINE).await?.unwrap_or_default();
        types.extend(records.into_iter().map(|record| (name.to_owned(), record.definition.data_type)));
    }
    Ok(Json(match expression.check_for(data_type, &|name| types.get(name).copied()) {
        Ok(_) => {
            let tags = expression.tags().map(|(name, _)| name.to_owned()).collect();
            ExpressionView { ok: true, tags: Some(tags), ..ExpressionView::default() }
        }
        Err(error) => error.into(),
    }))
}
