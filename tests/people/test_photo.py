"""Reading one photo and its face."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageOps, features

from pipeline import crops
from pipeline.errors import PeopleError
from pipeline.faces import Detections, Floats, Image
from pipeline.models.registry import FaceModels, face_models
from pipeline.people.photo import embed, photo_face, photo_memory, read_photo
from pipeline.settings import WalkSettings
from tests.support import puppet
from tests.support.stills import KNOWN, still


def test_a_photo_cut_close_is_tried_with_room_around_it(tmp_path: Path) -> None:
    class Shy(puppet.Detector):
        """Finds no face at the edge of a picture."""

        def _one(self, image: Image) -> Detections:
            edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
            return Detections() if edge.max() > 100 else super()._one(image)

    path = tmp_path / "close.png"
    puppet.photo(path, "anna")
    with Pillow.open(path) as whole:
        whole.crop((20, 20, 110, 110)).save(path)
    models = puppet.models()
    shy = FaceModels(Shy(puppet.WEIGHTS), models.aligner, models.embedder)
    box = np.array([0, 0, 90, 90], np.float32)
    landmarks = 90 * crops.ALIGNED.astype(np.float32)
    seen = []

    class Aligner(puppet.Aligner):
        def chip(self, image: Image, box: Floats, landmarks: Floats) -> Image:
            seen.append((box, landmarks))
            return super().chip(image, box, landmarks)

    chip = photo_face(path, replace(shy, aligner=Aligner(puppet.WEIGHTS))).chip
    assert (chip == models.aligner.chip(read_photo(path), box, landmarks)).all()
    ((own_box, own_landmarks),) = seen
    assert own_box == pytest.approx(box)
    assert own_landmarks == pytest.approx(landmarks), "the room around is taken off again"


def test_a_photo_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    lying = np.zeros((40, 60, 3), np.uint8)
    lying[:, :10] = 255
    exif = Pillow.Exif()
    exif[0x0112] = 6  # Turned clockwise: the left edge becomes the top.
    Pillow.fromarray(lying).save(tmp_path / "a.png", exif=exif)
    image = read_photo(tmp_path / "a.png")
    assert image.shape == (60, 40, 3)
    assert image[:10].min() == 255
    assert image[10:].max() == 0


def test_damaged_exif_data_leave_a_picture_whole(tmp_path: Path) -> None:
    Pillow.new("RGB", (60, 40), (200, 100, 50)).save(tmp_path / "a.png", exif=b"garbage")
    with Pillow.open(tmp_path / "a.png") as photo, pytest.raises(SyntaxError):
        ImageOps.exif_transpose(photo, in_place=True)
    assert read_photo(tmp_path / "a.png").shape == (40, 60, 3)


def test_of_a_huge_photo_no_more_is_read_than_is_needed(tmp_path: Path) -> None:
    with Pillow.open(puppet.photo(tmp_path / "a.png", "anna")) as small:
        small.resize((5040, 5040), Pillow.Resampling.NEAREST).save(tmp_path / "a.png")
    seen = []

    class Aligner(puppet.Aligner):
        def chip(self, image: Image, box: Floats, landmarks: Floats) -> Image:
            sides = float(box[2] - box[0]), float(np.ptp(landmarks[:, 0]))
            seen.append((image.shape, *(side / image.shape[1] for side in sides)))
            return super().chip(image, box, landmarks)

    models = puppet.models()
    photo_face(
        tmp_path / "a.png",
        FaceModels(models.detector, Aligner(puppet.WEIGHTS), models.embedder),
    )
    ((shape, share, across),) = seen
    assert shape == (2520, 2520, 3)
    assert share == pytest.approx(90 / 140, abs=0.01), "the box is that of what was read"
    assert across == pytest.approx(share * np.ptp(crops.ALIGNED[:, 0]), abs=0.01), "landmarks too"


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_any_colour_mode_is_read_as_rgb(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Pillow.new("RGB", (20, 10), (200, 200, 200)).convert(mode).save(path)
    image = read_photo(path)
    assert image.shape == (10, 20, 3)
    assert image.dtype == np.uint8
    assert abs(int(image.mean()) - 200) < 3


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "bmp", "tiff", "gif", "avif"])
def test_kinds_of_files(kind: str, tmp_path: Path) -> None:
    if kind == "avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    path = tmp_path / f"Zoë 写真.{kind}"
    Pillow.new("RGB", (32, 16), (200, 100, 50)).save(path, kind)
    image = read_photo(path)
    assert image.shape == (16, 32, 3)
    assert np.abs(image.reshape(-1, 3).mean(axis=0) - (200, 100, 50)).max() < 6


DEPTHS = [
    pytest.param(np.array([[0, 32768, 65535]], np.uint16), [0, 128, 255], id="16 bit"),
    pytest.param(np.array([[0, 128, 255]], np.int32), [0, 128, 255], id="8 bit in 32"),
    pytest.param(np.array([[0, 70_000, 140_000]], np.int32), [0, 128, 255], id="32 bit"),
    pytest.param(np.array([[0, 0.5, 1]], np.float32), [0, 128, 255], id="shares"),
    pytest.param(np.array([[-5, 128, 255]], np.float32), [0, 128, 255], id="negative"),
    pytest.param(np.array([[np.nan, 1, np.inf]], np.float32), [0, 255, 0], id="no numbers"),
    pytest.param(np.array([[0, 0]], np.uint16), [0, 0], id="black"),
]


@pytest.mark.parametrize(("deep", "wanted"), DEPTHS)
def test_more_than_8_bits_are_scaled(deep: Image, wanted: list[int], tmp_path: Path) -> None:
    Pillow.fromarray(deep).save(tmp_path / "a.tif")
    image = read_photo(tmp_path / "a.tif")
    assert image[0].tolist() == [[grey] * 3 for grey in wanted]


def test_16_bit_png_is_scaled(tmp_path: Path) -> None:
    Pillow.fromarray(np.full((4, 4), 40_000, np.uint16)).save(tmp_path / "a.png")
    assert read_photo(tmp_path / "a.png")[0, 0].tolist() == [156] * 3


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P", "L", "RGB"])
def test_what_is_transparent_is_grey(mode: str, tmp_path: Path) -> None:
    """`P`, `L` and `RGB` mark one colour as transparent."""
    path = tmp_path / "a.png"
    options: dict[str, Any] = {}
    if mode in ("RGBA", "LA"):
        image = Pillow.new(mode, (4, 2), 0)
        image.paste(Pillow.new(mode, (2, 2), "white"), (0, 0))
    elif mode == "PA":
        image = Pillow.new("RGBA", (4, 2), (0, 0, 0, 0))
        image.paste((255, 255, 255, 255), (0, 0, 2, 2))
        image = image.quantize()
    else:
        image = Pillow.new("RGB", (4, 2), "black")
        image.paste("white", (0, 0, 2, 2))
        image = image.convert(mode, palette=Pillow.Palette.ADAPTIVE)
        black = image.getpixel((3, 0))
        options = {"transparency": black}
    image.save(path, **options)
    assert read_photo(path)[0, :, 0].tolist() == [255, 255, 128, 128]


MEASURE = """
import re, sys
from pathlib import Path
from pipeline.people.photo import read_photo
def most():
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
before = most()
print(read_photo(Path(sys.argv[1]), 2400).shape[2])
print(most() - before)
"""


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform != "linux", reason="measures memory in Linux's unit")
@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "PNG", "JPEG"])
def test_a_picture_takes_no_more_memory_than_it_is_said_to(
    tmp_path: Path, kind: str, figure: Callable[[str], None]
) -> None:
    """Of many colours: memory that only holds zeros is none."""
    if kind in ("WEBP", "AVIF") and not features.check(kind.lower()):
        pytest.skip(f"this Pillow reads no {kind}")
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 4), np.uint8)
    mode = "RGB" if kind == "JPEG" else "RGBA"
    picture = Pillow.fromarray(noise).convert(mode).resize((4800, 3200), 0)
    path = tmp_path / f"a.{kind.lower()}"
    fast: dict[str, dict[str, Any]] = {
        "JPEG": {"progressive": True}, "WEBP": {"method": 0}, "AVIF": {"speed": 10},
    }  # fmt: skip
    picture.save(path, **fast.get(kind, {"compress_level": 1}))
    with Pillow.open(path) as photo:
        told = photo_memory(photo)
    call = [sys.executable, "-c", MEASURE, str(path)]
    done = subprocess.run(call, check=True, capture_output=True, text=True)
    taken = int(done.stdout.split()[1]) * 1024
    figure(f"15 million pixels of {kind} take {taken / 1e6:.0f} of {told / 1e6:.0f} MB")
    assert 0.2 * told < taken < 1.05 * told


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform != "linux", reason="measures memory in Linux's unit")
@pytest.mark.parametrize("mode", ["P", "I;16", "RGBA"])
def test_fifty_million_pixels_fit_into_memory(
    tmp_path: Path, mode: str, figure: Callable[[str], None]
) -> None:
    """Files of a few kilobytes, each of which took 0.9 to 1.6 GB."""
    options: dict[str, Any] = {"transparency": bytes(256)} if mode == "P" else {}
    Pillow.new(mode, (4700, 10_600)).save(tmp_path / "bomb.png", **options)
    call = [sys.executable, "-c", MEASURE, str(tmp_path / "bomb.png")]
    done = subprocess.run(call, check=True, capture_output=True, text=True)
    colours, taken = map(int, done.stdout.split())
    figure(f"50 million pixels of {mode} take {taken / 1e3:.0f} MB")
    assert colours == 3
    assert 100_000 < taken < 500_000


@pytest.mark.parametrize(("mode", "refused"), [("RGB", True), ("L", False)])
def test_the_limit_is_memory_not_pixels(
    tmp_path: Path, mode: str, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.people.photo.MOST_PHOTO_BYTES", 60_000)
    Pillow.new(mode, (100, 100)).save(tmp_path / "a.png")
    if refused:
        with pytest.raises(PeopleError, match=r"100 x 100 pixels .RGB. would take more than"):
            read_photo(tmp_path / "a.png")
    else:
        assert read_photo(tmp_path / "a.png").shape == (100, 100, 3)


# --- photos that lie -----------------------------------------------------------------------------

LYING = [(1, "on its side"), (2, "on its head"), (3, "on its side")]


@pytest.fixture(scope="module")
def real() -> FaceModels:
    return face_models(WalkSettings())


def _turned(tmp_path: Path, name: str, turns: int) -> Path:
    path = tmp_path / "turned.png"
    Pillow.fromarray(np.rot90(still(name), turns)).save(path)
    return path


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize(("turns", "how"), LYING)
def test_a_photo_that_lies_is_turned_and_told(
    name: str, turns: int, how: str, real: FaceModels, tmp_path: Path
) -> None:
    embedding, remark = embed(_turned(tmp_path, name, turns), real)
    upright, no_remark = embed(_turned(tmp_path, name, 0), real)
    assert (remark, no_remark) == (f"lies {how}, so it was turned; save it upright", "")
    assert float(np.linalg.norm(embedding - upright)) < 0.2


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("degrees", [-30, -15, 15, 30])
@pytest.mark.parametrize("light", [1.0, 0.25])
def test_a_photo_that_stands_is_not_turned(
    name: str, degrees: float, light: float, real: FaceModels, tmp_path: Path
) -> None:
    photo = Pillow.fromarray((still(name) * light).astype(np.uint8))
    photo.rotate(degrees, Pillow.Resampling.BICUBIC, fillcolor=(90, 90, 90)).save(
        tmp_path / "a.png"
    )
    assert photo_face(tmp_path / "a.png", real).remark == ""


def test_a_photo_that_plainly_stands_is_looked_at_once(tmp_path: Path) -> None:
    calls = []

    class Counting(puppet.Detector):
        def detect(self, images: list[Image]) -> list[Detections]:
            calls.append(len(images))
            return super().detect(images)

    models = puppet.models()
    puppet.photo(tmp_path / "a.png", "anna")
    counting = FaceModels(Counting(puppet.WEIGHTS), models.aligner, models.embedder)
    photo_face(tmp_path / "a.png", counting)
    assert calls == [1]


def test_a_photo_of_several_is_not_turned_until_it_has_one(tmp_path: Path) -> None:
    puppet.photo(tmp_path / "a.png", "anna", "ben")
    with pytest.raises(PeopleError, match="2 faces found"):
        photo_face(tmp_path / "a.png", puppet.models())
