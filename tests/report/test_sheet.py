"""Tests of contact sheets and comparisons: their faces, and which files are replaced."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow
from PIL import ImageDraw

from pipeline import mine
from pipeline.disk import faces_csv, tracks_npz
from pipeline.disk import manifest as manifests
from pipeline.disk.crop_file import crop_name
from pipeline.disk.manifest import Manifest
from pipeline.errors import OutputError
from pipeline.faces import Image
from pipeline.pick import select
from pipeline.pick.choose import Choice, choose
from pipeline.pick.moments import moments
from pipeline.pick.thin import thin
from pipeline.report import sheet
from pipeline.report.crops import Selection
from pipeline.report.letters import fitted_text
from pipeline.report.sheet import (
    CAPTION,
    CELL_SIDE,
    DOWN,
    SHEET_COLUMNS,
    TITLE_HEIGHT,
    Thumb,
    contact_sheets,
    grid,
    write_comparison,
)
from pipeline.settings import Job, PickSettings
from tests.support import puppet
from tests.support.face_rows import made, stretch
from tests.support.puppet import Shot, Square, film, photo

PAGE = SHEET_COLUMNS * DOWN
LINE = CELL_SIDE + CAPTION
PLAIN = PickSettings(repeat=1, smooth=1)


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collects all text that is drawn on pages."""
    drawn: list[str] = []
    text = ImageDraw.ImageDraw.text

    def heard(self: ImageDraw.ImageDraw, place: Any, words: str, **options: Any) -> None:
        drawn.append(words)
        text(self, place, words, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", heard)
    return drawn


def _pixels(path: Path) -> Image:
    with Pillow.open(path) as picture:
        return np.array(picture.convert("RGB"), np.uint8)


def _tiles(page: Image, count: int, across: int = SHEET_COLUMNS) -> Iterator[Image]:
    """The thumbnails of a page."""
    columns = max(4, min(across, count))
    for n in range(count):
        x, y = n % columns * CELL_SIDE, TITLE_HEIGHT + n // columns * LINE
        yield page[y : y + CELL_SIDE, x : x + CELL_SIDE]


def _middle(tile: Image) -> Any:
    """The colour a little below the middle, where neither a cross nor an eye is."""
    return np.median(tile[68:78, 56:64].reshape(-1, 3), axis=0)


def _pixel(tile: Image) -> list[int]:
    """The colour in the middle."""
    return [int(value) for value in tile[CELL_SIDE // 2, CELL_SIDE // 2]]


def _colour(number: int) -> tuple[int, int, int]:
    """A colour for each number, far enough apart for JPEG."""
    return 40 + number % 4 * 60, 40 + number // 4 % 4 * 60, 40 + number // 16 % 4 * 60


# --- contact sheets -----------------------------------------------------------------------------


def _selection(folder: Path, runs: int) -> Selection:
    """Runs of two faces, the second one sharper; the crops of each run have one colour."""
    faces = [face for n in range(runs) for face in stretch((9 * n, 9 * n + 1), n, "anna", "happy")]
    rows = made(faces).assign(x2=80.0, y2=80.0, sharpness=[50.0, 90.0] * runs)
    rows = select.steadied(rows, 1, PLAIN)
    folder.mkdir(exist_ok=True)
    for row in rows.itertuples():
        colour = _colour(int(str(row.track))) if int(str(row.frame)) % 9 else (0, 0, 0)
        Pillow.new("RGB", (16, 16), colour).save(folder / crop_name("movie", row), quality=95)
    return Selection("anna", "happy", folder, rows)


def _sheets(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.glob("*sheet*"))


def _write(selection: Selection) -> None:
    found = moments(selection.rows, np.full(len(selection.rows), 0.04))
    contact_sheets(selection, found, "movie")


@pytest.mark.parametrize(
    ("runs", "sizes"),
    [
        (0, []),
        (1, [1]),
        (3, [3]),
        (13, [13]),
        (PAGE, [96]),
        (PAGE + 1, [96, 1]),
        (200, [96, 96, 8]),
    ],
)
def test_pages_hold_96_faces_the_best_of_each_run_in_order_of_time(
    runs: int, sizes: list[int], tmp_path: Path, words: list[str]
) -> None:
    _write(_selection(tmp_path / "happy", runs))
    several = len(sizes) > 1
    names = [f"sheet-{n}.jpg" for n in range(1, len(sizes) + 1)] if several else ["sheet.jpg"]
    assert _sheets(tmp_path / "happy") == (names if sizes else [])
    begin = 0
    for number, (name, size) in enumerate(zip(names, sizes, strict=False), 1):
        page = _pixels(tmp_path / "happy" / name)
        columns = max(4, min(SHEET_COLUMNS, size))
        assert page.shape == (
            TITLE_HEIGHT + -(-size // SHEET_COLUMNS) * LINE,
            columns * CELL_SIDE,
            3,
        )
        for n, tile in enumerate(_tiles(page, size), begin):
            assert _pixel(tile) == pytest.approx(_colour(n), abs=12)
        count = f"{runs} moment" if runs == 1 else f"{runs} moments"
        title = f"anna, happy: {count}, best face of each ({2 * runs} faces)"
        head = f"{title}, page {number} of {len(sizes)}" if several else title
        # That of a narrow page is shortened to fit.
        assert fitted_text(head, 14, page.shape[1] - 12) in words
        begin += size
    assert len(words) == runs + len(sizes)


def test_captions_tell_time_how_sure_the_look_is_and_length(
    tmp_path: Path, words: list[str]
) -> None:
    _write(_selection(tmp_path / "happy", 3))
    assert words[1:] == ["0:00.0  94%  2f", "0:00.4  94%  2f", "0:00.8  94%  2f"]


def test_only_sheets_of_an_earlier_pick_are_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "happy"
    _write(_selection(folder, 200))
    others = [
        "sheet-mine.jpg", "my sheet.jpg", "sheet.jpeg", "sheet-1.jpg.bak", "sheet-1a.jpg",
        "contact-sheet.jpg", "sheet--1.jpg", "sheet-1.png", "asheet.jpg",
    ]  # fmt: skip
    for name in others:
        (folder / name).write_text("kept")
    _write(_selection(folder, 5))
    assert _sheets(folder) == sorted([*others, "sheet.jpg"])
    _write(replace(_selection(folder, 5), rows=_selection(folder, 5).rows[:0]))
    assert _sheets(folder) == sorted(others)
    assert {(folder / name).read_text() for name in others} == {"kept"}


def test_a_face_that_was_not_cropped_is_left_out(tmp_path: Path, words: list[str]) -> None:
    selection = _selection(tmp_path / "happy", 3)
    for crop in (tmp_path / "happy").glob("*_f0000010_*.jpg"):
        crop.unlink()
    _write(selection)
    assert words[0] == "anna, happy: 2 moments, best face of each (6 faces)"
    tiles = list(_tiles(_pixels(tmp_path / "happy" / "sheet.jpg"), 2))
    for tile, run in zip(tiles, (0, 2), strict=True):
        assert _pixel(tile) == pytest.approx(_colour(run), abs=12)


@pytest.mark.parametrize("name", ["sheet.jpg", "sheet-2.jpg"])
def test_a_folder_named_like_a_sheet_is_reported_and_stays(name: str, tmp_path: Path) -> None:
    selection = _selection(tmp_path / "happy", 2)
    (tmp_path / "happy" / name).mkdir()
    with pytest.raises(OutputError, match=f"{name}: cannot be replaced by a new sheet"):
        _write(selection)
    assert (tmp_path / "happy" / name).is_dir()


def test_the_same_crops_give_the_same_bytes(tmp_path: Path) -> None:
    selection = _selection(tmp_path / "happy", 20)
    _write(selection)
    first = (tmp_path / "happy" / "sheet.jpg").read_bytes()
    _write(selection)
    assert (tmp_path / "happy" / "sheet.jpg").read_bytes() == first


@pytest.mark.parametrize(
    ("size", "inside"),
    [((400, 400), (0, 0, 120, 120)), ((400, 200), (0, 30, 120, 90)), ((60, 30), (30, 45, 90, 75))],
    ids=["large", "wide", "small"],
)
def test_a_thumbnail_is_fitted_into_its_square_and_never_enlarged(
    size: tuple[int, int], inside: tuple[int, int, int, int]
) -> None:
    width, height = size
    tile = np.array(sheet._thumbnail(np.full((height, width, 3), 30, np.uint8)))
    x1, y1, x2, y2 = inside
    assert (tile[y1:y2, x1:x2] == 30).all()
    assert (tile == 30).sum() == 3 * (x2 - x1) * (y2 - y1)
    assert ((tile == 30) | (tile == 255)).all()


@pytest.mark.parametrize("caption", ["1:22:33.6  96%  1050f", "123 actress surprise"])
def test_a_caption_is_whole_where_there_is_room(caption: str, words: list[str]) -> None:
    grid("title", [Thumb(Pillow.new("RGB", (9, 9)), caption)])
    assert words[1:] == [caption]


def test_a_caption_that_is_too_long_keeps_its_ends_and_its_place(words: list[str]) -> None:
    tile = Pillow.new("RGB", (9, 9))
    page = grid("title", [Thumb(tile, "7 a very long name of somebody happy"), Thumb(tile, "")])
    assert "…" in words[1]
    assert words[1].startswith("7 a")
    assert words[1].endswith("happy")
    second = np.asarray(page)[TITLE_HEIGHT:, CELL_SIDE : 2 * CELL_SIDE]
    assert (second[CELL_SIDE:] == 255).all()


def test_an_empty_page_has_its_title(words: list[str]) -> None:
    page = grid("nothing", [])
    assert page.size == (4 * CELL_SIDE, TITLE_HEIGHT + LINE)
    assert words == ["nothing"]


# --- comparisons --------------------------------------------------------------------------------

TALK = (
    Shot(60, (Square("anna", "happy 9, sad 3, happy 4, sad 4, happy 30, fear", x=20, size=40),)),
)


@dataclass(frozen=True)
class Walked:
    """A walked movie of anna."""

    movie: Path
    folder: Path
    walk: Manifest
    rows: pd.DataFrame

    def choice(self, emotion: str = "happy", **asked: Any) -> Choice:
        settings = replace(PLAIN, **asked)
        tracks = tracks_npz.read_tracks(self.folder / "tracks.npz")
        job, size = Job(("anna",), (emotion,)), self.walk.scan.stream.size
        steadied = select.steadied(self.rows, 1, settings)
        (found,) = choose(steadied, tracks, job, settings, size, 0.38)
        return found


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    folder = tmp_path_factory.mktemp("sheet")
    photo(folder / "known" / "anna.png", "anna")
    movie = film(folder / "movie.mkv", TALK)
    job = Job(walk=puppet.SETTINGS, output=folder / "out", known_faces=folder / "known")
    with pytest.MonkeyPatch.context() as patch:
        puppet.plug_in(patch)
        place = mine.walk(movie, job, puppet.silent)
    return Walked(movie, place, manifests.read(place), faces_csv.read_faces(place / "faces.csv"))


def _sides(path: Path, left: int, right: int) -> tuple[list[Image], list[Image]]:
    """The thumbnails of both sides of a comparison."""
    page, across = _pixels(path), SHEET_COLUMNS // 2
    width = max(4, min(across, right)) * CELL_SIDE
    assert page.shape[1] == max(4, min(across, left)) * CELL_SIDE + CELL_SIDE // 4 + width
    return (
        list(_tiles(page, left, across)),
        list(_tiles(page[:, page.shape[1] - width :], right, across)),
    )


def _is_crossed(tile: Image) -> bool:
    """Whether both arms of a red cross lie on it."""
    corners = tile[[10, 10, 110, 110], [10, 110, 10, 110]].astype(int)
    return bool((corners[:, 0] - corners[:, 1] > 90).all())


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        pytest.param({}, [*range(9), *range(12, 16), *range(20, 50)], id="all"),
        pytest.param({"repeat": 9}, [*range(9), *range(20, 50)], id="long runs"),
        pytest.param({"repeat": 10}, list(range(20, 50)), id="the longest"),
        pytest.param({"repeat": 31}, [], id="none"),
    ],
)
def test_crossed_faces_are_those_dropped(
    asked: dict[str, Any], kept: list[int], walked: Walked, tmp_path: Path, words: list[str]
) -> None:
    choice = walked.choice(**asked)
    seen = [*range(9), *range(12, 16), *range(20, 50)]
    assert choice.seen["frame"].tolist() == seen
    assert choice.kept["frame"].tolist() == kept
    write_comparison(walked.movie, walked.walk, choice, tmp_path / "happy", 0.0)
    titles = [text for text in words if "faces" in text]
    assert titles == ["seen: 43 faces, those crossed out are dropped", f"kept: {len(kept)} faces"]
    left, right = _sides(tmp_path / "happy" / "compare.jpg", len(seen), len(kept))
    crossed = [frame for frame, tile in zip(seen, left, strict=True) if _is_crossed(tile)]
    assert crossed == sorted(set(seen) - set(kept))
    assert not any(_is_crossed(tile) for tile in right)


def test_faces_on_both_sides_are_the_right_ones(walked: Walked, tmp_path: Path) -> None:
    """Without a margin, a puppet fills its crop, so the colour is that of its emotion."""
    choice = walked.choice("sad", repeat=4)
    write_comparison(walked.movie, walked.walk, choice, tmp_path, 0.0)
    left, right = _sides(tmp_path / "compare.jpg", 7, 4)
    for tile in (*left, *right):
        assert _middle(tile) == pytest.approx(puppet.colour("anna", "sad"), abs=6)


def test_a_comparison_of_many_faces_shows_a_sample_and_kept_faces(
    walked: Walked, tmp_path: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kept faces are few of 43 and would seldom all be in a sample of ten."""
    monkeypatch.setattr(sheet, "COMPARED_FACES", 10)
    write_comparison(walked.movie, walked.walk, walked.choice(per_run=1), tmp_path, 0.0)
    captions = [text for text in words if "faces" not in text]
    shown, kept = captions[:10], captions[10:]
    assert len(kept) == 3
    assert shown[0].startswith("0:00.0 ")
    assert shown[-1].startswith("0:02.0 ")
    assert words[0].startswith("seen: 43 faces")
    assert "kept: 3 faces" in words


def test_in_a_sample_only_dropped_faces_are_crossed_out(
    walked: Walked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet, "COMPARED_FACES", 10)
    choice = walked.choice(repeat=9)
    write_comparison(walked.movie, walked.walk, choice, tmp_path, 0.0)
    frames = choice.seen["frame"].to_numpy()[np.linspace(0, 42, 10).round().astype(int)]
    left, right = _sides(tmp_path / "compare.jpg", 10, 10)
    dropped = [int(f) not in set(choice.kept["frame"]) for f in frames]
    assert [_is_crossed(tile) for tile in left] == dropped
    assert any(dropped)
    assert not any(_is_crossed(tile) for tile in right)


def test_a_comparison_that_cannot_be_written_is_reported(walked: Walked, tmp_path: Path) -> None:
    (tmp_path / "happy").write_text("in the way")
    with pytest.raises(OutputError, match=r"compare\.jpg: cannot be written"):
        write_comparison(walked.movie, walked.walk, walked.choice(), tmp_path / "happy", 0.0)


def test_a_sheet_of_puppets_shows_the_best_of_each_run(
    walked: Walked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the movie to the sheet: three smiles, then three tiles of that colour."""
    puppet.plug_in(monkeypatch)
    photo(tmp_path / "known" / "anna.png", "anna")
    job = Job(("anna",), ("happy",), pick=replace(PLAIN, margin=0.0), known_faces=tmp_path / "none")
    (outcome,) = mine.pick(walked.folder, job)
    tiles = list(_tiles(_pixels(outcome.folder / "sheet.jpg"), 3))
    assert outcome.runs == 3
    for tile in tiles:
        assert _middle(tile) == pytest.approx(puppet.colour("anna", "happy"), abs=6)
    best = thin(walked.choice().kept, tracks_npz.read_tracks(walked.folder / "tracks.npz"), 1)
    assert len(best) == 3
