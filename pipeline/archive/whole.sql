-- All rows that pass, for whole runs.
CREATE OR REPLACE TEMP VIEW kept AS
SELECT *, NULL::DOUBLE AS prominence
FROM passing;
