DROP TABLE line_point;
