DROP TABLE machine_memory;
DROP TABLE machine;
DROP TABLE alarm;
DROP TABLE tag;
DROP TABLE link;
