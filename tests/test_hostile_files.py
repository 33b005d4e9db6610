"""Hostile files through every reader: the same rows, or a `MiningError` that names the file.

Files are damaged at random (bytes changed, cut off, spliced) and on purpose (JSON of another shape,
arrays that do not agree, pickles, pictures that would fill the memory, names that lead elsewhere).
"""

import hashlib
import io
import json
import os
import pickle
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from pipeline import files, mine
from pipeline.disk import faces_csv, npz, tracks_npz
from pipeline.disk import manifest as manifests
from pipeline.disk.parts import part_paths, read_part
from pipeline.disk.tracks_npz import SEEN
from pipeline.errors import MiningError, ModelError, MovieError, PeopleError, TableError
from pipeline.models.cards import WEIGHTS, Card
from pipeline.models.registry import DETECTORS, Entry, all_models
from pipeline.people import gallery
from pipeline.people.names import check_name
from pipeline.people.photo import read_photo
from pipeline.settings import Job, PickSettings
from tests.support import puppet
from tests.support.examples import examples
from tests.support.puppet import Shot, Square
from tests.support.walks import read_walk

SCRIPT = (Shot(14, (Square("anna", "happy 9, sad", x=20, dx=1), Square("ben", x=90, y=70))),)

often = settings(
    max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(autouse=True)
def _puppets(monkeypatch: pytest.MonkeyPatch) -> None:
    puppet.plug_in(monkeypatch)


@dataclass(frozen=True)
class Walked:
    """A movie's folder with all its files, and the job that made it."""

    folder: Path
    movie: Path
    job: Job


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    """A walked and picked movie that tests must not change."""
    place = tmp_path_factory.mktemp("original")
    for person in ("anna", "ben"):
        puppet.photo(place / "known" / f"{person}.png", person)
    movie = puppet.film(place / "film.mkv", SCRIPT)
    job = Job(
        emotions=("happy",),
        walk=puppet.SETTINGS,
        pick=PickSettings(repeat=1, smooth=1),
        output=place / "output",
        known_faces=place / "known",
    )
    with pytest.MonkeyPatch.context() as patch:
        puppet.plug_in(patch)
        mine.mine(movie, job, puppet.silent)
    return Walked(place / "output" / "film", movie, job)


@pytest.fixture
def walked(original: Walked, tmp_path: Path) -> Walked:
    """A copy of the movie that a test may change."""
    place = tmp_path / "all"
    shutil.copytree(original.movie.parent, place)
    job = replace(original.job, output=place / "output", known_faces=place / "known")
    return Walked(place / "output" / "film", original.movie, job)


def files_below(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# --- bytes at random ----------------------------------------------------------------------------


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with bytes changed, cut off, or spliced; always different."""
    data = bytearray(content)
    kind = draw(st.sampled_from(["flip", "flip", "cut", "splice", "zero", "insert"]))
    place = draw(st.integers(0, len(data) - 1))
    if kind == "cut":
        del data[place:]
    elif kind == "splice":
        other = draw(st.integers(0, len(data) - 1))
        data[place:] = data[other:]
    elif kind == "zero":
        data[place : place + 40] = bytes(len(data[place : place + 40]))
    elif kind == "insert":
        data[place:place] = draw(st.binary(min_size=1, max_size=20))
    else:
        for _ in range(draw(st.integers(1, 6))):
            data[draw(st.integers(0, len(data) - 1))] ^= draw(st.integers(1, 255))
    return bytes(data)


def refusal(read: Callable[[], Any]) -> tuple[Any, str]:
    """What a reader returns, or the message of its `MiningError`; it may raise nothing else."""
    try:
        return read(), ""
    except MiningError as error:
        return None, str(error)


def sound(rows: pd.DataFrame) -> bool:
    """Whether rows have the right types, whatever their numbers."""
    plain = rows[list(faces_csv.NUMBERS)].to_numpy(np.float64)
    return (
        list(rows.columns) == faces_csv.HEADER.split(",")
        and {str(rows[c].dtype) for c in faces_csv.WHOLE} == {"int64"}
        and all(isinstance(value, str) for c in faces_csv.TEXTS for value in rows[c])
        and bool(np.isfinite(plain).all() and (rows[list(faces_csv.WHOLE)] >= 0).all(axis=None))
    )


@often
@given(data=st.data())
def test_a_damaged_faces_csv(original: Walked, tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "faces.csv"
    path.write_bytes(data.draw(damaged((original.folder / "faces.csv").read_bytes())))
    rows, message = refusal(lambda: faces_csv.read_faces(path))
    assert message.startswith(str(path)) if message else sound(rows)


def same_arrays(one: Any, other: Any) -> bool:
    names = ("embedding", "track", "frame", "quality", "far", "people", "shots", "pts", "keys")
    own = [name for name in names if hasattr(one, name)]
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in own)


@often
@given(data=st.data())
def test_a_damaged_tracks_npz(original: Walked, tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "tracks.npz"
    path.write_bytes(data.draw(damaged((original.folder / "tracks.npz").read_bytes())))
    tracks, message = refusal(lambda: tracks_npz.read_tracks(path))
    whole = tracks_npz.read_tracks(original.folder / "tracks.npz")
    assert message.startswith(f"{path}: ") if message else same_arrays(tracks, whole)


@often
@given(data=st.data(), which=st.sampled_from([0, 1]))
def test_a_damaged_part(original: Walked, tmp_path: Path, data: st.DataObject, which: int) -> None:
    for own, copy in zip(part_paths(original.folder, 0), part_paths(tmp_path, 0), strict=True):
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(own, copy)
    spoilt = part_paths(tmp_path, 0)[which]
    spoilt.write_bytes(data.draw(damaged(spoilt.read_bytes())))
    part, message = refusal(lambda: read_part(tmp_path, 0))
    whole = read_part(original.folder, 0)
    assert message.startswith(str(tmp_path / "parts")) if message else same_arrays(part, whole)
    assert message or set(part.rows[:, faces_csv.NUMBERS.index("track")]) <= set(
        part.track.tolist()
    )


@often
@given(data=st.data(), name=st.sampled_from(["walk.json", "frames.npz"]))
def test_a_damaged_manifest(
    original: Walked, tmp_path: Path, data: st.DataObject, name: str
) -> None:
    for each in ("walk.json", "frames.npz"):
        shutil.copy(original.folder / each, tmp_path)
    (tmp_path / name).write_bytes(data.draw(damaged((tmp_path / name).read_bytes())))
    walk, message = refusal(lambda: manifests.read(tmp_path))
    whole = manifests.read(original.folder)
    assert message or walk.fingerprint == whole.fingerprint
    assert message or same_arrays(walk.scan, whole.scan)
    assert not message or str(tmp_path) in message


@pytest.fixture(scope="module")
def pictures() -> dict[str, bytes]:
    """One photo in each format, as bytes."""
    image = Pillow.fromarray(next(puppet.pictures(SCRIPT)))
    exif = Pillow.Exif()
    exif[0x0112], exif[0x010E] = 6, "a photo"
    found = {}
    for kind in ("jpeg", "png", "webp", "bmp", "tiff"):
        file = io.BytesIO()
        image.save(file, kind, **({"exif": exif} if kind != "bmp" else {}))
        found[kind] = file.getvalue()
    return found


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "bmp", "tiff"])
@often
@given(data=st.data())
def test_a_damaged_photo(
    kind: str, pictures: dict[str, bytes], tmp_path: Path, data: st.DataObject
) -> None:
    path = tmp_path / f"anna.{kind}"
    path.write_bytes(data.draw(damaged(pictures[kind])))
    image, message = refusal(lambda: read_photo(path))
    assert message.startswith(f"{path}: ") if message else image.shape[2] == 3


@often
@given(data=st.data())
def test_a_damaged_card(tmp_path: Path, data: st.DataObject) -> None:
    shutil.copy(puppet.WEIGHTS, tmp_path)
    place = tmp_path / "puppet.json"
    place.write_bytes(data.draw(damaged(puppet.WEIGHTS.with_suffix(".json").read_bytes())))
    card, message = refusal(lambda: Card.beside(tmp_path / "puppet.txt"))
    assert message.startswith(f"{place}: ") if message else card.path.parent == tmp_path


@settings(often, max_examples=examples(20))
@given(data=st.data())
def test_a_damaged_list_of_crops_deletes_no_strange_file(
    original: Walked, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    place = tmp_path_factory.mktemp("crops")
    folder = place / "film"
    shutil.copytree(original.folder, folder)
    crops = folder / "anna" / "happy"
    (crops / "holiday.jpg").write_bytes(b"mine")
    (place / "precious.jpg").write_bytes(b"mine")
    listed = data.draw(damaged((crops / "crops.csv").read_bytes()))
    (crops / "crops.csv").write_bytes(b"../../../precious.jpg\nholiday.jpg\n" + listed)
    before = set(files_below(place))
    wanted = replace(original.job, people=("anna",), output=place)
    _, message = refusal(lambda: mine.pick(folder, wanted, original.movie))
    gone = before - set(files_below(place))
    assert not gone
    assert not message or str(crops) in message


# --- JSON of another shape ----------------------------------------------------------------------

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(max_size=6)
    | st.just("\0")
    | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)


def places(facts: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values in JSON."""
    yield path
    if isinstance(facts, dict | list):
        for key, value in facts.items() if isinstance(facts, dict) else enumerate(facts):
            yield from places(value, (*path, key))


def put(facts: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The facts with one value replaced."""
    if not path:
        return value
    changed = dict(facts) if isinstance(facts, dict) else list(facts)
    changed[path[0]] = put(changed[path[0]], path[1:], value)
    return changed


@settings(often, max_examples=examples(200))
@given(data=st.data(), value=values)
def test_a_walk_json_of_another_shape(
    original: Walked, tmp_path: Path, data: st.DataObject, value: Any
) -> None:
    shutil.copy(original.folder / "frames.npz", tmp_path)
    facts = json.loads((original.folder / "walk.json").read_text(encoding="utf-8"))
    changed = put(facts, data.draw(st.sampled_from(list(places(facts)))), value)
    (tmp_path / "walk.json").write_text(json.dumps(changed), encoding="utf-8")
    walk, message = refusal(lambda: manifests.read(tmp_path))
    if not message:  # Then the manifest is valid and consistent.
        assert walk.parts[-1][1] <= len(walk.scan)
        assert (np.diff(walk.scan.times) > 0).all()
        assert walk.scan.stream.width * walk.scan.stream.height > 0
        refusal(lambda: manifests.movie_of(walk, None))
    refusal(lambda: manifests.folder_for(tmp_path / "x.mkv", tmp_path.parent))
    assert not message or str(tmp_path / "walk.json") in message


@settings(often, max_examples=examples(150))
@given(data=st.data(), value=values)
def test_a_card_of_another_shape(tmp_path: Path, data: st.DataObject, value: Any) -> None:
    shutil.copy(puppet.WEIGHTS, tmp_path)
    facts = json.loads(puppet.WEIGHTS.with_suffix(".json").read_text(encoding="utf-8"))
    changed = put(facts, data.draw(st.sampled_from(list(places(facts)))), value)
    (tmp_path / "puppet.json").write_text(json.dumps(changed), encoding="utf-8")
    checked, message = refusal(lambda: Card.beside(tmp_path / "puppet.txt").checked())
    assert message.startswith(str(tmp_path)) if message else checked == tmp_path / "puppet.txt"


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000, "9" * 5000], ids=len)
def test_json_without_bottom_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "walk.json").write_text(text)
    with pytest.raises(TableError, match=r"walk\.json: damaged"):
        manifests.read(tmp_path)
    with pytest.raises(ModelError, match=r"walk\.json: not a network's card"):
        Card.beside(tmp_path / "walk.onnx")


@pytest.mark.parametrize(
    "parts",
    [
        [[0, 14], [14, 20]], [[0, 5], [6, 14]], [[0, 9], [5, 14]], [[5, 5]], [[9, 3]],
        [[-3, 14]], [[0, 1e999]], [[0, 10**30]],
    ],
    ids=["too far", "a hole", "twice", "empty", "backwards", "negative", "infinite", "huge"],
)  # fmt: skip
def test_parts_that_do_not_cover_the_walk_are_refused(walked: Walked, parts: Any) -> None:
    path = walked.folder / "walk.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"parts": parts}))
    with pytest.raises(TableError, match="--rewalk"):
        manifests.read(walked.folder)


# --- arrays that do not agree -------------------------------------------------------------------


def rewrite(path: Path, **changes: Any) -> None:
    """Puts other arrays into an .npz; numpy itself writes it, including pickles."""
    with np.load(path) as bundle:
        arrays = {name: bundle[name] for name in bundle.files}
    np.savez(path, **(arrays | changes))


EMBEDDED: dict[str, dict[str, Any]] = {
    "objects": {"track": np.array([0, "x", None], object)},
    "texts": {"embedding": np.full((4, 128), "a")},
    "whole numbers": {"embedding": np.ones((4, 128), np.int64)},
    "halves for whole numbers": {"track": np.array([0.5, 1.5])},
    "complex numbers": {"quality": np.ones(4, np.complex128)},
    "times": {"frame": np.zeros(4, "datetime64[s]")},
    "records": {"quality": np.zeros(4, [("a", "f4"), ("b", "i4")])},
    "a number for a list": {"track": np.int64(3)},
    "a table for a list": {"frame": np.zeros((4, 4), np.int64)},
    "a list for a table": {"embedding": np.zeros(128, np.float32)},
    "too few": {"quality": np.zeros(1, np.float32)},
    "too few pictures": {"thumb": np.zeros(1, "S9")},
    "pictures that are text": {"thumb": np.zeros(4, "U9")},
    "none": {"track": np.zeros(0, np.int64)},
    "nan": {"embedding": np.full((4, 128), np.nan, np.float32)},
    "huge numbers": {"embedding": np.full((4, 128), 1e300)},
    "negative": {"track": np.array([-1, 0, 1, 1])},
    "negative frames": {"frame": np.full(4, -7)},
}


@pytest.mark.parametrize("changes", EMBEDDED.values(), ids=list(EMBEDDED))
@pytest.mark.parametrize("name", ["parts/00000.npz", "tracks.npz"])
def test_arrays_that_do_not_agree_are_refused(
    name: str, changes: dict[str, Any], walked: Walked
) -> None:
    path = walked.folder / name
    rewrite(path, **changes)
    with pytest.raises(TableError, match="delete it and run mine-video again") as caught:
        tracks_npz.read_tracks(path) if name == "tracks.npz" else read_part(walked.folder, 0)
    assert str(caught.value).startswith(f"{path}: ")
    assert mine.walk(walked.movie, replace(walked.job, rewalk=True), puppet.silent)


def test_tracks_of_another_network_than_the_photos_are_refused(walked: Walked) -> None:
    """A network of one's own may give embeddings of any length."""
    path = walked.folder / "tracks.npz"
    rewrite(path, embedding=np.full((4, 64), 0.125, np.float32), gallery="")
    told = "has embeddings of 64 numbers, and those of the photos have 128; delete it and run"
    with pytest.raises(TableError, match=told) as caught:
        mine.mine(walked.movie, walked.job, puppet.silent)
    assert str(caught.value).startswith(f"{path}: ")
    path.unlink()
    assert mine.mine(walked.movie, walked.job, puppet.silent)


@pytest.mark.parametrize(
    "changes",
    [
        {"track": np.array([0, 2]), "shots": 1}, {"track": np.array([0, 0])},
        {"track": np.array([0, 1 << 40])}, {"shots": -1}, {"shots": 0}, {"shots": 1 << 60},
        {"shots": np.zeros(3, np.int64)}, {"shots": "1"}, {"cut_before": np.float32(0.5)},
    ],
    ids=[
        "a hole", "a track of the rows is missing", "huge track", "negative shots",
        "a shot of the rows is missing", "huge shots", "many shots", "a text", "half a cut",
    ],
)  # fmt: skip
def test_a_part_whose_numbers_do_not_agree_is_refused(
    walked: Walked, changes: dict[str, Any]
) -> None:
    rows, arrays = part_paths(walked.folder, 0)
    two = {
        "embedding": np.eye(2, 128, dtype=np.float32), "track": np.array([0, 1]),
        "frame": np.array([0, 0]), "quality": np.ones(2, np.float32),
        "thumb": np.zeros(2, "S9"),
    }  # fmt: skip
    rewrite(arrays, **two)
    assert len(read_part(walked.folder, 0).track) == 2
    rewrite(arrays, **changes)
    with pytest.raises(TableError, match="delete it and run mine-video again") as caught:
        read_part(walked.folder, 0)
    assert str(caught.value).startswith((f"{arrays}: ", f"{rows}: "))


@pytest.mark.parametrize(
    "changes",
    [
        {"far": np.zeros((2, 5), np.float32)}, {"far": np.zeros((9, 2), np.float32)},
        {"far": np.zeros((0, 0), np.float32)}, {"far": np.full((2, 2), np.nan, np.float32)},
        {"far": np.full((2, 2), -1, np.float32)}, {"people": np.array(["a", "b", "c"])},
        {"people": np.array([1, 2])}, {"gallery": np.array(["a"])}, {"walk": 7},
        {"person": np.array([0, 2])}, {"person": np.array([0, -2])}, {"person": np.array([0])},
        {"person": np.zeros(0, np.int64)}, {"person": np.zeros((2, 1), np.int64)},
        {"person": np.zeros(2)},
    ],
    ids=[
        "more people", "more tracks", "none", "nan", "negative", "more names", "numbers",
        "many digests", "a number", "nobody of these", "less than nobody", "too few",
        "nobody's", "a table", "fractions",
    ],
)  # fmt: skip
def test_distances_that_do_not_agree_are_refused(walked: Walked, changes: dict[str, Any]) -> None:
    path = walked.folder / "tracks.npz"
    rewrite(path, **changes)
    with pytest.raises(TableError, match=r"tracks\.npz: .*delete it and run mine-video again"):
        tracks_npz.read_tracks(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"pts": np.arange(14)[::-1]}, {"pts": np.zeros(14, np.int64)}, {"pts": np.arange(14.0)},
        {"pts": np.arange(13)}, {"keys": np.zeros((0, 2), np.int64)},
        {"keys": np.array([[999_999, 0]])}, {"keys": np.array([0, 0])},
        {"keys": np.array([[0, 0], [40, 40], [0, 0]])}, {"keys": np.zeros((1, 3), np.int64)},
    ],
    ids=[
        "backwards", "all one", "halves", "too few", "no key", "a key of no frame", "a list",
        "keys backwards", "three",
    ],
)  # fmt: skip
def test_timestamps_that_cannot_be_are_refused(walked: Walked, changes: dict[str, Any]) -> None:
    rewrite(walked.folder / "frames.npz", **changes)
    with pytest.raises(TableError, match="--rewalk"):
        manifests.read(walked.folder)


def header(shape: str, descr: str = "'<f4'") -> bytes:
    """The file of an array that declares some shape but contains only a few bytes."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (63 - (len(text) + 10) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + bytes(64)


@pytest.mark.parametrize(
    "member",
    [
        header("(1 << 40,)"), header("(1099511627776,)"), header("(8589934592, 8589934592)"),
        header("(-1,)"), header("(2.5,)"), header("(True,)"), header("()", "'|O'"),
        header("(4,)", "'|V99999999999'"), header("(4,)", "'<f99'"), header("[" * 500),
        b"\x93NUMPY\x09\x00", b"", pickle.dumps(7),
    ],
    ids=[
        "an expression", "a terabyte", "more than there is", "negative", "half", "true", "object",
        "huge items", "no type", "brackets", "another version", "empty", "pickle",
    ],
)  # fmt: skip
def test_a_declared_shape_is_not_believed(tmp_path: Path, member: bytes) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("embedding.npy", member)
    with pytest.raises(TableError, match=r"a\.npz: (missing or damaged|damaged)"):
        npz.read_arrays(path, {"embedding": SEEN["embedding"]})


def test_an_archive_that_unpacks_to_too_much_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, quality=np.zeros(1 << 20, np.float32))
    assert path.stat().st_size < 10_000
    monkeypatch.setattr(npz, "LARGEST_NPZ", 1 << 20)
    monkeypatch.setattr(np.lib.format, "read_array", pytest.fail)
    with pytest.raises(TableError, match=r"unpacks to 4,194,\d+ bytes"):
        npz.read_arrays(path, {"quality": SEEN["quality"]})


def read_all(folder: Path) -> None:
    manifests.read(folder)
    read_walk(folder)
    read_part(folder, 0)


class Bomb:
    """Creates a file if it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
        return open, (str(self._path), "w")


@pytest.mark.parametrize("name", ["tracks.npz", "frames.npz", "parts/00000.npz"])
def test_a_pickle_is_never_run(name: str, walked: Walked, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    with pickle.loads(pickle.dumps(Bomb(mark))):
        assert mark.exists(), "the bomb works"
    mark.unlink()
    path = walked.folder / name
    with np.load(path) as bundle:
        names = bundle.files
    for content in (
        {each: np.array([Bomb(mark)], object) for each in names},
        {each: Bomb(mark) for each in names},
    ):
        traps: dict[str, Any] = {k: np.array(v, object) for k, v in content.items()}
        np.savez(path, **traps)
        with pytest.raises(TableError):
            read_all(walked.folder)
    path.write_bytes(pickle.dumps(Bomb(mark)))
    with pytest.raises(TableError):
        npz.read_arrays(path, {"embedding": SEEN["embedding"]})
    assert not mark.exists()


# --- rows that do not agree ---------------------------------------------------------------------


def edit_rows(folder: Path, column: str, value: Any) -> None:
    path = folder / "faces.csv"
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    rows.loc[3, column] = value
    rows.to_csv(path, index=False)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("track", "7"), ("track", "9007199254740993000"), ("frame", "1e300"), ("frame", "inf"),
        ("x1", "1e39"), ("time", "1e999"), ("score", "0x1p3"), ("happy", "true"), ("y2", "1_0"),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_are_refused(walked: Walked, column: str, value: str) -> None:
    edit_rows(walked.folder, column, value)
    job = replace(walked.job, tolerance=0.3)
    with pytest.raises(TableError, match=r"faces\.csv.*run mine-video on the movie again"):
        mine.pick(walked.folder, job, walked.movie)


@pytest.mark.parametrize(
    "person",
    ["..", "../../../up", "/tmp/up", "a/b", ".hidden", "=1+1", "a\\b", "CON", "parts", "a\u202eb"],
)
def test_a_name_in_the_rows_leads_nowhere_else(walked: Walked, person: str) -> None:
    edit_rows(walked.folder, "person", person)
    before = files_below(walked.folder.parents[1])
    with pytest.raises(PeopleError, match=r"faces\.csv: .*choose another name"):
        mine.pick(walked.folder, walked.job, walked.movie)
    assert files_below(walked.folder.parents[1]) == before


# --- photos -------------------------------------------------------------------------------------


def png(width: int, height: int) -> bytes:
    """A PNG that declares a size but contains almost nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size)
    return head + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def bmp(width: int, height: int) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 99, 0, 0, 54) + head + bytes(99)


def tga(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Pillow.new("L", (width, height)).save(file, "tga")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (png(60_000, 60_000), "too large"), (png(10_000, 9_500), "too large"),
        (bmp(60_000, 60_000), "too large"), (png(2**31 - 1, 2**31 - 1), "too large"),
        (png(1, 80_000_000), "too long and narrow"), (png(9000, 800), "too long and narrow"),
        (tga(9, 9), "not a readable"), (b"", "not a readable"), (png(0, 0), "not a readable"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a readable"),
        (b"\x89PNG\r\n\x1a\n", "not a readable"),
    ],
    ids=[
        "60,000 squared", "just too large", "bmp", "the largest there is", "a line", "a banner",
        "tga", "empty", "no pixels", "a program in PostScript", "only a signature",
    ],
)  # fmt: skip
def test_a_picture_bomb_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, words: str
) -> None:
    path = tmp_path / "anna.png"
    path.write_bytes(content)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _: pytest.fail("decoded"))
    with pytest.raises(PeopleError, match=words) as caught:
        read_photo(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "skipped; " in str(caught.value)


def test_a_bomb_among_photos_is_told_and_the_others_serve(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    puppet.photo(tmp_path / "anna" / "a.png", "anna")
    (tmp_path / "anna" / "b.png").write_bytes(png(60_000, 60_000))
    found = gallery.embed_gallery(tmp_path, puppet.models())
    assert found.owner.tolist() == [0]
    assert "b.png: too large" in caplog.text


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "nowhere"])
def test_what_is_no_file_among_photos_is_refused_without_reading(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "anna" / "a.png"
    path.parent.mkdir()
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "folder":
            path.mkdir()
        case "nowhere":
            path.symlink_to(tmp_path / "none")
    assert len(gallery.digest(tmp_path, 0.38)) == 64, "one photo does not stop the others"
    with pytest.raises(PeopleError, match=r"a\.png: (cannot be read|not a readable photo)"):
        read_photo(path)


def test_photos_whose_names_are_no_text_are_taken(tmp_path: Path) -> None:
    puppet.photo(tmp_path / "anna" / "caf\udce9.png", "anna")
    assert len(gallery.digest(tmp_path, 0.38)) == 64
    assert gallery.embed_gallery(tmp_path, puppet.models()).people == ("anna",)


# --- names --------------------------------------------------------------------------------------

ELSEWHERE = [
    "..", ".", "...", "../x", "a/../b", "/root", "a\\b", "..\\x", "c:x", "con", "CON", "Nul.txt",
    "aux .x", "COM1", "lpt9.jpg", "com²", "anna ", " anna", "\u3000anna", "\t", "a\0b", "a\nb",
    "a\x7fb", "a\x85b", "\u202eanna", "an\u200bna", "\ufeffanna", "a\u2028b", "a\u2066b", "\udcff",
    "parts", "Parts", "walk.json", "FACES.CSV", "report.html", "Unknown", "ANY",
]  # fmt: skip


@pytest.mark.parametrize("name", ELSEWHERE, ids=ascii)
def test_a_persons_name_cannot_do_harm(name: str) -> None:
    with pytest.raises(PeopleError, match=r"known/x\.jpg: .*choose another name"):
        check_name(name, "known/x.jpg")


@given(st.text(max_size=30))
def test_a_persons_folder_lies_in_the_movies_folder(name: str) -> None:
    checked, message = refusal(lambda: check_name(name, "x"))
    folder = Path("/out/film")
    assert message or Path(os.path.normpath(folder / checked)).parent == folder
    assert message or (checked == name.strip() and os.fsdecode(os.fsencode(name)) == name)


@settings(often, max_examples=examples(100))
@given(
    stem=st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)
    | st.sampled_from(["..", "...", ". .", "CON", "nul", "com1", "x" * 255, "é" * 120, "aux.a.b"])
    | st.text(" .", min_size=1, max_size=5)
)
def test_a_movies_folder_lies_in_the_output_folder(stem: str, tmp_path: Path) -> None:
    for name in (f"{stem}.mp4", stem):
        folder = manifests.folder_for(Path("/films") / name, tmp_path)
        assert Path(os.path.normpath(folder)).parent == tmp_path
        assert 0 < len(folder.name.encode()) <= manifests.LONGEST_FOLDER_NAME
        assert folder.name == folder.name.strip().rstrip(". ")
        assert not files.WINDOWS_DEVICES.fullmatch(folder.name)


def test_long_names_that_begin_alike_do_not_meet(walked: Walked) -> None:
    names = [f"{'é' * 110}{n}.mkv" for n in range(2)]
    places = []
    for n, name in enumerate(names):
        movie = puppet.film(walked.movie.parent / name, (Shot(3 + n, (Square("anna"),)),))
        places.append(mine.walk(movie, walked.job, puppet.silent))
        movie.unlink()
    assert len(set(places)) == 2
    assert [len(manifests.read(place).scan) for place in places] == [3, 4]


# --- networks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(p.name for p in WEIGHTS.iterdir() if p.suffix == ".onnx"))
def test_a_network_that_was_changed_is_not_loaded(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    shutil.copy((WEIGHTS / name).with_suffix(".json"), tmp_path)
    data = bytearray((WEIGHTS / name).read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match=rf"{name}: sha256 is .* its card says .* install"):
        Card.beside(path).checked()
    monkeypatch.setattr("onnxruntime.InferenceSession", lambda *_: pytest.fail("loaded"))
    if name == "yunet.onnx":
        changed = Entry("pipeline.models.yunet", "YuNet", str(path))
        monkeypatch.setitem(DETECTORS, "changed", changed)
        with pytest.raises(ModelError, match="sha256"):
            all_models(replace(puppet.SETTINGS, detector="changed"))


@pytest.mark.parametrize("name", ["../net.onnx", "/etc/passwd", "a/b", ".", ""])
def test_a_card_names_no_file_elsewhere(name: str, tmp_path: Path) -> None:
    facts = {"file": name, "sha256": "0", "job": "detect", "classes": [], "licence": "MIT"}
    (tmp_path / "net.json").write_text(json.dumps(facts))
    with pytest.raises(ModelError, match=r"net\.json: not a network's card"):
        Card.beside(tmp_path / "net.onnx")


# --- what is kept -------------------------------------------------------------------------------


def of_the_walk(folder: Path) -> dict[str, str]:
    """The files below, but for those that tell where the known faces are: the copy has its own."""
    found = files_below(folder)
    return {name: found[name] for name in found.keys() - {"pick.json", "report.html"}}


@pytest.mark.parametrize("name", ["faces.csv", "tracks.npz", "parts/00000.csv", "parts/00000.npz"])
def test_the_advice_of_a_torn_file_helps(walked: Walked, name: str) -> None:
    """Deleting the file that the message names and repeating the command gives the same bytes."""
    whole = of_the_walk(walked.folder)
    path = walked.folder / name
    path.write_bytes(path.read_bytes()[:-9])
    for left in ("faces.csv", "tracks.npz") if name.startswith("parts") else ():
        (walked.folder / left).unlink()
    again = partial(mine.walk, walked.movie, walked.job, puppet.silent)
    do = again if name.startswith("parts") else partial(read_all, walked.folder)
    merged = name == "tracks.npz"  # A walk whose tracks cannot be read counts as not finished.
    advice = "its walk is not finished; `mine-video walk .*`" if merged else "delete it and run"
    with pytest.raises(TableError, match=advice) as caught:
        do()
    if not merged:
        assert str(path) in str(caught.value)
        path.unlink()
    mine.mine(walked.movie, walked.job, puppet.silent)
    assert of_the_walk(walked.folder) == whole


def test_another_movie_under_the_same_name_is_refused(walked: Walked, tmp_path: Path) -> None:
    other = puppet.film(tmp_path / "film.mkv", (Shot(9, (Square("ben"),)),))
    with pytest.raises(MovieError, match="not the movie that was walked"):
        mine.pick(walked.folder, walked.job, other)
