"""The demo with the real networks, compared with its labels; prints the figures."""

import ast
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import crops, mine
from pipeline.crops import portrait
from pipeline.disk import faces_csv
from pipeline.disk import manifest as manifests
from pipeline.disk.walked import finished
from pipeline.faces import BOX, EMOTIONS
from pipeline.judge import judge
from pipeline.models import registry
from pipeline.models.registry import face_models, tolerances
from pipeline.movie import decode
from pipeline.people import gallery as galleries
from pipeline.people import naming
from pipeline.pick import select
from pipeline.report.outcome import Outcome
from pipeline.settings import Job, PickSettings, WalkSettings

ROOT = Path(__file__).parents[1]
MOVIE = ROOT / "videos" / "demo.mp4"
NOTEBOOK = ROOT / "docs" / "programs.ipynb"
PEOPLE = ("actress", "actor", "guest")
Figure = Callable[[str], None]
HAPPY = Job(people=PEOPLE, emotions=("happy",), pick=PickSettings(repeat=8))


@dataclass(frozen=True)
class Mined:
    """A walk of the demo with default settings, and its pick."""

    folder: Path
    job: Job
    rows: pd.DataFrame
    outcomes: list[Outcome]


@pytest.fixture(scope="session")
def truth() -> pd.DataFrame:
    """The hand labels, one row per stretch of frames."""
    return pd.read_csv(ROOT / "videos" / "demo_truth.csv", keep_default_na=False)


@pytest.fixture(scope="session")
def cuts() -> list[int]:
    return [int(f) for f in pd.read_csv(ROOT / "videos" / "demo_cuts.csv")["frame"]]


