-- Flags over the state of an alarm, a delay under way, and the like.
ALTER TABLE alarm_state ADD COLUMN more TEXT;

-- Whether operators were told; and each row's hash, over its content and the hash of the row before. Rows from before the
-- chain have none.
ALTER TABLE alarm_journal ADD COLUMN annunciated BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE alarm_journal ADD COLUMN hash BYTEA;

-- Every occurrence of an alarm, in one row.
CREATE TABLE alarm_occurrence (
    alarm_id INTEGER NOT NULL REFERENCES alarm (id),
    occurrence BIGINT NOT NULL,
    raised_at BIGINT NOT NULL,
    acknowledged_at BIGINT,
    acknowledged_by TEXT,
    returned_at BIGINT,
    cleared_at BIGINT,
    peak TEXT,
    first_out BOOLEAN NOT NULL,
    PRIMARY KEY (alarm_id, occurrence)
);

CREATE INDEX alarm_occurrence_by_time ON alarm_occurrence (raised_at);
