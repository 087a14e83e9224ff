-- The state of every alarm after its last transition: what a restart begins with.
CREATE TABLE alarm_state (
    alarm_id INTEGER PRIMARY KEY NOT NULL REFERENCES alarm (id),
    state TEXT NOT NULL,
    occurrence BIGINT NOT NULL,
    value TEXT,
    raised_at BIGINT,
    since BIGINT,
    acknowledged_at BIGINT,
    acknowledged_by TEXT
);

-- Every transition, for ever.
CREATE TABLE alarm_journal (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    alarm_id INTEGER NOT NULL,
    occurrence BIGINT NOT NULL,
    from_state TEXT NOT NULL,
    to_state TEXT NOT NULL,
    event TEXT NOT NULL,
    value TEXT,
    quality BIGINT NOT NULL,
    occurred BIGINT NOT NULL,
    recorded BIGINT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT
);

CREATE INDEX alarm_journal_of_alarm ON alarm_journal (alarm_id, id);

-- A batch that is written again, because it was not known to be durable, must not stand twice.
CREATE UNIQUE INDEX alarm_journal_once ON alarm_journal (alarm_id, occurrence, event, recorded);

CREATE TRIGGER alarm_journal_no_update BEFORE UPDATE ON alarm_journal
BEGIN
    SELECT RAISE(ABORT, 'the alarm journal is immutable');
END;

CREATE TRIGGER alarm_journal_no_delete BEFORE DELETE ON alarm_journal
BEGIN
    SELECT RAISE(ABORT, 'the alarm journal is immutable');
END;

-- INSERT OR REPLACE deletes without the trigger above.
CREATE TRIGGER alarm_journal_no_replace BEFORE INSERT ON alarm_journal
WHEN EXISTS (SELECT 1 FROM alarm_journal WHERE id = NEW.id)
    OR EXISTS (
        SELECT 1 FROM alarm_journal
        WHERE alarm_id = NEW.alarm_id AND occurrence = NEW.occurrence AND event = NEW.event AND recorded = NEW.recorded
    )
BEGIN
    SELECT RAISE(ABORT, 'the alarm journal is immutable');
END;
