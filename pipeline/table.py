"""Rows on disk: faces.csv, tracks.npz and the parts of a walk; written whole or not at all."""

import csv
import io
import math
import os
import re
import socket
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from threading import get_native_id
from typing import IO, Any
from zlib import crc32

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from pipeline.errors import OutputError, TableError
from pipeline.faces import FaceRow, Floats, Ints

Text = NDArray[np.str_]
Bytes = NDArray[np.bytes_]

HEADER = ",".join(FaceRow._fields)
TEXTS = ("video", "person")
WHOLE = ("frame", "shot", "track", "detected")
NUMBERS = tuple(f for f in FaceRow._fields if f not in (*TEXTS, "distance"))
"""The columns of a part's rows: all but the movie's name and what naming adds."""

REMEDY = "delete it and run mine-video on the movie again: the finished parts make it anew"

FORMATS = {
    "frame": "%d", "time": "%.6f", "shot": "%d", "track": "%d", "detected": "%d",
    "x1": "%.1f", "y1": "%.1f", "x2": "%.1f", "y2": "%.1f",
    "score": "%.4f", "sharpness": "%.1f", "yaw": "%.1f", "pitch": "%.1f", "roll": "%.1f",
}  # fmt: skip
"""How numbers are written; probabilities with five digits, text as it is."""

LINE = ",".join(
    "%s" if f in (*TEXTS, "distance") else FORMATS.get(f, "%.5f") for f in FaceRow._fields
)


LARGEST_WHOLE = 1 << 53
"""Whole numbers are read as float64, which holds them exactly up to here."""

LARGEST_NPZ = 1 << 31
"""Bytes that an .npz may unpack to: a day's film has a fourth of that."""

MOST_SHOTS = 1 << 24
"""In a part; one a frame would be a movie of a week."""

EMBEDDING = 128

DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?", re.I | re.S)
"""Names that Windows takes for devices, whatever folder they are in.

Source: Microsoft, "Naming Files, Paths, and Namespaces".
"""

OWN = frozenset(
    {
        "parts", "walk.json", "frames.npz", "faces.csv", "tracks.npz", "cast", "cast.csv",
        "judge.csv", "judge.png", "sample.csv", "sample.jpg", "report.html", "timeline.png",
        "annotated.mp4", "faces.parquet", "failed.txt", "labels.csv",
    }
)  # fmt: skip
"""What lies in a movie's folder beside the people's folders."""

TEMPORARY = ".tmp"
HOST = socket.gethostname()
"""In the names of temporary files: on another machine a process of the same number may write too.
"""

OWN_TEMPORARY = re.compile(rf"\..+\.\d+{re.escape(TEMPORARY)}")
"""What the name of a temporary file looks like: nothing else is ever deleted for one."""


def beside(path: Path) -> Path:
    """Where to write what will take the place of `path`: nobody else's, on no other machine."""
    # One number, and a short one: names may be near the file system's limit.
    writer = crc32(f"{HOST} {os.getpid()} {get_native_id()}".encode())
    return path.with_name(f".{path.name}.{writer}{TEMPORARY}")


@contextmanager
def replacing(path: Path, other: str = "folder with --output") -> Iterator[IO[bytes]]:
    """Opens a temporary file that takes the place of `path` when all is written and on disk.

    Args:
        path: Where to write.
        other: What to choose another of, where that cannot be.

    Raises:
        OutputError: The folder is not writable or the disk is full.
    """
    temporary = beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror or error}); "
            f"free some space or choose another {other}"
        ) from error
    finally:
        with suppress(OSError):  # Where the place itself cannot be, neither can the file.
            temporary.unlink(missing_ok=True)


def remove(paths: Iterable[Path]) -> None:
    """Removes those files that are there, and brings that to disk.

    Raises:
        OutputError: One cannot be removed.
    """
    path = Path()
    try:
        for path in (there := [p for p in paths if p.exists()]):
            path.unlink()
        for folder in {p.parent for p in there}:
            _flush_folder(folder)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be removed ({error.strerror or error}); "
            "delete it, or choose another folder with --output"
        ) from error


def _flush_folder(folder: Path) -> None:
    """Brings a renaming to disk, so that a power cut does not undo it (POSIX only)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


PATIENCE = 2.0
"""Seconds in which somebody's decision of a crop is written, for which hours of work can wait."""


