"""Rows, parts and tracks on disk."""

import csv
import errno
import os
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import files
from pipeline.disk import faces_csv, npz, parts, tracks_npz
from pipeline.disk.text_table import unguarded
from pipeline.errors import OutputError, TableError
from pipeline.faces import FaceRow
from tests.support.examples import examples

PLAIN = FaceRow(
    "film.mp4", 7, 0.28, 0, 1, 1, 10.0, 20.0, 30.5, 45.0, 0.9, 120.0, -5.0, 3.0, 0.5,
    "rdj", 0.25, 0.75, 0.125, 0.125, 0.25, 0.25, 0.125, 0.0625, 0.0625,
)  # fmt: skip

NAN = float("nan")

PERSONS = [
    "NA", "007", "nan", "null", "None", "", "-", "1e5", "True", "a,b", 'the "Rock"', '"', '""',
    " leading", "trailing ", "Åsa Ødegård", "王家衛", "🎬", "#hash", "two\nlines", "a\rb", "\r\n",
]  # fmt: skip

text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
tenth = st.integers(-20_000, 20_000).map(lambda n: n / 10)
share = st.integers(0, 10_000).map(lambda n: n / 10_000)
optional = share | st.just(float("nan"))
whole = st.integers(0, 2**40)
faces = st.builds(
    FaceRow,
    video=text, frame=whole, time=st.integers(0, 10**10).map(lambda n: n / 10**6),
    shot=whole, track=whole, detected=st.integers(0, 1),
    x1=tenth, y1=tenth, x2=tenth, y2=tenth, score=share, sharpness=tenth, yaw=tenth,
    pitch=tenth, roll=tenth, person=text, distance=optional, sure=optional,
    angry=share, disgust=share, fear=share, happy=share, sad=share, surprise=share, neutral=share,
)  # fmt: skip


def frame(rows: list[FaceRow]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(FaceRow._fields))


def written(folder: Path, rows: list[FaceRow]) -> Path:
    path = folder / "faces.csv"
    faces_csv.write_faces(path, [frame(rows)])
    return path


def same(found: pd.DataFrame, rows: list[FaceRow]) -> bool:
    """Whether every value is the same: text exactly, numbers to the precision of float32."""
    if len(found) != len(rows):
        return False
    return all(
        found[name].tolist() == [getattr(r, name) for r in rows]
        if name in (*faces_csv.TEXTS, *faces_csv.WHOLE, "time")
        else np.array_equal(
            found[name].to_numpy(),
            np.array([getattr(r, name) for r in rows], np.float32),
            equal_nan=True,
        )
        for name in FaceRow._fields
    )


# --- faces.csv ----------------------------------------------------------------------------------


@settings(max_examples=examples(60))
@given(rows=st.lists(faces, max_size=5))
def test_rows_come_back(tmp_path_factory: pytest.TempPathFactory, rows: list[FaceRow]) -> None:
    path = written(tmp_path_factory.getbasetemp(), rows)
    assert same(faces_csv.read_faces(path), rows)


@pytest.mark.parametrize("person", PERSONS, ids=repr)
def test_text_stays_text(tmp_path: Path, person: str) -> None:
    rows = [PLAIN, PLAIN._replace(person=person, video=person or "x"), PLAIN]
    path = written(tmp_path, rows)
    assert same(faces_csv.read_faces(path), rows)
    with path.open(encoding="utf-8", newline="") as file:
        plain = list(csv.DictReader(file))
    assert [unguarded(r["person"]) for r in plain] == ["rdj", person, "rdj"]


@pytest.mark.parametrize(
    "change", ["mark", "quotes", "both"], ids=["a byte order mark", "all quoted", "both"]
)
def test_a_table_that_a_spreadsheet_saved_is_read(tmp_path: Path, change: str) -> None:
    rows = [PLAIN, PLAIN._replace(person="a,b", distance=NAN, sure=NAN)]
    path = written(tmp_path, rows)
    if change != "mark":
        cells = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows(cells)
    if change != "quotes":
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert same(faces_csv.read_faces(path), rows)


