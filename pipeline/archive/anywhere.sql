-- The rows of `lasting`, whoever else is there.
CREATE OR REPLACE TEMP VIEW accompanied AS
FROM lasting;
