-- A range of the journal by time, and how each alarm stood at its start.
CREATE INDEX alarm_journal_by_time ON alarm_journal (recorded, id);
CREATE INDEX alarm_journal_of_alarm_by_time ON alarm_journal (alarm_id, recorded, id);
