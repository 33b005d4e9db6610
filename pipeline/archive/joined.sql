-- All rows as in faces.csv, after the folder of their movie. A JOIN might change the order of rows.
CREATE OR REPLACE TEMP VIEW joined AS
SELECT
    getvariable('folders')[(file_index + 1)::BIGINT] AS folder,
    face.* EXCLUDE (
        label, probability, ahead, run, run_length, look_sure, strength, position, faces, seconds,
        screen
    )
FROM read_parquet(getvariable('files'), hive_partitioning = false) AS face;

-- text_table.guarded in SQL, for all columns of text.
CREATE OR REPLACE TEMP MACRO guarded_text(t) AS CASE
    WHEN regexp_matches(t, getvariable('formula')) AND NOT regexp_matches(t, getvariable('number'))
    THEN ''''
    ELSE ''
END || regexp_replace(t, getvariable('inner_formula'), '\1''\2', 'g');

CREATE OR REPLACE TEMP VIEW guarded AS
SELECT * REPLACE (
    guarded_text(folder) AS folder, guarded_text(video) AS video, guarded_text(person) AS person
)
FROM joined;
