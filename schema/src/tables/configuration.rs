//! What the plant consists of, and what people and expressions have made of its tags.

diesel::table! {
    /// The plant as a whole, in one row.
    plant (id) {
        /// Always 1.
        id -> Integer,
        /// Name and description, as JSON.
        header -> Text,
        /// When the definition was last changed.
        changed_at -> BigInt,
    }
}

diesel::table! {
    /// When the source unit of a tag changed.
    unit_change (id) {
        /// Rising.
        id -> BigInt,
        /// The tag.
        tag_id -> Integer,
        /// Samples from then on are in the new unit.
        changed_at -> BigInt,
        /// Symbol before.
        unit_before -> Nullable<Text>,
        /// Symbol after.
        unit_after -> Nullable<Text>,
    }
}

diesel::table! {
    /// Values in place of a source's.
    substitution (tag_id) {
        /// The tag.
        tag_id -> Integer,
        /// The value, as JSON.
        value -> Text,
        /// Who did it.
        substituted_by -> Text,
        /// Why.
        reason -> Nullable<Text>,
        /// Since when.
        since -> BigInt,
    }
}

diesel::table! {
    /// Totals and running hours of derived tags.
    tag_sums (tag_id) {
        /// The tag.
        tag_id -> Integer,
        /// The sums, as JSON.
        sums -> Text,
        /// When they were saved.
        saved_at -> BigInt,
    }
}
