-- Labels as stored in the tables, where they come from the default --smooth.
CREATE OR REPLACE TEMP VIEW labelled AS
FROM faces;
