-- The rows of `changed`, whoever else is there.
CREATE OR REPLACE TEMP VIEW accompanied AS
FROM changed;