@pytest.mark.parametrize(
    ("column", "value"),
    [("time", 1e300), ("time", -1e19), ("happy", 1.5), ("sad", -0.1), ("score", 7.0)],
)
def test_numbers_that_cannot_be_are_refused(tmp_path: Path, column: str, value: float) -> None:
    change: dict[str, Any] = {column: value}
    path = written(tmp_path, [PLAIN, PLAIN._replace(**change)])
    with pytest.raises(TableError, match=r"line 3: a number is missing or wrong"):
        faces_csv.read_faces(path)


def test_types_are_fixed_with_and_without_rows(tmp_path: Path) -> None:
    for rows in ([], [PLAIN], [PLAIN._replace(person="", distance=NAN, sure=NAN)]):
        found = faces_csv.read_faces(written(tmp_path, rows))
        assert tuple(found.columns) == FaceRow._fields
        assert {str(found[c].dtype) for c in faces_csv.WHOLE} == {"int64"}
        assert str(found["time"].dtype) == "float64"
        assert {str(found[c].dtype) for c in ("happy", *faces_csv.OPTIONAL)} == {"float32"}
        assert all(isinstance(v, str) for c in faces_csv.TEXTS for v in found[c])


def test_a_table_without_faces_is_a_header(tmp_path: Path) -> None:
    path = written(tmp_path, [])
    assert path.read_text() == ",".join(FaceRow._fields) + "\n"
    assert len(faces_csv.read_faces(path)) == 0


def test_blocks_follow_one_another(tmp_path: Path) -> None:
    path = tmp_path / "faces.csv"
    rows = [PLAIN._replace(frame=i) for i in range(6)]
    faces_csv.write_faces(path, [frame(rows[:2]), frame([]), frame(rows[2:])])
    assert same(faces_csv.read_faces(path), rows)
    assert path.read_bytes() == written(tmp_path / "b", rows).read_bytes()


def test_one_row_as_it_stands(tmp_path: Path) -> None:
    assert written(tmp_path, [PLAIN]).read_text().splitlines()[1] == (
        "film.mp4,7,0.280000,0,1,1,10.0,20.0,30.5,45.0,0.9000,120.0,-5.0,3.0,0.5,rdj,0.2500,"
        "0.7500,0.12500,0.12500,0.25000,0.25000,0.12500,0.06250,0.06250"
    )


def test_a_movie_whose_name_is_no_unicode(tmp_path: Path) -> None:
    video = os.fsdecode(b"caf\xe9.mp4")
    found = faces_csv.read_faces(written(tmp_path, [PLAIN._replace(video=video)]))
    assert found["video"].tolist() == [r"caf\udce9.mp4"]


def edited(path: Path, line: int, change: Callable[[list[str]], list[str]]) -> None:
    lines = path.read_text().split("\n")
    lines[line - 1] = ",".join(change(lines[line - 1].split(",")))
    path.write_text("\n".join(lines))


def put(name: str, value: str) -> Callable[[list[str]], list[str]]:
    place = FaceRow._fields.index(name)
    return lambda cells: [*cells[:place], value, *cells[place + 1 :]]


@pytest.mark.parametrize("line", [2, 3, 5])
@pytest.mark.parametrize(
    "change",
    [
        put("happy", ""), put("x1", "nan"), put("x1", "inf"), put("score", "NA"),
        put("frame", ""), put("frame", "1.5"), put("track", "-1"), put("time", ""),
        put("happy", "much"), put("frame", "7th"), put("distance", "near"),
        put("sure", "surely"), put("sure", "1.01"), put("sure", "-0.1"), put("sure", "inf"),
        lambda cells: cells[:-1], lambda cells: cells[:9], lambda cells: cells[:1],
        lambda cells: [*cells, "1"], lambda cells: [*cells, ""],
    ],
    ids=[
        "no probability", "nan", "inf", "NA", "no frame", "half a frame", "negative", "no time",
        "a word", "a word for a count", "a word for a distance",
        "a word for a chance", "a chance above 1", "a chance below 0", "an endless chance",
        "one cell short", "half a line", "one cell", "one cell more", "one empty cell more",
    ],
)  # fmt: skip
def test_a_wrong_number_is_refused_with_its_line(
    tmp_path: Path, line: int, change: Callable[[list[str]], list[str]]
) -> None:
    path = written(tmp_path, [PLAIN] * 4)
    edited(path, line, change)
    with pytest.raises(TableError, match=rf"line {line}\b") as caught:
        faces_csv.read_faces(path)
    assert str(path) in str(caught.value)
    assert "run mine-video on the movie again" in str(caught.value)


