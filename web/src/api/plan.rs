//! What a change of the plant is, as clients are told.

use flyball::configuration::Plan;
use flyball::schema::definition::{Changed, Changes, Difference, FieldChange, Item, fields_of};
use serde::Serialize;
use serde_json::Value as Json;
use utoipa::ToSchema;

/// Items told one by one at the most.
const MOST_ITEMS: usize = 1_000;

/// Warnings told at the most.
const MOST_WARNINGS: usize = 200;

/// Lines of the text at the most.
const MOST_LINES: usize = 200;

/// What a change does, or would do.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlanView {
    /// Whether nothing changes.
    pub empty: bool,
    /// Items that are added.
    pub added: usize,
    /// Items that change.
    pub changed: usize,
    /// Items that get another name.
    pub renamed: usize,
    /// Items that are removed.
    pub removed: usize,
    /// All of it for a person, several lines; cut where it is long.
    pub text: String,
    /// What deserves attention, a sentence each; the first two hundred.
    pub warnings: Vec<String>,
    /// How many there are.
    pub warnings_total: usize,
    /// Each item, the first thousand.
    pub items: Vec<PlanItem>,
    /// What was agreed but takes effect only at the next start, a sentence each.
    pub problems: Vec<String>,
}

/// What becomes of one item.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlanItem {
    /// `add`, `change`, `rename` or `remove`.
    #[schema(value_type = String)]
    pub change: &'static str,
    /// `plant`, `link`, `tag`, `alarm` or `machine`.
    #[schema(value_type = String)]
    pub item: &'static str,
    /// Its name, afterwards.
    pub name: String,
    /// Its name before, where that is another one.
    pub was: Option<String>,
    /// What changes of it; of one that is added all that is set, of one that is removed nothing.
    pub fields: Vec<PlanField>,
}

/// What becomes of one field.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlanField {
    /// Its path: `unit`, `dead_band.absolute`.
    pub field: String,
    /// Value before; null where there was none.
    #[schema(value_type = Option<Object>)]
    pub before: Option<Json>,
    /// Value after; null where there is none.
    #[schema(value_type = Option<Object>)]
    pub after: Option<Json>,
}

impl From<&Plan> for PlanView {
    fn from(plan: &Plan) -> Self {
        let difference = Difference::between(&plan.before, &plan.after);
        let counts = difference.counts();
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ok = difference.write(&mut text, MOST_LINES);
        let mut items = Vec::new();
        if let Some(header) = &difference.header {
            items.push(PlanItem {
                change: "change",
                item: "plant",
                name: header.after.name.clone(),
                was: None,
                fields: fields(header.fields()),
            });
        }
        of_kind(&mut items, "link", &difference.links);
        of_kind(&mut items, "tag", &difference.tags);
        of_kind(&mut items, "alarm", &difference.alarms);
        of_kind(&mut items, "machine", &difference.machines);
        items.truncate(MOST_ITEMS);
        let warnings = difference.warnings();
        Self {
            empty: difference.is_empty(),
            added: counts.added,
            changed: counts.changed,
            renamed: counts.renamed,
            removed: counts.removed,
            text,
            warnings: warnings.iter().take(MOST_WARNINGS).map(ToString::to_string).collect(),
            warnings_total: warnings.len(),
            items,
            problems: plan.problems.clone(),
        }
    }
}

fn of_kind<T: Item + Serialize>(items: &mut Vec<PlanItem>, item: &'static str, changes: &Changes<T>) {
    let room = MOST_ITEMS.saturating_sub(items.len());
    let plain = |change, name: &str, fields| PlanItem { change, item, name: name.to_owned(), was: None, fields };
    let added = changes.added.iter().map(|one| plain("add", one.name(), fields(fields_of(one))));
    let removed = changes.removed.iter().map(|one| plain("remove", one.name(), Vec::new()));
    let changed = changes.changed.iter().map(|change: &Changed<T>| PlanItem {
        change: if change.is_renamed() { "rename" } else { "change" },
        item,
        name: change.after.name().to_owned(),
        was: change.is_renamed().then(|| change.before.name().to_owned()),
        fields: fields(change.fields()),
    });
    items.extend(added.chain(changed).chain(removed).take(room));
}

fn fields(changes: Vec<FieldChange>) -> Vec<PlanField> {
    let field = |change: FieldChange| PlanField { field: change.path, before: change.before, after: change.after };
    changes.into_iter().map(field).collect()
}