@contextmanager
def locked(
    folder: Path, other: str = "folder with --output", patience: float = 0.0
) -> Iterator[None]:
    """Keeps every other process from writing into a movie's folder.

    Args:
        folder: Made where it is missing.
        other: What to choose another of, where that cannot be.
        patience: Seconds that are waited for who is writing there, see `PATIENCE`.

    Raises:
        OutputError: Another process is writing there, or the folder cannot be written.
    """
    lock, holder = FileLock(folder / ".lock", timeout=patience), folder / ".lock-holder"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise OutputError(f"{folder}: {_told(holder)}") from error
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written ({error.strerror or error}); choose another {other}"
        ) from error
    try:
        # For the message only: that the lock is held is what counts, whatever stands here.
        with suppress(OSError):
            holder.write_text(_myself(), encoding="utf-8")
        _clear_temporary(folder)
        yield
    finally:
        _clear_temporary(folder)  # Workers that were ended in the middle leave some too.
        with suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()


def _myself() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


def _told(holder: Path) -> str:
    """Who holds a lock, and what to do; they may be just taking it, or leaving."""
    who = ""
    with suppress(OSError):
        who = holder.read_text(encoding="utf-8")
    if who == _myself():  # Nobody is to stop the server that tells this.
        return (
            "this program itself is writing there; wait until it is done, or cancel it on the "
            "page Mine or People"
        )
    return f"{who or 'another process'} is writing there; wait until it is done, or stop it"


def _clear_temporary(folder: Path) -> None:
    """Removes what interrupted writers left in a movie's folder."""
    for place in ("", "parts/", "*/*/", "*/*/*/"):
        for left in folder.glob(f"{place}.*{TEMPORARY}"):
            if OWN_TEMPORARY.fullmatch(left.name):
                with suppress(OSError):
                    left.unlink(missing_ok=True)


# --- rows ---------------------------------------------------------------------------------------


def lines(rows: pd.DataFrame) -> Iterator[str]:
    """The lines of faces.csv for a table with `FaceRow`'s columns; text quoted where needed."""
    columns: list[Iterable[Any]] = [rows[f].tolist() for f in FaceRow._fields]
    for i, name in enumerate(FaceRow._fields):
        if name in TEXTS:
            quoted = {text: _quoted(text) for text in set(columns[i])}
            columns[i] = [quoted[text] for text in columns[i]]
        elif name == "distance":
            columns[i] = ["" if math.isnan(d) else f"{d:.4f}" for d in columns[i]]
    for values in zip(*columns, strict=True):
        yield LINE % values + "\n"


def _quoted(text: str) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\r\n").writerow([text])  # Quotes what holds either of them.
    return file.getvalue()[:-2] if text else ""


def write_faces(path: Path, blocks: Iterable[pd.DataFrame]) -> None:
    """Writes a table with `FaceRow`'s columns, block by block, in the place of `path`.

    Raises:
        OutputError: It cannot be written.
    """
    with replacing(path) as file:
        file.write(f"{HEADER}\n".encode())
        for block in blocks:
            # A movie's name may hold bytes that are no UTF-8; only walk.json must keep them.
            file.write("".join(lines(block)).encode(errors="backslashreplace"))


def read_faces(path: Path) -> pd.DataFrame:
    """Reads faces.csv with fixed types: a person called `NA` or `007` stays text.

    Returns:
        One row a face; `distance` is NaN where nobody is known.

    Raises:
        TableError: The file is missing, foreign or torn.
    """
    try:
        header, ended = _ends(path)
    except (OSError, UnicodeDecodeError) as error:
        raise TableError(f"{path}: cannot be read ({error}); {REMEDY}") from error
    if header != HEADER:
        raise TableError(
            f"{path}: not a faces.csv: its first line is {header[:60]!r}, wanted {HEADER!r}; "
            f"{REMEDY}"
        )
    kinds: dict[str, Any] = dict.fromkeys(FaceRow._fields, "float32") | {"time": "float64"}
    kinds |= dict.fromkeys(TEXTS, "str")
    try:
        with np.errstate(over="ignore"):  # Too large a number becomes inf, which is refused below.
            rows = pd.read_csv(
                path, dtype=kinds | dict.fromkeys(WHOLE, "float64"), keep_default_na=False,
                na_values={f: [""] for f in (*NUMBERS, "distance")}, encoding="utf-8",
            )  # fmt: skip
    except (ValueError, OSError) as error:
        raise TableError(f"{_bad_line(path)}: torn or changed ({error}); {REMEDY}") from error
    if not ended or not _complete(rows):
        raise TableError(f"{_bad_line(path)}: a number is missing or not one; {REMEDY}")
    return rows.astype(dict.fromkeys(WHOLE, "int64"))


