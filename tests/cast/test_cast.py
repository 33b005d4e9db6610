"""The unknown cast on puppet movies: clusters, files, and naming people of the cast."""

import csv
import json
import logging
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow
from PIL import ImageDraw

from pipeline import cli, crops, mine
from pipeline.cast import portraits
from pipeline.cast.adopt import adopt
from pipeline.cast.cast import cast
from pipeline.cast.company import pictures
from pipeline.cast.folder import CAST_COLUMNS, PrintedMember
from pipeline.disk import faces_csv
from pipeline.disk.crop_file import read_provenance
from pipeline.errors import MovieError, OutputError, PeopleError, TableError
from pipeline.files import locked
from pipeline.models import registry
from pipeline.people.gallery import photos as gallery_photos
from pipeline.report.sheet import CELL_SIDE, LABEL, LINES_PER_SHEET, TITLE_HEIGHT
from pipeline.settings import Job
from tests.support import puppet
from tests.support.puppet import Shot, Square, film, photo

CARL = 120
"""A hue near Ben's: two people, unless the user gives them one name."""

FIRST = (
    Shot(24, (Square("anna", x=10, y=20, size=50), Square("ben", "sad", x=100, y=40, size=50))),
    Shot(12, (Square("anna", "fear", x=40, y=30, size=52, dx=1),)),
    Shot(10, (Square("dora", x=60, y=30, size=24),)),
)
SECOND = (
    Shot(20, (Square("ben", "angry", x=60, y=40, size=50),)),
    Shot(25, (Square(CARL, "sad", x=60, y=40, size=50),)),
)
WHO = {
    ("first.mkv", 0): "anna", ("first.mkv", 1): "ben", ("first.mkv", 2): "anna",
    ("first.mkv", 3): "dora", ("second.mkv", 0): "ben", ("second.mkv", 1): "carl",
}  # fmt: skip
"""The person of each track; dora is too small for the cast."""

BOTH = {1: "ben", 2: "anna", 3: "carl"}
"""By screen time: 44, 36 and 25 frames."""

Words = list[str]


def _plug_in(patch: pytest.MonkeyPatch) -> None:
    puppet.plug_in(patch, instead=True)
    puppet.set_tolerances(patch, clear=0.002)  # Puppets are flat.
    # Enlarged, or with colours at half the resolution, they have edges of other hues.
    patch.setattr(crops, "LEAST_PHOTO_FACE", 40)
    save = Pillow.Image.save

    def fine(self: Pillow.Image, *args: Any, **options: Any) -> None:
        save(self, *args, **options | {"quality": 100, "subsampling": 0})

    patch.setattr(Pillow.Image, "save", fine)


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two movies, walked with an empty gallery."""
    place = tmp_path_factory.mktemp("casting")
    job = Job(walk=puppet.SETTINGS, output=place / "output", known_faces=place / "known")
    with pytest.MonkeyPatch.context() as patch:
        _plug_in(patch)
        for name, shots in (("first", FIRST), ("second", SECOND)):
            mine.walk(film(place / f"{name}.mkv", shots), job, puppet.silent)
    return place


@pytest.fixture
def job(walked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A copy of the walks that the test may change; the movies stay where they were."""
    _plug_in(monkeypatch)
    shutil.copytree(walked / "output", tmp_path / "output")
    return Job(walk=puppet.SETTINGS, output=tmp_path / "output", known_faces=tmp_path / "known")


@pytest.fixture
def both(job: Job) -> list[Path]:
    return [job.output / "first", job.output / "second"]


@pytest.fixture(scope="module")
def sorted_once(
    walked: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[PrintedMember]]:
    """The output folder of both movies with their cast."""
    output = tmp_path_factory.mktemp("sorted") / "output"
    shutil.copytree(walked / "output", output)
    job = Job(walk=puppet.SETTINGS, output=output, known_faces=output.parent / "known")
    with pytest.MonkeyPatch.context() as patch:
        _plug_in(patch)
        return output, cast([output / "first", output / "second"], job)


