-- The wanted rows whose run is long enough, in the company that is asked for (the view
-- `accompanied`), that pass every filter:
-- select.wanted and select.filters in SQL. Measures are doubles rounded to the digits of faces.csv,
-- as there: in float32, 1100.1 - 1050.1 is less than 50.
CREATE OR REPLACE TEMP VIEW passing AS
SELECT *
FROM accompanied
WHERE
    (getvariable('people') IS NULL OR list_contains(getvariable('people'), person))
    AND (getvariable('labels') IS NULL OR list_contains(getvariable('labels'), label))
    AND look_sure >= getvariable('sure')::FLOAT
    AND probability >= getvariable('min_prob')::FLOAT
    AND (getvariable('min_margin') IS NULL OR ahead >= getvariable('min_margin')::FLOAT)
    AND (
        getvariable('min_size') = 0
        OR round_even(
            least(
                round_even(x2::DOUBLE, 1) - round_even(x1::DOUBLE, 1),
                round_even(y2::DOUBLE, 1) - round_even(y1::DOUBLE, 1)
            ),
            1
        ) >= getvariable('min_size')
    )
    AND (
        getvariable('min_sharpness') = 0
        OR round_even(sharpness::DOUBLE, 1) >= getvariable('min_sharpness')
    )
    AND abs(round_even(yaw::DOUBLE, 1)) <= getvariable('max_yaw')
    AND (faces = 1 OR NOT getvariable('single_face'))
    AND (
        getvariable('border') IS NULL
        OR round_even(
            least(
                round_even(x1::DOUBLE, 1),
                round_even(y1::DOUBLE, 1),
                width - round_even(x2::DOUBLE, 1),
                height - round_even(y2::DOUBLE, 1)
            ),
            1
        ) >= getvariable('border')
    );
