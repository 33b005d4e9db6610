"""Names and paths of backends, and the remarks about them before they run."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import ModelError
from pipeline.faces import EMOTIONS
from pipeline.models import registry
from pipeline.models.cards import Card
from pipeline.settings import WalkSettings


def network(folder: Path, name: str, content: bytes = b"weights", **facts: object) -> Path:
    """A file and its card; the file is not a network, but is never loaded."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    Card(file=name, **({"job": "emotion", "classes": EMOTIONS} | facts)).write(folder)  # type: ignore[arg-type]
    return path


def emotion(path: Path | str) -> str:
    return registry.identities(WalkSettings(emotion=str(path)))["emotion"]


@pytest.mark.parametrize(("name", "kind"), [("a.onnx", "OnnxEmotion"), ("a.keras", "KerasEmotion")])
def test_a_path_is_a_network(tmp_path: Path, name: str, kind: str) -> None:
    entry = registry.emotion_entry(str(tmp_path / name))
    assert (entry.name, entry.path) == (kind, tmp_path / name)
    assert ("device" in entry.takes) == (kind == "OnnxEmotion")


def test_a_relative_path_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network(tmp_path, "a.onnx")
    monkeypatch.chdir(tmp_path)
    settings = WalkSettings(emotion="a.onnx")
    monkeypatch.chdir("/")
    assert registry.identities(settings)["emotion"] == emotion(tmp_path / "a.onnx")


@pytest.mark.parametrize("name", ["eye", "a.h5", "two-headed.txt", ""])
def test_what_is_neither_name_nor_path_is_told(name: str) -> None:
    with pytest.raises(
        ModelError,
        match=r"two-headed, two-headed-int8, or give the path of a file \.onnx or \.keras",
    ):
        registry.emotion_entry(name)


def test_networks_of_one_name_are_told_apart_by_content_and_card(tmp_path: Path) -> None:
    same = [network(tmp_path / place, "a.onnx") for place in ("1", "2")]
    content = network(tmp_path / "3", "a.onnx", b"others")
    card = network(tmp_path / "4", "a.onnx", classes=tuple(reversed(EMOTIONS)))
    kind = network(tmp_path / "5", "a.keras")
    first, second, *others = (emotion(path) for path in (*same, content, card, kind))
    assert first == second
    assert len({first, *others}) == 4


def test_a_file_that_changes_is_another_network(tmp_path: Path) -> None:
    path = network(tmp_path, "a.onnx")
    before = emotion(path)
    path.write_bytes(b"trained again")
    assert emotion(path) != before


def test_a_network_that_is_gone_is_told(tmp_path: Path) -> None:
    path = network(tmp_path, "a.onnx")
    path.unlink()
    with pytest.raises(
        ModelError, match=r"a\.onnx: missing; .* if the network is your own, put it back"
    ):
        emotion(path)


def test_the_gallery_does_not_ask_for_the_emotion_network(tmp_path: Path) -> None:
    gone = WalkSettings(emotion=str(tmp_path / "gone.onnx"))
    assert registry.face_identities(gone) == registry.face_identities(WalkSettings())


def test_classes_that_do_not_fit_are_remarked(tmp_path: Path) -> None:
    path = network(
        tmp_path, "a.onnx", classes=("happy", "sad", "contempt", "unknown", *EMOTIONS[:3])
    )
    remarks = list(registry.remarks(WalkSettings(emotion=str(path)), "cpu"))
    assert remarks == [
        f"{path}: ignoring its classes contempt, unknown, which this program does not use",
        f"{path}: has no class for surprise, neutral; no face will get such a label",
    ]
    assert list(registry.remarks(WalkSettings(), "cpu")) == []


def test_a_keras_file_runs_where_keras_puts_it(tmp_path: Path) -> None:
    path = network(tmp_path, "a.keras")
    remarks = list(registry.remarks(WalkSettings(emotion=str(path)), "cuda"))
    assert remarks == [f"--device cuda has no effect on --emotion-model {path}"]


def test_what_is_listed_here_can_be_sent() -> None:
    sent = pickle.loads(pickle.dumps(registry.entries()))
    assert sent == registry.entries()


def test_each_recognizer_has_its_own_tolerances() -> None:
    names = {
        name: registry.tolerances(WalkSettings(recognizer=name)).name
        for name in registry.RECOGNIZERS
    }
    assert names == {"sface": 0.97, "dlib": 0.38, "face_recognition": 0.38}
    assert registry.tolerances(WalkSettings(), None).name == 0.97
    assert registry.tolerances(WalkSettings(), 0.5).name == 0.5
    assert registry.tolerances(WalkSettings(), 0).name < 1e-5


def test_each_recognizer_has_an_aligner() -> None:
    assert registry.ALIGNERS.keys() == registry.RECOGNIZERS.keys()


def test_a_card_without_tolerances_is_told(tmp_path: Path) -> None:
    path = network(tmp_path, "own.onnx", job="identity", classes=())
    with pytest.raises(ModelError, match=r"own\.onnx: its card has no tolerances; add them"):
        registry.tolerances(WalkSettings(recognizer=str(path)))


# --- networks of earlier versions ---------------------------------------------------------------

OLD = WalkSettings(recognizer="dlib-onnx")


def test_a_network_that_is_gone_has_its_tolerance_still() -> None:
    assert registry.tolerances(OLD).name == 0.38


@pytest.mark.parametrize("use", [registry.identities, registry.all_models])
def test_a_network_of_an_earlier_version_is_told_by_its_name(
    use: Callable[[WalkSettings], object],
) -> None:
    with pytest.raises(ModelError, match="dlib-onnx is no longer part of mine-video; --rewalk"):
        use(OLD)


def test_only_embeddings_of_the_same_networks_compare() -> None:
    usual = WalkSettings()
    now = registry.identities(usual)
    assert registry.compares(usual, now)
    assert registry.compares(usual, now | {"detector": "Other 1 2", "emotion": "Other 1 2"})
    assert registry.compares(usual, {"aligner": f"{now['aligner']}"})
    for job in ("aligner", "recognizer"):
        assert not registry.compares(usual, now | {job: "Other 1 2"})
        name, file, how = now[job].split()
        assert not registry.compares(usual, now | {job: f"{name} {file[:-1]}x {how}"})
        assert registry.compares(usual, now | {job: f"{name} {file}"})
    assert not registry.compares(OLD, {})


def test_what_the_file_that_today_s_only_rounds_told_of_faces_compares() -> None:
    now = registry.identities(WalkSettings())
    earlier = now | {"recognizer": f"{registry.SFACE_UNROUNDED} 6aaa747e50b36aeb"}
    assert earlier != now
    assert registry.compares(WalkSettings(), earlier)
    assert registry.as_walked(earlier, now) == earlier
    other = now | {"recognizer": "DlibResnet 1 2"}
    assert registry.as_walked(earlier, other) == other
    assert registry.as_walked({}, now) == now


@pytest.mark.parametrize("job", ["emotion", "recognizer"])
def test_networks_on_other_computers_are_not_asked_for(
    job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows, reading from a share tells its host who asks; a walk.json may name one."""
    monkeypatch.setattr(registry, "connects", lambda path: True)
    settings = WalkSettings(**{job: "/share/own.onnx"})  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="is on another computer; copy network and card"):
        registry.identities(settings)
