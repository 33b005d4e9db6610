-- Labels by a moving mean: select.looks in SQL. tests/archive/test_equality.py compares both.
CREATE OR REPLACE TEMP VIEW labelled AS
WITH
    -- Whole tracks with at least one row of a wanted person: smoothing needs the other rows too.
    asked AS (
        SELECT * EXCLUDE (label, probability, ahead)
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
            * EXCLUDE (
                mean_angry, mean_disgust, mean_fear, mean_happy, mean_sad, mean_surprise,
                mean_neutral
            ),
            [
                mean_angry, mean_disgust, mean_fear, mean_happy, mean_sad, mean_surprise,
                mean_neutral
            ] AS looks
        FROM smoothed
    ),
    -- The first of equal probabilities, as argmax does; numbers are positions in faces.EMOTIONS.
    classed AS (
        SELECT
            * REPLACE (in_classes(looks::DOUBLE[])::FLOAT[] AS looks),
            class_of(list_position(looks, list_max(looks)) - 1) AS label
        FROM measured
    )
SELECT * EXCLUDE (looks), looks[label + 1] AS probability, margin_of(looks, label) AS ahead
FROM classed;
