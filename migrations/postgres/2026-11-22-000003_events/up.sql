-- Who did what: every change, command, login and refusal, for ever. The writer gives ids without a gap, and each row's
-- hash covers its content and the hash of the row before.
CREATE TABLE event (
    id BIGINT PRIMARY KEY,
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
    hash BYTEA NOT NULL
);

CREATE INDEX event_of_actor ON event (actor, id);
CREATE INDEX event_of_action ON event (action, id);
CREATE INDEX event_of_object ON event (object_kind, object_id, id);
CREATE INDEX event_of_time ON event (occurred, id);

CREATE TRIGGER event_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON event
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('events are immutable');

ALTER TABLE event ENABLE ALWAYS TRIGGER event_no_change;
