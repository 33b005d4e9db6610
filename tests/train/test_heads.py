"""Each head of the two-headed network alone."""

import re
from pathlib import Path

import numpy as np
import pytest

from pipeline.models import registry
from pipeline.train import evaluate, heads
from tests.support.training import KERAS, fer2013, squares, two_headed_file

pytest.importorskip("keras", reason="needs the extra `train`")

pytestmark = KERAS


def test_heads_are_softmaxes_of_their_logits(tmp_path: Path) -> None:
    path, faces = two_headed_file(tmp_path), squares(7).faces
    first, second = heads.each_head(path, faces)
    assert heads.n_heads(path) == 2
    for found in (first, second):
        assert found.shape == (7, 7)
        assert np.allclose(found.sum(axis=1), 1, atol=1e-5)
    assert np.abs(first - second).max() > 0.01
    together = registry.emotion_entry(str(path)).build().classify(faces)
    assert np.abs((first + second) / 2 - together).max() > 0.01  # These are prior-corrected.


def test_the_report_tells_both_heads(tmp_path: Path) -> None:
    path = two_headed_file(tmp_path)
    text = "\n".join(evaluate.evaluate(squares(56), [str(path)], tmp_path))
    assert re.search(r"head 1 alone of two\.keras, FER2013 labels +7 +\d\.\d+", text)
    assert re.search(r"head 2 alone of two\.keras, FER\+ majority +7 +\d\.\d+", text)


@pytest.mark.slow
def test_heads_on_fer2013(tmp_path: Path) -> None:
    path = two_headed_file(tmp_path)
    text = "\n".join(evaluate.evaluate(fer2013(), [str(path)], tmp_path))
    first, second = (float(x) for x in re.findall(r"head \d alone.*? +\d{4} +(\d\.\d+)", text))
    assert first >= 0.72
    assert second >= 0.84
