-- The plant as a whole, in one row: what was defined last is what a start finds.
CREATE TABLE plant (
    id INTEGER PRIMARY KEY NOT NULL,
    header TEXT NOT NULL,
    changed_at BIGINT NOT NULL
);

-- Made by the plant itself (a machine's tags, the alarm of a lost link …), not defined by anybody.
ALTER TABLE link ADD COLUMN made BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE tag ADD COLUMN made BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE alarm ADD COLUMN made BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE machine ADD COLUMN made BOOLEAN NOT NULL DEFAULT FALSE;

-- When the source unit of a tag changed: samples before are in another unit.
CREATE TABLE unit_change (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    tag_id INTEGER NOT NULL REFERENCES tag (id),
    changed_at BIGINT NOT NULL,
    unit_before TEXT,
    unit_after TEXT
);

CREATE INDEX unit_change_by_tag ON unit_change (tag_id, changed_at);

-- Values that people have put in place of a source's, until they are released.
CREATE TABLE substitution (
    tag_id INTEGER PRIMARY KEY NOT NULL REFERENCES tag (id),
    value TEXT NOT NULL,
    substituted_by TEXT NOT NULL,
    reason TEXT,
    since BIGINT NOT NULL
);

-- Totals and running hours of derived tags.
CREATE TABLE tag_sums (
    tag_id INTEGER PRIMARY KEY NOT NULL REFERENCES tag (id),
    sums TEXT NOT NULL,
    saved_at BIGINT NOT NULL
);
