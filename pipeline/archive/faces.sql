-- All rows of the chosen movies, each with the facts of its movie.
CREATE OR REPLACE TEMP VIEW faces AS
SELECT walk.number, walk.stride, walk.repeat, walk.width, walk.height, face.* EXCLUDE (filename)
FROM
    read_parquet(getvariable('files'), filename = true, hive_partitioning = false) AS face
    JOIN walk ON walk.file = face.filename;
