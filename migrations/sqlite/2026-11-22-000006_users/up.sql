-- Roles: a name for a set of permissions (a JSON list of words). Those that come with Flyball cannot be altered.
CREATE TABLE role (
    name TEXT PRIMARY KEY NOT NULL,
    permissions TEXT NOT NULL,
    builtin BOOLEAN NOT NULL
);

INSERT INTO role (name, permissions, builtin) VALUES
    ('guest', '["view"]', TRUE),
    ('auditor', '["view","event.view"]', TRUE),
    ('operator', '["view","note.write","tag.write","machine.command","alarm.acknowledge","alarm.comment","alarm.silence","alarm.shelve"]', TRUE),
    ('supervisor', '["view","event.view","note.write","tag.write","machine.command","alarm.acknowledge","alarm.comment","alarm.silence","alarm.shelve","alarm.shelve_long","alarm.unshelve_any","alarm.acknowledge_bulk"]', TRUE),
    ('maintenance', '["view","note.write","tag.write","machine.command","alarm.acknowledge","alarm.comment","alarm.silence","alarm.shelve","alarm.reset","alarm.out_of_service"]', TRUE),
    ('engineer', '["view","event.view","note.write","tag.write","machine.command","alarm.acknowledge","alarm.comment","alarm.silence","alarm.shelve","alarm.reset","tag.edit","alarm.edit","machine.edit","link.edit"]', TRUE),
    ('admin', '["view","event.view","note.write","user.edit","settings.edit"]', TRUE);

-- People. A name is never given to another person: events refer to it.
CREATE TABLE account (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    password_hash TEXT,
    role TEXT NOT NULL REFERENCES role (name),
    disabled BOOLEAN NOT NULL,
    failed_attempts INTEGER NOT NULL,
    locked_until BIGINT,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    removed_at BIGINT
);

CREATE INDEX account_of_role ON account (role);

-- Who is logged in. The token itself is nowhere.
CREATE TABLE session (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    token_hash BLOB NOT NULL UNIQUE,
    account_id INTEGER NOT NULL REFERENCES account (id),
    origin TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);

CREATE INDEX session_of_account ON session (account_id, id);

-- Keys of programs. The secret itself is nowhere.
CREATE TABLE api_key (
    id TEXT PRIMARY KEY NOT NULL,
    key_hash BLOB NOT NULL,
    name TEXT NOT NULL,
    scope TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);
