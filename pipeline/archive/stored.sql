-- Smoothing and runs as they were stored with the default --smooth and --gap.
CREATE OR REPLACE TEMP VIEW steadied AS
FROM faces;
