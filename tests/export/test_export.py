"""Tests of whole exports from walked puppet movies."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import mine
from pipeline.errors import MovieError, OutputError, PeopleError, TableError
from pipeline.export import export as program
from pipeline.export import formats
from pipeline.export.export import Exported, ExportSettings
from pipeline.export.formats import FORMATS
from pipeline.settings import OWN_SUBTITLES, Job, PickSettings
from pipeline.walk.part import WalkProgress
from tests.support import puppet
from tests.support.puppet import Shot, Square, film, photo, silent
from tests.support.reels import nearest, shown

TALK = (Shot(40, (Square("anna", "happy 12, sad 5, happy 9, fear", x=20, dx=1),)),)
PICTURES = list(puppet.pictures(TALK))


@pytest.fixture(autouse=True)
def _puppets(monkeypatch: pytest.MonkeyPatch) -> None:
    puppet.plug_in(monkeypatch)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Knows anna from a photo, and writes into a folder for one test."""
    photo(tmp_path / "known" / "anna.png", "anna")
    return Job(
        people=("anna",), emotions=("happy",), walk=puppet.SETTINGS,
        pick=PickSettings(repeat=8, smooth=1), output=tmp_path / "output",
        known_faces=tmp_path / "known",
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, job: Job) -> Path:
    """The folder of a walked movie."""
    return mine.walk(film(tmp_path / "talk.mkv", TALK), job, silent)


def _export(folder: Path, job: Job, *kinds: str, **given: object) -> list[Exported]:
    padding = float(str(given.pop("padding", 0.0)))
    return program.export(folder, job, ExportSettings(kinds, padding), silent, **given)  # type: ignore[arg-type]


def test_everything_at_once(folder: Path, job: Job) -> None:
    apart = [kind for kind, form in FORMATS.items() if not form.whole]
    (found,) = _export(folder, job, *apart)

    assert (found.runs, found.cuts, found.hint) == (2, 2, "")
    assert found.seconds == pytest.approx(21 / 25)
    assert len(found.files) == 2 + 1 + 3
    place = folder / "anna" / "happy"
    assert {path.parent for path in found.files} == {place, place / "clips"}
    supercut = next(p for p in found.files if p.name == "talk_anna_happy.mp4")
    frames = [nearest(picture, PICTURES) for picture in shown(supercut)[0]]
    assert frames == [*range(12), *range(17, 26)]


def test_everybody_in_one_file(folder: Path, job: Job) -> None:
    whole = [kind for kind, form in FORMATS.items() if form.whole]
    everybody = replace(job, people=("any",), emotions=("any",))

    (found,) = _export(folder, everybody, *whole)

    assert (found.person, found.emotion, found.hint) == ("any", "any", "")
    assert [path.name for path in found.files] == [f"talk{FORMATS[kind].ending}" for kind in whole]
    assert {path.parent for path in found.files} == {folder}
    chapters = (folder / "talk_chapters.vtt").read_text().split("\n\n")[1:]
    assert [text.splitlines()[0] for text in chapters] == [
        "00:00:00.000 --> 00:00:00.480",
        "00:00:00.680 --> 00:00:01.040",
        "00:00:01.040 --> 00:00:01.600",
    ]
    rows = pd.read_csv(folder / "export.csv")
    assert rows.loc[rows["kind"] == "fcpxml", "emotion"].tolist() == ["fear", "happy", "happy"]


def test_handles_are_in_clips_and_not_in_markers(folder: Path, job: Job) -> None:
    _export(folder, job, "ale", "avid-markers", padding=0.12)

    *_, clip, end = (folder / "talk.ale").read_text().split("\n")
    assert clip.split("\t")[:4] == ["anna happy 001", "V", "00:00:00:00", "00:00:01:04"]
    assert end == ""
    lines = (folder / "talk_avid.txt").read_text().splitlines()
    assert [(row.split("\t")[1], row.split("\t")[5]) for row in lines] == [
        ("00:00:00:00", "12"), ("00:00:00:17", "9")
    ]  # fmt: skip


def test_a_file_of_the_movie_says_what_was_asked_for(folder: Path, job: Job) -> None:
    (found,) = _export(folder, job, "subtitles")
    assert (found.person, found.emotion) == ("anna", "happy")
    (found,) = _export(folder, replace(job, emotions=("happy", "fear")), "subtitles")
    assert (found.person, found.emotion) == ("anna", "happy,fear")


