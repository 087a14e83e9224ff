//! The rules of derived tags: each expression by itself, and that none needs itself.

use super::made::Made;
use super::{Names, Problems};
use crate::DataType;
use crate::definition::{Fault, PlantDefinition};
use crate::expression::{Expression, ExpressionError, order};

pub(super) fn check_expressions(
    definition: &PlantDefinition,
    names: &Names<'_>,
    made: &Made<'_>,
    problems: &mut Problems,
) {
    let mut inputs: Vec<(usize, Vec<usize>)> = Vec::new();
    for (index, tag) in definition.tags.iter().enumerate() {
        let Some(text) = &tag.expression else { continue };
        match check(text, tag.data_type, definition, names, made) {
            Ok(reads) => inputs.push((index, reads)),
            Err(error) => problems.add("tag", index, &tag.name, ("expression", Fault::Expression(error))),
        }
    }
    if let Err(cycle) = order(&inputs) {
        let first = cycle.path.first().copied().unwrap_or_default();
        let cycle = cycle.map(|index| definition.tags[index].name.clone());
        let name = definition.tags.get(first).map_or("", |tag| &tag.name);
        problems.add("tag", first, name, ("expression", Fault::Cycle(cycle)));
    }
}

/// The tags an expression reads, by index.
fn check(
    text: &str,
    result: DataType,
    definition: &PlantDefinition,
    names: &Names<'_>,
    made: &Made<'_>,
) -> Result<Vec<usize>, ExpressionError> {
    let expression = Expression::parse(text)?;
    let index = |name: &str| names.get(name).copied();
    let is_yet_to_be_made = |name: &str| index(name).is_none() && made.has(name);
    // Where a tag is made only when the plant is complete, so is its type known only then.
    if !expression.tags().any(|(name, _)| is_yet_to_be_made(name)) {
        expression.check_for(result, &|name| index(name).map(|tag| definition.tags[tag].data_type))?;
    }
    Ok(expression.tags().filter_map(|(name, _)| index(name)).collect())
}