def _ends(path: Path) -> tuple[str, bool]:
    """The first line, and whether the last one is whole."""
    with path.open("rb") as file:
        header = file.readline(1 << 16).decode().strip()
        file.seek(-1 if header else 0, os.SEEK_END)
        return header, file.read() == b"\n"


def _complete(rows: pd.DataFrame) -> bool:
    """Whether every number is there, counts are whole, and no line was longer than the header."""
    numbers, counts = rows[list(NUMBERS)].to_numpy(np.float64), rows[list(WHOLE)].to_numpy()
    good = np.isfinite(numbers).all() and (counts == np.round(counts)).all()
    good &= ((counts >= 0) & (counts <= LARGEST_WHOLE)).all()
    # pandas takes the first cell of longer lines for a name of the row.
    return bool(good) and (len(rows) == 0 or isinstance(rows.index, pd.RangeIndex))


def _bad_line(path: Path) -> str:
    """Names the first line of a broken table that is no row; the last one if all are."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        with suppress(csv.Error):
            for cells in rows:
                if cells and not _is_row(cells):
                    break
        return f"{path}, line {rows.line_num}"


def _is_row(cells: list[str]) -> bool:
    if len(cells) != len(FaceRow._fields):
        return False
    row = dict(zip(FaceRow._fields, cells, strict=True))
    try:
        float(row["distance"] or 0)
        counts = [float(row[name]) for name in WHOLE]
        whole = all(0 <= n <= LARGEST_WHOLE and n.is_integer() for n in counts)
        return whole and all(math.isfinite(float(row[name])) for name in NUMBERS)
    except ValueError:
        return False


def frame_of(rows: NDArray[np.float64], video: str) -> pd.DataFrame:
    """A part's rows `(n, len(NUMBERS))` as a table with `FaceRow`'s columns, nobody named."""
    table = pd.DataFrame(rows, columns=list(NUMBERS)).astype(dict.fromkeys(WHOLE, "int64"))
    named = table.assign(video=video, person="", distance=np.nan)
    return named[list(FaceRow._fields)]


# --- parts --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A finished stretch of a movie; shots and tracks count from 0 in it.

    Attributes:
        rows: `(n, len(NUMBERS))` float64 in order of frame and track.
        shots: how many there are.
        cut_before: whether a cut lies before its first frame.
        embedding: `(m, 128)` unit length.
        track: `(m,)` whose embedding it is.
        frame: `(m,)` where it was seen.
        quality: `(m,)` 0 to 1.
        decoded: how many of its frames the movie gave.
        thumb: `(m,)` small JPEG of each embedded face, or `(0,)` where none are kept.
        starts: `(shots,)` first analysed frame of each, or `(0,)` where none are kept.
    """

    rows: NDArray[np.float64]
    shots: int
    cut_before: bool
    embedding: Floats
    track: Ints
    frame: Ints
    quality: Floats
    decoded: int = 0
    thumb: Bytes = field(default_factory=lambda: np.zeros(0, np.bytes_))
    starts: Ints = field(default_factory=lambda: np.zeros(0, np.int64))


def part_paths(folder: Path, number: int) -> tuple[Path, Path]:
    """Where a part's rows and its embeddings lie."""
    stem = folder / "parts" / f"{number:05d}"
    return stem.with_suffix(".csv"), stem.with_suffix(".npz")


def write_part(folder: Path, number: int, part: Part, video: str) -> None:
    """Writes a part; the rows come last, so that a part with rows is whole.

    Raises:
        OutputError: It cannot be written.
    """
    rows, arrays = part_paths(folder, number)
    write_arrays(arrays, {f.name: getattr(part, f.name) for f in fields(part) if f.name != "rows"})
    write_faces(rows, [frame_of(part.rows, video)])


def has_part(folder: Path, number: int) -> bool:
    """Whether a part is there, whole."""
    return all(path.exists() for path in part_paths(folder, number))


def all_parts(folder: Path) -> list[Path]:
    """The files of all finished parts, of whatever walk; no others that lie there."""
    found = sorted((folder / "parts").glob("*"))
    return [p for p in found if p.suffix in (".csv", ".npz") and re.fullmatch(r"\d{5,}", p.stem)]