@pytest.fixture
def found(job: Job, sorted_once: tuple[Path, list[PrintedMember]]) -> list[PrintedMember]:
    """The cast of both movies, made before the test begins."""
    output, members = sorted_once
    shutil.copytree(output, job.output, dirs_exist_ok=True)
    return [replace(m, folder=job.output / m.folder.relative_to(output)) for m in members]


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> Words:
    """All lines written on contact sheets."""
    lines: Words = []
    text = ImageDraw.ImageDraw.text

    def heard(self: ImageDraw.ImageDraw, place: Any, words: str, **options: Any) -> None:
        lines.append(words)
        text(self, place, words, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", heard)
    return lines


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _who(path: Path) -> dict[int, set[str]]:
    """The people in each number of a cast.csv."""
    found: dict[int, set[str]] = {}
    for row in _table(path):
        found.setdefault(int(row["cluster"]), set()).add(WHO[row["video"], int(row["track"])])
    return found


def _files(folder: Path) -> set[str]:
    found = (p for p in folder.rglob("*") if p.is_file() and p.name != ".lock")
    return {p.relative_to(folder).as_posix() for p in found}


def _names(folder: Path) -> dict[int, str]:
    """The name of each track."""
    rows = faces_csv.read_faces(folder / "faces.csv").drop_duplicates("track")
    return dict(zip(rows["track"].tolist(), rows["person"].tolist(), strict=True))


# --- clusters -----------------------------------------------------------------------------------


def test_several_movies_share_one_cast(job: Job, both: list[Path]) -> None:
    found = cast(both, job)
    assert [member.number for member in found] == [1, 2, 3]
    assert [round(member.seconds * puppet.RATE) for member in found] == [44, 36, 25]
    assert [member.tracks for member in found] == [2, 2, 1]
    assert [member.movies for member in found] == [
        ("first.mkv", "second.mkv"), ("first.mkv",), ("second.mkv",),
    ]  # fmt: skip
    assert _who(job.output / "cast.csv") == {n: {who} for n, who in BOTH.items()}
    assert all(member.folder == job.output / "cast" / str(member.number) for member in found)
    assert not (both[0] / "cast").exists()


def test_a_movie_alone_has_its_cast_in_its_folder(job: Job, both: list[Path]) -> None:
    found = cast([both[0], both[0]], job)
    assert _who(both[0] / "cast.csv") == {1: {"anna"}, 2: {"ben"}}
    assert _files(both[0] / "cast") == {
        "photos.csv", "sheet.jpg", *(f"{m.number}/{name}" for m in found for name in m.photos),
    }  # fmt: skip
    assert not (job.output / "cast").exists()


def test_the_table_has_a_line_for_each_track(job: Job, both: list[Path]) -> None:
    cast(both, job)
    rows = _table(job.output / "cast.csv")
    assert list(rows[0]) == list(CAST_COLUMNS)
    places = [(r["cluster"], r["video"], r["track"], r["shot"], r["faces"]) for r in rows]
    assert places == [
        ("1", "first.mkv", "1", "0", "24"), ("1", "second.mkv", "0", "0", "20"),
        ("2", "first.mkv", "0", "0", "24"), ("2", "first.mkv", "2", "1", "12"),
        ("3", "second.mkv", "1", "1", "25"),
    ]  # fmt: skip
    assert (float(rows[3]["first"]), float(rows[3]["last"])) == (0.96, 1.4)
    assert all(0 <= float(row["distance"]) < 0.1 for row in rows)


def test_known_people_are_not_in_the_cast(job: Job, both: list[Path]) -> None:
    photo(job.known_faces / "ben.png", "ben")
    cast(both, job)
    assert _who(job.output / "cast.csv") == {1: {"anna"}, 2: {"carl"}}


def test_twins_in_one_frame_are_two(job: Job, tmp_path: Path) -> None:
    shots = (
        Shot(20, (Square("anna", x=10, y=40, size=48), Square("anna", x=90, y=40, size=48))),
        Shot(15, (Square("anna", "sad", x=50, y=40, size=48),)),
    )
    folder = mine.walk(film(tmp_path / "twins.mkv", shots), job, puppet.silent)
    assert [member.tracks for member in cast([folder], job)] == [2, 1]


@pytest.mark.parametrize(
    ("square", "frames"),
    [
        pytest.param(Square("anna", x=40, size=36), 20, id="small"),
        pytest.param(Square("anna", "happy 7, gone", x=40, size=60), 20, id="short"),
    ],
)
def test_small_and_short_tracks_stay_out_and_are_counted(
    square: Square, frames: int, job: Job, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shots = (Shot(frames, (square,)), Shot(9, (Square("ben", "sad", x=40, size=60),)))
    folder = mine.walk(film(tmp_path / "some.mkv", shots), job, puppet.silent)
    with caplog.at_level(logging.INFO, "pipeline"):
        found = cast([folder], job)
    assert [member.tracks for member in found] == [1]
    assert re.search(
        r"1 unknown person in 1 track; 1 track \(\d+ of \d+ faces\) is too short", caplog.text
    )


def test_small_and_short_tracks_of_somebody_in_the_cast_belong_to_it(
    job: Job, tmp_path: Path
) -> None:
    """Whoever is seen well once is known by it, however the other tracks are."""
    shots = (
        Shot(20, (Square("anna", x=40, size=60),)),
        Shot(9, (Square("ben", x=40, size=60),)),
        Shot(20, (Square("anna", "sad", x=40, size=30),)),
        Shot(9, (Square("ben", "sad 5, gone", x=40, size=60),)),
    )
    folder = mine.walk(film(tmp_path / "some.mkv", shots), job, puppet.silent)
    assert [member.tracks for member in cast([folder], job)] == [2, 2]


def test_a_twin_of_somebody_known_is_in_the_cast(job: Job, tmp_path: Path) -> None:
    """Of two in one frame the photos name one; the other is not lost among the known."""
    twins = Square("anna", x=10, y=40, size=48), Square("anna", x=90, y=40, size=48)
    shots = Shot(20, twins), Shot(15, (Square("anna", "sad", x=50, y=40, size=48),))
    photo(job.known_faces / "anna.png", "anna")
    folder = mine.walk(film(tmp_path / "twins.mkv", shots), job, puppet.silent)
    assert sorted(_names(folder).values()) == ["", "anna", "anna"]
    assert [member.tracks for member in cast([folder], job)] == [1]


def test_who_looks_a_little_like_somebody_known_is_told(
    job: Job, both: list[Path], words: Words, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One photo is at 15 degrees from ben, one at 30: together a little beyond the tolerance."""
    puppet.set_tolerances(monkeypatch, clear=0.002, sure=0.2)
    for n, hue in enumerate((75, 60)):
        photo(job.known_faces / "bea" / f"{n}.png", hue)
    ben, *others = cast(both, job)
    assert (ben.offer, [member.offer for member in others]) == ("bea", ["", ""])
    assert ben.sure == pytest.approx(0.98, abs=0.01)
    assert [word for word in words if "bea" in word] == [ben.may_be] == ["may be bea: 0.98"]
    told = {
        (row["cluster"], row["offer"], row["sure"][:3]) for row in _table(job.output / "cast.csv")
    }
    assert told == {("1", "bea", "0.9"), ("2", "", ""), ("3", "", "")}


@pytest.mark.parametrize(("every", "there"), [(4, [1, 1]), (9, [1, 1]), (10, [1])])
def test_a_face_seen_once_lasts_until_the_next_frame_looked_at(
    every: int, there: list[int], job: Job, tmp_path: Path
) -> None:
    """A wide stride sees two, one or none of the second face's 8 frames."""
    shots = (Shot(12, (Square("anna", x=40, size=60),)), Shot(8, (Square("ben", x=40, size=60),)))
    job = replace(job, walk=replace(job.walk, every=every))
    found = cast([mine.walk(film(tmp_path / "wide.mkv", shots), job, puppet.silent)], job)
    assert [member.tracks for member in found] == there


def test_poor_tracks_stay_out(job: Job, both: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    puppet.set_tolerances(monkeypatch, clear=0.2)
    assert cast(both, job) == []


def test_a_track_without_rows_is_nobody(job: Job, both: list[Path]) -> None:
    whole = cast(both, job)
    rows = faces_csv.read_faces(both[0] / "faces.csv")
    faces_csv.write_faces(both[0] / "faces.csv", [rows[rows["track"] != 3]])
    assert cast(both, job) == whole
    assert {row["shot"] for row in _table(job.output / "cast.csv")} == {"0", "1"}


def test_where_everybody_is_known_an_earlier_cast_goes(
    job: Job, both: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    cast(both, job)
    for person in ("anna", "ben", "carl", "dora"):
        photo(job.known_faces / f"{person}.png", CARL if person == "carl" else person)
    with caplog.at_level(logging.INFO, "pipeline"):
        assert cast(both, job) == []
    assert "no unknown people: there are no faces without a name" in caplog.text
    assert _files(job.output / "cast") == set()
    assert _table(job.output / "cast.csv") == []


def test_a_movie_without_faces_has_no_cast(job: Job, both: list[Path], tmp_path: Path) -> None:
    folder = mine.walk(film(tmp_path / "empty.mkv", [Shot(9)]), job, puppet.silent)
    assert cast([folder], job) == []
    assert len(cast([folder, *both], job)) == len(BOTH)


# --- files --------------------------------------------------------------------------------------


def test_photos_show_the_person_and_where_they_come_from(job: Job, both: list[Path]) -> None:
    for member in cast(both, job):
        assert 1 <= len(member.photos) <= portraits.PHOTOS
        for name in member.photos:
            provenance = read_provenance(member.folder / name)
            video, _, frame = name.partition("_f")
            assert provenance["movie"] == f"{video}.mkv"
            assert provenance["frame"] == int(frame[:7])
            assert WHO[provenance["movie"], provenance["track"]] == BOTH[member.number]


def test_photos_are_spread_over_tracks_and_movies(job: Job, both: list[Path]) -> None:
    ben, anna, _ = cast(both, job)
    assert {name.split("_")[0] for name in ben.photos} == {"first", "second"}
    assert {name.split("_k")[1] for name in anna.photos} == {"00.jpg", "02.jpg"}
    assert (len(ben.photos), len(anna.photos)) == (3, 3)  # One photo per 12 frames.


def test_a_gallery_takes_every_photo(job: Job, both: list[Path]) -> None:
    found = cast(both, job)
    gallery = gallery_photos(job.output / "cast")
    for member in found:
        assert len(gallery[str(member.number)]) == len(member.photos)
    known = job.output.parent / "numbers"
    for member in found:
        shutil.copytree(member.folder, known / f"p{member.number}")
    for folder in both:
        mine.identify(folder, replace(job, known_faces=known))
    assert _names(both[0]) == {0: "p2", 1: "p1", 2: "p2", 3: ""}
    assert _names(both[1]) == {0: "p1", 1: "p3"}


def test_the_sheet_has_a_line_for_each_with_what_to_know(
    job: Job, both: list[Path], words: Words
) -> None:
    found = cast(both, job)
    assert words == [
        "3 unknown people in 2 movies, by screen time",
        "1", "0:01.8 on screen", "2 tracks", "first.mkv", "second.mkv",
        "2", "0:01.4 on screen", "2 tracks", "first.mkv",
        "3", "0:01.0 on screen", "1 track", "second.mkv",
    ]  # fmt: skip
    with Pillow.open(job.output / "cast" / "sheet.jpg") as page:
        assert page.size == (LABEL + 4 * CELL_SIDE, TITLE_HEIGHT + len(found) * CELL_SIDE)
        for n, member in enumerate(found):
            place = (LABEL + CELL_SIDE // 2, TITLE_HEIGHT + n * CELL_SIDE + CELL_SIDE * 5 // 8)
            person = BOTH[member.number]
            hue = puppet.colour(CARL if person == "carl" else person, "neutral")
            pixel = page.getpixel(place)
            assert isinstance(pixel, tuple)
            difference = [p - float(h) for p, h in zip(pixel, hue, strict=True)]
            assert max(difference) - min(difference) < 25, member.number  # The luma is the look.


def test_many_people_take_several_pages(
    job: Job, both: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.report.sheet.LINES_PER_SHEET", 2)
    assert LINES_PER_SHEET >= 8
    cast(both, job)
    sheets = {name for name in _files(job.output / "cast") if name.startswith("sheet")}
    assert sheets == {"sheet-1.jpg", "sheet-2.jpg"}


def test_running_again_replaces_what_it_made_and_nothing_else(job: Job, both: list[Path]) -> None:
    cast(both, job)
    before = _files(job.output / "cast")
    assert cast(both, job)
    assert _files(job.output / "cast") == before
    own = ("1/notes.txt", "3/holiday.jpg", "mine.jpg", "best/1.jpg")
    for name in own:
        (job.output / "cast" / name).parent.mkdir(exist_ok=True)
        (job.output / "cast" / name).write_text("the user's")
    photo(job.known_faces / "ben.png", "ben")
    found = cast(both, job)
    assert [member.tracks for member in found] == [2, 1]
    listed = {row["file"] for row in _table(job.output / "cast" / "photos.csv")}
    assert _files(job.output / "cast") == {*own, *listed, "photos.csv", "sheet.jpg"}
    assert {name for name in listed if name.startswith("3/")} == set()


def test_only_names_of_its_own_are_deleted(job: Job, both: list[Path], tmp_path: Path) -> None:
    (member, *_) = cast(both, job)
    listed = job.output / "cast" / "photos.csv"
    own = f"1/{member.photos[0]}"
    (tmp_path / Path(own).name).write_text("the user's")
    strange = f"../../{Path(own).name}", f"1/../../../{Path(own).name}", "../first/faces.csv", ".."
    listed.write_text("file\n" + "\n".join([own, *strange]) + "\n")
    cast(both, job)
    assert (tmp_path / Path(own).name).exists()
    assert (both[0] / "faces.csv").exists()


@pytest.mark.e2e
def test_two_programs_do_not_write_one_cast(job: Job, both: list[Path]) -> None:
    """But a movie beside it may be walked: its unfinished files are left alone."""
    half = job.output / "third" / "parts" / ".00007.csv.123.tmp"
    half.parent.mkdir(parents=True)
    half.write_text("half")
    before = cast(both, job)
    assert half.exists()
    with locked(job.output / "cast"), pytest.raises(OutputError, match="is writing there"):
        cast(both, job)
    with locked(both[0]), pytest.raises(OutputError, match="is writing there"):
        cast(both[:1], job)
    assert cast(both, job) == before


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b'"', b""], ids=["no text", "torn", "empty"])
def test_a_torn_list_is_no_harm(content: bytes, job: Job, both: list[Path]) -> None:
    before = cast(both, job)
    (job.output / "cast" / "photos.csv").write_bytes(content)
    assert cast(both, job) == before


def test_a_deleted_folder_comes_again(job: Job, both: list[Path]) -> None:
    found = cast(both, job)
    before = _files(job.output / "cast")
    shutil.rmtree(found[1].folder)
    assert cast(both, job) == found
    assert _files(job.output / "cast") == before


def test_movies_of_one_name_do_not_mix_their_photos(job: Job, tmp_path: Path) -> None:
    shot = Shot(12, (Square("anna", x=40, size=60),))
    other = Shot(12, (Square("anna", "sad", x=40, size=60),))
    folders = [
        mine.walk(film(tmp_path / place / "same.mkv", [made]), job, puppet.silent)
        for place, made in (("a", shot), ("b", other))
    ]
    (member,) = cast(folders, job)
    assert len(set(member.photos)) == len(member.photos) == 2


# --- movies and folders -------------------------------------------------------------------------


def _gone(job: Job, tmp_path: Path, count: int = 2) -> tuple[list[Path], list[Path]]:
    """Walks movies and moves them; returns their folders and the movies' new paths."""
    folders, moved = [], []
    for n in range(count):
        shots = (Shot(12 + n, (Square("anna", x=40, size=60),)),)
        movie = film(tmp_path / f"lost{n}.mkv", shots)
        folders.append(mine.walk(movie, job, puppet.silent))
        moved.append(movie.rename(tmp_path / f"found{n}.mkv"))
    return folders, moved


def test_a_movie_that_is_gone_is_told_and_nothing_changes(job: Job, tmp_path: Path) -> None:
    (folder,), (movie,) = _gone(job, tmp_path, 1)
    with pytest.raises(MovieError, match=r"lost0\.mkv: the movie is gone, .* --movie PATH"):
        cast([folder], job)
    assert not (folder / "cast").exists()
    before = cast([folder], job, [movie])
    movie.rename(tmp_path / "again.mkv")
    files = _files(folder)
    with pytest.raises(MovieError, match="--movie"):
        cast([folder], job)
    assert _files(folder) == files
    assert cast([folder], job, [tmp_path / "again.mkv"]) == before


def test_where_no_picture_is_needed_no_movie_is(job: Job, tmp_path: Path) -> None:
    folders, _ = _gone(job, tmp_path, 1)
    photo(job.known_faces / "anna.png", "anna")
    assert cast(folders, job) == []


def test_of_several_moved_movies_each_is_found(job: Job, tmp_path: Path) -> None:
    folders, moved = _gone(job, tmp_path)
    (member,) = cast(folders, job, moved[::-1])
    assert {name[:5] for name in member.photos} == {"lost0", "lost1"}
    with pytest.raises(MovieError, match=r"lost0\.mkv"):
        cast(folders, job, moved[1:])


def test_nothing_connects_because_a_file_says_so(job: Job, both: list[Path]) -> None:
    """A walk of somebody else may name any address; nobody answers at this one."""
    path = both[0] / "walk.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    facts["movie"]["path"] = "http://127.0.0.1:9/a.mkv"
    path.write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(MovieError, match=r"another computer.*--allow-remote"):
        cast(both[:1], job)


def test_movies_of_two_output_folders_have_no_common_cast(job: Job, both: list[Path]) -> None:
    other = job.output.parent / "other" / "second"
    shutil.copytree(both[1], other)
    with pytest.raises(OutputError, match=r"first and .*second: are in different folders"):
        cast([both[0], other], job)


def test_a_movie_called_cast_is_not_written_into(job: Job, both: list[Path]) -> None:
    both[1].rename(job.output / "cast")
    before = _files(job.output)
    with pytest.raises(OutputError, match="is a movie's folder"):
        cast([both[0], job.output / "cast"], job)
    assert _files(job.output) == before


def test_movies_of_two_networks_have_no_common_cast(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, both: list[Path]
) -> None:
    other = replace(job, walk=replace(job.walk, recognizer="other"))
    monkeypatch.setitem(registry.RECOGNIZERS, "other", registry.RECOGNIZERS["sface"])
    monkeypatch.setitem(registry.ALIGNERS, "other", registry.ALIGNERS["sface"])
    folder = mine.walk(film(tmp_path / "other.mkv", SECOND), other, puppet.silent)
    with pytest.raises(TableError, match=r"first and .*other: walked with different networks"):
        cast([both[0], folder], job)


def test_an_unfinished_walk_is_told(job: Job, both: list[Path]) -> None:
    (both[1] / "faces.csv").unlink()
    for what in (lambda: cast(both, job), lambda: adopt(both, [(1, "ben")], job)):
        with pytest.raises(TableError, match="its walk is not finished"):
            what()


@pytest.mark.usefixtures("found")
def test_nobody_can_be_called_like_the_cast(job: Job, both: list[Path]) -> None:
    with pytest.raises(PeopleError, match="a person cannot be called 'cast'"):
        adopt(both, [(1, "cast")], job)


# --- names --------------------------------------------------------------------------------------


def test_who_is_adopted_has_a_name_in_every_movie(
    job: Job, both: list[Path], found: list[PrintedMember]
) -> None:
    ben, *_ = found
    adopt(both, [(1, "host")], job)
    assert sorted(p.name for p in (job.known_faces / "host").iterdir()) == sorted(ben.photos)
    assert _names(both[0]) == {0: "", 1: "host", 2: "", 3: ""}
    assert _names(both[1]) == {0: "host", 1: ""}
    cast(both, job)
    assert _who(job.output / "cast.csv") == {1: {"anna"}, 2: {"carl"}}


@pytest.mark.usefixtures("found")
def test_a_number_that_has_a_name_by_now_gets_no_second_one(job: Job, both: list[Path]) -> None:
    adopt(both, [(1, "host")], job)
    first, second = map(str, both)
    with pytest.raises(PeopleError) as raised:
        adopt(both, [(1, "zed")], job)
    assert str(raised.value) == (
        "number 1 of the cast is host by now; to rename: "
        f"mine-video name {first} {second} --rename host zed --known-faces {job.known_faces}"
    )
    assert not (job.known_faces / "zed").exists()


@pytest.mark.usefixtures("found")
def test_two_numbers_with_one_name_become_one(job: Job, both: list[Path]) -> None:
    adopt(both, [(1, "host"), (3, "host"), (2, "guest")], job)
    assert _names(both[0]) == {0: "guest", 1: "host", 2: "guest", 3: ""}
    assert _names(both[1]) == {0: "host", 1: "host"}


def test_adopting_never_overwrites_and_takes_no_photo_twice(
    job: Job, both: list[Path], found: list[PrintedMember]
) -> None:
    ben, *_ = found
    theirs = job.known_faces / "host" / ben.photos[0]
    photo(theirs.with_suffix(".png"), "ben")
    theirs.with_suffix(".png").rename(theirs)
    before = theirs.read_bytes()
    adopt(both, [(1, "host")], job)
    adopt(both, [(1, "host")], job)
    assert theirs.read_bytes() == before
    again = f"{theirs.stem}-2.jpg"
    assert sorted(p.name for p in theirs.parent.iterdir()) == sorted([*ben.photos, again])
    assert (theirs.parent / again).read_bytes() == (ben.folder / theirs.name).read_bytes()


def test_no_file_is_adopted_through_a_link(
    job: Job, both: list[Path], found: list[PrintedMember], tmp_path: Path
) -> None:
    """Of a folder of others: the copy would be handed on as a photo."""
    ben, *_ = found
    (tmp_path / "secret").write_text("a private key")
    linked, *others = (ben.folder / name for name in ben.photos)
    linked.unlink()
    linked.symlink_to(tmp_path / "secret")
    assert pictures(job.output)[1] == others
    adopt(both, [(1, "host")], job)
    assert sorted((job.known_faces / "host").iterdir()) == sorted(
        job.known_faces / "host" / path.name for path in others
    )


@pytest.mark.usefixtures("found")
def test_deleting_the_copies_undoes_a_name(job: Job, both: list[Path]) -> None:
    adopt(both, [(1, "host"), (2, "guest")], job)
    shutil.rmtree(job.known_faces / "host")
    for folder in both:
        mine.identify(folder, job)
    assert _names(both[0]) == {0: "guest", 1: "", 2: "guest", 3: ""}
    assert _names(both[1]) == {0: "", 1: ""}


def test_photos_that_were_deleted_are_not_adopted(
    job: Job, both: list[Path], found: list[PrintedMember]
) -> None:
    ben, *_ = found
    (ben.folder / ben.photos[0]).unlink()
    adopt(both, [(1, "host")], job)
    assert sorted(p.name for p in (job.known_faces / "host").iterdir()) == sorted(ben.photos[1:])


def _no_folder(found: list[PrintedMember]) -> None:
    shutil.rmtree(found[1].folder)


def _no_photos(found: list[PrintedMember]) -> None:
    for name in found[1].photos:
        (found[1].folder / name).unlink()


@pytest.mark.parametrize(
    ("number", "before", "there"),
    [
        pytest.param(4, lambda found: None, "1, 2, 3", id="never was"),
        pytest.param(0, lambda found: None, "1, 2, 3", id="nought"),
        pytest.param(2, _no_folder, "1, 3", id="deleted"),
        pytest.param(2, _no_photos, "1, 3", id="emptied"),
    ],
)
def test_a_number_that_is_not_there_is_told_with_those_that_are(
    number: int,
    before: Callable[[list[PrintedMember]], None],
    there: str,
    job: Job,
    both: list[Path],
    found: list[PrintedMember],
) -> None:
    before(found)
    words = f"no photos of number {number}; there are photos of {there}$"
    with pytest.raises(PeopleError, match=words):
        adopt(both, [(1, "host"), (number, "guest")], job)
    assert not job.known_faces.exists()


def test_without_a_cast_the_way_to_one_is_told(job: Job, both: list[Path]) -> None:
    with pytest.raises(
        PeopleError, match=r"is no cast; `mine-video cast .*first --known-faces .*known` makes one$"
    ):
        adopt(both[:1], [(1, "host")], job)
    cast(both, job)
    with pytest.raises(PeopleError, match=r"output has one for all its movies: give"):
        adopt(both[:1], [(1, "host")], job)


@pytest.mark.parametrize("name", ["any", "unknown", "../host", "=1", "", "a/b", "Guest"])
@pytest.mark.usefixtures("found")
def test_a_bad_name_is_refused_before_anything_is_copied(
    name: str, job: Job, both: list[Path]
) -> None:
    with pytest.raises(PeopleError, match="number 1 of the cast: "):
        adopt(both, [(2, "guest"), (1, name)], job)
    assert not job.known_faces.exists()


@pytest.mark.usefixtures("found")
def test_a_gallery_that_cannot_be_written_is_told(job: Job, both: list[Path]) -> None:
    job.known_faces.write_text("in the way")
    with pytest.raises(OutputError, match="known"):
        adopt(both, [(1, "host")], job)


# --- the command line ---------------------------------------------------------------------------


@pytest.fixture
def program(
    job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """Runs `mine-video` beside output/; returns exit code, results and messages."""
    monkeypatch.chdir(job.output.parent)
    root, own = logging.getLogger(), logging.getLogger("pipeline")
    before = root.handlers[:], root.level, own.level

    def run(*args: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mine-video", *args, "--known-faces", "known"])
        code: Any = 0
        try:
            cli.run()
        except SystemExit as leaving:
            code = leaving.code
        printed = capsys.readouterr()
        return int(code), printed.out, printed.err

    yield run
    root.handlers[:], level, own_level = before
    root.setLevel(level)
    own.setLevel(own_level)


def test_cast_and_name_on_the_command_line(
    program: Callable[..., tuple[int, str, str]], both: list[Path]
) -> None:
    code, out, err = program("cast", "first", "second")
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["number", "screen", "tracks", "photos", "folder", "may", "be", "movies"]
    assert lines[1] == ["1", "0:01.8", "2", "3", "output/cast/1", "first.mkv,", "second.mkv"]
    assert "3 unknown people in 5 tracks; 1 track (10 of 115 faces) is too short" in err
    assert "look at output/cast/sheet.jpg, then name people: mine-video name first second" in err
    asked = ("name", "first", "second", "--cast", "1", "host", "--cast", "3", "host")
    code, out, err = program(*asked)
    assert code == 0
    assert "known/host: 3 new photos from number 1 of the cast" in err
    assert _names(both[1]) == {0: "host", 1: "host"}


def test_everybody_known_is_no_error(
    program: Callable[..., tuple[int, str, str]], job: Job
) -> None:
    for person in ("anna", "ben", "carl", "dora"):
        photo(job.known_faces / f"{person}.png", CARL if person == "carl" else person)
    code, out, err = program("cast", "first")
    assert (code, out) == (0, "")
    assert "no unknown people" in err


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("name", "first", "--cast", "7", "host"), 1, "there are photos of 1, 2"),
        (("name", "first", "--cast", "1", "any"), 1, "a person cannot be called 'any'"),
        (("name", "first", "--cast", "x", "host"), 2, "'x' is not a whole number"),
        (("name", "--cast", "1", "host"), 2, "give the folder"),
        (("cast", "nowhere"), 1, "nowhere: holds no walk"),
    ],
)
def test_what_goes_wrong_is_told(
    args: tuple[str, ...], code: int, words: str, program: Callable[..., tuple[int, str, str]]
) -> None:
    program("cast", "first")
    found, _, err = program(*args)
    assert found == code
    assert words in err