@pytest.fixture(scope="session")
def mined(walked_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Mined:
    job = replace(HAPPY, output=tmp_path_factory.mktemp("output"), known_faces=ROOT / "known_faces")
    shutil.copytree(walked_demo, job.output / "demo")
    outcomes = mine.mine(MOVIE, job, lambda total: lambda frames, faces: None)
    folder = job.output / "demo"
    return Mined(folder, job, faces_csv.read_faces(folder / "faces.csv"), outcomes)


def labelled(truth: pd.DataFrame, **wanted: object) -> Iterator[tuple[str, int, str]]:
    """The person, frame and emotion of each labelled frame."""
    for row in truth.itertuples():
        if all(getattr(row, k) == v for k, v in wanted.items()):
            for frame in range(int(str(row.first)), int(str(row.last)) + 1):
                yield str(row.person), frame, str(row.emotion)


def test_frontal_truth_has_a_face(mined: Mined, truth: pd.DataFrame, figure: Figure) -> None:
    faces = mined.rows.groupby("frame").size().to_dict()
    wanted = pd.Series([f for _, f, _ in labelled(truth, frontal=1)]).value_counts()
    found = sum(min(int(faces.get(f, 0)), int(n)) for f, n in wanted.items())
    figure(f"frontal truth rows with a face: {found} of {wanted.sum()}")
    assert found / wanted.sum() >= 0.99


def test_no_face_where_there_is_none(mined: Mined, truth: pd.DataFrame, figure: Figure) -> None:
    empty = {frame for _, frame, _ in labelled(truth, person="-")}
    figure(
        f"rows in the {len(empty)} frames without a face: {mined.rows['frame'].isin(empty).sum()}"
    )
    assert len(empty) > 100
    assert not mined.rows["frame"].isin(empty).any()


@pytest.mark.e2e
def test_every_row_holds_a_face(mined: Mined, figure: Figure) -> None:
    """The detector finds a face in each crop of every fourth frame, about where the row says."""
    detector = face_models(WalkSettings(min_score=0.5)).detector
    walk = manifests.read(mined.folder)
    rows = mined.rows[mined.rows["frame"] % 4 == 0]
    boxes = dict(list(rows.groupby("frame")))
    held = 0
    for frame in decode.decode_frames(MOVIE, walk.scan, 0, len(walk.scan)):
        for row in boxes[frame.index].itertuples() if frame.index in boxes else ():
            box = np.array([row.x1, row.y1, row.x2, row.y2], np.float32)
            held += len(detector.detect([portrait(frame.image, box, 0.3)])[0]) > 0
    figure(f"rows whose crop holds a face: {held} of {len(rows)}")
    assert len(rows) > 500
    assert held / len(rows) >= 0.99


def test_no_track_crosses_a_cut(mined: Mined, cuts: list[int], figure: Figure) -> None:
    spans = mined.rows.groupby("track")["frame"].agg(["min", "max"]).to_numpy()
    crossed = [(a, b, c) for a, b in spans for c in cuts if a < c <= b]
    figure(f"tracks: {len(spans)}, cuts: {len(cuts)}, tracks that cross one: {len(crossed)}")
    assert not crossed


def test_the_long_take_is_one_track_over_the_borders(
    mined: Mined, truth: pd.DataFrame, figure: Figure
) -> None:
    borders = [first for first, _ in manifests.read(mined.folder).parts[1:]]
    take = [f for p, f, _ in labelled(truth, person="guest") if 1095 <= f < 2052]
    inside = [b for b in borders if min(take) < b < max(take)]
    tracks = mined.rows.loc[mined.rows["frame"].between(1095, 2051), "track"].unique()
    figure(f"parts: {len(borders) + 1}, borders inside the take: {inside}, its tracks: {tracks}")
    assert len(borders) + 1 >= 8
    assert inside
    assert len(tracks) == 1


def named_right(rows: pd.DataFrame, truth: pd.DataFrame) -> tuple[int, int, int]:
    """The frontal labelled faces that are named right, all such faces, and the wrong names.

    A name is wrong if no label of its shot has that person: nobody enters or leaves during a shot.
    """
    seen = {(str(p), int(f)) for p, f in zip(rows["person"], rows["frame"], strict=True)}
    wanted = [(p, f) for p, f, _ in labelled(truth, frontal=1)]
    shot_of = dict(zip(rows["frame"], rows["shot"], strict=True))
    there: dict[int, set[str]] = {}
    for person, frame, _ in labelled(truth):
        if frame in shot_of:
            there.setdefault(int(shot_of[frame]), set()).add(person)
    pairs = zip(rows["shot"], rows["person"], strict=True)
    wrong = sum(name != "" and name not in there.get(int(shot), {name}) for shot, name in pairs)
    return sum(w in seen for w in wanted), len(wanted), wrong


def test_names(mined: Mined, truth: pd.DataFrame, figure: Figure) -> None:
    right, of, wrong = named_right(mined.rows, truth)
    figure(f"frontal truth rows named right: {right} of {of}; wrong names: {wrong}")
    assert wrong == 0
    assert right / of >= 0.95


@pytest.mark.parametrize("absent", PEOPLE)
def test_somebody_not_in_the_gallery_is_unknown(
    mined: Mined, absent: str, tmp_path: Path, figure: Figure
) -> None:
    known = tmp_path / "known_faces"
    shutil.copytree(ROOT / "known_faces", known)
    for gone in known.glob(f"{absent}*"):
        shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    copy = tmp_path / "demo"
    shutil.copytree(mined.folder, copy, ignore=shutil.ignore_patterns("*.jpg"))
    gallery = galleries.embed_gallery(known, face_models(WalkSettings()))
    tolerance = tolerances(WalkSettings(), mined.job.tolerance)
    naming.name_tracks(finished(copy), gallery, tolerance, "without")
    now = faces_csv.read_faces(copy / "faces.csv")["person"]
    before = mined.rows["person"]
    still = (now[before == absent] != "").sum()
    figure(f"without {absent} in the gallery: {still} of {(before == absent).sum()} rows named")
    assert (before == absent).sum() > 100
    assert still == 0
    assert (now[before != absent] == before[before != absent]).all()


@pytest.mark.parametrize("person", ["actress", "actor"])
def test_happy_faces(mined: Mined, truth: pd.DataFrame, person: str, figure: Figure) -> None:
    """Precision on the picked frames that have labels, and the share of happy frames picked."""
    crops = pd.read_csv(mined.folder / person / "happy" / "crops.csv")
    labels = {(p, f): e for p, f, e in labelled(truth)}
    labelled_as = [labels[person, f] for f in crops["frame"] if (person, f) in labels]
    happy = [k for k, e in labels.items() if k[0] == person and e == "happy"]
    precision = sum(e == "happy" for e in labelled_as) / len(labelled_as)
    share = len({k[1] for k in happy} & set(crops["frame"])) / len(happy)
    figure(
        f"{person} happy --repeat 8: {len(crops)} crops, {len(labelled_as)} labelled, "
        f"precision {precision:.3f}, yield {share:.3f} of {len(happy)}"
    )
    assert precision >= 0.95
    assert share >= 0.9
    folder = mined.folder / person / "happy"
    assert sorted(p.name for p in folder.glob("*.jpg")) == sorted([*crops["file"], "sheet.jpg"])


def test_the_guest_is_never_happy(mined: Mined, figure: Figure) -> None:
    outcome = next(o for o in mined.outcomes if o.person == "guest")
    figure(f"guest happy --repeat 8: {outcome.steady} crops; hint: {outcome.hint}")
    assert outcome.steady == 0
    assert "neutral" in outcome.hint
    assert not list((mined.folder / "guest").glob("**/*.jpg"))


@pytest.mark.e2e
def test_int8_tells_the_same_emotions_as_float(mined: Mined, figure: Figure) -> None:
    """On every third frame; the rows are the int8 network's."""
    rows = mined.rows[mined.rows["frame"] % 3 == 0]
    boxes = {frame: x[list(BOX)].to_numpy(np.float32) for frame, x in rows.groupby("frame")}
    walk = manifests.read(mined.folder)
    faces = [
        crops.resized(crops.grey_face(frame, box), crops.EMOTION_SIDE)
        for frame in decode.decode_frames(MOVIE, walk.scan, 0, len(walk.scan))
        for box in boxes.get(frame.index, ())
    ]
    exact = registry.emotion_entry("two-headed").build().classify(np.stack(faces)).argmax(axis=1)
    same = float((rows[list(EMOTIONS)].to_numpy().argmax(axis=1) == exact).mean())
    figure(f"labels of {len(faces)} faces that int8 and float give alike: {same:.4f}")
    assert len(faces) == len(rows) > 800
    assert same >= 0.99


def test_judge_on_the_demo(mined: Mined, figure: Figure) -> None:
    truth = ROOT / "videos" / "demo_truth.csv"
    lines = [*judge.lines(judge.judge([mined.folder], truth, PickSettings()))]
    for line in (lines[0], *(x for x in lines if x.split()[0] in ("1", "8", "25"))):
        figure(line)
    precision = {tuple(x.split()[:3]): float(x.split()[6]) for x in lines[1:-1]}
    assert precision["8", "auto", "0.7"] >= precision["8", "5", "0"] >= precision["1", "1", "0"]
    assert all((mined.folder / name).exists() for name in ("judge.csv", "judge.png"))


def test_the_second_call_reuses_the_walk(
    mined: Mined, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.walk.processes.all_models", lambda *_: pytest.fail("walks again"))
    with caplog.at_level(logging.INFO, "pipeline"):
        outcomes = mine.mine(MOVIE, mined.job, lambda total: lambda frames, faces: None)
    assert "walked before, reusing" in caplog.text
    assert outcomes == mined.outcomes


def test_rows_are_as_promised(mined: Mined) -> None:
    sums = mined.rows[list(EMOTIONS)].sum(axis=1)
    assert np.allclose(sums, 1, atol=1e-4)
    assert not mined.rows.duplicated(["frame", "track"]).any()
    order = mined.rows[["frame", "track"]]
    assert order.equals(order.sort_values(["frame", "track"], ignore_index=True))


def test_the_repeater_keeps_what_is_steady(mined: Mined, figure: Figure) -> None:
    kept = {}
    for repeat in (1, 8, 20, 10_000):
        settings = PickSettings(repeat=repeat, smooth=1, sure=0)
        rows = select.steadied(mined.rows, 1, settings)
        kept[repeat] = len(select.steady(select.wanted(rows, "guest", "surprise"), settings)[0])
    figure(f"guest surprise, --smooth 1 --sure 0, by --repeat: {kept}")
    assert kept[1] > kept[8] > kept[20] > kept[10_000] == 0


def test_the_notebook_runs(
    walked_demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("videos", "known_faces"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copytree(walked_demo, tmp_path / "output" / "demo")
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    names: dict[str, object] = {}
    for source in code:
        exec(compile(ast.parse(source), str(NOTEBOOK), "exec"), names)
    happy = names["happy"]
    assert isinstance(happy, pd.DataFrame)
    assert set(happy["person"]) == {"actor", "actress"}
    assert len(code) >= 5
