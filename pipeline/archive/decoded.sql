-- Labels as stored in the tables, where they come from the default --smooth, by their classes.
CREATE OR REPLACE TEMP VIEW labelled AS
SELECT * REPLACE (
    class_of(label) AS label,
    in_classes(
        [angry, disgust, fear, happy, sad, surprise, neutral]::DOUBLE[]
    )[class_of(label) + 1]::FLOAT AS probability
)
FROM faces;
