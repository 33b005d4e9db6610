-- One line for each run, in the wanted order; `found` is the number of runs without the limit.
SELECT
    number,
    person,
    label,
    track,
    min(frame) AS first,
    max(frame) AS last,
    min(time) AS start,
    max(time) AS stop,
    max(time + seconds) - min(time) AS seconds,
    any_value(run_length) AS length,
    count(*) AS faces,
    round(avg(look_sure::DOUBLE), 6) AS mean_look_sure,
    round(max(strength::DOUBLE), 6) AS most_strength,
    round(avg(probability::DOUBLE), 6) AS mean_probability,
    coalesce(max(prominence), 'NaN'::DOUBLE) AS most_prominence,
    count(*) OVER () AS found
FROM kept
GROUP BY number, person, label, track, run
ORDER BY
    CASE getvariable('ordering')
        WHEN 'sure' THEN mean_look_sure
        WHEN 'strength' THEN most_strength
        WHEN 'probability' THEN mean_probability
        WHEN 'length' THEN round(max(time + seconds) - min(time), 6)
    END DESC,
    number,
    first,
    track
LIMIT getvariable('top');