@settings(max_examples=examples(60))
@given(data=st.data())
def test_a_torn_last_line_is_refused_wherever_it_was_torn(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = written(tmp_path_factory.getbasetemp(), [PLAIN] * 3)
    last = len(path.read_bytes().splitlines(keepends=True)[-1])
    torn = data.draw(st.integers(1, last - 1))
    path.write_bytes(path.read_bytes()[:-torn])
    with pytest.raises(TableError, match=r"line 4\b"):
        faces_csv.read_faces(path)


def test_a_torn_quoted_text_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, [PLAIN, PLAIN._replace(person="a,b")])
    path.write_bytes(path.read_bytes().partition(b'"a')[0] + b'"a')
    with pytest.raises(TableError, match=r"line 3\b"):
        faces_csv.read_faces(path)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\n", b"a,b,c\n1,2,3\n", faces_csv.HEADER.replace("frame", "Frame").encode() + b"\n",
        faces_csv.HEADER[:-3].encode(), (faces_csv.HEADER + ",extra\n").encode(),
        b"\xff\xfe\x00rubbish\n", b"PK\x03\x04", faces_csv.HEADER.encode("utf-16") + b"\n",
        faces_csv.HEADER.replace(",", "\r").encode() + b"\n",
    ],
    ids=["empty", "blank", "foreign", "a renamed column", "torn", "one more", "bytes", "zip",
         "UTF-16", "carriage returns"],
)  # fmt: skip
def test_a_foreign_header_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "faces.csv"
    path.write_bytes(content)
    with pytest.raises(TableError, match=r"faces\.csv"):
        faces_csv.read_faces(path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, [PLAIN] * 500)
    path.write_bytes(path.read_bytes()[:-5] + b"\xff\xff\xff\xff\n")
    with pytest.raises(TableError, match="damaged or changed"):
        faces_csv.read_faces(path)


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="run mine-video"):
        faces_csv.read_faces(tmp_path / "faces.csv")


def earlier(path: Path) -> Path:
    """Takes the column `sure` out of a table, which earlier versions did not write."""
    place = FaceRow._fields.index("sure")
    rows = [line.split(",") for line in path.read_text().split("\n")]
    path.write_text("\n".join(",".join(cells[:place] + cells[place + 1 :]) for cells in rows))
    return path


def test_tables_of_earlier_versions_do_not_say_how_sure_a_name_is(tmp_path: Path) -> None:
    for rows in ([], [PLAIN], [PLAIN, PLAIN._replace(frame=8, person="", distance=NAN)]):
        path = earlier(written(tmp_path, rows))
        assert path.read_text().splitlines()[0] == faces_csv.EARLIER_HEADER
        found = faces_csv.read_faces(path)
        assert tuple(found.columns) == FaceRow._fields
        assert same(found, [row._replace(sure=NAN) for row in rows])
        assert str(found["sure"].dtype) == "float32"
        faces_csv.write_faces(path, [found])
        assert same(faces_csv.read_faces(path), [row._replace(sure=NAN) for row in rows])


