"""Who else is there: whether a face is in the company that is asked for.

Company is a matter of the shot, in which faces turn away and come back, or of the frame alone.
`archive/company.sql` says the same in SQL.
"""

import pandas as pd

from pipeline.faces import written
from pipeline.settings import PickSettings

COMPANY = ("with", "without", "alone")
"""The columns of `accompanied`, which are the names of their options."""


def accompanied(rows: pd.DataFrame, settings: PickSettings) -> "dict[str, pd.Series[bool]]":
    """Whether each face is in the company that is asked for, by the name of the option.

    Nobody is in company of himself, so that a face without a name is never "with unknown". Alone
    is who shares no frame of the shot with another face, and the shot with nobody of another name:
    the other part of a track that lost its name counts as somebody else.

    Args:
        rows: All faces of the movie, with `faces`, the number of faces in the frame.
        settings: `with_`, `without`, `alone` and `same_frame` are used.

    Returns:
        A column for each option that is given.
    """
    place, person = rows["frame" if settings.same_frame else "shot"], rows["person"]

    def there(name: str) -> "pd.Series[bool]":
        return (person == written(name)).groupby(place).transform("any").astype(bool)

    everybody = pd.Series(data=True, index=rows.index)
    asked = zip(COMPANY, (settings.with_, settings.without, settings.alone), strict=True)
    columns = {option: everybody for option, value in asked if value}
    for name in settings.with_:
        columns["with"] = columns["with"] & there(name) & (person != written(name))
    for name in settings.without:
        columns["without"] = columns["without"] & ~there(name)
    if settings.alone:
        most, names = rows["faces"].groupby(place), person.groupby(place)
        columns["alone"] = (most.transform("max") == 1) & (names.transform("nunique") == 1)
    return columns
