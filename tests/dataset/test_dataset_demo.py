"""A data set of the demo with the real networks, looked at by the detector."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow

from pipeline.dataset.settings import TABLE_FILE
from pipeline.faces import EMOTIONS
from pipeline.models.registry import detector_entry
from pipeline.models.sface import landmark_places, roll
from pipeline.settings import Job
from tests.support.demo import copied
from tests.support.processes import ROOT
from tests.support.program import caller

SHARES = ("--val", "0.2", "--test", "0.2")


def test_the_demo_becomes_faces_that_are_level_whole_and_of_one_size(
    walked_demo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    figure: Callable[[str], None],
) -> None:
    shutil.copytree(ROOT / "known_faces", tmp_path / "known_faces")
    copied(walked_demo, Job(output=tmp_path / "output", known_faces=tmp_path / "known_faces"))
    monkeypatch.chdir(tmp_path)
    run = caller(monkeypatch, capsys)
    asked = ("dataset", "output", "--person", "any", "--emotion", "any", "--to", "faces", *SHARES)

    done = run(*asked)

    assert done.code == 0, done.err
    *counted, place = done.out.splitlines()[1:]
    faces = pd.read_csv(Path("faces") / TABLE_FILE)
    assert place == "faces"
    assert sum(int(n) for line in counted for n in line.split()[2:]) == len(faces) > 35
    assert {(row.split()[0], row.split()[1]) for row in counted} >= {
        ("actor", "happy"), ("actress", "happy"), ("guest", "neutral"),
    }  # fmt: skip
    assert (faces.groupby("shot")["subset"].nunique() == 1).all()
    assert (faces[list(EMOTIONS)].idxmax(axis=1) == faces["emotion"]).all()
    detector, tilts, aside = detector_entry("yunet").build(min_score=0.5), [], []
    for name in faces["file_name"]:
        with Pillow.open(Path("faces", name)) as picture:
            pixels = np.array(picture.convert("RGB"))
        assert pixels.shape == (256, 256, 3)
        found = detector.detect([pixels])[0]
        middle = np.abs((found.boxes[:, :2] + found.boxes[:, 2:]) / 2 - 128).sum(axis=1).argmin()
        assert (found.boxes[middle] > 20).all()
        assert (found.boxes[middle] < 236).all()  # Not cut.
        tilts.append(abs(roll(found.landmarks[middle])))
        aside.append(np.abs(found.landmarks[middle] - landmark_places(256, 0.3)).max())
    figure(
        f"{len(faces)} faces: {np.mean(tilts):.1f} degrees tilted in the mean, {max(tilts):.1f} at "
        f"most; landmarks {np.mean(aside):.1f} of 256 pixels aside, {max(aside):.1f} at most"
    )
    assert max(tilts) < 6
    assert np.mean(aside) < 12
    assert run(*asked, "-v").err.count("is whole, and nothing has changed") == 1
