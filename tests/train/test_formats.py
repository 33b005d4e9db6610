"""The layouts of FER2013: reading them, and the message for everything that may be wrong."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.faces import EMOTIONS
from pipeline.train.dataset import Dataset
from pipeline.train.formats import VOTES, read_csv, read_folder, read_votes
from tests.support.training import csv_text, squares, votes_text


@pytest.fixture(scope="module")
def data() -> Dataset:
    return squares(28)


@pytest.mark.parametrize(
    ("header", "parted"),
    [
        ("emotion,pixels,Usage", True),
        ("emotion, Usage, pixels", True),
        ("emotion,pixels", False),
        ("pixels,emotion", False),
    ],
    ids=["fer2013.csv", "icml_face_data.csv", "train.csv", "another order"],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
def test_all_layouts_give_the_same_rows(
    header: str, parted: bool, end: str, data: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "faces.csv"
    path.write_bytes(csv_text(data, header).replace("\n", end).encode())
    rows = read_csv(path)
    assert np.array_equal(rows.faces, data.faces)
    assert np.array_equal(rows.labels, data.labels)
    assert np.array_equal(rows.usage, data.usage if parted else 0 * data.usage)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_spreadsheets_add_does_no_harm(delimiter: str, data: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "faces.csv"
    text = "\ufeff" + csv_text(data) + "\n,,\n\n"
    path.write_text(text.replace(",", delimiter), encoding="utf-8")
    assert len(read_csv(path).faces) == len(data)


def _cell(text: str, line: int, column: int, value: str) -> str:
    lines = text.split("\n")
    cells = lines[line - 1].split(",")
    cells[column] = value
    return "\n".join([*lines[: line - 1], ",".join(cells), *lines[line:]])


FACE = " ".join(["7"] * 2304)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: _cell(t, 3, 0, "7"), r"faces\.csv:3: emotion is '7', wanted 0 to 6"),
        (lambda t: _cell(t, 3, 0, ""), r"faces\.csv:3: emotion is ''"),
        (lambda t: _cell(t, 3, 0, "12"), r"faces\.csv:3: emotion is '12'"),
        (lambda t: _cell(t, 4, 1, FACE[2:]), r"faces\.csv:4: 2303 pixels .* wanted 2304"),
        (lambda t: _cell(t, 4, 1, FACE + " 7"), r"faces\.csv:4: 2305 pixels"),
        (lambda t: _cell(t, 4, 1, ""), r"faces\.csv:4: 0 pixels, wanted 2304"),
        (lambda t: _cell(t, 4, 1, "256" + FACE[1:]), r"faces\.csv:4: .* from 7 to 256"),
        (lambda t: _cell(t, 4, 1, "-1" + FACE[1:]), r"faces\.csv:4: .* from -1 to 7"),
        (lambda t: _cell(t, 4, 1, "x" + FACE[1:]), r"faces\.csv:4: pixels contain 'x'"),
        (lambda t: _cell(t, 4, 1, "1.5" + FACE[1:]), r"faces\.csv:4: pixels contain '1.5'"),
        (lambda t: _cell(t, 5, 2, "Test"), r"faces\.csv:5: Usage is 'Test', wanted Training"),
        (lambda t: t[:-9000], r"faces\.csv:29: \d+ column|faces\.csv:28: 2 columns"),
        (lambda t: t.replace("pixels", "pixel"), r"faces\.csv:1: no column pixels; found emotion"),
        (lambda t: t.split("\n")[0], r"has no faces"),
        (lambda _: "", r"faces\.csv:1: no column emotion, pixels; found nothing"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(
    change: Callable[[str], str], message: str, data: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "faces.csv"
    path.write_text(change(csv_text(data)))
    with pytest.raises(DataError, match=message):
        read_csv(path)


@pytest.mark.parametrize(
    "content",
    [b"\x89PNG\r\n\x1a\n\xff\xfe", b"emotion,pixels\n0," + b"1" * 200_000],
    ids=["binary", "huge cell"],
)
def test_what_is_no_csv_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "faces.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"faces\.csv: cannot be read as a CSV file"):
        read_csv(path)


# --- votes --------------------------------------------------------------------------------------


def test_votes_are_read(data: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "fer2013new.csv"
    path.write_text(votes_text(data))
    assert np.array_equal(read_votes(path, data.usage), data.votes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: _cell(t, 3, 2, "-1"), r"new\.csv:3: neutral is '-1', wanted a number of votes"),
        (lambda t: _cell(t, 3, 5, "x"), r"new\.csv:3: sadness is 'x'"),
        (
            lambda t: _cell(t, 2, 0, "PublicTest"),
            r"new\.csv:2: Usage .* in the same row of the faces",
        ),
        (lambda t: t[: t[:-1].rindex("\n") + 1], r"votes on 27 faces, but there are 28 faces"),
        (lambda t: t + t.split("\n")[-2], r"votes on 29 faces, but there are 28 faces"),
        (lambda t: t.replace("sadness", "grief"), r"new\.csv:1: no column sadness"),
    ],
)
def test_votes_of_other_rows_are_refused(
    change: Callable[[str], str], message: str, data: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "fer2013new.csv"
    path.write_text(change(votes_text(data)))
    with pytest.raises(DataError, match=message):
        read_votes(path, data.usage)


def test_votes_have_ten_columns() -> None:
    assert len(VOTES) == len(set(VOTES)) == 10


# --- folders ------------------------------------------------------------------------------------


def _write(data: Dataset, folder: Path, parts: tuple[str, ...], names: tuple[str, ...]) -> None:
    for row, face in enumerate(data.faces):
        place = folder / parts[data.usage[row]] / names[data.labels[row]]
        place.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place / f"{row:03}.png"), face)


@pytest.mark.parametrize(
    ("parts", "usages"),
    [
        (("", "", ""), {0}),
        (("train", "val", "test"), {0, 1, 2}),
        (("Training", "PublicTest", "PrivateTest"), {0, 1, 2}),
    ],
)
@pytest.mark.parametrize(
    "names",
    [EMOTIONS, ("Anger", "Disgusted", "fearful", "Happiness", "sadness", "Surprised", "NEUTRAL")],
    ids=["ours", "others"],
)
def test_a_folder_for_each_class_is_read(
    parts: tuple[str, ...], usages: set[int], names: tuple[str, ...], tmp_path: Path
) -> None:
    data = squares(56)
    _write(data, tmp_path, parts, names)
    rows = read_folder(tmp_path)
    assert set(rows.usage) == usages
    place = {face.tobytes(): row for row, face in enumerate(data.faces)}
    order = [place[face.tobytes()] for face in rows.faces]
    assert sorted(order) == list(range(len(data)))
    assert np.array_equal(rows.labels, data.labels[order])


def test_larger_and_coloured_pictures_become_grey_and_small(tmp_path: Path) -> None:
    (tmp_path / "sad").mkdir()
    cv2.imwrite(str(tmp_path / "sad" / "a.png"), np.full((96, 100, 3), (0, 0, 255), np.uint8))
    assert read_folder(tmp_path).faces.shape == (1, 48, 48)
    assert set(read_folder(tmp_path).faces.ravel()) == {76}


def test_a_folder_that_is_no_class_is_named(data: Dataset, tmp_path: Path) -> None:
    _write(data, tmp_path, ("", "", ""), (*EMOTIONS[:6], "bored"))
    with pytest.raises(DataError, match="'bored' is not an emotion; wanted angry"):
        read_folder(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a picture"])
def test_a_picture_that_cannot_be_read_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "sad").mkdir()
    (tmp_path / "sad" / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.png: not a picture"):
        read_folder(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no pictures"):
        read_folder(tmp_path)
