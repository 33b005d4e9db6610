"""walk.json: the movie that a folder belongs to, how it was walked, and the plan of its parts."""

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
from pipeline.settings import NETWORK_FILES, WalkSettings

WALK_FORMAT = 1

FRAMES: Schema = {"pts": ("i", (None,)), "keys": ("i", (None, 2)), "shifted": ("i", (None,))}
"""The arrays of frames.npz."""

ABSENT = {"shifted": np.zeros(0, np.int64)}
"""What frames.npz of most movies, and of all that earlier versions walked, do not hold."""

LONGEST_FOLDER_NAME = 180
"""Bytes; file systems allow 255, and names of crops begin with the folder's name."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of walk.json and frames.npz.

    Attributes:
        movie: absolute path of the movie when it was walked, or its URL.
        identity: what `stream.fingerprint` gives: the movie's size and a hash of its ends.
        settings: the settings of the walk.
        models: name and hash of each network.
        scan: timestamps of all frames, stored in frames.npz.
        parts: first frame and one past the last frame of each part.
        cuts: version of the rules by which its parts are made; "1" before there were versions.
    """

    movie: Path
    identity: dict[str, Any]
    settings: WalkSettings
    models: dict[str, str]
    scan: Scan
    parts: tuple[tuple[int, int], ...]
    cuts: str = "1"

    @property
    def fingerprint(self) -> str:
        """A hash of everything that changes rows: movie, settings, networks, format."""
        # Only the name, since the file of a network may move; its hash is in `models`.
        settings = asdict(self.settings)
        settings |= {name: Path(settings[name]).name for name in NETWORK_FILES}
        facts = [WALK_FORMAT, self.identity, settings, self.models]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    @property
    def options(self) -> list[str]:
        """The command-line options for the settings that differ from the defaults."""
        mine, usual = asdict(self.settings), asdict(WalkSettings())
        return [
            _option(name) + ("" if value is True else f" {quote(str(value))}")
            for name, value in mine.items()
            if value != usual[name]
        ]

    @property
    def span(self) -> tuple[int, int]:
        """The first frame and one past the last frame of the whole walk."""
        return self.parts[0][0], self.parts[-1][1]

    def differences(self, other: "Manifest") -> Iterator[str]:
        """Yields in words how another walk differs from this one."""
        if self.identity != other.identity:
            yield "the movie has changed"
        mine, theirs = asdict(self.settings), asdict(other.settings)
        for name, value in mine.items():
            if value != theirs[name]:
                was, now = ("unset" if v is None else v for v in (value, theirs[name]))
                yield f"{_option(name)} was {was}, now {now}"
        for job, identity in self.models.items():
            if identity != other.models.get(job):
                yield f"the {job} network is a different one"


def _option(name: str) -> str:
    """The command-line option of a field of `WalkSettings`.

    >>> _option("detect_every"), _option("emotion")
    ('--detect-every', '--emotion-model')
    """
    return "--" + {"emotion": "emotion-model"}.get(name, name).replace("_", "-")


def unique(folders: Sequence[Path]) -> list[Path]:
    """Drops folders that are the same, however they are written."""
    return list({folder.resolve(): folder for folder in folders}.values())


