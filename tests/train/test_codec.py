"""H.264 on faces."""

import numpy as np
import pytest

from pipeline.faces import Image
from pipeline.train import codec


def smooth_faces(n: int) -> Image:
    y, x = np.indices((48, 48))
    waves = [128 + 60 * np.sin(x / (3 + k % 5)) + 40 * np.cos(y / (4 + k % 3)) for k in range(n)]
    return np.stack(waves).astype(np.uint8)


@pytest.mark.parametrize("n", [1, 16, 37])
def test_faces_come_back_in_their_places(n: int) -> None:
    faces = smooth_faces(n)
    back = codec.encoded(faces, 20)
    assert back.shape == faces.shape
    assert back.dtype == np.uint8
    assert np.abs(back.astype(int) - faces).mean() < 3
    assert np.array_equal(codec.encoded(faces, 20), back)


def test_a_higher_quantiser_loses_more() -> None:
    faces = smooth_faces(20)
    lost = [np.abs(codec.encoded(faces, q).astype(int) - faces).mean() for q in (20, 30, 40)]
    assert lost == sorted(lost)
    assert lost[2] > 2 * lost[0]


def test_a_share_is_encoded_and_the_rest_stays() -> None:
    faces = np.random.default_rng(0).integers(0, 256, (200, 48, 48)).astype(np.uint8)
    before = faces.copy()
    changed = codec.sometimes_encoded(faces, 0.3, np.random.default_rng(1))
    assert np.array_equal(faces, before)
    touched = (changed != faces).any(axis=(1, 2)).sum()
    assert 40 < touched < 80
    again = codec.sometimes_encoded(faces, 0.3, np.random.default_rng(1))
    assert np.array_equal(changed, again)
    assert np.array_equal(codec.sometimes_encoded(faces, 0.0, np.random.default_rng(1)), faces)