@pytest.mark.parametrize(
    "change",
    [
        lambda cells: [*cells[:-1], ""], lambda cells: [*cells[:-1], "much"],
        lambda cells: cells[:-1], lambda cells: [*cells, "1"],
    ],
    ids=["no probability", "a word", "one cell short", "one cell more"],
)  # fmt: skip
def test_a_wrong_number_of_an_earlier_version_is_refused_with_its_line(
    tmp_path: Path, change: Callable[[list[str]], list[str]]
) -> None:
    path = earlier(written(tmp_path, [PLAIN] * 3))
    edited(path, 3, change)
    with pytest.raises(TableError, match=r"line 3\b"):
        faces_csv.read_faces(path)


def test_rows_of_an_earlier_version_do_not_follow_the_header_of_this_one(tmp_path: Path) -> None:
    path = earlier(written(tmp_path, [PLAIN] * 2))
    path.write_text(path.read_text().replace(faces_csv.EARLIER_HEADER, faces_csv.HEADER))
    with pytest.raises(TableError, match=r"line 2\b"):
        faces_csv.read_faces(path)


def test_line_ends_of_a_spreadsheet_are_taken(tmp_path: Path) -> None:
    path = written(tmp_path, [PLAIN] * 2)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert same(faces_csv.read_faces(path), [PLAIN] * 2)


# --- whole or not at all ------------------------------------------------------------------------


def left(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def test_replacing_writes_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.bin"
    with files.replacing(path) as file:
        file.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert left(tmp_path) == ["a.bin"]


def test_two_threads_may_write_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    texts = [bytes([n]) * 100_000 for n in range(8)]

    def write(text: bytes) -> None:
        with files.replacing(path) as file:
            for place in range(0, len(text), 1000):
                file.write(text[place : place + 1000])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, texts))
    assert path.read_bytes() in texts
    assert left(tmp_path) == ["a.bin"]