def folder_for(movie: Path, output: Path, *, rewalk: bool = False) -> Path:
    """The folder of a movie: `<stem>`, or `<stem>-<hash of the path>` if another movie has that.

    Args:
        movie: The movie.
        output: The folder of all movies' folders.
        rewalk: Whether to use a folder with a damaged walk.json, since it will be written anew.

    Raises:
        MovieError: The movie is missing.
        TableError: The folder's walk.json is damaged.
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
    same_path = facts["movie"]["path"] == os.fspath(movie.absolute())
    if same_path or facts["movie"]["identity"] == video.fingerprint(movie):
        return folder
    digest = hashlib.sha256(os.fsencode(movie.absolute())).hexdigest()
    return output / f"{folder.name}-{digest[:8]}"


def safe_name(stem: str) -> str:
    """Makes a movie's stem a valid name, or beginning of a name, on every system.

    >>> safe_name(".."), safe_name("CON"), len(safe_name(300 * "x"))
    ('movie', '_CON', 180)
    """
    # Leaves room for a hash, or for the rest of the name of a crop.
    if len(os.fsencode(stem)) > LONGEST_FOLDER_NAME:
        stem = os.fsencode(stem)[:LONGEST_FOLDER_NAME].decode(errors="ignore")
    # No dots at the end: the stem of "...mp4" is "..", the parent of the output folder.
    name = stem.strip().rstrip(". ") or "movie"
    return f"_{name}" if WINDOWS_DEVICES.fullmatch(name) else name


def write(folder: Path, manifest: Manifest) -> None:
    """Writes frames.npz, and then walk.json, whose presence says that both are complete.

    Raises:
        OutputError: They cannot be written.
    """
    scan = manifest.scan
    shifted = {"shifted": scan.shifted} if len(scan.shifted) else {}
    write_arrays(folder / "frames.npz", {"pts": scan.pts, "keys": scan.keys} | shifted)
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
        "cuts": manifest.cuts,
    }
    with replacing(folder / "walk.json") as file:
        text = json.dumps(facts, indent=1, ensure_ascii=False)
        file.write(text.encode(errors="surrogateescape"))  # A path may be undecodable.


def read(folder: Path) -> Manifest:
    """Reads walk.json and frames.npz.

    Raises:
        TableError: They are missing, damaged, or of another format.
    """
    facts = _facts(folder)
    try:
        stream = video.stream_from_json(facts["stream"])
        arrays = read_arrays(folder / "frames.npz", FRAMES, ABSENT)
        pts, keys, shifted = (arrays[name].astype(np.int64) for name in FRAMES)
        scan = Scan(stream, pts, keys, tuple(str(w) for w in facts["warnings"]), shifted)
        manifest = Manifest(
            movie=remote.path_or_url(facts["movie"]["path"]),
            identity=facts["movie"]["identity"],
            settings=WalkSettings(**facts["settings"]),
            models=facts["models"],
            scan=scan,
            parts=tuple((int(a), int(b)) for a, b in facts["parts"]),
            cuts=str(facts.get("cuts", "1")),
        )
        whole = manifest.fingerprint == facts["fingerprint"] and _is_consistent(
            scan, manifest.parts
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise TableError(_damaged(folder, repr(error))) from error
    except TableError as error:
        raise TableError(_damaged(folder, str(error).partition(";")[0])) from error
    if not whole or len(scan) != facts.get("frames"):
        raise TableError(_damaged(folder, "its contents do not belong together"))
    return manifest


def _is_consistent(scan: Scan, parts: tuple[tuple[int, int], ...]) -> bool:
    """Whether timestamps and key frames rise, and the parts follow each other without gaps."""
    borders = [border for part in parts for border in part]
    return (
        len(parts) > 0
        and borders[1:-1:2] == borders[2::2]
        and all(first < stop for first, stop in parts)
        and 0 <= borders[0] < borders[-1] <= len(scan)
        and bool((np.diff(scan.pts) > 0).all())
        and len(scan.marks) == len(scan.pts)
        and len(scan.keys) > 0
        and bool((np.diff(scan.keys[:, 0]) >= 0).all() and np.isin(scan.keys[:, 0], scan.pts).all())
    )


def check_there(folder: Path) -> None:
    """Refuses a folder without a walk.

    Raises:
        TableError: The folder holds no walk, or a damaged one.
    """
    _facts(folder)


def _facts(folder: Path) -> dict[str, Any]:
    if remote.is_remote(folder):  # A file at a URL has no stamp.
        return _read_facts(folder)
    return _facts_at(folder, file_stamp(folder / "walk.json"))


def why_no_walk(folder: Path) -> str:
    """What is wrong with a folder that is not one of a movie."""
    # Not Path.exists, which raises if a folder may not be read.
    there = remote.is_remote(folder) or os.path.exists(folder)  # noqa: PTH110
    return "holds no walk" + ("" if there else ", as there is no such folder")


@lru_cache(maxsize=1)  # Finding a movie's folder reads the file, and so does opening it.
def _facts_at(folder: Path, _: Stamp) -> dict[str, Any]:
    return _read_facts(folder)


def _read_facts(folder: Path) -> dict[str, Any]:
    try:
        facts = json.loads(remote.read_whole(folder / "walk.json").decode(errors="surrogateescape"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise TableError(
            f"{folder}: {why_no_walk(folder)}; give the folder that mine-video made for a movie, "
            "or run `mine-video walk MOVIE` first"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise TableError(_damaged(folder, str(error))) from error
    if not isinstance(facts, dict) or facts.get("format") != WALK_FORMAT:
        raise TableError(_damaged(folder, f"its format is not {WALK_FORMAT}"))
    movie = facts.get("movie")
    if not isinstance(movie, dict) or not (
        isinstance(movie.get("path"), str) and "identity" in movie
    ):
        raise TableError(_damaged(folder, "it names no movie"))
    return facts


def _damaged(folder: Path, why: str) -> str:
    return (
        f"{folder / 'walk.json'}: damaged, changed or of another version ({why}); "
        "run mine-video on the movie again with --rewalk"
    )


def movie_name(folder: Path) -> str:
    """The name of the movie that a folder belongs to.

    Raises:
        TableError: The folder holds no walk, or a damaged one.
    """
    return remote.path_or_url(_facts(folder)["movie"]["path"]).name


def movie_of(manifest: Manifest, moved_to: Path | None, *, allow_remote: bool = False) -> Path:
    """The path of the movie to read frames from, checked to be the one that was walked.

    Args:
        manifest: The walk.
        moved_to: The path of the movie now, if it was moved.
        allow_remote: Whether to connect to another computer because walk.json says so; whoever made
            the walk wrote that.

    Raises:
        MovieError: The movie is gone, or another file has taken its place; or it is on another
            computer, and may not be asked.
    """
    path = moved_to or manifest.movie
    if moved_to is None and remote.connects(path) and not allow_remote:
        raise MovieError(
            f"{path}: walk.json says that the movie is on another computer; if you trust who made "
            "the walk, let the program connect by --allow-remote, or give the movie by --movie PATH"
        )
    # Not Path.exists, which raises if a folder may not be read.
    if not (path.exists() if remote.is_remote(path) else os.path.exists(path)):  # noqa: PTH110
        if moved_to:
            raise MovieError(f"{path}: no such movie; give its new path with --movie PATH")
        raise MovieError(
            f"{path}: the movie is gone, but is needed; mine it where it is now, under the same "
            "name, or give its new path with --movie PATH to a command for this movie alone"
        )
    if video.fingerprint(path) != manifest.identity:
        raise MovieError(
            f"{path}: not the movie that was walked (size or content differ); give the path of "
            f"that one with --movie PATH, or walk this one: "
            f"mine-video walk {quote(str(path))} --rewalk"
        )
    return path
