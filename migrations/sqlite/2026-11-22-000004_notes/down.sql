DROP TABLE note_version;
DROP TABLE note;
