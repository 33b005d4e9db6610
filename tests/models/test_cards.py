"""Cards of networks, and the weights in the package."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ModelError, OutputError
from pipeline.models.cards import WEIGHTS, Card, CardSource, Input, Tolerances
from pipeline.models.emotion import Reading

CARD: dict[str, Any] = {
    "file": "net.onnx",
    "sha256": hashlib.sha256(b"weights").hexdigest(),
    "job": "emotion",
    "classes": ["sad", "happy"],
    "licence": "MIT",
}
TOLERANCES: dict[str, Any] = {
    "name": 0.97, "sure": 0.87, "link": 1.06, "cast": 1.04, "clear": 0.15, "alike": 0.95,
    "misfit": 1.15, "first": [32.5, -35, 8.25], "second": [58, -7.3, -44.5],
}  # fmt: skip
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
    assert card == Card(**CARD)
    assert (card.path, card.classes) == (path, ("sad", "happy"))
    assert card.checked() == path


@pytest.mark.parametrize("classes", [None, []])
def test_a_network_may_have_no_classes(tmp_path: Path, classes: Any) -> None:
    assert Card.beside(put(tmp_path, CARD | {"classes": classes})).classes == ()


@pytest.mark.parametrize("missing", ["file", "job"])
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
    (tmp_path / "net.onnx").write_bytes(b"weights")
    with pytest.raises(
        ModelError, match=r"net\.json: no card beside net\.onnx; write one"
    ) as caught:
        Card.beside(tmp_path / "net.onnx")
    example = str(caught.value).partition("example:\n")[2]
    path = put(tmp_path, example)
    Reading(Card.beside(path))  # It is a card that can be used as it is.


def test_a_missing_card_of_our_own_is_not_to_be_written() -> None:
    with pytest.raises(ModelError, match=r"LICENCES\.json: no card .*; install mine-video again$"):
        Card.beside(WEIGHTS / "LICENCES.md")


def test_what_is_altogether_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"net\.onnx: missing; .*give its path"):
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
    with pytest.raises(ModelError, match="changed or cut off") as caught:
        Card.beside(path).checked()
    assert hashlib.sha256(weights).hexdigest()[:12] in str(caught.value)
    assert CARD["sha256"][:12] in str(caught.value)


# --- facts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"class": ["sad"]}, "class: unknown; a card may have file, job, sha256, input"),
        ({"output": "softmax"}, "output is 'softmax'"),
        ({"classes": "sad"}, "classes is 'sad', wanted a list"),
        ({"classes": ["sad", "sad"]}, "different names"),
        ({"classes": ["sad", 7]}, "classes is 7, wanted a text"),
        ({"heads": 0}, "heads is 0"),
        ({"heads": "two"}, "heads is 'two'"),
        ({"heads": True}, "heads is True"),
        ({"tau": 1}, "tau needs priors"),
        ({"priors": [[0.5, 0.5]]}, "both need output logits"),
        ({"priors": [[0.5, 0.5, 1]], "output": "logits"}, r"\[3\] numbers, wanted 1 lists of 2"),
        ({"priors": [[0.5, 0]], "output": "logits"}, "all above 0"),
        ({"priors": [0.5, 0.5], "output": "logits"}, "wanted numbers"),
        ({"tau": "much"}, "tau is .*wanted numbers"),
        ({"input": {"dtype": "float64"}}, "input.dtype is 'float64'"),
        ({"input": {"layout": "HWC"}}, "input.layout is 'HWC'"),
        ({"input": {"colour": "gray"}}, "input.colour is 'gray'"),
        ({"input": {"size": [48]}}, "wanted .height, width"),
        ({"input": {"size": [48.5, 48]}}, "wanted .height, width"),
        ({"input": {"size": 48}}, "wanted numbers"),
        ({"input": {"mean": 127.5}}, "need dtype float32"),
        ({"input": {"dtype": "float32", "mean": [1, 2, 3]}}, "3 numbers for grey"),
        ({"input": {"dtype": "float32", "scale": [1e999]}}, "wanted numbers"),
        ({"input": {"side": 48}}, "side"),
        ({"input": []}, "must be a mapping"),
        ({"tolerances": TOLERANCES | {"name": 0}}, "tolerances.name is 0.0, wanted a number up to"),
        ({"tolerances": TOLERANCES | {"cast": 2.1}}, "tolerances.cast is 2.1"),
        ({"tolerances": TOLERANCES | {"sure": True}}, "tolerances.sure is .*wanted numbers"),
        ({"tolerances": TOLERANCES | {"alike": None}}, "tolerances.alike is .*wanted numbers"),
        ({"tolerances": TOLERANCES | {"first": [1, 2]}}, "tolerances.first are 2 numbers, wanted"),
        ({"tolerances": TOLERANCES | {"second": 3}}, "tolerances.second is 3, wanted numbers"),
        ({"tolerances": TOLERANCES | {"name": 1e999}}, "tolerances.name is .*wanted numbers"),
        ({"tolerances": TOLERANCES | {"near": 1}}, "near"),
        ({"tolerances": {"cast": 1}}, "must be a mapping with name"),
        ({"tolerances": 1}, "must be a mapping"),
    ],
    ids=str,
)
def test_a_wrong_fact_is_told(tmp_path: Path, facts: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=rf"net\.json: not a network's card .*{message}"):
        Card.beside(put(tmp_path, CARD | facts))


FULL = Card(
    file="net.onnx",
    job="emotion",
    input=Input("faces", "float32", "NCHW", "RGB", (32, 32), (1.0, 2.0, 3.0), 0.5),
    outputs=("answer",),
    output="logits",
    classes=("sad", "happy"),
    heads=2,
    priors=((0.25, 0.75), (0.5, 0.5)),
    tau=0.75,
    tolerances=Tolerances(**TOLERANCES),
    source=CardSource("package", "1.0", "net.h5", "ab"),
    licence="MIT",
    copyright="nobody",
    made_by="hand",
    note="Wörter",
)


@pytest.mark.parametrize("card", [FULL, Card(file="net.onnx", job="detect")], ids=["full", "short"])
def test_a_card_that_is_written_comes_back(tmp_path: Path, card: Card) -> None:
    (tmp_path / "net.onnx").write_bytes(b"weights")
    assert card.write(tmp_path) == tmp_path / "net.json"
    found = Card.beside(tmp_path / "net.onnx")
    assert replace(found, sha256="") == card
    assert found.checked() == tmp_path / "net.onnx"


def test_tolerances_are_read_as_they_stand(tmp_path: Path) -> None:
    found = Card.beside(put(tmp_path, CARD | {"tolerances": TOLERANCES})).tolerances
    assert found is not None
    assert {name: getattr(found, name) for name in TOLERANCES} == {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in TOLERANCES.items()
    }


def test_two_files_of_one_stem_have_cards_of_their_own(tmp_path: Path) -> None:
    names = ("net.keras", "net.onnx")
    for _ in range(2):
        for name in names:
            (tmp_path / name).write_bytes(name.encode())
            Card(file=name, job="emotion", note=name).write(tmp_path)
    assert [Card.beside(tmp_path / name).note for name in names] == [*names]
    assert sorted(p.name for p in tmp_path.glob("*.json")) == ["net.json", "net.onnx.json"]


def test_the_card_of_another_file_is_none(tmp_path: Path) -> None:
    put(tmp_path, CARD)
    with pytest.raises(ModelError, match=r"it belongs to net\.onnx, and net\.keras has none"):
        Card.beside(tmp_path / "net.keras")


def test_a_card_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"weights")
    (tmp_path / "net.json").mkdir()
    with pytest.raises(OutputError, match=r"net\.json: cannot be written"):
        FULL.write(tmp_path)


def test_the_identity_holds_what_changes_answers(tmp_path: Path) -> None:
    put(tmp_path, "")

    def identity(**facts: Any) -> str:
        return replace(FULL, folder=tmp_path, **facts).identity

    same = identity()
    assert same == identity(note="other", licence="other", sha256="ab", tolerances=None)
    others = {
        identity(**facts)
        for facts in (
            {"classes": ("happy", "sad")}, {"tau": 0.5}, {"input": None}, {"outputs": ("other",)},
            {"heads": 1, "priors": ((0.25, 0.75),)}, {"priors": ((0.5, 0.5), (0.5, 0.5))},
        )
    }  # fmt: skip
    (tmp_path / "net.onnx").write_bytes(b"Weights")
    assert len(others | {same, identity()}) == 8


@pytest.mark.parametrize("place", CARDS, ids=lambda p: p.stem)
def test_each_card_of_the_package_describes_its_file(place: Path) -> None:
    name = json.loads(place.read_text())["file"]
    card = Card.beside(place.with_name(name))
    assert card.checked() == WEIGHTS / name
    assert card.job in ("detect", "landmarks", "identity", "emotion")
    assert card.licence
    assert card.sha256
    assert (card.tolerances is not None) == (card.job == "identity")
    assert (WEIGHTS.parents[2] / json.loads(place.read_text())["made_by"]).is_file()


def test_each_file_of_the_package_has_a_card() -> None:
    described = {json.loads(place.read_text())["file"] for place in CARDS}
    files = {p.name for p in WEIGHTS.iterdir() if p.suffix not in (".json", ".md")}
    assert files == described


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"input": {"size": [60_000, 60_000]}}, "wanted at most 1024 pixels"),
        ({"heads": 1 << 40}, "wanted at most 10000 answers"),
    ],
)
def test_a_card_asks_for_no_more_than_there_is(
    tmp_path: Path, facts: dict[str, Any], words: str
) -> None:
    (tmp_path / "a.onnx").write_bytes(b"")
    card = {"file": "a.onnx", "job": "emotion", "classes": ["happy", "sad"]} | facts
    (tmp_path / "a.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match=words):
        Card.beside(tmp_path / "a.onnx")
