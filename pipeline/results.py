"""What commands find, as JSON with a schema, and as tables of pandas: one row a result.

A row has the fields of the class that the command's table shows, in their order; their docstrings
are the descriptions of the schema, which `docs/schemas/` holds for each command.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from inspect import cleandoc
from math import isfinite
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd

from pipeline import __version__
from pipeline.archive.archive import ArchiveMovie, printable
from pipeline.archive.search import Moment
from pipeline.archive.status import State
from pipeline.archive.totals import Total
from pipeline.cast.folder import PrintedMember
from pipeline.judge.score import Score
from pipeline.people.presence import Presence
from pipeline.report.outcome import Outcome

JSON_FORMAT = 1
"""Rises when a field goes or changes its meaning; new ones may come."""

MOVIE_TEXT = "Name of the movie's file."
FOLDER_TEXT = "The movie's folder."

DECIMALS = 6
"""Digits after the point: microseconds, and of other numbers as many as float32 is worth."""

RESULTS: dict[str, type[Any]] = {
    "mine": Outcome, "pick": Outcome, "name": Presence, "cast": PrintedMember, "judge": Score,
    "search": Moment, "stats": Total, "status": State,
}  # fmt: skip
"""The class of each command's rows."""

OF_ONE_MOVIE = ("mine", "pick", "name")
"""Commands that go movie by movie: their rows begin with its name."""

FACTS: dict[str, dict[str, tuple[Any, str]]] = {
    "search": {"count": (int, "Number of all moments that match, also those beyond --top.")},
    "judge": {
        "advice": (str, "What to do: which setting fits the labels best, or how to label."),
        "recommended": (Score | None, "The setting that fits best; null if none can be told."),
    },
}
"""What some commands tell besides rows: its type, and what it is."""

PLAIN_KINDS: dict[Any, str] = {
    str: "string", Path: "string", int: "integer", float: "number", NoneType: "null",
}  # fmt: skip
"""What JSON Schema calls a type."""

FILES_TEXT = "Files that were written besides, or the folder that holds them."


def record(result: Any, **place: str) -> dict[str, Any]:
    """A row: a result as plain numbers, texts, lists and mappings, None for what is unknown.

    Args:
        result: An object of one of `RESULTS`.
        place: What to put before it: `movie`.
    """
    row: dict[str, Any] = {name: printable(text) for name, text in place.items()}
    for field in fields(result):
        value = getattr(result, field.name)
        if isinstance(value, ArchiveMovie):
            row |= {"movie": printable(value.facts.movie), "folder": printable(value.folder)}
        else:
            row[field.name] = _plain(value)
    return row


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return record(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return round(value, DECIMALS) if isfinite(value) else None
    if isinstance(value, str | Path):
        return printable(value)
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def document(
    command: str, rows: Sequence[Mapping[str, Any]], files: Sequence[Path] = (), **facts: Any
) -> str:
    """What a command finds as JSON, see `schema`.

    Args:
        command: One of `RESULTS`.
        rows: What `record` gave.
        files: Files that were written besides.
        facts: What `FACTS` lists for this command.
    """
    whole = {
        "format": JSON_FORMAT, "version": __version__, "command": command,
        **{name: _plain(facts[name]) for name in FACTS.get(command, {})},
        "rows": list(rows), "files": [printable(path) for path in files],
    }  # fmt: skip
    return json.dumps(whole, indent=1, allow_nan=False)


def table(command: str, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The rows of a command as a table, NaN for unknown numbers; it has all columns without rows.

    Args:
        command: One of `RESULTS`.
        rows: What `record` gave.
    """
    columns = schema(command)["properties"]["rows"]["items"]["properties"]
    frame = pd.DataFrame.from_records(list(rows), columns=list(columns))
    kinds = {"integer": "int64", "number": "float64"}
    types = {name: np.atleast_1d(what.get("type", ""))[0] for name, what in columns.items()}
    return frame.astype({name: kinds[kind] for name, kind in types.items() if kind in kinds})


@cache
def schema(command: str) -> dict[str, Any]:
    """The JSON Schema of what a command prints with --json.

    Args:
        command: One of `RESULTS`.
    """
    facts = FACTS.get(command, {})
    row = _of_class(RESULTS[command])
    if command in OF_ONE_MOVIE:
        movie = {"type": "string", "description": MOVIE_TEXT}
        row |= {"required": ["movie", *row["required"]]}
        row |= {"properties": {"movie": movie} | row["properties"]}
    properties = {
        "format": {"const": JSON_FORMAT, "description": "Rises when a field changes its meaning."},
        "version": {"type": "string", "description": "The version of mine-video."},
        "command": {"const": command},
        **{name: _of(kind, text) for name, (kind, text) in facts.items()},
        "rows": {"type": "array", "items": row},
        "files": _of(tuple[str, ...], FILES_TEXT),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"mine-video {command} --json",
        "type": "object",
        "required": list(properties),
        "properties": properties,
    }


def _of_class(kind: type[Any]) -> dict[str, Any]:
    """The schema of a class of results."""
    texts, hints = _attributes(kind), get_type_hints(kind)
    properties: dict[str, Any] = {}
    for field in fields(kind):
        if hints[field.name] is ArchiveMovie:
            properties |= {"movie": _of(str, MOVIE_TEXT), "folder": _of(str, FOLDER_TEXT)}
        else:
            properties[field.name] = _of(hints[field.name], texts[field.name])
    return {"type": "object", "required": list(properties), "properties": properties}


def _of(hint: Any, text: str = "") -> dict[str, Any]:
    """The schema of a field by its type and description; a number that may be NaN may be null."""
    text = text.replace("NaN", "null")
    return _kind(hint, null="null" in text) | ({"description": text} if text else {})


def _kind(hint: Any, *, null: bool = False) -> dict[str, Any]:
    origin, args = get_origin(hint), get_args(hint)
    if is_dataclass(hint):
        return _of_class(hint)  # type: ignore[arg-type]
    if origin in (Union, UnionType):
        return {"anyOf": [_kind(one) for one in args]}
    if origin is Literal:
        return {"enum": list(args)}
    if origin is tuple:
        return {"type": "array", "items": _kind(args[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _kind(args[1])}
    return {"type": ["number", "null"] if hint is float and null else PLAIN_KINDS[hint]}


def _attributes(kind: type[Any]) -> dict[str, str]:
    """What the docstring of a class says of each field."""
    _, _, listed = cleandoc(kind.__doc__ or "").partition("Attributes:\n")
    found = re.findall(r"^    (\w+): (.+(?:\n {6,}.+)*)", listed, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}
