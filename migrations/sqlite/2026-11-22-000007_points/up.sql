-- Surveyed points of segments: kilometre post (km), WGS 84 (degrees), elevation (m).
CREATE TABLE line_point (
    segment TEXT NOT NULL,
    post DOUBLE PRECISION NOT NULL,
    latitude DOUBLE PRECISION NOT NULL,
    longitude DOUBLE PRECISION NOT NULL,
    elevation DOUBLE PRECISION,
    PRIMARY KEY (segment, post)
);
