-- Notes of people about an occurrence of an alarm, an event, a tag or a time. What a note says is in its versions.
CREATE TABLE note (
    id BIGINT PRIMARY KEY,
    revision BIGINT NOT NULL,
    alarm_id INTEGER,
    occurrence BIGINT,
    event_id BIGINT,
    tag_id INTEGER,
    range_from BIGINT,
    range_to BIGINT
);

CREATE INDEX note_of_alarm ON note (alarm_id, occurrence, id);
CREATE INDEX note_of_event ON note (event_id, id);
CREATE INDEX note_of_tag ON note (tag_id, id);
CREATE INDEX note_of_range ON note (range_from, range_to);

-- Every text that a note ever had.
CREATE TABLE note_version (
    note_id BIGINT NOT NULL REFERENCES note (id),
    revision BIGINT NOT NULL,
    text TEXT NOT NULL,
    author TEXT NOT NULL,
    written_at BIGINT NOT NULL,
    PRIMARY KEY (note_id, revision)
);

CREATE TRIGGER note_no_delete BEFORE DELETE OR TRUNCATE ON note
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('notes are kept');

CREATE TRIGGER note_version_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON note_version
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('versions of a note are immutable');

ALTER TABLE note ENABLE ALWAYS TRIGGER note_no_delete;
ALTER TABLE note_version ENABLE ALWAYS TRIGGER note_version_no_change;
