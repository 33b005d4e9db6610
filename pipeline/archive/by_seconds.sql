-- The rows whose run lasts long enough by the times of its frames: select.long_enough in SQL.
CREATE OR REPLACE TEMP VIEW lasting AS
WITH
    timed AS (
        SELECT *, max(time::DOUBLE) OVER one_run - min(time::DOUBLE) OVER one_run AS shown
        FROM steadied
        WINDOW one_run AS (PARTITION BY number, track, label, run)
    )
SELECT * EXCLUDE (shown)
FROM timed
WHERE
    CASE
        WHEN shown > 0 THEN
            shown * run_length / (run_length - stride) >= getvariable('least_seconds')
        ELSE run_length >= repeat
    END;
