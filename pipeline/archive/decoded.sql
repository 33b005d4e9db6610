-- Labels as stored in the tables, where they come from the default --smooth, by their classes.
CREATE OR REPLACE TEMP VIEW labelled AS
WITH
    classed AS (
        SELECT
            * EXCLUDE (probability, ahead) REPLACE (class_of(label) AS label),
            in_classes(
                [angry, disgust, fear, happy, sad, surprise, neutral]::DOUBLE[]
            )::FLOAT[] AS looks
        FROM faces
    )
SELECT * EXCLUDE (looks), looks[label + 1] AS probability, margin_of(looks, label) AS ahead
FROM classed;
