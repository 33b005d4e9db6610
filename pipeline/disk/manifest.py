"""walk.json: which movie a folder belongs to, how it was walked, and the plan of its parts."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

from pipeline import __version__
from pipeline.disk.npz import Schema, read_arrays, write_arrays
from pipeline.disk.text_table import Stamp, file_stamp
from pipeline.errors import MovieError, TableError
from pipeline.files import WINDOWS_DEVICES, replacing
from pipeline.movie import remote
from pipeline.movie import stream as video
from pipeline.movie.scan import Scan
from pipeline.settings import WalkSettings

WALK_FORMAT = 1

FRAMES: Schema = {"pts": ("i", (None,)), "keys": ("i", (None, 2))}
"""The arrays of frames.npz."""

LONGEST_FOLDER_NAME = 180
"""Bytes of a folder's name; file systems take 255."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What walk.json holds.

    Attributes:
        movie: absolute path of the movie when it was walked, or its URL.
        identity: the movie's size and the hash of its ends.
        settings: those of the walk.
        models: name and hash of each network.
        scan: timestamps of all frames; in `frames.npz`, without which no frame can be found again.
        parts: first frame and one past the last of each part.
    """

    movie: Path
    identity: dict[str, Any]
    settings: WalkSettings
    models: dict[str, str]
    scan: Scan
    parts: tuple[tuple[int, int], ...]

    @property
    def fingerprint(self) -> str:
        """A hash of all that changes rows: movie, settings, networks, format."""
        # The file of a network may move: its hash is in `models`.
        settings = asdict(self.settings) | {"emotion": Path(self.settings.emotion).name}
        facts = [WALK_FORMAT, self.identity, settings, self.models]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    @property
    def options(self) -> list[str]:
        """What to type for these settings, where they are not the defaults."""
        mine, usual = asdict(self.settings), asdict(WalkSettings())
        return [
            _option(name) + ("" if value is True else f" {quote(str(value))}")
            for name, value in mine.items()
            if value != usual[name]
        ]

    @property
    def span(self) -> tuple[int, int]:
        """First frame and one past the last of the whole walk."""
        return self.parts[0][0], self.parts[-1][1]

    def differences(self, other: "Manifest") -> Iterator[str]:
        """What another walk would do differently, in words."""
        if self.identity != other.identity:
            yield "the movie has changed"
        mine, theirs = asdict(self.settings), asdict(other.settings)
        for name, value in mine.items():
            if value != theirs[name]:
                was, now = ("unset" if v is None else v for v in (value, theirs[name]))
                yield f"{_option(name)} was {was}, now {now}"
        for job, identity in self.models.items():
            if identity != other.models.get(job):
                yield f"the {job} network is another one"


def _option(name: str) -> str:
    """What to type for a field of `WalkSettings`.

    >>> _option("detect_every"), _option("emotion")
    ('--detect-every', '--emotion-model')
    """
    return "--" + {"emotion": "emotion-model"}.get(name, name).replace("_", "-")


def unique(folders: Sequence[Path]) -> list[Path]:
    """The folders, each once, whatever way it was written."""
    return list({folder.resolve(): folder for folder in folders}.values())


def folder_for(movie: Path, output: Path, *, rewalk: bool = False) -> Path:
    """The folder of a movie: `<stem>`, or `<stem>-<hash of the path>` where that is another's.

    Args:
        movie: The movie.
        output: The folder of all movies' folders.
        rewalk: A folder whose walk.json is torn is nobody's: the movie will be walked there anew.

    Raises:
        MovieError: The movie is missing.
        TableError: The folder's walk.json is torn.
    """
    folder = output / safe_name(movie.stem)
    if not (folder / "walk.json").exists():
        return folder
    try:
        facts = _facts(folder)
    except TableError:
        if rewalk:
            return folder
        raise
    same = facts["movie"]["path"] == os.fspath(movie.absolute())
    if same or facts["movie"]["identity"] == video.fingerprint(movie):
        return folder
    digest = hashlib.sha256(os.fsencode(movie.absolute())).hexdigest()
    return output / f"{folder.name}-{digest[:8]}"


def safe_name(stem: str) -> str:
    """A movie's stem as the name of a folder or the beginning of a file's, good everywhere.

    >>> safe_name(".."), safe_name("CON"), len(safe_name(300 * "x"))
    ('movie', '_CON', 180)
    """
    if (
        len(os.fsencode(stem)) > LONGEST_FOLDER_NAME
    ):  # A hash, or the name of a crop, goes behind it.
        stem = os.fsencode(stem)[:LONGEST_FOLDER_NAME].decode(errors="ignore")
    # No dots at the end: the stem of "...mp4" is "..", which leads out of the output folder.
    name = stem.strip().rstrip(". ") or "movie"
    return f"_{name}" if WINDOWS_DEVICES.fullmatch(name) else name


def write(folder: Path, manifest: Manifest) -> None:
    """Writes walk.json and, before it, frames.npz.

    Raises:
        OutputError: They cannot be written.
    """
    scan = manifest.scan
    write_arrays(folder / "frames.npz", {"pts": scan.pts, "keys": scan.keys})
    facts = {
        "format": WALK_FORMAT,
        "version": __version__,
        "fingerprint": manifest.fingerprint,
        "movie": {"path": os.fspath(manifest.movie.absolute()), "identity": manifest.identity},
        "stream": video.stream_json(scan.stream),
        "frames": len(scan),
        "warnings": list(scan.warnings),
        "settings": asdict(manifest.settings),
        "models": manifest.models,
        "parts": manifest.parts,
    }
    with replacing(folder / "walk.json") as file:
        text = json.dumps(facts, indent=1, ensure_ascii=False)
        file.write(text.encode(errors="surrogateescape"))  # A path may hold bytes that are no text.


def read(folder: Path) -> Manifest:
    """Reads walk.json and frames.npz.

    Raises:
        TableError: They are missing, torn, or of another format.
    """
    facts = _facts(folder)
    try:
        stream = video.stream_from_json(facts["stream"])
        arrays = read_arrays(folder / "frames.npz", FRAMES)
        pts, keys = (arrays[k].astype(np.int64) for k in ("pts", "keys"))
        scan = Scan(stream, pts, keys, tuple(str(w) for w in facts["warnings"]))
        found = Manifest(
            movie=remote.path_or_url(facts["movie"]["path"]),
            identity=facts["movie"]["identity"],
            settings=WalkSettings(**facts["settings"]),
            models=facts["models"],
            scan=scan,
            parts=tuple((int(a), int(b)) for a, b in facts["parts"]),
        )
        whole = found.fingerprint == facts["fingerprint"] and _belong(scan, found.parts)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise TableError(_torn(folder, repr(error))) from error
    except TableError as error:
        raise TableError(_torn(folder, str(error).partition(";")[0])) from error
    if not whole or len(scan) != facts.get("frames"):
        raise TableError(_torn(folder, "its parts do not belong together"))
    return found


def _belong(scan: Scan, parts: tuple[tuple[int, int], ...]) -> bool:
    """Whether timestamps and key frames rise, and the parts follow one another among them."""
    borders = [border for part in parts for border in part]
    return (
        len(parts) > 0
        and borders[1:-1:2] == borders[2::2]
        and all(first < stop for first, stop in parts)
        and 0 <= borders[0] < borders[-1] <= len(scan)
        and bool((np.diff(scan.pts) > 0).all())
        and len(scan.keys) > 0
        and bool((np.diff(scan.keys[:, 0]) >= 0).all() and np.isin(scan.keys[:, 0], scan.pts).all())
    )


def check_there(folder: Path) -> None:
    """Refuses a folder that holds no walk.

    Raises:
        TableError: It holds none, or a torn one.
    """
    _facts(folder)


def _facts(folder: Path) -> dict[str, Any]:
    return _facts_at(folder, file_stamp(folder / "walk.json"))


@lru_cache(maxsize=1)  # Who finds a movie's folder reads the file, and so does who opens it.
def _facts_at(folder: Path, _: Stamp) -> dict[str, Any]:
    try:
        facts = json.loads(
            (folder / "walk.json").read_text(encoding="utf-8", errors="surrogateescape")
        )
    except (FileNotFoundError, NotADirectoryError) as error:
        raise TableError(
            f"{folder}: holds no walk; give the folder that mine-video made for a movie, "
            "or run `mine-video walk MOVIE` first"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise TableError(_torn(folder, str(error))) from error
    if not isinstance(facts, dict) or facts.get("format") != WALK_FORMAT:
        raise TableError(_torn(folder, f"its format is not {WALK_FORMAT}"))
    if (
        not isinstance(facts.get("movie"), dict)
        or not {"path", "identity"} <= facts["movie"].keys()
    ):
        raise TableError(_torn(folder, "it names no movie"))
    return facts


def _torn(folder: Path, why: str) -> str:
    return (
        f"{folder / 'walk.json'}: torn, changed or of another version ({why}); "
        "run mine-video on the movie again with --rewalk"
    )


def movie_name(folder: Path) -> str:
    """The name of the movie that a folder belongs to.

    Raises:
        TableError: The folder holds no walk, or a torn one.
    """
    return remote.path_or_url(_facts(folder)["movie"]["path"]).name


def movie_of(manifest: Manifest, given: Path | None) -> Path:
    """The movie whose frames are needed, checked to be the one that was walked.

    Args:
        manifest: Of the walk.
        given: Where the movie is now, if it was moved.

    Raises:
        MovieError: It is gone, or another file stands in its place.
    """
    path = given or manifest.movie
    # Path's own raises where one may not look.
    if not (path.exists() if remote.is_remote(path) else os.path.exists(path)):  # noqa: PTH110
        what = "no such movie" if given else "the movie is gone and its pictures are needed"
        raise MovieError(f"{path}: {what}; say where it is now with --movie PATH")
    if video.fingerprint(path) != manifest.identity:
        raise MovieError(
            f"{path}: not the movie that was walked (size or content differ); say where that one "
            f"is with --movie PATH, or walk this one: mine-video walk {quote(str(path))} --rewalk"
        )
    return path
