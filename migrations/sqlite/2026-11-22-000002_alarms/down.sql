DROP TABLE alarm_journal;
DROP TABLE alarm_state;
