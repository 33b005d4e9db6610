-- The rows of `lasting` whose face steadily showed the look before shortly before: change.changed in SQL.
CREATE OR REPLACE TEMP VIEW changed AS
WITH
    timed AS (SELECT *, round(time * 1000000)::BIGINT AS micro FROM lasting),
    followed AS (
        SELECT
            *,
            max(micro) FILTER (
                label = getvariable('from_') AND look_sure >= getvariable('sure')::FLOAT
            ) OVER so_far AS held
        FROM timed
        WINDOW so_far AS (PARTITION BY number, track ORDER BY frame ROWS UNBOUNDED PRECEDING)
    )
SELECT * EXCLUDE (micro, held)
FROM followed
WHERE label <> getvariable('from_') AND micro - held <= getvariable('within');
