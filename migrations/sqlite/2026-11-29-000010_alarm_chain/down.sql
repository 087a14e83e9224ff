DROP TABLE alarm_occurrence;
ALTER TABLE alarm_journal DROP COLUMN hash;
ALTER TABLE alarm_journal DROP COLUMN annunciated;
ALTER TABLE alarm_state DROP COLUMN more;
