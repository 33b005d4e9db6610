-- The rows of `lasting`, whatever came before.
CREATE OR REPLACE TEMP VIEW changed AS
FROM lasting;
