//! The store's tables, as diesel sees them.

diesel::table! {
    chunk (generation, tag_id, t0, turn) {
        generation -> BigInt,
        tag_id -> BigInt,
        t0 -> BigInt,
        turn -> BigInt,
        t1 -> BigInt,
        n -> BigInt,
        data_id -> BigInt,
        min -> Nullable<Double>,
        max -> Nullable<Double>,
        sum -> Nullable<Double>,
        first -> Nullable<Double>,
        last -> Nullable<Double>,
        area -> Nullable<Double>,
        worst -> Nullable<BigInt>,
        pages -> Binary,
        checksum -> BigInt,
    }
}

diesel::table! {
    chunk_data (id) {
        id -> BigInt,
        data -> Binary,
    }
}

diesel::table! {
    generation (id) {
        id -> BigInt,
        tier -> BigInt,
    }
}

diesel::table! {
    sample_late (id) {
        id -> BigInt,
        tag_id -> BigInt,
        t0 -> BigInt,
        t1 -> BigInt,
        n -> BigInt,
        pages -> Binary,
        checksum -> BigInt,
        data -> Binary,
    }
}

diesel::table! {
    position (journal) {
        journal -> Text,
        seq -> BigInt,
    }
}

diesel::table! {
    downtime (id) {
        id -> BigInt,
        began -> BigInt,
        ended -> BigInt,
    }
}
