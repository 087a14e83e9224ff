//! What an expression says, whatever its tags are called.

use flyball_schema::TagId;
use flyball_schema::expression::Expression;
use std::collections::HashMap;

/// An expression with the ids of its tags in place of their names and without spaces; equal for two that calculate the
/// same from the same tags, however they were typed. `None` where a tag is unknown, or where it would be too long.
///
/// Kept beside sums in the database: another form makes every plant's totals begin anew.
pub(crate) fn shape(expression: &Expression, resolve: &dyn Fn(&str) -> Option<TagId>) -> Option<String> {
    let ids: HashMap<String, String> = expression
        .tags()
        .map(|(name, _)| Some((name.to_owned(), format!("#{}", resolve(name)?))))
        .collect::<Option<_>>()?;
    let named = expression.rename_tags(|name| ids.get(name).map(String::as_str)).ok()?;
    let (mut in_text, mut is_escaped) = (false, false);
    let mut is_kept = |character: char| {
        in_text ^= character == '"' && !is_escaped;
        is_escaped = in_text && character == '\\' && !is_escaped;
        in_text || !character.is_whitespace()
    };
    Some(named.to_string().chars().filter(|character| is_kept(*character)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape_of(text: &str) -> Option<String> {
        let ids = [("flow", 5), ("Flow 2", 6)];
        let resolve = |name: &str| ids.iter().find(|(known, _)| *known == name).map(|(_, id)| TagId(*id));
        shape(&Expression::parse(text).unwrap(), &resolve)
    }

    #[test]
    fn names_and_spaces_do_not_count_and_everything_else_does() {
        assert_eq!(shape_of("total( flow , 1h)"), Some("total({#5},1h)".to_owned()));
        assert_eq!(shape_of("total({flow},1h)"), shape_of("total(flow, 1h)"));
        assert_ne!(shape_of("total(flow, 1h)"), shape_of("total({Flow 2}, 1h)"));
        assert_eq!(shape_of("total(unknown, 1h)"), None);
        let text = |spaces: &str| shape_of(&format!(r#"if(flow > 1, "a \" {spaces}b", "c  d")"#)).unwrap();
        assert_ne!(text(" "), text("  "));
        assert!(text("").ends_with(r#","c  d")"#), "{}", text(""));
    }
}
