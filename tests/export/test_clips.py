"""Tests of clips, supercuts and lists: the frames in each file, and which files are replaced."""

import csv
from pathlib import Path

import av
import pytest

from pipeline.errors import OutputError
from pipeline.export.clips import EXPORT_LIST, write_export
from pipeline.export.footage import Footage, footage
from pipeline.export.formats import CLIPS, FORMATS, SUPERCUT
from pipeline.export.stretches import Cut, Reel
from pipeline.movie import decode, scan
from pipeline.movie.encode import CRF
from tests.support.found import findings
from tests.support.movies import spoil, write_movie
from tests.support.reels import Voice, difference, flashing, nearest, shown, write_reel

CUTS = (Cut(5, 17), Cut(40, 41), Cut(60, 75, 2))
PICTURES = flashing(75, [])
APART = [kind for kind, form in FORMATS.items() if not form.whole]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """75 frames, with sound."""
    path = tmp_path_factory.mktemp("film") / "movie.mp4"
    return _filmed(write_reel(path, PICTURES, [Voice([1.0])]))


def _filmed(path: Path) -> Footage:
    return footage(path, scan.scan_movie(path))


def _reel(cuts: tuple[Cut, ...] = CUTS, stem: str = "movie", person: str = "anna") -> Reel:
    return Reel("movie.mp4", stem, person, "happy", cuts)


def _export(film: Footage, reel: Reel, folder: Path, *kinds: str) -> list[Path]:
    return write_export(findings(film, [reel]), folder, kinds, lambda *_: None)


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / EXPORT_LIST).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_clips_first_and_last_frame_are_the_movies(film: Footage, tmp_path: Path) -> None:
    paths = _export(film, _reel(), tmp_path, CLIPS)

    assert [path.name for path in paths] == [
        "movie_anna_happy_00-00-00.200_00-00-00.680.mp4",
        "movie_anna_happy_00-00-01.600_00-00-01.640.mp4",
        "movie_anna_happy_00-00-02.400_00-00-03.000.mp4",
    ]
    for path, cut in zip(paths, CUTS, strict=True):
        found, _ = shown(path)
        assert len(found) == cut.stop - cut.first
        for picture, frame in ((found[0], cut.first), (found[-1], cut.stop - 1)):
            assert nearest(picture, PICTURES) == frame
            assert difference(picture, PICTURES[frame]) < 6


def test_a_supercut_holds_all_cuts(film: Footage, tmp_path: Path) -> None:
    (path,) = _export(film, _reel(), tmp_path, SUPERCUT)

    found, _ = shown(path)
    wanted = [f for cut in CUTS for f in range(cut.first, cut.stop)]
    assert path.name == "movie_anna_happy.mp4"
    assert [nearest(picture, PICTURES) for picture in found] == wanted
    with av.open(str(path)) as container:
        voice = container.streams.audio[0]
        assert voice.duration is not None
        assert voice.time_base is not None
        assert float(voice.duration * voice.time_base) == pytest.approx(len(wanted) / 25, abs=0.03)


def test_the_list_says_what_is_where(film: Footage, tmp_path: Path) -> None:
    _export(film, _reel(), tmp_path, SUPERCUT, CLIPS)

    rows = _rows(tmp_path)
    found = [
        (r["kind"], int(r["first"]), int(r["last"]), r["begin"], r["at"], r["runs"]) for r in rows
    ]
    assert found == [
        ("supercut", 5, 16, "0.200000", "0.000000", "1"),
        ("supercut", 40, 40, "1.600000", "0.480000", "1"),
        ("supercut", 60, 74, "2.400000", "0.520000", "2"),
        ("clips", 5, 16, "0.200000", "0.000000", "1"),
        ("clips", 40, 40, "1.600000", "0.000000", "1"),
        ("clips", 60, 74, "2.400000", "0.000000", "2"),
    ]
    assert all((tmp_path / row["file"]).exists() for row in rows)


def test_all_kinds(film: Footage, tmp_path: Path) -> None:
    paths = _export(film, _reel(CUTS[:1]), tmp_path, *APART)

    assert sorted(path.suffix for path in paths) == [".edl", ".mp4", ".mp4", ".otio", ".xml"]
    assert all(path.stat().st_size for path in paths)


