"""A few seconds of the demo with networks other than the default ones."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image as Pillow

from pipeline import mine
from pipeline.disk import faces_csv
from pipeline.disk import manifest as manifests
from pipeline.errors import ModelError, TableError
from pipeline.faces import EMOTIONS
from pipeline.models.onnx_session import CUDA
from pipeline.settings import Job, WalkSettings
from tests.support.networks import users_keras, users_onnx
from tests.support.stills import DLIB, KERAS, ORIGINALS, needs

ROOT = Path(__file__).parents[1]
MOVIE = ROOT / "videos" / "demo.mp4"

TWO_PEOPLE = range(2074, 2115)
"""Frames in which both look at the camera, by videos/demo_truth.csv."""


def silent(total: int) -> Callable[[int, int], None]:
    return lambda frames, faces: None


def walked(
    output: Path,
    frames: range,
    settings: WalkSettings,
    workers: int = 1,
    known: Path = ROOT / "known_faces",
) -> Path:
    """Walks some frames of the demo; returns the folder."""
    job = Job(
        walk=replace(settings, start=frames.start / 25, end=frames.stop / 25),
        output=output,
        known_faces=known,
        workers=workers,
    )
    return mine.walk(MOVIE, job, silent)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(WalkSettings(detector="hog"), marks=needs(*DLIB)),
        pytest.param(WalkSettings(recognizer="dlib"), marks=needs(*DLIB)),
        pytest.param(WalkSettings(recognizer="face_recognition"), marks=needs(*ORIGINALS)),
    ],
    ids=["hog", "dlib", "face_recognition"],
)
def test_two_people_bear_their_names(tmp_path: Path, settings: WalkSettings) -> None:
    rows = faces_csv.read_faces(walked(tmp_path, TWO_PEOPLE, settings) / "faces.csv")
    named = {frame: sorted(own) for frame, own in rows.groupby("frame")["person"]}
    assert named == {frame: ["actor", "actress"] for frame in TWO_PEOPLE}
    assert rows["happy"].mean() > 0.5


@needs(*DLIB)
def test_cnn_finds_the_actress(tmp_path: Path) -> None:
    """A few small frames and one small photo, because each takes seconds."""
    frames, known = range(2400, 2403), tmp_path / "known"
    known.mkdir()
    with Pillow.open(ROOT / "known_faces" / "actress.jpg") as photo:
        photo.resize((200, 200)).save(known / "actress.png")
    folder = walked(tmp_path, frames, WalkSettings(detector="cnn", width=320), known=known)
    rows = faces_csv.read_faces(folder / "faces.csv")
    assert rows["frame"].tolist() == [*frames]
    assert set(rows["person"]) == {"actress"}


@pytest.mark.skipif(CUDA in onnxruntime.get_available_providers(), reason="CUDA is here")
@pytest.mark.parametrize("workers", [1, 2])
def test_the_device_reaches_whoever_walks(tmp_path: Path, workers: int) -> None:
    """With an empty gallery, no network runs before those of the walk."""
    job = Job(
        walk=WalkSettings(start=9.6, end=10.6),
        output=tmp_path,
        known_faces=tmp_path,
        workers=workers,
        device="cuda",
    )
    with pytest.raises(ModelError, match="--device cuda: the installed onnxruntime has no CUDA"):
        mine.walk(MOVIE, job, silent)


@pytest.mark.parametrize(
    ("make", "absent"),
    [
        (users_onnx, ["disgust"]),
        pytest.param(users_keras, ["angry", "disgust", "fear", "surprise"], marks=needs(*KERAS)),
    ],
    ids=["onnx", "keras"],
)
def test_an_emotion_network_of_ones_own(
    tmp_path: Path, make: Callable[[Path], Path], absent: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """In two worker processes, across the border of two parts."""
    settings = WalkSettings(emotion=str(make(tmp_path)), detect_every=10)
    folder = walked(tmp_path / "out", range(700, 704), settings)
    assert f"has no class for {', '.join(absent)}" in caplog.text
    rows = faces_csv.read_faces(folder / "faces.csv")
    assert len(rows) > 0
    assert (rows[absent] == 0).all(axis=None)
    assert rows[list(EMOTIONS)].sum(axis=1).to_numpy() == pytest.approx(
        np.ones(len(rows)), abs=1e-3
    )


def test_an_emotion_network_goes_with_the_workers_and_may_move(tmp_path: Path) -> None:
    path, frames = users_onnx(tmp_path), range(240, 262)
    settings = WalkSettings(emotion=str(path), every=2)
    folder = walked(tmp_path / "out", frames, settings, workers=2)
    assert len(manifests.read(folder).parts) == 2
    alone = walked(tmp_path / "alone", frames, settings)
    for name in ("faces.csv", "tracks.npz"):
        assert (folder / name).read_bytes() == (alone / name).read_bytes()

    moved = tmp_path / "nets"
    moved.mkdir()
    for file in (path, path.with_suffix(".json")):
        file.rename(moved / file.name)
    with pytest.raises(ModelError, match=r"mine\.onnx: missing; .*give its path"):
        walked(tmp_path / "out", frames, settings)
    again = replace(settings, emotion=str(moved / path.name))
    assert walked(tmp_path / "out", frames, again) == folder
    assert manifests.read(folder).settings.emotion == str(moved / path.name)

    with (moved / path.name).open("ab") as changed:
        changed.write(b"\0")
    with pytest.raises(TableError, match="the emotion network is a different one"):
        walked(tmp_path / "out", frames, again)