def read_part(folder: Path, number: int) -> Part:
    """Reads a part.

    Raises:
        TableError: It is missing, foreign or torn.
    """
    rows, arrays = part_paths(folder, number)
    found = read_arrays(arrays, [f.name for f in fields(Part) if f.name != "rows"])
    _check_seen(arrays, found)
    table = read_faces(rows)
    tracks, shots, starts = np.unique(found["track"]), int(found["shots"]), found["starts"]
    counted = 0 <= shots <= MOST_SHOTS and len(starts) in (0, shots)
    if not np.array_equal(tracks, np.arange(len(tracks))) or not counted:
        raise TableError(f"{arrays}: its shots or tracks are not counted from 0; {AGAIN}")
    if not table["track"].isin(tracks).all() or (table["shot"] >= shots).any():
        raise TableError(f"{rows}: has shots or tracks that {arrays.name} has not; {AGAIN}")
    return Part(
        rows=table[list(NUMBERS)].to_numpy(np.float64),
        shots=shots,
        cut_before=bool(found["cut_before"]),
        embedding=found["embedding"].astype(np.float32),
        track=found["track"].astype(np.int64),
        frame=found["frame"].astype(np.int64),
        quality=found["quality"].astype(np.float32),
        decoded=int(found["decoded"]),
        thumb=found["thumb"],
        starts=starts.astype(np.int64),
    )


# --- tracks -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """All tracks of a movie, and a few embeddings of each.

    Attributes:
        embedding: `(m, 128)` unit length.
        track: `(m,)` whose embedding it is.
        frame: `(m,)` where it was seen.
        quality: `(m,)` 0 to 1.
        walk: fingerprint of the walk that they belong to.
        people: `(p,)` the gallery's names when the tracks were named; empty before.
        far: `(t, p)` distance of each track, in rising order, to each of those people.
        gallery: digest of the gallery and tolerance that named them, "" before naming.
        person: `(t,)` position in `people` of who each track is, -1 for nobody; empty before.
        thumb: `(m,)` small JPEG of each embedded face, or `(0,)` where none are kept.
        starts: `(s,)` first analysed frame of each shot of the movie, or `(0,)` where an earlier
            version walked it, which kept none.
    """

    embedding: Floats
    track: Ints
    frame: Ints
    quality: Floats
    walk: str
    people: Text = field(default_factory=lambda: np.zeros(0, np.str_))
    far: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    gallery: str = ""
    person: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    thumb: Bytes = field(default_factory=lambda: np.zeros(0, np.bytes_))
    starts: Ints = field(default_factory=lambda: np.zeros(0, np.int64))


def write_tracks(path: Path, tracks: Tracks) -> None:
    """Writes tracks.npz in the place of `path`.

    Raises:
        OutputError: It cannot be written.
    """
    write_arrays(path, {f.name: getattr(tracks, f.name) for f in fields(tracks)})


def read_tracks(path: Path) -> Tracks:
    """Reads tracks.npz.

    Raises:
        TableError: It is missing, foreign or torn.
    """
    found = read_arrays(path, [f.name for f in fields(Tracks)])
    _check_seen(path, found)
    far, people, person = found["far"], found["people"], found["person"]
    count = len(np.unique(found["track"]))
    named = far.shape == (count, len(people)) and len(person) == count
    if not (named or far.shape == (0, len(people)) == (len(person), 0)) or not (far >= 0).all():
        raise TableError(f"{path}: its distances are not one for each track and person; {AGAIN}")
    if (person < -1).any() or (person >= len(people)).any():
        raise TableError(f"{path}: has tracks of people whom it does not list; {AGAIN}")
    return Tracks(
        embedding=found["embedding"].astype(np.float32),
        track=found["track"].astype(np.int64),
        frame=found["frame"].astype(np.int64),
        quality=found["quality"].astype(np.float32),
        walk=str(found["walk"]),
        people=found["people"].astype(np.str_),
        far=found["far"].astype(np.float32),
        gallery=str(found["gallery"]),
        person=person.astype(np.int64),
        thumb=found["thumb"],
        starts=found["starts"].astype(np.int64),
    )


def read_walk(folder: Path) -> tuple[pd.DataFrame, Tracks]:
    """Reads faces.csv and tracks.npz of a movie, which belong together.

    Raises:
        TableError: One is missing, foreign, torn, or not of the other.
    """
    rows, tracks = read_faces(folder / "faces.csv"), read_tracks(folder / "tracks.npz")
    strange = rows.loc[~rows["track"].isin(tracks.track), "track"]
    if len(strange):
        raise TableError(
            f"{folder / 'faces.csv'}: has track {strange.iloc[0]}, which tracks.npz has not; "
            f"{REMEDY}"
        )
    twice = rows.duplicated(["frame", "track"])
    if twice.any():
        raise TableError(
            f"{folder / 'faces.csv'}, line {int(twice.to_numpy().argmax()) + 2}: the same track "
            f"twice in one frame; {REMEDY}"
        )
    return rows, tracks


def _check_seen(path: Path, found: dict[str, NDArray[Any]]) -> None:
    """Checks what parts and tracks.npz hold of each embedded face, and of each shot.

    Raises:
        TableError: The arrays are of unlike lengths, or hold what cannot be.
    """
    seen = [found[name] for name in ("embedding", "track", "frame", "quality")]
    if len({len(array) for array in seen}) > 1:
        raise TableError(f"{path}: lengths differ: {[len(array) for array in seen]}; {AGAIN}")
    if len(found["thumb"]) not in (0, len(seen[0])):
        raise TableError(f"{path}: has {len(found['thumb'])} pictures of {len(seen[0])}; {AGAIN}")
    embedding, track, frame, quality = seen
    sound = (np.abs(embedding) <= 1.01).all() and (np.abs(quality) <= 1).all()  # NaN is neither.
    if not sound or (track < 0).any() or (frame < 0).any():
        raise TableError(f"{path}: holds what is no face's embedding, track or frame; {AGAIN}")
    starts = found["starts"]
    if (starts < 0).any() or (starts[1:] <= starts[:-1]).any():
        raise TableError(f"{path}: its shots do not follow one another; {AGAIN}")


# --- arrays -------------------------------------------------------------------------------------

AGAIN = "delete it and run mine-video again"

SHAPES: dict[str, tuple[str, tuple[int | None, ...]]] = {
    "embedding": ("f", (None, EMBEDDING)), "track": ("i", (None,)), "frame": ("i", (None,)),
    "quality": ("f", (None,)), "shots": ("i", ()), "cut_before": ("b", ()), "walk": ("U", ()),
    "people": ("U", (None,)), "far": ("f", (None, None)), "gallery": ("U", ()),
    "person": ("i", (None,)), "photo": ("U", (None,)), "why": ("U", (None,)),
    "thumb": ("S", (None,)), "starts": ("i", (None,)), "pts": ("i", (None,)),
    "keys": ("i", (None, 2)),
}  # fmt: skip
"""numpy's letter for the kind, and the shape, of each array that is stored; None is any length."""

