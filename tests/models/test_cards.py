"""Cards of networks, and the weights that lie in the package."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ModelError
from pipeline.models.cards import WEIGHTS, Card

CARD: dict[str, Any] = {
    "file": "net.onnx",
    "sha256": hashlib.sha256(b"weights").hexdigest(),
    "job": "emotion",
    "classes": ["sad", "happy"],
    "licence": "MIT",
}
CARDS = sorted(WEIGHTS.glob("*.json"))


def put(folder: Path, facts: Any, weights: bytes | None = b"weights") -> Path:
    """Writes a card, and a network's file unless `weights` is None."""
    path = folder / "net.onnx"
    path.with_suffix(".json").write_text(facts if isinstance(facts, str) else json.dumps(facts))
    if weights is not None:
        path.write_bytes(weights)
    return path


def test_a_card_is_read_and_its_file_checked(tmp_path: Path) -> None:
    path = put(tmp_path, CARD)
    card = Card.beside(path)
    assert card == Card(path, CARD["sha256"], "emotion", ("sad", "happy"), "MIT")
    assert card.checked() == path


@pytest.mark.parametrize("classes", [None, []])
def test_a_network_may_have_no_classes(tmp_path: Path, classes: Any) -> None:
    assert Card.beside(put(tmp_path, CARD | {"classes": classes})).classes == ()


@pytest.mark.parametrize("missing", CARD)
def test_a_card_without_a_fact_is_refused(tmp_path: Path, missing: str) -> None:
    path = put(tmp_path, {k: v for k, v in CARD.items() if k != missing})
    with pytest.raises(ModelError, match=f"not a network's card .*{missing}.*wanted"):
        Card.beside(path)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "7", '"text"', '{"file": 7}', json.dumps(CARD | {"file": ""})],
    ids=["empty", "torn", "a list", "a number", "a text", "a number for a file", "no name"],
)
def test_what_is_no_card_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(ModelError, match=r"net\.json: not a network's card"):
        Card.beside(put(tmp_path, content))


def test_a_card_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path, CARD)
    path.with_suffix(".json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(ModelError, match="not a network's card"):
        Card.beside(path)


def test_a_missing_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"net\.json: no card beside net\.onnx; install again"):
        Card.beside(tmp_path / "net.onnx")


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_a_missing_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = put(tmp_path, CARD, weights=None)
    if kind == "folder":
        path.mkdir()
    with pytest.raises(ModelError, match=r"net\.onnx: missing; install mine-video again"):
        Card.beside(path).checked()


@pytest.mark.parametrize("weights", [b"", b"weight", b"weights!", b"Weights"])
def test_a_changed_file_is_refused(tmp_path: Path, weights: bytes) -> None:
    path = put(tmp_path, CARD, weights)
    with pytest.raises(ModelError, match="changed or cut") as caught:
        Card.beside(path).checked()
    assert hashlib.sha256(weights).hexdigest()[:12] in str(caught.value)
    assert CARD["sha256"][:12] in str(caught.value)


@pytest.mark.parametrize("place", CARDS, ids=lambda p: p.stem)
def test_each_card_of_the_package_describes_its_file(place: Path) -> None:
    name = json.loads(place.read_text())["file"]
    card = Card.beside(place.with_name(name))
    assert card.checked() == WEIGHTS / name
    assert card.job in ("detect", "landmarks", "identity", "emotion")
    assert card.licence
    assert (WEIGHTS.parents[2] / json.loads(place.read_text())["made_by"]).is_file()


def test_each_file_of_the_package_has_a_card() -> None:
    described = {json.loads(place.read_text())["file"] for place in CARDS}
    files = {p.name for p in WEIGHTS.iterdir() if p.suffix not in (".json", ".md")}
    assert files == described
