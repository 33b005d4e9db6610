-- Labels and runs as stored in the tables, for the default --smooth and --gap.
CREATE OR REPLACE TEMP VIEW steadied AS
FROM faces;
