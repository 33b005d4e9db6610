"""Tests of crops: their names, pixels and provenance, and which files picking again replaces."""

import csv
import io
import logging
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow

from pipeline import __version__
from pipeline.crops import portrait
from pipeline.disk import crop_file, faces_csv
from pipeline.disk import manifest as manifests
from pipeline.disk.crops_csv import CROP_COLUMNS
from pipeline.disk.manifest import Manifest
from pipeline.errors import OutputError
from pipeline.faces import EMOTIONS, Image
from pipeline.movie import decode, scan
from pipeline.movie.decode import decode_frames
from pipeline.movie.frame import Frame
from pipeline.pick import select
from pipeline.report.crops import Selection, write_crops
from pipeline.settings import PickSettings
from pipeline.walk import walker
from tests.support import puppet
from tests.support.libraries import face_region, read_xmp
from tests.support.puppet import Shot, Square, film

MOVIE = (
    Shot(12, (Square("anna", "happy 5, sad 3, happy", x=30, dx=3), Square("ben", y=90, x=4))),
    Shot(100, (Square("anna", "sad 2, happy", x=100, y=2),)),
)
PLAIN = PickSettings(repeat=1, smooth=1)
MARGIN = 0.3
LUMA = np.array([0.299, 0.587, 0.114])
NAMES = [
    *(
        f"movie_f{n:07d}_t00-00-0{n * 0.04:.3f}_k00_happy81.jpg"
        for n in (0, 1, 2, 3, 4, 8, 9, 10, 11)
    ),
]
"""Names of anna's crops while she looks happy in the first shot."""


@dataclass(frozen=True)
class Walked:
    """A walked movie: anna is the first track and the third, ben the second."""

    movie: Path
    folder: Path
    walk: Manifest
    rows: pd.DataFrame

    def selection(self, person: str = "anna", emotion: str = "happy", stop: int = 12) -> Selection:
        rows = select.wanted(self.rows, person, emotion)
        return Selection(
            person, emotion, self.folder / person / emotion, rows[rows["frame"] < stop]
        )

    def write(self, *selections: Selection, margin: float = MARGIN) -> None:
        write_crops(self.movie, self.walk, list(selections), margin)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walked]:
    """Walked, named, nothing picked."""
    folder = tmp_path_factory.mktemp("crop")
    movie = film(folder / "movie.mkv", MOVIE)
    with pytest.MonkeyPatch.context() as patch:
        puppet.plug_in(patch)
        plan = walker.prepare_walk(movie, folder / "out", puppet.SETTINGS)
        walker.walk_movie(movie, folder / "out", plan, 1, puppet.silent)
        rows = faces_csv.read_faces(folder / "out" / "faces.csv")
        people = rows["track"].map({0: "anna", 1: "ben", 2: "anna"})
        named = rows.assign(person=people, distance=np.float32(0.1234))
        yield Walked(movie, folder / "out", plan, select.steadied(named, 1, PLAIN))


@pytest.fixture
def walked(once: Walked, tmp_path: Path) -> Walked:
    """A copy of the folder for one test."""
    folder = tmp_path / "out"
    shutil.copytree(once.folder, folder)
    return Walked(once.movie, folder, manifests.read(folder), once.rows)


def _files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


def _jpegs(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.glob("*.jpg"))


def _pixels(path: Path) -> Image:
    with Pillow.open(path) as image:
        return np.array(image.convert("RGB"), np.uint8)


def _as_jpeg(image: Image) -> Image:
    """What JPEG leaves of a picture."""
    file = io.BytesIO()
    Pillow.fromarray(image).save(file, "jpeg", quality=crop_file.JPEG_QUALITY)
    return np.array(Pillow.open(file).convert("RGB"), np.uint8)


