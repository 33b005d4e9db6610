-- All rows of all movies, each with what its movie brings along.
CREATE OR REPLACE TEMP VIEW faces AS
SELECT walk.number, walk.stride, walk.repeat, walk.width, walk.height, face.* EXCLUDE (filename)
FROM
    read_parquet(getvariable('files'), filename = true, hive_partitioning = false) AS face
    JOIN walk ON walk.file = face.filename;
