"""Faces without labels, taught by networks."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.errors import DataError, ModelError
from pipeline.faces import EMOTIONS, Image
from pipeline.models import registry
from pipeline.train import unlabelled
from tests.support.training import squares


def write_faces(folder: Path, faces: Image) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, face in enumerate(faces):
        cv2.imwrite(str(folder / f"{number:03}.png"), face)
    return folder


def test_each_new_face_comes_once(tmp_path: Path) -> None:
    known, new = squares(14).faces, squares(7, seed=1).faces
    one = write_faces(tmp_path / "one" / "deeper", np.concatenate([known[:2], new[:5]]))
    two = write_faces(tmp_path / "two", new[3:])
    found = unlabelled.new_faces([one.parent, two], known)
    assert np.array_equal(found, new)


def test_a_folder_without_pictures_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no pictures; wanted faces without labels"):
        unlabelled.new_faces([tmp_path], squares(7).faces)


def test_teachers_are_averaged() -> None:
    faces = squares(7).faces
    names = list(registry.EMOTION_MODELS)
    each = [registry.emotion_entry(name).build().classify(faces) for name in names]
    found = unlabelled.answers(faces, names, EMOTIONS)
    assert found == pytest.approx(np.mean(each, axis=0), abs=1e-5)
    assert np.abs(each[0] - each[1]).max() > 1e-3
    few = unlabelled.answers(faces, names, ("happy", "sad"))
    assert few.shape == (7, 2)
    assert few.sum(axis=1) == pytest.approx(np.ones(7), abs=1e-5)


def test_an_unknown_teacher_is_told() -> None:
    with pytest.raises(ModelError, match="no network is called 'nobody'"):
        unlabelled.answers(squares(7).faces, ["nobody"], EMOTIONS)


def test_what_is_learnt_is_corrected_back_to_what_the_teacher_says() -> None:
    draw = np.random.default_rng(0)
    said, priors = (draw.dirichlet(np.ones(7), n).astype(np.float32) for n in (5, 2))
    learnt = unlabelled.targets_of(said, priors, 0.75)
    assert learnt.shape == (5, 2, 7)
    corrected = learnt / priors**0.75
    corrected /= corrected.sum(axis=2, keepdims=True)
    assert corrected == pytest.approx(np.repeat(said[:, None], 2, axis=1), abs=1e-5)


@pytest.mark.parametrize("voted", [True, False])
def test_appended_rows_are_training_rows(voted: bool) -> None:
    data = squares(14)
    if not voted:
        data = replace(data, votes=data.votes[:0])
    said = np.eye(7, dtype=np.float32)[[3, 3, 1]]
    more = unlabelled.appended(data, squares(3, seed=1).faces, said)
    assert (len(more), more.labels[14:].tolist(), more.usage[14:].tolist()) == (
        17, [3, 3, 1], [0, 0, 0]
    )  # fmt: skip
    assert len(more.votes) == (17 if voted else 0)
