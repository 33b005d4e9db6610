"""What the commands do, for programs and notebooks: results are tables of pandas.

```python
from pipeline import api

folder = api.walk("movie.mp4")
api.pick(folder, person="rdj", emotion="happy", repeat=12)
best = api.moments("output", emotion="happy", top=20)
```

Options are called as on the command line, with `_` for `-` (`known_faces`, `emotion_model`), and
have the same defaults, but for `workers`, which is 1. `repeat` is in frames, `repeat_seconds` in
seconds. Tables have one row a result, and NaN for an unknown number. All functions raise
`MiningError` for what is missing, wrong or cannot be written, `TypeError` for an option that they
do not have or a value of another kind than it wants, and `ValueError` for a value out of range.
What happens is logged to the logger `pipeline`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from inspect import signature
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd

from pipeline import mine, results
from pipeline.archive import archive, search, totals
from pipeline.archive import status as walks
from pipeline.cast import cast as casting
from pipeline.disk.find import all_there, find_walks, without_failed
from pipeline.disk.manifest import movie_name
from pipeline.disk.walked import finished
from pipeline.errors import MiningError, TableError
from pipeline.faces import ANY, EMOTIONS
from pipeline.judge import judge as measuring
from pipeline.people.album import Album
from pipeline.people.gallery import digest
from pipeline.settings import (
    Job,
    PickSettings,
    Smoothing,
    WalkSettings,
    classes,
    is_look,
    job_from,
)
from pipeline.walk.part import silent

__all__ = [
    "EMOTIONS", "MiningError", "cast", "faces", "judge", "moments", "name", "pick", "report",
    "stats", "status", "walk",
]  # fmt: skip

Place = str | Path
"""A movie's folder, its faces.csv or its name in `output`, or a folder of movies' folders."""

Wanted = str | Sequence[str]
"""One name, or several."""

PLACES = ("output", "known_faces", "tolerance")

FILTERS = tuple(
    field.name for field in fields(PickSettings)
    if field.name not in ("silent_only", "after", "per_run", "margin")
)  # fmt: skip
"""What a search of many movies can ask for."""

TAKES: dict[str, tuple[str, ...]] = {
    "walk": (
        "every", "width", "detect_every", "start", "end", "align", "detector", "recognizer",
        "emotion_model", "device", "workers", "rewalk", *PLACES,
    ),
    "faces": ("output",),
    "name": PLACES,
    "pick": (
        *FILTERS, "silent_only", "after", "per_run", "margin", "learn", "compare", "report",
        "subtitles", "subtitle_offset", "subtitle_encoding", "allow_remote", *PLACES,
    ),
    "moments": (*FILTERS, "output"),
    "stats": ("output",),
    "status": PLACES,
    "cast": PLACES,
    "judge": ("smooth", "sure", "min_prob", "output"),
    "report": ("allow_remote", *PLACES),
}  # fmt: skip
"""The options of each function."""

KINDS: dict[str, Any] = {
    **get_type_hints(Job), **get_type_hints(WalkSettings), **get_type_hints(PickSettings),
    "emotion_model": str, "person": tuple, "emotion": tuple, "top": int, "by_movie": bool,
}  # fmt: skip
"""The types of all options, as the settings have them."""

FITTING: dict[Any, tuple[tuple[type, ...], str]] = {
    bool: ((bool, np.bool_), "True or False"),
    int: ((Integral,), "a whole number"),
    float: ((Real,), "a number"),
    str: ((str, Path), "a text"),
    Path: ((str, Path), "a path"),
    tuple: ((Iterable,), "a name, or a list of names"),
    Smoothing: ((Integral, str), "a whole number of frames, or 'auto'"),
    NoneType: ((NoneType,), "None"),
}
"""What fits each type, and what it is called."""

REMARKS = {"repeat": "of frames (repeat_seconds takes seconds)"}
"""What is told besides of an option with a value that does not fit."""


def walk(movie: Place, **options: Any) -> Path:
    """Walks a movie, or reuses its walk, and names its faces.

    Args:
        movie: A video file.
        options: `every`, `width`, `detect_every`, `start` and `end` in seconds, `align`,
            `detector`, `recognizer`, `emotion_model`, `device`, `workers`, `rewalk`, `output`,
            `known_faces`, `tolerance`.

    Returns:
        The movie's folder.
    """
    return mine.walk(Path(movie), _job("walk", options), silent)


def faces(folder: Place, **options: Any) -> pd.DataFrame:
    """All faces of a walked movie.

    Args:
        folder: The movie.
        options: `output`.

    Returns:
        `(n, 25)`, a row a face and frame, with the columns of faces.csv: `frame` from 0, `time` in
        seconds, `x1` to `y2` in pixels, `yaw`, `pitch` and `roll` in degrees, `person` ("" for
        nobody), `distance`, `sure`, and a probability for each of `EMOTIONS`.
    """
    return finished(_walk_of(folder, _job("faces", options))).rows


def name(*folders: Place, **options: Any) -> pd.DataFrame:
    """Names the faces by the photos of today; needs no movie.

    Args:
        folders: Walked movies.
        options: `known_faces`, `tolerance`, `output`.

    Returns:
        A row for each movie and person, the longest on screen first: `movie`, `person` ("" for the
        unknown), `seconds` on screen, `tracks`, `faces`, `distance` from 0 to 2, `sure` from 0 to
        1, `other` and `other_distance` of who is next, `offers` (a list of whom the unknown may
        be).
    """
    job = _job("name", options)
    album = Album(job)
    return _table("name", (
        results.record(one, movie=movie_name(folder))
        for folder in _walks(folders, job) for one in mine.identify(folder, job, album)
    ))  # fmt: skip


def pick(
    *folders: Place, person: Wanted = ANY, emotion: Wanted = ANY, **options: Any
) -> pd.DataFrame:
    """Crops the steady faces of walked movies into their folders, and replaces earlier crops.

    Args:
        folders: Walked movies.
        person: Names, "any" or "unknown".
        emotion: Some of `EMOTIONS`, classes of them such as "fear+sad", or "any".
        options: `with_` and `without` (names), `alone`, `same_frame`, `from_` (a look), `within`
            (seconds), `peak`, `onset`, `repeat`, `repeat_seconds`, `sure`, `smooth`, `gap`,
            `min_prob`, `min_margin`, `min_size`, `min_sharpness`, `max_yaw`, `single_face`,
            `border`, `silent_only`, `after` (words), `per_run`, `margin`, `learn`, `compare`,
            `report`, `subtitles`, `subtitle_offset`, `subtitle_encoding`, `allow_remote`,
            `output`, `known_faces`, `tolerance`.

    Returns:
        A row for each movie, person and emotion: `movie`, `person`, `emotion`, faces `seen` with it
        and kept as `steady`, `runs` that these make up, `folder` of the crops, `hint` if there are
        none (in words of the command line: its `--min-size` is `min_size` here), `funnel` (faces
        left after each filter).
    """
    job = _job("pick", options, person, emotion)
    album = Album(job)
    return _table("pick", (
        results.record(one, movie=movie_name(folder))
        for folder in _walks(folders, job) for one in mine.pick(folder, job, album=album)
    ))  # fmt: skip


def moments(
    *folders: Place,
    person: Wanted = ANY,
    emotion: Wanted = ANY,
    top: int = 0,
    order: str = search.ORDERS[0],
    **options: Any,
) -> pd.DataFrame:
    """Finds the steady moments of walked movies; writes nothing but an index beside each faces.csv.

    Args:
        folders: Walked movies; none for all in `output`.
        person: Names, "any" or "unknown".
        emotion: As for `pick`.
        top: How many at most; 0 for all.
        order: "sure", "strength", "probability", "length" or "time".
        options: Those of `pick` from `with_` to `border`, and `output`.

    Returns:
        A row a moment: `movie`, `folder`, `person`, `emotion`, `track`, frames `first` and `last`,
        the seconds `start` and `stop` at which they begin, `seconds` on screen, `length` in frames,
        `faces`, `look_sure`, `strength` and `probability` from 0 to 1, and `prominence`, NaN
        without `peak`.
    """
    _check_kind("top", top)
    job = _job("moments", options, person, emotion)
    top = int(top)  # NumPy's numbers are none to DuckDB.
    with archive.open_archive(_archived(folders, job)) as opened:
        found = search.search(opened, job, top, order).moments
    return _table("search", map(results.record, found))


def stats(
    *folders: Place, emotion: Wanted = ANY, by_movie: bool = False, **options: Any
) -> pd.DataFrame:
    """How long everybody is on screen, and how they look.

    Args:
        folders: Walked movies; none for all in `output`.
        emotion: As for `pick`; keeps rows with such a look, the most seconds of it first.
        by_movie: A row for each movie, of all its people together; `person` is "any".
        options: `output`.

    Returns:
        A row for each movie and person: `movie`, `folder`, `person`, `seconds`, `tracks`, `faces`,
        `look_seconds` of the wanted looks, and for each of `EMOTIONS` its share in the seconds of
        all faces; they sum to 1.
    """
    _check_kind("by_movie", by_movie)
    job = _job("stats", options, emotion=emotion)
    with archive.open_archive(_archived(folders, job)) as opened:
        found = _table(
            "stats", map(results.record, totals.totals(opened, job.emotions, by_movie=by_movie))
        )
    shares = pd.DataFrame.from_records(found.pop("shares").tolist(), columns=list(EMOTIONS))
    return found.join(shares.astype("float64"))


def status(*folders: Place, **options: Any) -> pd.DataFrame:
    """Which walks are done, unfinished, failed or out of date, and why.

    Args:
        folders: Movies' folders, or folders of them; none for all in `output`.
        options: `output`, `known_faces`, `tolerance`.

    Returns:
        A row a walk: `folder`, path of the `movie`, `state`, `detail`.
    """
    job = _job("status", options)
    known = digest(job.known_faces, job.tolerance) if job.known_faces.is_dir() else ""
    found = walks.states(find_walks([*map(Path, folders)] or [job.output], job.output), known)
    return _table("status", map(results.record, found))


def cast(*folders: Place, **options: Any) -> pd.DataFrame:
    """Sorts the faces without a name into people; writes cast/ and cast.csv.

    Args:
        folders: Walked movies, which share one cast.
        options: `known_faces`, `tolerance`, `output`.

    Returns:
        A row a person, the longest on screen first: `number` from 1, `seconds` on screen, `tracks`,
        `movies`, `folder` of the `photos`, `offer` (who it may be), `sure` from 0 to 1.
    """
    job = _job("cast", options)
    return _table("cast", map(results.record, casting.cast(_walks(folders, job), job)))


def judge(*folders: Place, truth: Place, **options: Any) -> pd.DataFrame:
    """Measures many settings on walked movies by labels; writes judge.csv and judge.png.

    Args:
        folders: Walked movies.
        truth: The file of labels.
        options: `smooth`, `sure`, `min_prob` and `output`.

    Returns:
        A row for each setting and emotion ("all" for all of them): `emotion`, `repeat` in frames,
        `smooth`, `sure`, `min_prob`, `picked` faces, `runs`, `precision` and `recall` with the ends
        of their 95 % intervals, `kept` (the yield), all from 0 to 1.
    """
    job = _job("judge", options)
    judged = measuring.judge(_walks(folders, job), Path(truth), job.pick)
    return _table("judge", map(results.record, judged.scores))


def report(folder: Place, **options: Any) -> Path:
    """Writes report.html and timeline.png of a movie anew, for what was picked last.

    Args:
        folder: The movie.
        options: `allow_remote`, `known_faces`, `tolerance`, `output`.

    Returns:
        The path of report.html.
    """
    job = _job("report", options)
    return mine.report(_walk_of(folder, job), job)


def _names(option: str, wanted: Wanted) -> tuple[str, ...]:
    names = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    if not all(isinstance(name, str) for name in names):
        raise TypeError(f"{option} is {names!r}, wanted {FITTING[tuple][1]}")
    return names


def _checked(function: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Refuses options of other functions, and values of other kinds than wanted.

    Returns:
        The options with numbers and texts of Python's own.

    Raises:
        TypeError: It says what the function takes, or what is wanted.
    """
    known = TAKES[function]
    for option, value in given.items():
        if option not in known:
            hint = did_you_mean(option, (*signature(globals()[function]).parameters, *known))
            raise TypeError(
                f"{function} has no option {option!r}{hint} (its options are {', '.join(known)})"
            )
        _check_kind(option, value)
    plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in given.items()}
    paths = [k for k, v in plain.items() if isinstance(v, Path) and KINDS[k] is not Path]
    return plain | {name: str(plain[name]) for name in paths}


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A question for the most similar of some words, or nothing.

    >>> did_you_mean("happpy", EMOTIONS), did_you_mean("x", EMOTIONS)
    ("; did you mean 'happy'?", '')
    """
    similar = get_close_matches(word, known, n=1)
    return f"; did you mean {similar[0]!r}?" if similar else ""


def _check_kind(option: str, value: Any) -> None:
    kinds = _members(KINDS[option])
    fitting = [kind for one in kinds for kind in FITTING[one][0]]
    # True is a whole number to Python; bytes and mappings give something else than names.
    others = (bytes, Mapping, *[bool] * (bool not in kinds))
    if not isinstance(value, tuple(fitting)) or isinstance(value, others):
        wanted = " or ".join(FITTING[one][1] for one in kinds)
        remark = f" {REMARKS[option]}" if option in REMARKS else ""
        raise TypeError(f"{option} is {value!r}, wanted {wanted}{remark}")


def _members(kind: Any) -> list[Any]:
    """The types of a type, most of which have one: `float | None` has two."""
    if kind in FITTING:
        return [kind]
    return [tuple] if get_origin(kind) is tuple else list(get_args(kind))


def _job(
    function: str, given: Mapping[str, Any], person: Wanted = ANY, emotion: Wanted = ANY
) -> Job:
    given = _checked(function, given)
    for name, value in (("person", person), ("emotion", emotion)):
        _check_kind(name, value)
    people, emotions = _names("person", person), _names("emotion", emotion)
    if not people or not emotions:
        raise ValueError(f"person and emotion want one or more names, or {ANY!r}")
    for look in emotions:
        if look != ANY:
            _check_look("emotion", look, f", or {ANY!r}")
    if (before := given.get("from_")) is not None:
        _check_look("from_", before)
    classes(emotions, before)  # Here its error stands alone: it names no option.
    given |= {name: _names(name, given[name]) for name in ("with_", "without") if name in given}
    network = {"emotion": given.pop("emotion_model")} if "emotion_model" in given else {}
    places = {key: Path(given[key]) for key in ("output", "known_faces") if key in given}
    try:
        return job_from(given | network | places | {"people": people, "emotions": emotions})
    except ValueError as error:
        rule = str(error).partition(": ")[0]  # What stands behind it are all the settings.
        named = {name: value for name, value in given.items() if name in rule} or given
        told = ", ".join(f"{name}={value!r}" for name, value in named.items())
        raise ValueError(f"{told}: wanted {rule}") from error


def _check_look(option: str, look: str, others: str = "") -> None:
    if not is_look(look):
        raise ValueError(
            f"{option} is {look!r}, wanted some of {EMOTIONS}, classes of them in this order "
            f"such as 'fear+sad'{others}{did_you_mean(look, EMOTIONS)}"
        )


def _walks(folders: Sequence[Place], job: Job) -> list[Path]:
    if not folders:
        raise ValueError("give the folder of a walked movie")
    return without_failed(find_walks(_paths(folders), job.output))


def _paths(folders: Sequence[Place]) -> list[Path]:
    if not all(isinstance(folder, str | PathLike) for folder in folders):
        raise TypeError("folders are given one by one: moments(a, b)")
    return [*map(Path, folders)]


def _walk_of(folder: Place, job: Job) -> Path:
    found = _walks((folder,), job)
    if len(found) > 1:
        raise TableError(f"{folder}: holds {len(found)} walks; give the folder of one movie")
    return found[0]


def _archived(folders: Sequence[Place], job: Job) -> list[Path]:
    places = _paths(folders) or [job.output]
    return without_failed(all_there(find_walks(places, job.output)))


def _table(command: str, rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    return results.table(command, list(rows))
