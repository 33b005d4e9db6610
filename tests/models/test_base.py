"""What all networks share."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.faces import Floats, Image
from pipeline.models.base import unit_embeddings
from tests.support.examples import examples
from tests.support.movies import noise


class Corners:
    """Descriptors that tell a chip from its mirror image: five of its first row's pixels."""

    def embed(self, faces: Image) -> Floats:
        assert faces.flags.c_contiguous
        return faces[:, 0, [0, 1, 2, -2, -1], 0].astype(np.float32) - 100


small_chips = st.integers(0, 5).flatmap(
    lambda n: st.integers(0, 2**32 - 1).map(
        lambda seed: np.array(noise(n, width=8, height=8, seed=seed), np.uint8).reshape(n, 8, 8, 3)
    )
)


@settings(max_examples=examples(40))
@given(faces=small_chips)
def test_unit_embeddings_have_length_1_and_know_no_sides(faces: Image) -> None:
    before = faces.copy()
    found = unit_embeddings(Corners(), faces, mirrored=True)
    assert found.shape == (len(faces), 5)
    assert found.dtype == np.float32
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(len(faces)), abs=1e-5)
    mirrored = np.ascontiguousarray(faces[:, :, ::-1])
    assert np.array_equal(unit_embeddings(Corners(), mirrored, mirrored=True), found)
    assert np.array_equal(faces, before)
    alone = [
        unit_embeddings(Corners(), faces[i : i + 1], mirrored=True)[0] for i in range(len(faces))
    ]
    assert all(np.array_equal(a, b) for a, b in zip(alone, found, strict=True))


def test_a_unit_embedding_is_the_mean_of_both_sides() -> None:
    faces = np.zeros((1, 8, 8, 3), np.uint8)
    faces[0, 0, :, 0] = [110, 100, 100, 0, 0, 100, 100, 130]
    wanted = np.array([20, 0, 0, 0, 20]) / np.sqrt(800)
    assert unit_embeddings(Corners(), faces, mirrored=True)[0] == pytest.approx(wanted, abs=1e-6)


def test_a_descriptor_of_zeros_stays_finite() -> None:
    faces = np.full((2, 8, 8, 3), 100, np.uint8)
    assert np.array_equal(
        unit_embeddings(Corners(), faces, mirrored=True), np.zeros((2, 5), np.float32)
    )


@settings(max_examples=examples(20))
@given(faces=small_chips)
def test_films_are_not_mirrored(faces: Image) -> None:
    raw = Corners().embed(faces)
    length = np.linalg.norm(raw, axis=1, keepdims=True)
    found = unit_embeddings(Corners(), faces, mirrored=False)
    assert np.allclose(found * length, raw, atol=1e-3)