def test_another_export_replaces_its_own_kind_only(film: Footage, tmp_path: Path) -> None:
    (edl,) = _export(film, _reel(), tmp_path, "edl")
    old = _export(film, _reel(), tmp_path, CLIPS)
    mine = tmp_path / "clips" / "holiday.mp4"
    mine.write_bytes(b"mine")

    new = _export(film, _reel(CUTS[1:2]), tmp_path, CLIPS)

    assert sorted((tmp_path / "clips").iterdir()) == sorted([*new, mine])
    assert new[0] in old
    assert edl.exists()
    assert {row["kind"] for row in _rows(tmp_path)} == {"edl", CLIPS}


def test_no_cuts_remove_what_was_there(film: Footage, tmp_path: Path) -> None:
    paths = _export(film, _reel(), tmp_path, SUPERCUT, "edl")

    assert _export(film, _reel(()), tmp_path, SUPERCUT) == []
    assert [path.exists() for path in paths] == [False, True]
    assert _export(film, _reel(()), tmp_path, "edl") == []
    assert list(tmp_path.iterdir()) == []


def test_no_cuts_make_no_folder(film: Footage, tmp_path: Path) -> None:
    assert _export(film, _reel(()), tmp_path / "anna" / "happy", *APART) == []
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_no_export_wrote_is_not_overwritten(film: Footage, tmp_path: Path) -> None:
    mine = tmp_path / "movie_anna_happy.edl"
    mine.write_text("mine")

    with pytest.raises(OutputError, match="not written by an earlier export"):
        _export(film, _reel(), tmp_path, "edl")
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("name", ["../../precious.mp4", "/precious.mp4", "a/b.mp4", "notes.txt"])
def test_a_list_cannot_name_files_elsewhere(film: Footage, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "anna" / "happy"
    _export(film, _reel(), folder, "edl")
    precious = tmp_path / "precious.mp4"
    precious.write_bytes(b"x")
    text = (folder / EXPORT_LIST).read_text().replace("movie_anna_happy.edl", name)
    (folder / EXPORT_LIST).write_text(text.replace(",edl,", ",supercut,"))
    (folder / "movie_anna_happy.edl").unlink()

    _export(film, _reel(), folder, SUPERCUT)

    assert precious.exists()


def test_a_damaged_list_counts_as_empty(film: Footage, tmp_path: Path) -> None:
    (tmp_path / EXPORT_LIST).write_bytes(b"\xff\xfe\x00broken,\n")

    assert len(_export(film, _reel(CUTS[:1]), tmp_path, "edl")) == 1


def test_long_names_fit(film: Footage, tmp_path: Path) -> None:
    (path,) = _export(film, _reel(CUTS[:1], "ß" * 90, "x" * 100), tmp_path, CLIPS)

    assert path.exists()
    assert path.name.endswith("_happy_00-00-00.200_00-00-00.680.mp4")


def test_what_does_not_decode_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_movie(tmp_path / "a.mp4", flashing(100, []), codec="libx264", gop=10)
    broken = _filmed(spoil(path, 0.3, 0.7))
    gone = [
        n for n in range(100) if not list(decode.decode_frames(path, broken.scan, n, n + 1))
    ]  # fmt: skip

    (clip,) = _export(broken, _reel((Cut(0, 3), Cut(gone[0], gone[0] + 1))), tmp_path / "o", CLIPS)

    assert "00-00-00.000" in clip.name
    assert "none of its frames could be decoded" in caplog.text


def test_progress_counts_the_frames_that_are_written(film: Footage, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    write_export(
        findings(film, [_reel()]),
        tmp_path,
        [CLIPS, SUPERCUT, "edl"],
        lambda *n: told.append(n),
        quality=CRF,
    )

    assert sum(frames for frames, _ in told) == 2 * sum(c.stop - c.first for c in CUTS)


def test_inexact_cuts_are_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    times = [0.0, 0.04, 0.09, 0.12, 0.16, 0.2]
    varying = _filmed(write_reel(tmp_path / "a.mkv", flashing(6, []), times=times))

    _export(varying, _reel((Cut(2, 4),)), tmp_path / "o", "edl")

    assert "cuts are up to 10.0 ms off" in caplog.text
    caplog.clear()
    _export(varying, _reel((Cut(2, 4),)), tmp_path / "o", "subtitles")
    assert caplog.text == ""
