-- The rows of `changed` that are in the company that is asked for: company.accompanied in SQL. Who is there
-- is told by all faces of the frame or shot, whoever is wanted.
CREATE OR REPLACE TEMP VIEW accompanied AS
WITH
    places AS (
        SELECT
            number,
            CASE WHEN getvariable('same_frame') THEN frame ELSE shot END AS place,
            list(DISTINCT person) AS present,
            max(faces) = 1 AND count(DISTINCT person) = 1 AS single
        FROM faces
        GROUP BY ALL
    )
SELECT changed.*
FROM
    changed
    JOIN places
        ON places.number = changed.number
        AND place = CASE WHEN getvariable('same_frame') THEN frame ELSE shot END
WHERE
    list_has_all(present, getvariable('with_')::VARCHAR[])
    AND NOT list_contains(getvariable('with_')::VARCHAR[], person)
    AND NOT list_has_any(present, getvariable('without')::VARCHAR[])
    AND (single OR NOT getvariable('alone'));
