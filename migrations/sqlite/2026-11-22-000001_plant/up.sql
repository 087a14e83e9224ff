-- What the plant consists of. An id is given once and never again: history refers to it.
CREATE TABLE link (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL UNIQUE,
    definition TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    retired_at BIGINT
);

CREATE TABLE tag (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL UNIQUE,
    definition TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    retired_at BIGINT
);

CREATE TABLE alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL UNIQUE,
    definition TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    retired_at BIGINT
);

CREATE TABLE machine (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL UNIQUE,
    definition TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    retired_at BIGINT
);

-- What a machine remembers over a restart: parameters and its own state, as JSON.
CREATE TABLE machine_memory (
    machine_id INTEGER PRIMARY KEY NOT NULL REFERENCES machine (id),
    memory TEXT NOT NULL,
    saved_at BIGINT NOT NULL
);