def test_a_process_of_this_number_on_another_machine_may_write_there_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bin"
    with files.replacing(path) as ours:
        ours.write(b"ours")
        with monkeypatch.context() as patch:
            patch.setattr(files, "HOST", "0123abcd")
            with files.replacing(path) as theirs:
                theirs.write(b"theirs")
                assert len(left(tmp_path)) == 2
                assert all(files.OWN_TEMPORARY.fullmatch(name) for name in left(tmp_path))
        assert path.read_bytes() == b"theirs"
    assert path.read_bytes() == b"ours"
    assert left(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("old", [b"old", None])
def test_an_exception_leaves_the_old_file(
    tmp_path: Path, error: type[BaseException], old: bytes | None
) -> None:
    path = tmp_path / "a.bin"
    if old is not None:
        path.write_bytes(old)
    with pytest.raises(error), files.replacing(path) as file:  # noqa: PT012
        file.write(b"new")
        raise error
    assert left(tmp_path) == ([] if old is None else ["a.bin"])
    assert old is None or path.read_bytes() == old


def full(*_: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class FullDisk:
    """A file on a full disk."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __enter__(self) -> "FullDisk":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return full if name in ("write", "flush") else getattr(self._file, name)


WRITERS: dict[str, Callable[[Path], None]] = {
    "csv": lambda path: faces_csv.write_faces(path, [frame([PLAIN])]),
    "npz": lambda path: npz.write_arrays(path, {"a": np.arange(9)}),
}


def open_full(path: Path, *args: Any) -> FullDisk:
    return FullDisk(open(path, *args))  # noqa: PTH123


@pytest.mark.parametrize(
    ("owner", "name", "fake"),
    [(os, "fsync", full), (Path, "open", open_full), (Path, "replace", full)],
    ids=["fsync", "write", "rename"],
)
@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk_leaves_the_old_file_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, fake: Any, kind: str
) -> None:
    path = tmp_path / f"faces.{kind}"
    path.write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fake)
        with pytest.raises(OutputError, match=r"No space left on device.*free some space"):
            WRITERS[kind](path)
    assert path.read_bytes() == b"old"
    assert left(tmp_path) == [path.name]


@pytest.mark.parametrize("name", ["file/faces.csv", "x" * 300], ids=["in a file", "too long"])
def test_a_place_that_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(OutputError, match=r"cannot be written.*--output"):
        faces_csv.write_faces(tmp_path / name, [frame([PLAIN])])
    assert left(tmp_path) == ["file"]


def test_an_exception_while_rows_are_made_leaves_the_old_table(tmp_path: Path) -> None:
    path = written(tmp_path, [PLAIN])

    def blocks() -> Iterator[pd.DataFrame]:
        yield frame([PLAIN] * 1000)
        raise TableError("parts/00003.csv, line 5: a number is missing")

    with pytest.raises(TableError, match="line 5"):
        faces_csv.write_faces(path, blocks())
    assert same(faces_csv.read_faces(path), [PLAIN])
    assert left(tmp_path) == ["faces.csv"]


# --- arrays, parts, tracks ----------------------------------------------------------------------

ARRAYS: dict[str, Any] = {
    "unit": np.eye(3, dtype=np.float32), "empty": np.zeros((0, 128), np.float32),
    "names": np.array(["rdj", "Åsa"]), "flag": True, "walk": "abc", "far": np.zeros((2, 0)),
}  # fmt: skip


def test_arrays_come_back(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    npz.write_arrays(path, ARRAYS)
    found = npz.read_arrays(path, dict.fromkeys(ARRAYS))
    for name, value in ARRAYS.items():
        assert np.array_equal(found[name], value)
        assert found[name].dtype == np.asarray(value).dtype
        assert found[name].shape == np.shape(value)
    with np.load(path) as plain:
        assert set(plain.files) == ARRAYS.keys()


def test_rewriting_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "a.npz", tmp_path / "b.npz"
    npz.write_arrays(first, ARRAYS)
    monkeypatch.setattr("time.time", lambda: 2e9)
    npz.write_arrays(second, npz.read_arrays(first, dict.fromkeys(ARRAYS)))
    assert first.read_bytes() == second.read_bytes()


@settings(max_examples=examples(150))
@given(data=st.data())
def test_a_flipped_bit_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "flipped.npz"
    npz.write_arrays(path, ARRAYS)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    with suppress(TableError):
        found = npz.read_arrays(path, dict.fromkeys(ARRAYS))
        assert all(np.array_equal(found[name], ARRAYS[name]) for name in ARRAYS)


@settings(max_examples=examples(40))
@given(share=st.floats(0, 0.999))
def test_torn_arrays_are_refused(tmp_path_factory: pytest.TempPathFactory, share: float) -> None:
    path = tmp_path_factory.getbasetemp() / "torn.npz"
    npz.write_arrays(path, ARRAYS)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(TableError, match=r"torn\.npz.*delete it and run mine-video again"):
        npz.read_arrays(path, dict.fromkeys(ARRAYS))


class Trap:
    """Fails the test if it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return pytest.fail, ("a pickle was run",)


def test_foreign_arrays_are_refused_and_never_run(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.save(tmp_path / "plain.npy", np.arange(3))
    np.savez(tmp_path / "other.npz", other=np.arange(3))
    np.savez(tmp_path / "trap.npz", unit=np.array([Trap()], object))
    contents = [(tmp_path / name).read_bytes() for name in ("plain.npy", "other.npz", "trap.npz")]
    for content in (*contents, pickle.dumps(Trap()), b"", b"text"):
        path.write_bytes(content)
        with pytest.raises(TableError, match=r"a\.npz"):
            npz.read_arrays(path, {"unit": None})
    with pytest.raises(TableError, match="missing"):
        npz.read_arrays(tmp_path / "none.npz", {"unit": None})


def a_part(n: int = 3, m: int = 2) -> parts.Part:
    rows = frame([PLAIN._replace(frame=i, track=i % 2) for i in range(n)])
    return parts.Part(
        rows=rows[list(faces_csv.NUMBERS)].to_numpy(np.float64).reshape(n, len(faces_csv.NUMBERS)),
        shots=4, cut_before=True, embedding=np.eye(m, 128, dtype=np.float32),
        track=np.arange(m), frame=np.arange(m) * 5, quality=np.linspace(0, 1, m, dtype=np.float32),
        starts=np.array([0, 3, 9, 30]),
    )  # fmt: skip


def equal_arrays(a: Any, b: Any) -> bool:
    return np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f")


def equal(a: Any, b: Any) -> bool:
    return all(
        equal_arrays(getattr(a, f.name), getattr(b, f.name))
        and np.asarray(getattr(a, f.name)).dtype == np.asarray(getattr(b, f.name)).dtype
        for f in fields(a)
    )


@pytest.mark.parametrize(("n", "m"), [(3, 2), (0, 0), (1, 1)])
def test_a_part_comes_back(tmp_path: Path, n: int, m: int) -> None:
    part = a_part(n, m)
    assert not parts.has_part(tmp_path, 7)
    parts.write_part(tmp_path, 7, part, "film.mp4")
    assert parts.has_part(tmp_path, 7)
    assert left(tmp_path) == ["00007.csv", "00007.npz"]
    found = parts.read_part(tmp_path, 7)
    assert found.rows == pytest.approx(part.rows, abs=1e-6)
    assert equal(found, parts.Part(**{f.name: getattr(part, f.name) for f in fields(part)}
                                   | {"rows": found.rows}))  # fmt: skip
    named = faces_csv.read_faces(parts.part_paths(tmp_path, 7)[0])
    assert set(named["video"]) <= {"film.mp4"}
    assert set(named["person"]) <= {""}
    assert named[["distance", "sure"]].isna().all(axis=None)


def test_a_part_gives_the_same_bytes_each_time(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        parts.write_part(tmp_path / folder, 0, a_part(), "film.mp4")
    for one, other in zip(
        parts.part_paths(tmp_path / "a", 0), parts.part_paths(tmp_path / "b", 0), strict=True
    ):
        assert one.read_bytes() == other.read_bytes()


def test_a_part_that_was_being_written_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "write_faces", full)
    with pytest.raises(OSError, match="No space"):
        parts.write_part(tmp_path, 3, a_part(), "film.mp4")
    assert not parts.has_part(tmp_path, 3)
    with pytest.raises(TableError):
        parts.read_part(tmp_path, 3)


def test_a_part_of_other_arrays_is_refused(tmp_path: Path) -> None:
    parts.write_part(tmp_path, 0, a_part(), "film.mp4")
    npz.write_arrays(parts.part_paths(tmp_path, 0)[1], {"embedding": np.zeros((0, 128))})
    with pytest.raises(TableError, match=r"00000\.npz"):
        parts.read_part(tmp_path, 0)


EARLIER: dict[str, Any] = {
    "people": np.array(["007", "NA", "Åsa"]), "far": np.zeros((2, 3), np.float32),
    "gallery": "beef", "person": np.array([2, -1]),
}  # fmt: skip
"""What an earlier version kept of names."""

NAMED = EARLIER | {
    "cluster": np.array([0, 7]), "sure": np.array([1, NAN], np.float32), "offer": np.array([-1, 1]),
}  # fmt: skip


def some_tracks(**naming: Any) -> tracks_npz.Tracks:
    return tracks_npz.Tracks(
        embedding=np.eye(3, 128, dtype=np.float32), track=np.array([0, 0, 1]),
        frame=np.array([3, 9, 30]), quality=np.array([0.5, 0.25, 1], np.float32), walk="abc",
        **naming,
    )  # fmt: skip


@pytest.mark.parametrize("naming", [{}, EARLIER, NAMED], ids=["unnamed", "earlier", "named"])
def test_tracks_come_back(tmp_path: Path, naming: dict[str, Any]) -> None:
    tracks, path = some_tracks(**naming), tmp_path / "tracks.npz"
    tracks_npz.write_tracks(path, tracks)
    assert equal(tracks_npz.read_tracks(path), tracks)


@pytest.mark.parametrize("naming", [{}, EARLIER], ids=["unnamed", "named"])
def test_tracks_of_earlier_versions_lack_clusters_chances_and_offers(
    tmp_path: Path, naming: dict[str, Any]
) -> None:
    tracks, path = some_tracks(**naming), tmp_path / "tracks.npz"
    tracks_npz.write_tracks(path, tracks)
    with np.load(path) as stored:
        older = {n: stored[n] for n in stored if n not in ("cluster", "sure", "offer")}
    npz.write_arrays(path, older)
    found = tracks_npz.read_tracks(path)
    assert equal(found, tracks)
    assert [len(a) for a in (found.cluster, found.sure, found.offer)] == [0, 0, 0]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"cluster": np.array([0])}, id="a cluster too few"),
        pytest.param({"sure": np.zeros(3, np.float32)}, id="a chance too many"),
        pytest.param({"offer": np.zeros(0, np.int64)}, id="no offer"),
        pytest.param({"cluster": np.array([0, -1])}, id="a cluster below 0"),
        pytest.param({"sure": np.array([0, 1.01], np.float32)}, id="a chance above 1"),
        pytest.param({"sure": np.array([-0.01, 1], np.float32)}, id="a chance below 0"),
        pytest.param({"sure": np.array([0, np.inf], np.float32)}, id="an endless chance"),
        pytest.param({"offer": np.array([0, 3])}, id="an offer of nobody"),
        pytest.param({"offer": np.array([-2, 0])}, id="an offer below -1"),
        pytest.param({"cluster": np.zeros(2, np.float32)}, id="half clusters"),
        pytest.param({"sure": np.array([0, 1])}, id="whole chances"),
        pytest.param({"offer": np.array(["NA", "Åsa"])}, id="offers by name"),
        pytest.param({"sure": np.zeros((2, 1), np.float32)}, id="of another shape"),
    ],
)
def test_clusters_chances_and_offers_that_cannot_be_are_refused(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    path = tmp_path / "tracks.npz"
    tracks_npz.write_tracks(path, some_tracks(**NAMED | change))
    with pytest.raises(TableError, match=r"tracks\.npz: .*delete it and run mine-video again"):
        tracks_npz.read_tracks(path)


def test_files_of_earlier_versions_say_nothing_of_where_shots_start(tmp_path: Path) -> None:
    tracks = tracks_npz.Tracks(
        np.eye(1, 128, dtype=np.float32), np.array([0]), np.array([3]),
        np.ones(1, np.float32), "abc",
    )  # fmt: skip
    parts.write_part(tmp_path, 0, a_part(), "film.mp4")
    tracks_npz.write_tracks(tmp_path / "tracks.npz", tracks)
    for path in (parts.part_paths(tmp_path, 0)[1], tmp_path / "tracks.npz"):
        with np.load(path) as stored:
            older = {name: stored[name] for name in stored if name != "starts"}
        npz.write_arrays(path, older)
    part = parts.read_part(tmp_path, 0)
    assert (part.shots, len(part.starts)) == (4, 0)
    assert equal(tracks_npz.read_tracks(tmp_path / "tracks.npz"), tracks)


@pytest.mark.parametrize("starts", [[0, 3], [0, 3, 3, 9], [9, 3, 30, 40], [-1, 3, 9, 30]])
def test_shots_that_cannot_be_are_refused(starts: list[int], tmp_path: Path) -> None:
    parts.write_part(tmp_path, 0, replace(a_part(), starts=np.array(starts)), "film.mp4")
    with pytest.raises(TableError, match=r"00000\.npz: its shots"):
        parts.read_part(tmp_path, 0)


@pytest.mark.parametrize("guarded", [files.replacing, files.locked])
def test_what_cannot_be_written_names_the_option_that_says_where(
    guarded: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for other in ((), ("file with --csv",)):
        wanted = f"choose another {''.join(other) or 'folder with --output'}"
        with pytest.raises(OutputError, match=wanted), guarded(tmp_path / "file" / "a", *other):
            pass
