-- Messages about alarms: who was told what, and what became of it.
CREATE TABLE notification (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    message_key TEXT NOT NULL UNIQUE,
    at BIGINT NOT NULL,
    channel TEXT NOT NULL,
    recipient TEXT NOT NULL,
    rule TEXT,
    alarm_id INTEGER,
    occurrence BIGINT,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    error TEXT
);

CREATE INDEX notification_of_alarm ON notification (alarm_id, occurrence);
CREATE INDEX notification_by_status ON notification (status, id);
