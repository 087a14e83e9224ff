-- Notes of people about an occurrence of an alarm, an event, a tag or a time. What a note says is in its versions.
CREATE TABLE note (
    id INTEGER PRIMARY KEY NOT NULL,
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

CREATE TRIGGER note_no_delete BEFORE DELETE ON note
BEGIN
    SELECT RAISE(ABORT, 'notes are kept');
END;

CREATE TRIGGER note_version_no_update BEFORE UPDATE ON note_version
BEGIN
    SELECT RAISE(ABORT, 'versions of a note are immutable');
END;

CREATE TRIGGER note_version_no_delete BEFORE DELETE ON note_version
BEGIN
    SELECT RAISE(ABORT, 'versions of a note are immutable');
END;

-- INSERT OR REPLACE deletes without the trigger above.
CREATE TRIGGER note_version_no_replace BEFORE INSERT ON note_version
WHEN EXISTS (SELECT 1 FROM note_version WHERE note_id = NEW.note_id AND revision = NEW.revision)
BEGIN
    SELECT RAISE(ABORT, 'versions of a note are immutable');
END;
