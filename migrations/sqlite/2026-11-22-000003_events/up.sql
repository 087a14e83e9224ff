-- Who did what: every change, command, login and refusal, for ever. The writer gives ids without a gap, and each row's
-- hash covers its content and the hash of the row before.
CREATE TABLE event (
    id INTEGER PRIMARY KEY NOT NULL,
    occurred BIGINT NOT NULL,
    actor TEXT NOT NULL,
    origin TEXT,
    action TEXT NOT NULL,
    object_kind TEXT,
    object_id BIGINT,
    object_name TEXT,
    value_before TEXT,
    value_after TEXT,
    reason TEXT,
    outcome TEXT NOT NULL,
    hash BLOB NOT NULL
);

CREATE INDEX event_of_actor ON event (actor, id);
CREATE INDEX event_of_action ON event (action, id);
CREATE INDEX event_of_object ON event (object_kind, object_id, id);
CREATE INDEX event_of_time ON event (occurred, id);

CREATE TRIGGER event_no_update BEFORE UPDATE ON event
BEGIN
    SELECT RAISE(ABORT, 'events are immutable');
END;

CREATE TRIGGER event_no_delete BEFORE DELETE ON event
BEGIN
    SELECT RAISE(ABORT, 'events are immutable');
END;

-- INSERT OR REPLACE deletes without the trigger above.
CREATE TRIGGER event_no_replace BEFORE INSERT ON event
WHEN EXISTS (SELECT 1 FROM event WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'events are immutable');
END;
