-- Runs for settings other than the stored ones: steady.runs, steady.run_lengths,
-- evidence.look_sure and strength.strength in SQL. tests/archive/test_equality.py compares both.
CREATE OR REPLACE TEMP VIEW steadied AS
WITH
    -- steady.runs: rows of a track and label, each at most a stride and the gap after the one before.
    parted AS (
        SELECT
            * EXCLUDE (run, run_length, look_sure, strength, position),
            frame - lag(frame) OVER alike > stride + getvariable('gap') AS broken
        FROM labelled
        WINDOW alike AS (PARTITION BY number, track, label ORDER BY frame)
    ),
    numbered AS (
        SELECT * EXCLUDE (broken), count(*) FILTER (broken) OVER so_far AS run
        FROM parted
        WINDOW so_far AS (PARTITION BY number, track, label ORDER BY frame ROWS UNBOUNDED PRECEDING)
    ),
    -- evidence.nearby_means, not yet summing to 1.
    measured AS (
        SELECT
            *,
            max(frame) OVER one_run - min(frame) OVER one_run + stride AS run_length,
            [
                exp(avg(ln(greatest(angry::DOUBLE, getvariable('least')))) OVER near),
                exp(avg(ln(greatest(disgust::DOUBLE, getvariable('least')))) OVER near),
                exp(avg(ln(greatest(fear::DOUBLE, getvariable('least')))) OVER near),
                exp(avg(ln(greatest(happy::DOUBLE, getvariable('least')))) OVER near),
                exp(avg(ln(greatest(sad::DOUBLE, getvariable('least')))) OVER near),
                exp(avg(ln(greatest(surprise::DOUBLE, getvariable('least')))) OVER near),
                exp(avg(ln(greatest(neutral::DOUBLE, getvariable('least')))) OVER near)
            ] AS means
        FROM numbered
        WINDOW
            one_run AS (PARTITION BY number, track, label, run),
            near AS (
                PARTITION BY number, track, label, run
                ORDER BY round(time * 1000000)::BIGINT
                RANGE BETWEEN getvariable('reach') PRECEDING AND getvariable('reach') FOLLOWING
            )
    ),
    classed AS (
        SELECT
            * REPLACE (in_classes(means) AS means),
            margin_of(in_classes(means), label) / list_sum(means) AS margin
        FROM measured
    ),
    -- The person's median neutral face, for each class.
    neutral AS (
        SELECT
            number,
            person,
            [
                median(from_neutral(means, 0)), median(from_neutral(means, 1)),
                median(from_neutral(means, 2)), median(from_neutral(means, 3)),
                median(from_neutral(means, 4)), median(from_neutral(means, 5)),
                median(from_neutral(means, 6))
            ] AS usual
        FROM classed
        WHERE label = class_of(6)
        GROUP BY number, person
    )
SELECT
    classed.* EXCLUDE (means, margin),
    (1 / (1 + exp(-(getvariable('slope') * margin + getvariable('intercept')))))::FLOAT AS look_sure,
    CASE
        WHEN label = class_of(6) THEN 0
        ELSE least(1, greatest(0, (
            from_neutral(means, label) - coalesce(usual[label + 1], 0)
        ) / getvariable('farthest')))
    END::FLOAT AS strength
FROM
    classed
    LEFT JOIN neutral ON neutral.number = classed.number AND neutral.person = classed.person;
