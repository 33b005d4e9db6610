-- The rows whose run has enough frames: select.long_enough in SQL.
CREATE OR REPLACE TEMP VIEW lasting AS
FROM steadied
WHERE
    -- A constant, which lets DuckDB skip most rows while it reads the files; `repeat` differs from
    -- movie to movie.
    run_length >= getvariable('least_repeat')
    AND run_length >= repeat;
