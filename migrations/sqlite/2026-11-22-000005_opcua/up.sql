-- Settings of the OPC UA side (kind: link, server_node) as they are. A name is kept when its setting is removed.
CREATE TABLE opcua_setting (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    revision BIGINT NOT NULL,
    definition TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    removed_at BIGINT,
    UNIQUE (kind, name)
);

-- As they were: every version with the present one; no definition where the setting was removed.
CREATE TABLE opcua_setting_version (
    setting_id INTEGER NOT NULL REFERENCES opcua_setting (id),
    revision BIGINT NOT NULL,
    definition TEXT,
    changed_at BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (setting_id, revision)
);

-- When links were connected and lost.
CREATE TABLE link_connection (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    link_id INTEGER NOT NULL,
    connected BOOLEAN NOT NULL,
    reason TEXT,
    occurred BIGINT NOT NULL
);

CREATE INDEX link_connection_of_link ON link_connection (link_id, id);

CREATE TRIGGER opcua_setting_version_no_update BEFORE UPDATE ON opcua_setting_version
BEGIN
    SELECT RAISE(ABORT, 'versions of a setting are immutable');
END;

CREATE TRIGGER opcua_setting_version_no_delete BEFORE DELETE ON opcua_setting_version
BEGIN
    SELECT RAISE(ABORT, 'versions of a setting are immutable');
END;

-- INSERT OR REPLACE deletes without the trigger above.
CREATE TRIGGER opcua_setting_version_no_replace BEFORE INSERT ON opcua_setting_version
WHEN EXISTS (SELECT 1 FROM opcua_setting_version WHERE setting_id = NEW.setting_id AND revision = NEW.revision)
BEGIN
    SELECT RAISE(ABORT, 'versions of a setting are immutable');
END;
