-- One row of each run: its apex, with its prominence, or its onset, pick.apex in SQL. Runs are of the
-- view `passing`, but the frames around a row are those of its track.
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
            * EXCLUDE (part),
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
    ),
    chosen AS (
        SELECT passing.*, micro, level
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
        ) = 1
    ),
    -- The nearest higher ground on both sides.
    ends AS (
        SELECT
            chosen.number, chosen.track, chosen.label, chosen.frame,
            any_value(chosen.micro) AS micro,
            any_value(chosen.level) AS level,
            max(measured.micro) FILTER (measured.level > chosen.level AND measured.micro < chosen.micro) AS low,
            min(measured.micro) FILTER (measured.level > chosen.level AND measured.micro > chosen.micro) AS high
        FROM
            chosen
            JOIN measured
                ON measured.number = chosen.number
                AND measured.track = chosen.track
                AND measured.look = chosen.label
        WHERE NOT getvariable('onset')
        GROUP BY ALL
    ),
    ways AS (
        SELECT
            ends.number, ends.track, ends.label, ends.frame,
            (any_value(ends.level) - coalesce(
                greatest(
                    min(measured.level) FILTER (measured.micro BETWEEN low AND ends.micro),
                    min(measured.level) FILTER (measured.micro BETWEEN ends.micro AND high)
                ),
                min(measured.level)
            )) / 1000000 AS prominence
        FROM
            ends
            JOIN measured
                ON measured.number = ends.number
                AND measured.track = ends.track
                AND measured.look = ends.label
        GROUP BY ALL
    )
SELECT chosen.* EXCLUDE (micro, level), prominence
FROM
    chosen
    LEFT JOIN ways
        ON ways.number = chosen.number
        AND ways.track = chosen.track
        AND ways.label = chosen.label
        AND ways.frame = chosen.frame;
