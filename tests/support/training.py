"""Small labelled data: faces that are a bright square, whose place is the class."""

from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from pipeline.faces import EMOTIONS, Image
from pipeline.models.cards import Card, Input
from pipeline.train.dataset import FERPLUS_CLASSES, Dataset
from pipeline.train.formats import USAGES, VOTES, read_votes

SHARED = Path(__file__).parents[3] / "shared"
KERAS_FILE = SHARED / "models" / "emotion" / "emotion.keras"
PACK = SHARED / "data" / "fer2013" / "fer_pack.npz"
FERPLUS_FILE = PACK.with_name("fer2013new.csv")

KERAS = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]
"""Marks of tests that need Keras; the warning is TensorFlow's own, about itself."""

PRIORS = (
    (0.139155, 0.015187, 0.142708, 0.251315, 0.168240, 0.110453, 0.172942),
    (0.085352, 0.016875, 0.035096, 0.266628, 0.147953, 0.116042, 0.332053),
)
"""Of the shipped network, as in tools/make_emotion.py."""


def squares(n: int, n_classes: int = 7, seed: int = 0) -> Dataset:
    """Rows in turn of all classes, three quarters for training, the rest half and half."""
    draw = np.random.default_rng(seed)
    faces = draw.integers(0, 60, (n, 48, 48)).astype(np.uint8)
    labels = np.arange(n) % n_classes
    for face, label in zip(faces, labels, strict=True):
        y, x = divmod(int(label), 3)
        face[16 * y : 16 * y + 14, 16 * x : 16 * x + 14] += 150
    usage = np.where(np.arange(n) < n * 3 // 4, 0, 1 + np.arange(n) // n_classes % 2)
    votes = np.zeros((n, len(VOTES)), np.float32)
    votes[np.arange(n), [VOTES.index(FERPLUS_CLASSES[label]) for label in labels]] = 8
    votes[:, VOTES.index("unknown")] = 2
    return Dataset(faces, labels, usage, votes)


def csv_text(data: Dataset, header: str = "emotion,pixels,Usage") -> str:
    """The rows as Kaggle writes them, columns as in `header`."""
    lines = [header]
    for face, label, usage in zip(data.faces, data.labels, data.usage, strict=True):
        cells = {"emotion": str(label), "pixels": " ".join(map(str, face.ravel())),
                 "Usage": USAGES[usage]}  # fmt: skip
        lines.append(",".join(cells[name.strip()] for name in header.split(",")))
    return "\n".join(lines) + "\n"


def votes_text(data: Dataset) -> str:
    """The votes as Microsoft writes them."""
    lines = ["Usage,Image name," + ",".join(VOTES)]
    for row, (usage, votes) in enumerate(zip(data.usage, data.votes, strict=True)):
        lines.append(f"{USAGES[usage]},fer{row:07}.png," + ",".join(f"{v:.0f}" for v in votes))
    return "\n".join(lines) + "\n"


def two_headed_file(folder: Path) -> Path:
    """The research network with a card; skips the test where it is absent."""
    if not KERAS_FILE.exists():
        pytest.skip("emotion.keras is not beside the repository")
    path = folder / "two.keras"
    path.write_bytes(KERAS_FILE.read_bytes())
    Card(
        file=path.name, job="emotion", output="logits", classes=EMOTIONS, heads=2, priors=PRIORS,
        tau=0.75, input=Input(dtype="float32", size=(48, 48), mean=127.5, scale=1 / 64),
    ).write(folder)  # fmt: skip
    return path


@cache
def fer2013() -> Dataset:
    """The whole of FER2013 with its FER+ votes; skips the test where it is absent."""
    if not PACK.exists():
        pytest.skip("FER2013 is not beside the repository")
    with np.load(PACK) as pack:
        ends, n = pack["ends"], int(pack["n"])
        starts = np.r_[0, ends[:-1]]
        sheets = [_tiles(pack["blob"][a:b].tobytes()) for a, b in zip(starts, ends, strict=True)]
        faces = np.concatenate(sheets)[:n][pack["inv"]]
        labels, usage = pack["y"].astype(np.int64), pack["split"].astype(np.int64)
    return Dataset(faces, labels, usage, read_votes(FERPLUS_FILE, usage))


def _tiles(data: bytes) -> Image:
    """The faces of a sheet of 32 in a line."""
    with Pillow.open(BytesIO(data)) as picture:
        sheet = np.asarray(picture.convert("L"))
    return sheet.reshape(32, 48, 32, 48).transpose(0, 2, 1, 3).reshape(-1, 48, 48)
