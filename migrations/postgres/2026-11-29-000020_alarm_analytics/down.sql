DROP INDEX alarm_journal_of_alarm_by_time;
DROP INDEX alarm_journal_by_time;
