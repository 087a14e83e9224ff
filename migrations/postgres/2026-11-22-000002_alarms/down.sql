DROP TABLE alarm_journal;
DROP FUNCTION refuse_change;
DROP TABLE alarm_state;
