-- settings.classes in SQL: `classes` holds the class of each emotion; lists count from 1.
CREATE OR REPLACE TEMP MACRO class_of(look) AS getvariable('classes')[look + 1];

-- evidence.in_classes in SQL.
CREATE OR REPLACE TEMP MACRO in_classes(looks) AS list_transform(
    [0, 1, 2, 3, 4, 5, 6],
    lambda class: coalesce(
        list_sum(list_filter(looks, lambda look, place: getvariable('classes')[place] = class)), 0
    )
);
