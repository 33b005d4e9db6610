-- All rows as they stand in faces.csv, the movie's folder before them. No join: it may change order.
CREATE OR REPLACE TEMP VIEW joined AS
SELECT
    getvariable('folders')[(file_index + 1)::BIGINT] AS folder,
    face.* EXCLUDE (label, probability, run, run_length, position, faces, seconds, screen)
FROM read_parquet(getvariable('files'), hive_partitioning = false) AS face;
