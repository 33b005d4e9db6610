-- One row of each run: its apex or its onset, pick.apex in SQL. Runs are of the view `passing`, but the
-- frames around a row are those of its track.
CREATE OR REPLACE TEMP VIEW kept AS
WITH
    looks AS (SELECT DISTINCT number, track, label AS look FROM passing),
    witnesses AS (
        SELECT
            steadied.number,
            steadied.track,
            look,
            frame,
            round(time * 1000000)::BIGINT AS micro,
            in_classes(list_transform(
                [angry, disgust, fear, happy, sad, surprise, neutral],
                lambda p: round(p::DOUBLE * 1000000)::BIGINT
            ))[look + 1]::BIGINT AS part
        FROM
            steadied
            JOIN looks ON looks.number = steadied.number AND looks.track = steadied.track
    ),
    measured AS (
        SELECT
            * EXCLUDE (micro, part),
            CASE
                WHEN getvariable('onset')
                THEN
                    sum(part) OVER after::DOUBLE / count(*) OVER after
                    - sum(part) OVER before::DOUBLE / count(*) OVER before
                ELSE sum(part) OVER around::DOUBLE / count(*) OVER around
            END AS level
        FROM witnesses
        WINDOW
            after AS (
                PARTITION BY number, track, look ORDER BY micro
                RANGE BETWEEN CURRENT ROW AND getvariable('nearby') FOLLOWING
            ),
            before AS (
                PARTITION BY number, track, look ORDER BY micro
                RANGE BETWEEN getvariable('nearby') PRECEDING AND CURRENT ROW
            ),
            around AS (
                PARTITION BY number, track, look ORDER BY micro
                RANGE BETWEEN getvariable('nearby') PRECEDING AND getvariable('nearby') FOLLOWING
            )
    )
SELECT passing.*
FROM
    passing
    JOIN measured
        ON measured.number = passing.number
        AND measured.track = passing.track
        AND measured.look = passing.label
        AND measured.frame = passing.frame
QUALIFY row_number() OVER (
    PARTITION BY passing.number, passing.track, passing.label, passing.run
    ORDER BY level DESC, passing.probability DESC, passing.frame
) = 1;
