"""Reviewing the demo's picks with the real networks: later picks and judge use the decisions."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from pipeline import mine
from pipeline.disk import manifest as manifests
from pipeline.errors import PeopleError
from pipeline.faces import NO_EMOTION
from pipeline.judge import judge
from pipeline.models.registry import face_models
from pipeline.people.photo import embed
from pipeline.review import desk
from pipeline.review.labels import ASIDE, LABELS, label_of
from pipeline.review.not_photos import NotPhotos
from pipeline.settings import Job, PickSettings
from tests.support.demo import copied
from tests.support.puppet import silent

ROOT = Path(__file__).parents[2]
MOVIE = ROOT / "videos" / "demo.mp4"
HAPPY = ("actress", "happy")
Figure = Callable[[str], None]


@pytest.fixture(scope="module")
def job(walked_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Picks the demo's happy actress and decides on every seventh crop, accepting half of them."""
    job = Job(
        people=HAPPY[:1], emotions=HAPPY[1:], output=tmp_path_factory.mktemp("review"),
        known_faces=ROOT / "known_faces", report=False,
    )  # fmt: skip
    copied(walked_demo, job)
    mine.mine(MOVIE, job, silent)
    folder = job.output / "demo"
    files = list(desk.picked(folder, *HAPPY).crops)[::7]
    looks = {file: NO_EMOTION if number % 2 else "happy" for number, file in enumerate(files)}
    desk.decide(folder, HAPPY, looks, job.known_faces)
    return job


def _frames(place: Path) -> set[int]:
    return {int(path.name.split("_f")[1][:7]) for path in place.glob("*_f*.jpg")}


def test_the_photo_of_a_stranger_shows_one_face(job: Job, figure: Figure, tmp_path: Path) -> None:
    """Read as by the gallery; a crop also shows whoever is beside the face."""
    folder = job.output / "demo"
    walk = manifests.read(folder)
    models = face_models(walk.settings)
    photos = NotPhotos(folder, walk.scan.stream.size, tmp_path)
    (tmp_path / "actress").mkdir()
    now = desk.picked(folder, *HAPPY)
    every = list(now.crops.values())[::12]
    crowded = 0
    for crop in every:
        photos.add(label_of(crop, desk.STRANGER, walk.fingerprint, crop["file"]))
        assert len(embed(tmp_path / "actress" / "not" / crop["file"], models)[0]) == 128
        path = now.path_of(crop["file"])
        assert path is not None
        try:
            embed(path, models)
        except PeopleError:
            crowded += 1
    figure(f"one face in {len(every)} of {len(every)} photos; more in {crowded} of the crops")
    assert len(every) > 10 > crowded > 0


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(PickSettings(), id="as before"),
        pytest.param(PickSettings(repeat=1, smooth=1, sure=0), id="without filters"),
        pytest.param(PickSettings(smooth=15, per_run=2), id="smoothed more and thinned"),
    ],
)
def test_picking_again_goes_by_what_was_decided(
    job: Job, settings: PickSettings, figure: Figure
) -> None:
    folder = job.output / "demo"
    place = folder.joinpath(*HAPPY)
    labels = pd.read_csv(folder / LABELS)
    (outcome,) = mine.pick(folder, replace(job, pick=settings))
    frames = {d: set(own["first"]) for d, own in labels.groupby("decision")}
    figure(
        f"{len(frames['accepted'])} accepted, {len(frames['rejected'])} rejected; picked again "
        f"{outcome.seen} seen, {outcome.steady} kept"
    )
    assert len(frames["rejected"]) > 10
    assert not _frames(place) & frames["rejected"]
    assert _frames(place / ASIDE) == frames["rejected"]
    crops = pd.read_csv(place / "crops.csv")
    assert frames["accepted"] <= set(crops["frame"])
    assert outcome.steady == len(crops) == len(_frames(place))
    now = desk.picked(folder, *HAPPY).progress
    assert (now.decided, now.accepted) == (len(labels), len(frames["accepted"]))


def test_judge_reads_the_labels_as_truth(job: Job, figure: Figure) -> None:
    folder = job.output / "demo"
    judge.judge([folder], folder / LABELS, PickSettings())
    labels = pd.read_csv(folder / LABELS)
    with (folder / "judge.csv").open(newline="") as file:
        judged = {(r["emotion"], r["repeat"], r["sure"]): r for r in csv.DictReader(file)}
    happy = judged["happy", "8", "0.7"]
    share = (labels["decision"] == "accepted").mean()
    figure(f"of {len(labels)} decided {share:.4f} are right; judge says {happy['precision']}")
    assert int(happy["picked"]) == len(labels)
    assert float(happy["precision"]) == pytest.approx(share, abs=1e-4)
    assert float(happy["recall"]) == 1
