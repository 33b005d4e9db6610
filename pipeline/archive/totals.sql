-- Screen time of each person in each movie, and each emotion's share of the seconds of all faces.
SELECT
    number,
    person,
    sum(screen) AS seconds_on_screen,
    count(DISTINCT track) AS tracks,
    count(*) AS faces,
    coalesce(sum(seconds) FILTER (label = 0), 0) / sum(seconds) AS angry,
    coalesce(sum(seconds) FILTER (label = 1), 0) / sum(seconds) AS disgust,
    coalesce(sum(seconds) FILTER (label = 2), 0) / sum(seconds) AS fear,
    coalesce(sum(seconds) FILTER (label = 3), 0) / sum(seconds) AS happy,
    coalesce(sum(seconds) FILTER (label = 4), 0) / sum(seconds) AS sad,
    coalesce(sum(seconds) FILTER (label = 5), 0) / sum(seconds) AS surprise,
    coalesce(sum(seconds) FILTER (label = 6), 0) / sum(seconds) AS neutral
FROM faces
GROUP BY number, person
ORDER BY number, person = '', seconds_on_screen DESC, person;
