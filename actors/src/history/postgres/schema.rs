//! The tables that are copied into, as diesel sees them.

diesel::table! {
    history.sample (tag_id, ts) {
        ts -> Timestamptz,
        tag_id -> Integer,
        quality -> Integer,
        value -> Nullable<Double>,
        integer -> Nullable<BigInt>,
        tie -> Nullable<Integer>,
        boolean -> Nullable<Bool>,
        text -> Nullable<Text>,
    }
}

diesel::table! {
    history.outlying (tag_id, time) {
        time -> BigInt,
        tag_id -> Integer,
        quality -> Integer,
        value -> Nullable<Double>,
        integer -> Nullable<BigInt>,
        tie -> Nullable<Integer>,
        boolean -> Nullable<Bool>,
        text -> Nullable<Text>,
    }
}