def _listed(folder: Path) -> list[dict[str, str]]:
    with (folder / "crops.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# --- what is written ----------------------------------------------------------------------------


def test_moments_are_listed_beside_the_crops(walked: Walked) -> None:
    selection = walked.selection()
    walked.write(selection)
    with (selection.folder / "moments.csv").open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    crops = _listed(selection.folder)
    assert {row["run"] for row in listed} == {row["run"] for row in crops}
    assert [float(row["look_sure"]) for row in listed] == sorted(
        (float(row["look_sure"]) for row in listed), reverse=True
    )
    for row in listed:
        own = [crop for crop in crops if crop["run"] == row["run"]]
        frames = [int(crop["frame"]) for crop in own]
        assert (int(row["first"]), int(row["last"])) == (min(frames), max(frames))
        assert int(row["faces"]) == len(own)
        assert row["best"] in {crop["file"] for crop in own}
        assert (row["person"], row["emotion"]) == (selection.person, selection.emotion)
        length = float(row["stop"]) - float(row["start"])
        assert float(row["seconds"]) == pytest.approx(length + 0.04)
    walked.write(replace(selection, rows=selection.rows.iloc[:0]))
    assert (selection.folder / "moments.csv").read_text().count("\n") == 1


def test_crops_are_named_after_frame_time_track_and_label(walked: Walked) -> None:
    selection = walked.selection()
    walked.write(selection)
    assert _jpegs(selection.folder) == NAMES
    assert [row["file"] for row in _listed(selection.folder)] == NAMES
    assert all(crop_file.CROP_NAME.fullmatch(name) for name in NAMES)


@pytest.mark.parametrize(
    ("time", "frame", "track", "probability", "wanted"),
    [
        pytest.param(0, 0, 0, 1.0, "m_f0000000_t00-00-00.000_k00_sad100.jpg", id="first"),
        pytest.param(-0.04, 0, 0, 0.5, "m_f0000000_t00-00-00.000_k00_sad50.jpg", id="before zero"),
        pytest.param(
            59.9996, 9, 9, 0.09, "m_f0000009_t00-01-00.000_k09_sad09.jpg", id="rounded up"
        ),
        pytest.param(
            36000.5, 12345678, 123, 0.5, "m_f12345678_t10-00-00.500_k123_sad50.jpg", id="long"
        ),
    ],
)
def test_crop_name(time: float, frame: int, track: int, probability: float, wanted: str) -> None:
    row = pd.Series(
        {"time": time, "frame": frame, "track": track, "label": 4, "probability": probability}
    )
    name = crop_file.crop_name("m", row)
    assert name == wanted
    assert crop_file.CROP_NAME.fullmatch(name)


def test_a_crop_shows_its_own_frame_and_box(walked: Walked) -> None:
    selection = walked.selection()
    walked.write(selection)
    pictures = list(puppet.pictures(MOVIE))
    for name, row in zip(NAMES, selection.rows.itertuples(), strict=True):
        frame = int(str(row.frame))
        box = np.array([row.x1, row.y1, row.x2, row.y2], np.float32)
        assert box.tolist() == pytest.approx(MOVIE[0].squares[0].box(frame), abs=0.5)
        found = _pixels(selection.folder / name)
        alike = [
            n for n in range(12) if (found == _as_jpeg(portrait(pictures[n], box, MARGIN))).all()
        ]
        assert alike == [frame]


def test_a_crop_says_where_it_is_from(walked: Walked) -> None:
    selection = walked.selection()
    walked.write(selection)
    path = selection.folder / NAMES[2]
    told = crop_file.read_provenance(path)
    others = {e: 0.03125 for e in EMOTIONS if e != "happy"}
    assert told == {
        "movie": "movie.mkv",
        "frame": 2,
        "time": 0.08,
        "box": pytest.approx([36, 30, 60, 54], abs=0.1),
        "track": 0,
        "person": "anna",
        "distance": 0.1234,
        "emotion": "happy",
        "look_sure": pytest.approx(0.963, abs=1e-4),
        "probability": 0.8125,
        "probabilities": {"happy": 0.8125, **others},
        "models": dict(walked.walk.models),
        "walk": walked.walk.fingerprint,
        "version": __version__,
    }


@pytest.mark.parametrize("margin", [0.0, MARGIN])
def test_a_photo_library_finds_the_face_in_each_crop(margin: float, walked: Walked) -> None:
    selection = walked.selection()
    walked.write(selection, margin=margin)
    for name in NAMES:
        path = selection.folder / name
        xmp = read_xmp(path.read_bytes())
        assert xmp["Xmp.digiKam.TagsList"] == ["People/anna", "Looks/happy"]
        face = _pixels(path) @ LUMA > puppet.DARKEST - 2 * puppet.EYE_DEPTH
        rows, columns = np.flatnonzero(face.any(axis=1)), np.flatnonzero(face.any(axis=0))
        seen = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        assert face_region(xmp) == pytest.approx(seen, abs=1.5), name


def test_a_stranger_has_neither_name_nor_distance(walked: Walked) -> None:
    rows = walked.rows.assign(person="", distance=np.nan)
    strangers = Selection(
        "unknown",
        "happy",
        walked.folder / "unknown" / "happy",
        select.wanted(rows, "unknown", "happy"),
    )
    walked.write(strangers)
    told = crop_file.read_provenance(strangers.folder / NAMES[0])
    assert (told["person"], told["distance"]) == (None, None)
    listed = _listed(strangers.folder)[0]
    assert (listed["person"], listed["distance"]) == ("", "")


def test_picture_without_provenance_is_an_error(tmp_path: Path) -> None:
    Pillow.new("RGB", (8, 8)).save(tmp_path / "bare.jpg")
    with pytest.raises(ValueError, match=r".+"):
        crop_file.read_provenance(tmp_path / "bare.jpg")


@pytest.mark.parametrize("size", [0, 3, 12, 40])
def test_a_crop_that_is_cut_off_has_no_provenance(tmp_path: Path, size: int) -> None:
    whole = crop_file.crop_jpeg(np.zeros((8, 8, 3), np.uint8), {"movie": "a.mkv", "frame": 3})
    for name, picture in (("whole.jpg", whole), ("cut.jpg", whole[:size])):
        (tmp_path / name).write_bytes(picture)
    with pytest.raises(ValueError, match=r"cut\.jpg"):
        crop_file.read_provenance(tmp_path / "cut.jpg")
    assert not crop_file.is_same_face(tmp_path / "whole.jpg", tmp_path / "cut.jpg")


def test_crops_csv_lists_every_crop(walked: Walked) -> None:
    selection = walked.selection()
    walked.write(selection)
    listed = _listed(selection.folder)
    assert tuple(listed[0]) == CROP_COLUMNS
    assert [int(row["frame"]) for row in listed] == [0, 1, 2, 3, 4, 8, 9, 10, 11]
    assert [int(row["run_length"]) for row in listed] == [5] * 5 + [4] * 4
    assert [int(row["position"]) for row in listed] == [0, 1, 2, 3, 4, 0, 1, 2, 3]
    assert len({row["run"] for row in listed[:5]}) == len({row["run"] for row in listed[5:]}) == 1
    sixth = listed[5] | {"run": ""}
    sharpness = walked.rows.loc[walked.rows["frame"] == 8, "sharpness"].iloc[0]
    assert sixth == {
        "file": NAMES[5], "video": "movie.mkv", "frame": "8", "time": "0.32", "shot": "0",
        "track": "0", "run": "", "run_length": "4", "position": "0", "person": "anna",
        "distance": "0.1234", "emotion": "happy", "look_sure": "0.963",
        "probability": "0.8125", "x1": "54.0",
        "y1": "30.0", "x2": "78.0", "y2": "54.0", "sharpness": f"{sharpness:.1f}", "line": "",
        "strength": "0.2358",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("margin", "side"), [(0.0, 24), (0.25, 36), (1.0, 72)], ids=["none", "a quarter", "double"]
)
def test_margin_is_room_on_each_side(margin: float, side: int, walked: Walked) -> None:
    selection = walked.selection()
    walked.write(selection, margin=margin)
    shapes = {_pixels(p).shape for p in selection.folder.glob("*.jpg")}
    assert shapes == {(side, side, 3)}


def test_each_stretch_is_decoded_once_for_all(
    walked: Walked, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranges: list[tuple[int, int]] = []

    def watched(path: Path, found: scan.Scan, start: int, stop: int) -> Iterator[Frame]:
        ranges.append((start, stop))
        return decode_frames(path, found, start, stop)

    monkeypatch.setattr(decode, "decode_frames", watched)
    whole = walked.selection(stop=200)
    late = whole.rows[(whole.rows["frame"] < 3) | (whole.rows["frame"] >= 100)]
    anna = Selection("anna", "happy", whole.folder, late)
    walked.write(anna, walked.selection("ben"), walked.selection("anna", "sad"))
    assert ranges == [(0, 12), (100, 112)]
    assert len(_jpegs(anna.folder)) == 3 + 12
    assert len(_jpegs(walked.folder / "ben" / "happy")) == 12
    assert len(_jpegs(walked.folder / "anna" / "sad")) == 3


# --- picking again ------------------------------------------------------------------------------


def test_picking_again_gives_the_same_bytes(walked: Walked) -> None:
    walked.write(walked.selection(), walked.selection("ben"))
    first = _files(walked.folder)
    walked.write(walked.selection(), walked.selection("ben"))
    assert _files(walked.folder) == first


@pytest.mark.parametrize("stop", [0, 3, 9], ids=["none", "three", "six"])
def test_picking_less_removes_the_rest(stop: int, walked: Walked) -> None:
    walked.write(walked.selection(), walked.selection("ben"))
    other = _files(walked.folder / "ben")
    walked.write(walked.selection(stop=stop))
    wanted = [n for n in NAMES if int(n[7:14]) < stop]
    assert _jpegs(walked.folder / "anna" / "happy") == wanted
    assert [row["file"] for row in _listed(walked.folder / "anna" / "happy")] == wanted
    assert _files(walked.folder / "ben") == other


def _lines(names: Sequence[str]) -> str:
    return "file\n" + "".join(f'"{name}"\n' for name in names)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["../x.jpg"], id="the folder above"),
        pytest.param([f"../{NAMES[0]}"], id="a crop in the folder above"),
        pytest.param(["notes.txt"], id="another file"),
        pytest.param(["mine.jpg", "movie.jpg"], id="other pictures"),
        pytest.param(["sub/" + NAMES[0], "."], id="a folder below"),
        pytest.param(["", "\n", NAMES[0] + "\n.jpg"], id="line breaks"),
        pytest.param([], id="nothing"),
    ],
)
def test_other_files_stay_whatever_crops_csv_lists(names: list[str], walked: Walked) -> None:
    selection = walked.selection()
    walked.write(selection)
    crops = {name: (selection.folder / name).read_bytes() for name in NAMES}
    others = ["../x.jpg", f"../{NAMES[0]}", "notes.txt", "mine.jpg", "movie.jpg", f"sub/{NAMES[0]}"]
    for name in others:
        (selection.folder / name).parent.mkdir(exist_ok=True)
        (selection.folder / name).write_text("kept")
    (selection.folder / "crops.csv").write_text(_lines(names))
    walked.write(selection)
    for name in others:
        assert (selection.folder / name).read_text() == "kept"
    assert {name: (selection.folder / name).read_bytes() for name in NAMES} == crops