def test_a_file_that_held_others_is_told(
    folder: Path, job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    afraid = replace(job, people=("any",), emotions=("fear",))
    _export(folder, job, "subtitles")
    _export(folder, job, "subtitles")
    assert "talk_moments.srt" not in caplog.text
    (found,) = _export(folder, afraid, "subtitles")
    path = folder / "talk_moments.srt"
    assert f"replaced {path}: it held anna happy; now" in caplog.text
    assert found.files == (path,)


def test_one_export_replaces_the_file_of_everybody_and_another_asks(
    folder: Path, job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    _export(folder, job, "subtitles")
    _export(folder, replace(job, pick=PickSettings(repeat=30)), "subtitles")
    assert f"removed {folder / 'talk_moments.srt'} of the earlier export" in caplog.text
    assert not (folder / "talk_moments.srt").exists()
    assert not (folder / "export.csv").exists()

    (folder / "talk_moments.srt").write_text("mine")
    with pytest.raises(OutputError, match="not written by an earlier export"):
        _export(folder, job, "subtitles")


def test_what_somebody_has_changed_is_kept(
    folder: Path, job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    path, rare = folder / "talk.eaf", replace(job, pick=PickSettings(repeat=30))
    _export(folder, job, "elan", "subtitles")
    written = path.read_bytes()
    _export(folder, job, "elan")
    assert "changed" not in caplog.text
    for number, other in enumerate((job, rare), 1):
        path.write_bytes(written + b"<!-- mine -->")
        _export(folder, other, "elan")
        kept = folder / f"talk_changed{number}.eaf"
        assert kept.read_bytes() == written + b"<!-- mine -->"
        assert f"{path} was changed since its export, and is kept as {kept.name}" in caplog.text
        assert path.exists() == (other is job)
    assert (folder / "talk_moments.srt").exists()


def test_a_list_of_an_earlier_version_is_read(folder: Path, job: Job) -> None:
    """It has no hashes: what it lists is replaced, as it was then."""
    _export(folder, job, "subtitles", "elan")
    listed = folder / "export.csv"
    listed.write_text("".join(f"{row.rpartition(',')[0]}\n" for row in listed.read_text().split()))
    (folder / "talk.eaf").write_text("mine")
    _export(folder, job, "elan")
    assert (folder / "talk.eaf").read_text() != "mine"
    assert set(pd.read_csv(listed)["kind"]) == {"elan", "subtitles"}


def test_a_list_in_the_movies_folder_cannot_name_its_other_files(folder: Path, job: Job) -> None:
    _export(folder, job, "subtitles")
    listed = folder / "export.csv"
    listed.write_text(listed.read_text().replace("talk_moments.srt", "faces.csv"))

    _export(folder, replace(job, pick=PickSettings(repeat=30)), "subtitles")

    assert (folder / "faces.csv").exists()


def test_nothing_for_anybody_has_a_hint(folder: Path, job: Job) -> None:
    (found,) = _export(folder, replace(job, pick=PickSettings(repeat=30)), "fcpxml", "ale")

    assert (found.files, found.cuts) == ((), 0)
    assert found.hint


def test_the_shots_are_written_where_no_moment_is_kept(
    folder: Path, job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    (kept,) = _export(folder, job, "shots")
    table = pd.read_csv(kept.files[0])
    nothing = replace(job, pick=replace(job.pick, repeat=30))
    for _ in range(2):  # The second replaces the first.
        (found,) = _export(folder, nothing, "shots", "fcpxml")
        assert found.files == kept.files
        assert found.cuts == 0
        assert "replaced" not in caplog.text
        assert found.hint
        pd.testing.assert_frame_equal(pd.read_csv(found.files[0]), table)


def test_a_missing_package_stops_before_anything_is_read(
    tmp_path: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda _: None)

    with pytest.raises(OutputError, match=r"pip install 'mine-video\[edit\]'"):
        _export(tmp_path / "none", job, "subtitles", "edl")


def test_padding_joins_what_it_reaches(folder: Path, job: Job) -> None:
    (found,) = _export(folder, job, "clips", padding=0.12)

    (clip,) = found.files
    assert (found.runs, found.cuts) == (2, 1)
    assert [nearest(p, PICTURES) for p in shown(clip)[0]] == list(range(29))


def _silent(job: Job, folder: Path, cue: str) -> Job:
    (folder / "a.srt").write_text(f"1\n{cue}\nHi!\n\n")
    picking = replace(job.pick, silent_only=True)
    return replace(job, pick=picking, subtitles=str(folder / "a.srt"))


def test_silent_only(folder: Path, job: Job, tmp_path: Path) -> None:
    (found,) = _export(folder, _silent(job, tmp_path, "00:00:00,200 --> 00:00:00,300"), "supercut")

    (path,) = found.files
    assert [nearest(p, PICTURES) for p in shown(path)[0]] == list(range(17, 26))


def test_a_hint_says_that_no_run_is_silent(folder: Path, job: Job, tmp_path: Path) -> None:
    (found,) = _export(folder, _silent(job, tmp_path, "00:00:00,000 --> 00:00:09,000"), "supercut")

    assert found.files == ()
    assert "--silent-only keeps none of 21 faces" in found.hint


def test_nothing_steady_has_a_hint(folder: Path, job: Job) -> None:
    (found,) = _export(folder, replace(job, pick=PickSettings(repeat=30)), "edl")

    assert (found.files, found.cuts) == ((), 0)
    assert found.hint
    assert not (folder / "anna").exists()


def test_everybody_and_everything(folder: Path, job: Job) -> None:
    found = _export(folder, replace(job, people=("any",), emotions=("any",)), "edl")

    assert {(e.emotion, len(e.files)) for e in found if e.cuts} == {("happy", 1), ("fear", 1)}


def test_exports_and_crops_lie_side_by_side(folder: Path, job: Job) -> None:
    mine.pick(folder, job)
    before = set(folder.rglob("*.jpg"))

    _export(folder, job, "clips")
    mine.pick(folder, job)
    (again,) = _export(folder, job, "clips")

    assert before <= set(folder.rglob("*.jpg"))
    assert set((folder / "anna" / "happy" / "clips").iterdir()) == set(again.files)


def test_annotated(folder: Path, job: Job) -> None:
    path = program.annotate(folder, job, silent)

    found, _ = shown(path)
    assert path == folder / "annotated.mp4"
    assert len(found) == 40
    assert all((np.abs(a.astype(int) - b) > 60).any() for a, b in zip(found, PICTURES, strict=True))


def test_progress_reaches_what_was_promised(folder: Path, job: Job) -> None:
    totals: list[int] = []
    told: list[int] = []

    def begin(total: int) -> WalkProgress:
        totals.append(total)
        return lambda frames, _: told.append(frames)

    program.annotate(folder, job, begin)
    program.export(folder, job, ExportSettings(("clips", "supercut", "edl")), begin)

    assert totals == [40, 42]
    assert sum(told) == 82


def test_what_stands_in_the_way(folder: Path, job: Job, tmp_path: Path) -> None:
    with pytest.raises(TableError, match="holds no walk"):
        program.annotate(tmp_path / "none", job, silent)
    with pytest.raises(PeopleError, match="No person 'zoe'"):
        _export(folder, replace(job, people=("zoe",)), "edl")
    (tmp_path / "talk.mkv").unlink()
    with pytest.raises(MovieError, match="the movie is gone"):
        _export(folder, job, "edl")


def test_a_moved_movie(folder: Path, job: Job, tmp_path: Path) -> None:
    moved = (tmp_path / "talk.mkv").rename(tmp_path / "elsewhere.mkv")

    (found,) = _export(folder, job, "supercut", movie=moved)

    assert len(found.files) == 1


def test_crops_tell_what_is_spoken(folder: Path, job: Job, tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_text("1\n00:00:01,000 --> 00:00:01,110\nHi, you!\n\n")
    spoken = replace(job, subtitles=str(tmp_path / "a.srt"), subtitle_offset=-0.8)
    (picked,) = mine.pick(folder, spoken)
    crops = pd.read_csv(picked.folder / "crops.csv", keep_default_na=False)
    assert crops["line"].tolist() == ["Hi, you!" if 5 <= f <= 7 else "" for f in crops["frame"]]
    with pytest.raises(MovieError, match="no text subtitles"):
        mine.pick(folder, replace(job, subtitles=OWN_SUBTITLES))


def test_annotating_heeds_what_is_wanted(folder: Path, job: Job, tmp_path: Path) -> None:
    with pytest.raises(PeopleError, match=re.escape(f"No person 'nobody' in {folder}")):
        program.annotate(folder, replace(job, people=("nobody",)), silent)
    quiet = _silent(job, tmp_path, "00:00:00,000 --> 00:00:09,000")
    plain, spoken = (
        next(iter(shown(program.annotate(folder, j, silent))[0])).copy() for j in (job, quiet)
    )
    assert np.abs(plain.astype(int) - spoken).max() > 60, "what is steady is highlighted"


def test_a_name_that_leads_elsewhere_writes_nothing(folder: Path, job: Job) -> None:
    table = folder / "faces.csv"
    table.write_text(table.read_text().replace(",anna,", ",../../pwned,"))
    before = sorted(folder.parent.parent.rglob("*"))
    for call in (
        lambda: _export(folder, replace(job, people=("any",)), "edl"),
        lambda: program.annotate(folder, job, silent),
    ):
        with pytest.raises(PeopleError):
            call()
    assert sorted(folder.parent.parent.rglob("*")) == before


@pytest.mark.parametrize("given", [{"padding": -1.0}, {"padding": float("nan")}, {"quality": 52}])
def test_settings_have_ranges(given: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="padding must be 0 or more"):
        ExportSettings(("edl",), **given)  # type: ignore[arg-type]
