-- All rows that pass, for whole runs.
CREATE OR REPLACE TEMP VIEW kept AS
FROM passing;