def test_an_absolute_path_in_crops_csv_is_not_followed(walked: Walked, tmp_path: Path) -> None:
    selection = walked.selection()
    walked.write(selection)
    outside = tmp_path / NAMES[0]
    outside.write_text("kept")
    (selection.folder / "crops.csv").write_text(_lines([str(outside)]))
    walked.write(selection)
    assert outside.read_text() == "kept"


def test_a_crop_that_is_not_listed_is_not_deleted(walked: Walked) -> None:
    walked.write(walked.selection())
    folder = walked.folder / "anna" / "happy"
    rows = (folder / "crops.csv").read_text().splitlines(keepends=True)
    (folder / "crops.csv").write_text("".join(rows[:1] + rows[3:]))
    walked.write(walked.selection(stop=0))
    assert _jpegs(folder) == NAMES[:2]


def test_a_crops_csv_that_is_no_text_deletes_nothing(walked: Walked) -> None:
    selection = walked.selection()
    walked.write(selection)
    (selection.folder / "crops.csv").write_bytes(b"\xff\xfe\x00")
    walked.write(walked.selection(stop=3))
    assert _jpegs(selection.folder) == NAMES
    assert [row["file"] for row in _listed(selection.folder)] == NAMES[:3]


# --- what can go wrong --------------------------------------------------------------------------


