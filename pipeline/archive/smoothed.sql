-- Smoothing and runs for settings other than the stored ones: pipeline/pick/steady.py and
-- select.steadied in SQL. tests/archive/test_equality.py compares both.
CREATE OR REPLACE TEMP VIEW steadied AS
WITH
    -- Whole tracks with at least one row of a wanted person: smoothing needs the other rows too.
    asked AS (
        SELECT * EXCLUDE (label, probability, run, run_length, position)
        FROM faces
        WHERE
            getvariable('people') IS NULL
            OR (number, track) IN (
                SELECT (number, track)
                FROM faces
                WHERE list_contains(getvariable('people'), person)
            )
    ),
    -- steady.segments: rows of a track, each at most one stride after the one before.
    stepped AS (
        SELECT *, frame - lag(frame) OVER one_track > stride AS broken
        FROM asked
        WINDOW one_track AS (PARTITION BY number, track ORDER BY frame)
    ),
    segmented AS (
        SELECT
            *,
            count(*) FILTER (broken) OVER so_far AS segment,
            greatest(1, getvariable('smooth') // stride) // 2 AS reach
        FROM stepped
        WINDOW so_far AS (PARTITION BY number, track ORDER BY frame ROWS UNBOUNDED PRECEDING)
    ),
    -- steady.smooth: the centred mean, cut off at the ends of a segment.
    smoothed AS (
        SELECT
            * EXCLUDE (broken, segment, reach),
            avg(angry::DOUBLE) OVER near::FLOAT AS mean_angry,
            avg(disgust::DOUBLE) OVER near::FLOAT AS mean_disgust,
            avg(fear::DOUBLE) OVER near::FLOAT AS mean_fear,
            avg(happy::DOUBLE) OVER near::FLOAT AS mean_happy,
            avg(sad::DOUBLE) OVER near::FLOAT AS mean_sad,
            avg(surprise::DOUBLE) OVER near::FLOAT AS mean_surprise,
            avg(neutral::DOUBLE) OVER near::FLOAT AS mean_neutral
        FROM segmented
        WINDOW near AS (
            PARTITION BY number, track, segment ORDER BY frame
            ROWS BETWEEN reach PRECEDING AND reach FOLLOWING
        )
    ),
    measured AS (
        SELECT
            *,
            greatest(
                mean_angry, mean_disgust, mean_fear, mean_happy, mean_sad, mean_surprise,
                mean_neutral
            ) AS probability
        FROM smoothed
    ),
    -- The first of equal probabilities, as argmax does; numbers are positions in faces.EMOTIONS.
    labelled AS (
        SELECT
            * EXCLUDE (
                mean_angry, mean_disgust, mean_fear, mean_happy, mean_sad, mean_surprise,
                mean_neutral
            ),
            CASE probability
                WHEN mean_angry THEN 0
                WHEN mean_disgust THEN 1
                WHEN mean_fear THEN 2
                WHEN mean_happy THEN 3
                WHEN mean_sad THEN 4
                WHEN mean_surprise THEN 5
                ELSE 6
            END AS label
        FROM measured
    ),
    -- steady.runs: rows of a track and label, each at most a stride and the gap after the one before.
    parted AS (
        SELECT *, frame - lag(frame) OVER alike > stride + getvariable('gap') AS broken
        FROM labelled
        WINDOW alike AS (PARTITION BY number, track, label ORDER BY frame)
    ),
    numbered AS (
        SELECT * EXCLUDE (broken), count(*) FILTER (broken) OVER so_far AS run
        FROM parted
        WINDOW so_far AS (PARTITION BY number, track, label ORDER BY frame ROWS UNBOUNDED PRECEDING)
    )
-- steady.run_lengths.
SELECT *, max(frame) OVER one_run - min(frame) OVER one_run + stride AS run_length
FROM numbered
WINDOW one_run AS (PARTITION BY number, track, label, run);