LATER = {"starts": np.zeros(0, np.int64)}
"""Arrays that files of earlier versions have not, and what stands for them."""


def write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Writes an .npz with the same bytes for the same arrays (numpy's own holds the time).

    Raises:
        OutputError: It cannot be written.
    """
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, value in arrays.items():
            with bundle.open(zipfile.ZipInfo(f"{name}.npy"), "w") as member:
                np.lib.format.write_array(member, np.asarray(value), allow_pickle=False)


def read_arrays(path: Path, names: list[str]) -> dict[str, NDArray[Any]]:
    """Reads the named arrays of an .npz; never runs what a pickle holds.

    Raises:
        TableError: It is missing, foreign or torn.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as bundle:
            there = set(bundle.namelist())
            old = {n: LATER[n] for n in names if n in LATER and f"{n}.npy" not in there}
            found = old | {n: _read_array(bundle, f"{n}.npy") for n in names if n not in old}
    except Exception as error:  # zlib, zipfile and numpy each have their own for a torn file.
        raise TableError(f"{path}: missing, torn or foreign ({error}); {AGAIN}") from error
    for name, array in found.items():
        kind, shape = SHAPES.get(name, (array.dtype.kind, array.shape))
        like = zip(array.shape, shape, strict=False)
        fits = array.ndim == len(shape) and all(n == want or want is None for n, want in like)
        if array.dtype.kind != kind or not fits:
            raise TableError(f"{path}: foreign: {name} is {array.dtype} {array.shape}; {AGAIN}")
    return found


def _read_array(bundle: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """Reads one array, but none that unpacks to more than is plausible.

    Raises:
        ValueError: It is too large, no array, or holds a pickle.
    """
    size = bundle.getinfo(name).file_size
    if size > LARGEST_NPZ:
        raise ValueError(f"{name} unpacks to {size:,} bytes")
    with bundle.open(name) as member:
        return np.asarray(np.lib.format.read_array(member, allow_pickle=False))
