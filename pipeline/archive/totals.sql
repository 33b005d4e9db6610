-- Screen time of each person in each movie, or of all together, and the seconds of each emotion.
SELECT
    number,
    CASE WHEN getvariable('by_movie') THEN 'any' ELSE person END AS who,
    sum(screen) AS seconds_on_screen,
    count(DISTINCT track) AS tracks,
    count(*) AS faces,
    coalesce(sum(seconds) FILTER (label = 0), 0) AS angry,
    coalesce(sum(seconds) FILTER (label = 1), 0) AS disgust,
    coalesce(sum(seconds) FILTER (label = 2), 0) AS fear,
    coalesce(sum(seconds) FILTER (label = 3), 0) AS happy,
    coalesce(sum(seconds) FILTER (label = 4), 0) AS sad,
    coalesce(sum(seconds) FILTER (label = 5), 0) AS surprise,
    coalesce(sum(seconds) FILTER (label = 6), 0) AS neutral
FROM faces
GROUP BY number, who
ORDER BY number, who = '', seconds_on_screen DESC, who;
