//! The journal's tables, as diesel sees them.

diesel::table! {
    frame (id) {
        id -> BigInt,
        first_seq -> BigInt,
        last_seq -> BigInt,
        t0 -> BigInt,
        t1 -> BigInt,
        r0 -> BigInt,
        r1 -> BigInt,
        changes -> BigInt,
        checksum -> BigInt,
        data -> Binary,
    }
}

diesel::table! {
    downtime (id) {
        id -> BigInt,
        seq -> BigInt,
        began -> BigInt,
        ended -> BigInt,
    }
}

diesel::table! {
    meta (journal) {
        journal -> Text,
    }
}
