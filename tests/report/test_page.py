"""Tests of report.html as a file: its contents, that it needs no other file, and that names are
escaped. test_page_browser.py tests it in a browser."""

import base64
import hashlib
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow

from pipeline.disk.walked import Walked
from pipeline.errors import OutputError
from pipeline.faces import EMOTIONS
from pipeline.report import page, tiles
from pipeline.report.timeline import Timeline
from pipeline.review.moments import reviewed_moments
from pipeline.settings import Job, PickSettings, WalkSettings
from tests.support.face_rows import stretch
from tests.support.report_movie import (
    PLAIN,
    chosen,
    colour,
    jpeg,
    picked,
    reported,
    walked,
    write_crops,
)

JOB = Job(pick=PLAIN)
HOSTILE = [
    "<img src=x onerror=alert(1)>", "\"quotes\" & 'ticks'", "{{ 7 * 7 }}", "$$x^2$$", "שלום",
    "😀", "__proto__",
]  # fmt: skip
FACES = [
    *stretch(range(20), 0, "anna", "happy"), *stretch(range(20, 26), 0, "anna", "sad"),
    *stretch(range(40, 60), 1, "ben", "surprise"), *stretch(range(50, 80), 2, "", "angry"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing timeline.png, of which test_timeline.py is, takes longer than writing the page."""
    monkeypatch.setattr(page, "write_timeline", lambda path, *_: path.touch())


class _Elements(HTMLParser):
    """Every element with its attributes, and the text of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        inside = self.found[-1][0] if self.found else ""
        (self.scripts if inside == "script" else self.words).append(data)


def _written(folder: Path, movie: Walked, job: Job = JOB) -> str:
    choices = picked(folder, movie, job)
    return reported(folder, movie, job, choices).read_text(encoding="utf-8")


def _data(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert found is not None
    read: dict[str, Any] = json.loads(found[1])
    return read


def _sheets(text: str, kind: str) -> list[Pillow.Image]:
    found = re.findall(
        rf"\.{kind}-\d+ {{ background-image: url\(data:image/webp;base64,(.*?)\)", text
    )
    return [Pillow.open(io.BytesIO(base64.b64decode(sheet))).convert("RGB") for sheet in found]


def _tile(sheets: list[Pillow.Image], index: int, side: int) -> Any:
    """The middle pixel of a tile."""
    sheet, place = divmod(index, tiles.TILES_ACROSS**2)
    line, column = divmod(place, tiles.TILES_ACROSS)
    return sheets[sheet].getpixel((column * side + side // 2, line * side + side // 2))


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of `FACES`."""
    return _written(tmp_path_factory.mktemp("usual"), walked(FACES, 100))


# --- what is in it ------------------------------------------------------------------------------


def test_both_files_are_written_and_nothing_else(tmp_path: Path) -> None:
    path = reported(tmp_path, walked(FACES, 100), JOB, [])
    assert path == tmp_path / "report.html"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.html", "timeline.png"]


def test_a_page_tells_cast_summary_and_funnel(tmp_path: Path) -> None:
    text = _written(tmp_path, walked(FACES, 100, WalkSettings(width=800)))
    words = " ".join(" ".join(_Elements(text).words).split())
    assert (
        "film.mkv 0:04.0 · 76 faces in 3 tracks · 2 known people · 70 crops of 3 moments" in words
    )
    assert "anna 0:01.0 on screen 26 faces, 1 track distance 0.25 nearest other ben 0.25" in words
    assert "640 × 360, h264, 25 frames a second" in words
    assert "Walk --width 800" in words
    assert "--repeat 8 --gap 0 --sure 0.7 --min-prob 0" in words
    assert "detector: long-named puppet 0123456789ab " in words
    assert "person emotion faces person emotion repeat sure" in words
    assert "anna sad 76 26 6 0 0 longest run is 6 of 8 frames; try --repeat 6" in words
    assert "unknown angry 76 30 30 30 30" in words


def test_the_funnel_shows_only_steps_that_filter(tmp_path: Path) -> None:
    job = replace(JOB, pick=replace(PLAIN, min_size=41, per_run=3))
    words = " ".join(_Elements(_written(tmp_path, walked(FACES, 100), job)).words)
    assert "min-size" in words
    assert "max-yaw" not in words.split("Faces left after each step")[1]


def test_every_crop_is_listed_with_its_own_picture(tmp_path: Path) -> None:
    movie = walked(FACES, 100)
    text = _written(tmp_path, movie)
    crops, sheets = _data(text)["crops"], _sheets(text, "crop")
    assert crops["people"] == ["anna", "ben", "unknown"]
    side = tiles.side_for(70)
    for n, (person, emotion, file) in enumerate(
        zip(crops["person"], crops["emotion"], crops["file"], strict=True)
    ):
        name = crops["people"][person]
        assert (tmp_path / name / EMOTIONS[emotion] / file).exists()
        assert _tile(sheets, n, side) == pytest.approx(colour(name.replace("unknown", "")), abs=12)
    assert crops["length"] == [20] * 40 + [30] * 30
    assert crops["probability"] == [0.7] * 70


def _listed(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "anna" / "happy" / "crops.csv", keep_default_na=False)


def _relisted(folder: Path, crops: pd.DataFrame) -> None:
    crops.to_csv(folder / "anna" / "happy" / "crops.csv", index=False)


def _first_moment(data: dict[str, Any]) -> list[float]:
    return [data["moments"][name][0] for name in ("start", "seconds", "sure", "probability")]


def test_a_moment_is_shown_by_the_crop_that_shows_its_look_best(tmp_path: Path) -> None:
    movie = walked(FACES, 100)
    choices = picked(tmp_path, movie)
    listed = _listed(tmp_path).assign(sharpness=1.0)
    listed.loc[7, "sharpness"] = 9000
    _relisted(tmp_path, listed)
    data = _data(reported(tmp_path, movie, JOB, choices).read_text(encoding="utf-8"))
    assert data["crops"]["file"][data["moments"]["crop"][0]] == listed["file"][7]
    assert _first_moment(data)[:2] == [0, 0.8], "until the last frame is gone"


def test_a_moment_whose_best_crop_was_rejected_is_shown_by_another(tmp_path: Path) -> None:
    movie = walked(FACES, 100)
    choices = picked(tmp_path, movie)
    data = _data(reported(tmp_path, movie, JOB, choices).read_text(encoding="utf-8"))
    best = data["crops"]["file"][data["moments"]["crop"][0]]
    (tmp_path / "anna" / "happy" / best).unlink()
    after = _data(reported(tmp_path, movie, JOB, choices).read_text(encoding="utf-8"))
    assert len(after["moments"]["crop"]) == 3
    assert best not in after["crops"]["file"]
    assert _first_moment(after) == _first_moment(data)


def test_two_runs_of_one_number_are_the_moments_that_the_review_shows(tmp_path: Path) -> None:
    """A decision that is taken back lists its crop again, with the number of an earlier pick."""
    other = stretch(range(85, 95), 7, "anna", "happy")
    movie = walked([*FACES, *other], 100)
    choices = picked(tmp_path, movie)
    listed = _listed(tmp_path)
    assert listed["run"].nunique() == 2
    _relisted(tmp_path, listed.assign(run=0))
    data = _data(reported(tmp_path, movie, JOB, choices).read_text(encoding="utf-8"))
    found = reviewed_moments(_listed(tmp_path).astype(str), movie.manifest)
    shown = data["moments"]
    own = [n for n, crop in enumerate(shown["crop"]) if data["crops"]["emotion"][crop] == 3]
    facts = sorted((shown["start"][n], shown["seconds"][n]) for n in own)
    assert facts == sorted((m.start, round(m.seconds, 3)) for m in found)
    assert facts == [(0, 0.8), (3.4, 0.4)]


def test_crops_of_earlier_versions_are_as_sure_as_they_are_probable(tmp_path: Path) -> None:
    movie = walked(FACES, 100)
    choices = picked(tmp_path, movie)
    _relisted(tmp_path, _listed(tmp_path).drop(columns="look_sure"))
    data = _data(reported(tmp_path, movie, JOB, choices).read_text(encoding="utf-8"))
    assert data["crops"]["sure"][:20] == [0.7] * 20
    assert _first_moment(data) == [0, 0.8, 0.7, 0.7]


@pytest.mark.parametrize("frame", [-(10**17), 10**17])
def test_a_crop_at_an_impossible_frame_stops_no_report(frame: int, tmp_path: Path) -> None:
    movie = walked(FACES, 100)
    choices = picked(tmp_path, movie)
    listed = _listed(tmp_path)
    listed.loc[19, "frame"] = frame
    _relisted(tmp_path, listed)
    data = _data(reported(tmp_path, movie, JOB, choices).read_text(encoding="utf-8"))
    assert len(data["moments"]["crop"]) == 3


def test_no_picture_is_shown_through_a_link(tmp_path: Path) -> None:
    """Of a folder of others: the report would be handed on with a picture of the user's."""
    movie = walked(FACES, 100)
    choices = picked(tmp_path, movie)
    linked = next((tmp_path / "anna" / "happy").glob("*_f*.jpg"))
    linked.rename(tmp_path / "private.jpg")
    linked.symlink_to(tmp_path / "private.jpg")
    data = _data(reported(tmp_path, movie, JOB, choices).read_text(encoding="utf-8"))
    assert len(data["crops"]["file"]) == 69
    assert linked.name not in data["crops"]["file"]


def test_who_appears_with_whom_is_told(usual: str, tmp_path: Path) -> None:
    apart = _Elements(usual)
    assert "Who appears with whom" in " ".join(apart.words)  # They share the only shot.
    assert "anna ben – 1" in " ".join(" ".join(apart.words).split())
    beside = [*FACES, *stretch(range(10, 35), 5, "carl", "sad")]
    words = " ".join(
        " ".join(_Elements(_written(tmp_path / "b", walked(beside, 100))).words).split()
    )
    assert "anna carl 0:00.6 1 anna ben – 1 ben carl – 1" in words


def test_a_movie_with_one_person_tells_of_no_company(tmp_path: Path) -> None:
    movie = walked(stretch(range(20), 0, "anna", "happy"), 100)
    assert "Who appears with whom" not in _written(tmp_path, movie)


def test_faces_of_the_timeline_are_those_of_their_lanes(usual: str) -> None:
    data, sheets = _data(usual), _sheets(usual, "face")
    assert data["people"] == ["anna", "ben", "unknown"]
    assert data["faces"]["time"] == [0, 1, 1.6, 2, 2.36, 3.16]
    for n, lane in enumerate(data["faces"]["lane"]):
        wanted = colour(["anna", "ben", ""][lane])
        assert _tile(sheets, n, page.PORTRAIT_SIDE) == pytest.approx(wanted, abs=12)


def test_shares_are_of_each_persons_time() -> None:
    columns = {"lane": [0, 0, 1], "begin": [0.0, 3, 9], "end": [3.0, 4, 12], "label": [3, 4, 3]}
    line = Timeline(("a", "b", "c"), pd.DataFrame(columns), np.zeros(0), 0.0, 20.0)
    assert list(page._shares(line)) == [
        ("a", [(3, "75.0%"), (4, "25.0%")]), ("b", [(3, "100.0%")]), ("c", []),
    ]  # fmt: skip


def test_crops_of_earlier_picks_are_shown_too(tmp_path: Path) -> None:
    movie = walked(FACES, 100)
    picked(tmp_path, movie, replace(JOB, people=("anna",), emotions=("happy",)))
    job = replace(JOB, people=("ben",), emotions=("surprise",))
    write_crops(tmp_path, movie, choices := chosen(movie, job))
    text = reported(tmp_path, movie, job, choices).read_text(encoding="utf-8")
    assert _data(text)["crops"]["people"] == ["anna", "ben"]
    assert "anna" not in text.split("Faces left after each step")[1].split("</details>")[0]
    words = " ".join(_Elements(text).words)
    assert "anna happy : from an earlier pick, whose settings may be others" in words
    assert "ben surprise : from" not in words


def test_of_the_last_pick_alone_no_earlier_one_is_told(tmp_path: Path) -> None:
    assert "from an earlier pick" not in _written(tmp_path, walked(FACES, 100))


def test_of_many_earlier_picks_some_are_named() -> None:
    crops = pd.DataFrame({"person": [f"p{n}" for n in range(10)], "emotion": ["sad"] * 10})
    assert page._earlier(crops, []) == ", ".join(f"p{n} sad" for n in range(8)) + " and 2 more"


OLDER = "20 older crops, from another walk or with other names, are not shown."


def test_crops_of_an_earlier_walk_are_not_shown(tmp_path: Path) -> None:
    """The second walk has fewer frames of ben, and another number for his track."""
    picked(tmp_path, walked(FACES, 100))
    shorter = [*stretch(range(20), 0, "anna", "happy"), *stretch(range(40, 45), 7, "ben", "sad")]
    text = reported(tmp_path, walked(shorter, 100), JOB, []).read_text(encoding="utf-8")
    assert _data(text)["crops"]["people"] == ["anna"]
    assert len(_data(text)["crops"]["file"]) == 20
    words = " ".join(_Elements(text).words)
    assert "2 known people · 20 crops of 1 moment" in " ".join(words.split())
    assert OLDER.replace("20", "50") in words


def test_crops_under_an_earlier_name_are_not_shown(tmp_path: Path) -> None:
    """Each face is shown once, with the name that it has now."""
    nobody = [(f, t, "" if p == "anna" else p, e) for f, t, p, e in FACES]
    picked(tmp_path, walked(nobody, 100), replace(JOB, emotions=("happy",)))
    movie, job = walked(FACES, 100), replace(JOB, people=("anna",))
    write_crops(tmp_path, movie, choices := chosen(movie, job))
    text = reported(tmp_path, movie, job, choices).read_text(encoding="utf-8")
    assert _data(text)["crops"]["people"] == ["anna"]
    assert len(_data(text)["crops"]["file"]) == 20
    assert OLDER in text


def test_where_all_crops_are_older_no_filters_are_offered(tmp_path: Path) -> None:
    picked(tmp_path, walked(stretch(range(20), 0, "anna", "happy"), 100))
    movie = walked(stretch(range(20), 1, "anna", "happy"), 100)
    text = reported(tmp_path, movie, JOB, []).read_text(encoding="utf-8")
    assert "folder holds no crops of this walk with these names" in text
    assert OLDER in text


def test_a_first_pick_has_no_older_crops(usual: str) -> None:
    assert "older crop" not in usual


@pytest.mark.parametrize(("starts", "told"), [([0, 30], "cut"), ([], "cut before a face")])
def test_the_legend_says_which_cuts_are_drawn(starts: list[int], told: str, tmp_path: Path) -> None:
    movie = walked(FACES, 100)
    tracks = replace(movie.tracks, starts=np.array(starts, np.int64))
    assert f'<span class="key cut">{told}</span>' in _written(
        tmp_path, replace(movie, tracks=tracks)
    )


# --- what may be missing ------------------------------------------------------------------------


def test_a_movie_without_faces_has_a_page(tmp_path: Path) -> None:
    text = _written(tmp_path, walked([], 100))
    assert "No face was found in this movie." in text
    assert "folder holds no crops." in text
    assert _data(text)["faces"] == {"lane": [], "time": []}


def test_a_walk_without_small_pictures_has_a_page(tmp_path: Path) -> None:
    movie = walked(FACES, 100)
    bare = replace(movie, tracks=replace(movie.tracks, thumb=np.zeros(0, np.bytes_)))
    text = _written(tmp_path, bare)
    assert _data(text)["faces"]["time"] == []
    assert text.count("sprite blank") == 3


def test_crops_that_were_deleted_are_not_shown(tmp_path: Path) -> None:
    movie = walked(FACES, 100)
    choices = picked(tmp_path, movie)
    gone = min((tmp_path / "anna" / "happy").glob("*.jpg"))
    gone.unlink()
    text = reported(tmp_path, movie, JOB, choices).read_text(encoding="utf-8")
    assert gone.name not in _data(text)["crops"]["file"]
    assert len(_data(text)["crops"]["file"]) == 69


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("file,time\na,b\n", id="other columns"),
        pytest.param("\x00\xff", id="no text"),
        pytest.param(f"{','.join(tiles.TILE_COLUMNS)}\na.jpg,x,1,2,3,,4,5\n", id="no number"),
        pytest.param(f"{','.join(tiles.TILE_COLUMNS)}\na.jpg,1,{9**30},2,3,,4,5\n", id="too large"),
    ],
)
def test_a_damaged_list_is_reported_and_skipped(
    text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    movie = walked(FACES, 100)
    choices = picked(tmp_path, movie)
    (tmp_path / "anna" / "happy" / "crops.csv").write_text(text, encoding="latin-1")
    page_text = reported(tmp_path, movie, JOB, choices).read_text(encoding="utf-8")
    assert _data(page_text)["crops"]["people"] == ["ben", "unknown"]
    assert "left out of the report" in caplog.text


@pytest.mark.parametrize("name", ["../../secret.jpg", "C:\\x.jpg", "sheet.jpg", "film.jpg"])
def test_only_crops_are_ever_read(name: str, tmp_path: Path) -> None:
    place = tmp_path / "movie" / "anna" / "happy"
    place.mkdir(parents=True)
    (tmp_path / "secret.jpg").write_bytes(jpeg((9, 9, 9)))
    columns = ",".join(tiles.TILE_COLUMNS)
    (place / "crops.csv").write_text(f"{columns}\n{name},0,1,9,0.9,0.9,,0,0,,0,1,0,0,9,9\n")
    movie = walked(FACES, 100)
    crops, older = tiles.read_crops(tmp_path / "movie", movie.rows, movie.manifest)
    assert (len(crops), older) == (0, 0)


def test_crops_at_no_time_are_left_out(tmp_path: Path) -> None:
    picked(tmp_path, movie := walked(FACES, 100))
    path = tmp_path / "anna" / "happy" / "crops.csv"
    listed = pd.read_csv(path)
    listed.loc[3, "time"], listed.loc[5, "probability"] = np.inf, -np.inf
    listed.to_csv(path, index=False)
    assert len(tiles.read_crops(tmp_path, movie.rows, movie.manifest)[0]) == 68


def test_folders_of_other_programs_are_not_read(tmp_path: Path) -> None:
    place = tmp_path / "anna" / "holiday"
    place.mkdir(parents=True)
    (place / "crops.csv").write_text("nothing of ours")
    movie = walked(FACES, 100)
    crops, older = tiles.read_crops(tmp_path, movie.rows, movie.manifest)
    assert (len(crops), older) == (0, 0)


def test_a_crop_that_is_no_picture_stays_grey(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    movie = walked(FACES, 100)
    choices = picked(tmp_path, movie)
    broken = min((tmp_path / "anna" / "happy").glob("*.jpg"))
    broken.write_bytes(b"no picture")
    text = reported(tmp_path, movie, JOB, choices).read_text(encoding="utf-8")
    crops = _data(text)["crops"]["file"]
    side = tiles.side_for(len(crops))
    assert _tile(_sheets(text, "crop"), crops.index(broken.name), side) == (128, 128, 128)
    assert "stays grey" in caplog.text


# --- names, and what a page may do --------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_escaped(name: str, usual: str, tmp_path: Path) -> None:
    faces = [(f, t, name if p == "anna" else p, e) for f, t, p, e in FACES]
    movie = walked(faces, 100, name=f"{name}.mkv")
    picked(tmp_path, movie, replace(JOB, people=("ben",)))  # The name may be no valid folder.
    text = reported(tmp_path, movie, JOB, chosen(movie, JOB)).read_text(encoding="utf-8")
    found = _Elements(text)
    assert {tag for tag, _ in found.found} == {tag for tag, _ in _Elements(usual).found}
    assert not [a for _, a in found.found if any(key.startswith("on") for key in a)]
    assert name in "".join(found.words)
    assert name in _data(text)["people"]


def test_nothing_in_the_data_ends_its_script(tmp_path: Path) -> None:
    name = "</script><script>alert(1)</script><!--"
    found = page._json({"people": [name]})
    assert "<" not in found
    assert json.loads(found) == {"people": [name]}


def test_a_movies_name_may_be_no_text(tmp_path: Path) -> None:
    movie = walked(FACES, 100)
    path = Path("videos") / "caf\udce9.mkv"
    text = _written(tmp_path, replace(movie, manifest=replace(movie.manifest, movie=path)))
    assert "caf\\udce9.mkv" in text


def test_only_the_pages_own_scripts_may_run(usual: str) -> None:
    found = _Elements(usual)
    (policy,) = [
        str(a["content"]) for _, a in found.found
        if a.get("http-equiv") == "Content-Security-Policy"
    ]  # fmt: skip
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    scripts = re.findall(r"<script>(.*?)</script>", usual, re.S)
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    assert rules["script-src"].split() == [f"'sha256-{h}'" for h in hashes]
    assert len(hashes) == 1


def test_the_page_names_no_address(usual: str) -> None:
    found = _Elements(usual)
    links = [str(a[key]) for _, a in found.found for key in ("href", "src", "action") if key in a]
    assert links
    assert all(link.startswith(("#", "data:")) for link in links)


# --- size and sameness --------------------------------------------------------------------------


def test_the_same_movie_gives_the_same_page(tmp_path: Path) -> None:
    texts = [_written(tmp_path / name / "film", walked(FACES, 100)) for name in ("one", "two")]
    assert texts[0] == texts[1]


def test_a_page_replaces_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("old")
    assert "old" not in _written(tmp_path, walked(FACES, 100))[:20]


def test_a_page_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OutputError, match=r"report\.html: cannot be written"):
        reported(tmp_path, walked(FACES, 100), JOB, [])


@pytest.mark.parametrize(
    ("count", "side"), [(0, 96), (4000, 96), (10_000, 64), (30_000, 32), (10**7, 32)]
)
def test_the_more_crops_the_smaller_they_are_shown(count: int, side: int) -> None:
    assert tiles.side_for(count) == side


def test_too_many_crops_are_shown_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "MOST", 10)
    text = _written(tmp_path, walked(FACES, 100))
    assert "this page holds 10 of 70, evenly spread" in text
    data = _data(text)
    assert len(data["crops"]["time"]) == 10
    assert len(data["moments"]["crop"]) == 3


def test_of_too_many_moments_some_are_shown(tmp_path: Path) -> None:
    picked(tmp_path, movie := walked(FACES, 100))
    crops, _ = tiles.read_crops(tmp_path, movie.rows, movie.manifest)
    assert tiles.tiled(crops, 2)["best"].tolist() == [True, True]
    assert tiles.tiled(crops, 12)["best"].sum() == 3
    assert tiles.tiled(crops, 70) is crops


def test_tiles_go_on_in_a_second_sheet() -> None:
    shades = [(n % 250, 250 - n % 250, 60) for n in range(tiles.TILES_ACROSS**2 + 3)]
    packed = tiles.pack([tiles.from_bytes(jpeg(shade)) for shade in shades], 32)
    sheets = [Pillow.open(io.BytesIO(sheet)).convert("RGB") for sheet in packed.sheets]
    assert [sheet.size for sheet in sheets] == [(512, 512), (512, 32)]
    for n in (0, 100, 255, 256, 258):
        assert _tile(sheets, n, 32) == pytest.approx(shades[n], abs=14)


def test_faces_are_spread_over_time_and_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MOST_FACES", 12)
    faces = [f for n in range(40) for f in stretch([n * 50], n, "ab"[n % 2], "happy")]
    found = page._faces(walked(faces, 2000))
    assert 6 <= len(found) <= 12
    assert set(found["person"]) == {"a", "b"}
    assert found["time"].diff().max() < 32
    assert found["time"].is_monotonic_increasing


def test_the_best_face_of_a_stretch_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MOST_FACES", 1)
    movie = walked([f for n in range(4) for f in stretch([n], n, "a", "happy")], 10)
    quality = np.array([0.1, 0.1, 0.2, 0.2, 0.9, 0.9, 0.3, 0.3], np.float32)
    found = page._faces(replace(movie, tracks=replace(movie.tracks, quality=quality)))
    assert found["frame"].tolist() == [2]


def test_what_is_unusual_about_a_movie_is_shown(tmp_path: Path) -> None:
    movie = walked(FACES, 100, WalkSettings(every=2))
    scan = movie.manifest.scan
    odd = replace(scan, stream=replace(scan.stream, rate=0.0), warnings=("it is torn",))
    movie = replace(movie, manifest=replace(movie.manifest, scan=odd))
    text = reported(tmp_path, movie, JOB, []).read_text(encoding="utf-8")
    words = " ".join(" ".join(_Elements(text).words).split())
    assert "unknown frame rate" in words
    assert "100 of 100 , one in 2 analysed" in words
    assert "Warnings it is torn" in words


def test_settings_are_shown_as_they_are_typed() -> None:
    job = Job(("anna", "ben"), ("happy",), tolerance=0.4)
    settings = PickSettings(single_face=True, border=0, repeat=12)
    assert list(page._pick_options(job, settings)) == [
        "--person anna", "--person ben", "--emotion happy", "--tolerance 0.4", "--smooth auto",
        "--repeat 12", "--gap 0", "--sure 0.7", "--min-prob 0", "--min-size 0",
        "--min-sharpness 0", "--max-yaw 90", "--single-face", "--border 0",
    ]  # fmt: skip
    asked = list(page._pick_options(job, replace(settings, from_="neutral")))
    assert {"--from neutral", "--within 3"} <= {*asked}


def test_rows_keep_their_order(tmp_path: Path) -> None:
    movie = walked(FACES, 100)
    before = movie.rows.copy()
    _written(tmp_path, movie)
    pd.testing.assert_frame_equal(movie.rows, before)