def test_a_frame_that_does_not_decode_is_reported(
    walked: Walked, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(path: Path, found: scan.Scan, start: int, stop: int) -> Iterator[Frame]:
        return (f for f in decode_frames(path, found, start, stop) if f.index not in (3, 4))

    monkeypatch.setattr(decode, "decode_frames", broken)
    with caplog.at_level(logging.WARNING):
        walked.write(walked.selection())
    assert "2 frames did not decode" in caplog.text
    folder = walked.folder / "anna" / "happy"
    assert len(_jpegs(folder)) == len(NAMES) - 2
    assert [row["file"] for row in _listed(folder)] == _jpegs(folder)


def test_a_full_disk_is_reported_and_leaves_no_partial_crop(
    walked: Walked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Any, file: IO[bytes], *kind: str, **options: Any) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Pillow.Image, "save", full)
    with pytest.raises(OutputError, match=r"No space left on device.*free some space"):
        walked.write(walked.selection())
    assert _jpegs(walked.folder / "anna" / "happy") == []
    assert _listed(walked.folder / "anna" / "happy") == []


def test_each_crop_is_reported_after_it_is_written(walked: Walked) -> None:
    told: list[Path] = []

    def tell(path: Path) -> None:
        assert _pixels(path).size
        told.append(path)

    selections = [walked.selection(), walked.selection("ben")]
    write_crops(walked.movie, walked.walk, selections, MARGIN, tell)
    assert sorted(told) == sorted(walked.folder.glob("*/happy/*.jpg"))
    assert len(set(told)) == len(told)


