-- All rows as in faces.csv, after the folder of their movie. A JOIN might change the order of rows.
CREATE OR REPLACE TEMP VIEW joined AS
SELECT
    getvariable('folders')[(file_index + 1)::BIGINT] AS folder,
    face.* EXCLUDE (
        label, probability, run, run_length, look_sure, position, faces, seconds, screen
    )
FROM read_parquet(getvariable('files'), hive_partitioning = false) AS face;
