-- settings.classes in SQL: `classes` holds the class of each emotion; lists count from 1.
CREATE OR REPLACE TEMP MACRO class_of(look) AS getvariable('classes')[look + 1];

-- evidence.in_classes in SQL.
CREATE OR REPLACE TEMP MACRO in_classes(looks) AS list_transform(
    [0, 1, 2, 3, 4, 5, 6],
    lambda class: coalesce(
        list_sum(list_filter(looks::DOUBLE[], lambda look, place: getvariable('classes')[place] = class)), 0
    )
);

-- evidence.margins in SQL.
CREATE OR REPLACE TEMP MACRO margin_of(looks, class) AS
    looks[class + 1] - list_max(looks[1:class] || looks[class + 2:]);

-- The distance of a look from neutral of strength.strength in SQL.
CREATE OR REPLACE TEMP MACRO from_neutral(looks, class) AS
    ln(greatest(looks[class + 1], getvariable('never')))
    - ln(greatest(looks[class_of(6) + 1], getvariable('never')));