def test_after_an_interrupt_lists_name_only_existing_crops(walked: Walked) -> None:
    """Also in folders without any crop yet; crops of an earlier pick are whole, and stay."""

    def tell(path: Path) -> None:
        if path.name == NAMES[4]:
            raise KeyboardInterrupt

    anna, late = walked.selection(stop=200), walked.selection("anna", "sad", stop=200)
    late = replace(late, rows=late.rows[late.rows["frame"] > 12])
    walked.write(walked.selection())
    (anna.folder / NAMES[8]).unlink()
    with pytest.raises(KeyboardInterrupt):
        write_crops(walked.movie, walked.walk, [anna, late], MARGIN, tell)
    assert _jpegs(anna.folder) == NAMES[:8]
    assert [row["file"] for row in _listed(anna.folder)] == NAMES[:8]
    assert [int(row["frame"]) for row in _listed(anna.folder)] == [0, 1, 2, 3, 4, 8, 9, 10]
    assert len(late.rows) > 0
    assert _listed(late.folder) == []


def test_a_crop_that_cannot_be_removed_is_reported(walked: Walked) -> None:
    walked.write(walked.selection())
    crop_to_go = walked.folder / "anna" / "happy" / NAMES[-1]
    crop_to_go.unlink()
    crop_to_go.mkdir()
    with pytest.raises(OutputError, match=NAMES[-1]):
        walked.write(walked.selection(stop=3))
