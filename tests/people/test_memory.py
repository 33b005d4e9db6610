"""The stored embeddings of photos."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from pipeline.disk import npz
from pipeline.faces import Detections, Image
from pipeline.people import gallery, memory
from pipeline.people.gallery import Gallery
from tests.support import puppet
from tests.support.examples import examples
from tests.support.puppet import photo


@pytest.fixture(autouse=True)
def _puppets(monkeypatch: pytest.MonkeyPatch) -> None:
    puppet.plug_in(monkeypatch)


@pytest.fixture
def known(tmp_path: Path) -> Path:
    """Anna with a photo in not/, ben, and a photo without a face."""
    folder = tmp_path / "known"
    photo(folder / "anna" / "1.png", "anna")
    photo(folder / "anna" / "not" / "1.png", 30)
    photo(folder / "ben.png", "ben")
    photo(folder / "nobody.png")
    return folder


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name of the network of each call."""
    calls: list[str] = []
    for kind, name in ((puppet.Detector, "detect"), (puppet.Embedder, "embed")):
        whole = getattr(kind, name)

        def counted(self: Any, images: Any, name: str = name, whole: Any = whole) -> Any:
            calls.append(name)
            return whole(self, images)

        monkeypatch.setattr(kind, name, counted)
    return calls


def load(folder: Path) -> Gallery:
    return memory.load_gallery(folder, puppet.SETTINGS)


def same(one: Gallery, other: Gallery) -> bool:
    return one.people == other.people and all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("embedding", "owner", "other", "other_owner")
    )


def test_a_second_time_no_network_is_asked_or_built(
    known: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(known)
    assert first.owner.tolist() == [0, 1]
    assert first.other_owner.tolist() == [0]
    assert asked.count("embed") == 6, "each photo and its mirrored picture"
    asked.clear()
    monkeypatch.setattr(memory, "face_models", lambda _: pytest.fail("networks are built"))
    assert same(load(known), first)
    assert asked == []


def test_what_is_remembered_is_what_networks_say(known: Path) -> None:
    load(known)
    assert same(load(known), gallery.embed_gallery(known, puppet.models()))


def test_why_a_photo_is_refused_is_told_again(
    known: Path, asked: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    load(known)
    first = caplog.messages
    caplog.clear()
    asked.clear()
    load(known)
    assert caplog.messages == first
    assert first == [f"{known / 'nobody.png'}: {first[0].partition(': ')[2]}"]
    assert "no face found, photo skipped; use one" in first[0]
    assert asked == []


def test_what_is_odd_about_a_photo_is_told_again(
    known: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = puppet.Detector._one

    def lower_if_wide(self: puppet.Detector, image: Image) -> Detections:
        found = whole(self, image)
        scores = found.scores - (image.shape[1] > image.shape[0]) * np.float32(0.1)
        return Detections(found.boxes, scores, found.landmarks)

    monkeypatch.setattr(puppet.Detector, "_one", lower_if_wide)
    with Pillow.open(known / "ben.png") as upright:
        upright.crop((0, 20, upright.width, upright.height - 20)).save(known / "ben.png")
    told = f"{known / 'ben.png'}: lies on its side, so it was turned; save it upright"
    first = load(known)
    assert caplog.messages.count(told) == 1
    assert same(load(known), first)
    assert caplog.messages.count(told) == 2


def test_what_is_no_photo_is_told_by_its_own_name_only(
    known: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("text.png", "other.png"):
        (known / name).write_text("no picture")
    load(known)
    lines = [line for line in caplog.messages if "(unknown format)" in line]
    assert len(lines) == 2
    assert sum("text.png" in line for line in lines) == 1


def test_a_photo_with_other_bytes_is_looked_at_again(known: Path, asked: list[str]) -> None:
    first = load(known)
    before = (known / "ben.png").stat()
    photo(known / "ben.png", "dora")
    os.utime(known / "ben.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    asked.clear()
    second = load(known)
    assert asked == ["detect", "embed", "embed"], "of that photo only"
    assert np.array_equal(second.embedding[0], first.embedding[0])
    assert np.linalg.norm(second.embedding[1] - first.embedding[1]) == pytest.approx(2, abs=0.05)


def test_a_photo_is_known_by_its_bytes_not_its_name(known: Path, asked: list[str]) -> None:
    load(known)
    asked.clear()
    (known / "ben.png").rename(known / "benjamin.png")
    assert load(known).people == ("anna", "benjamin", "nobody")
    assert asked == []


def test_a_photo_that_cannot_be_opened_is_told_and_not_remembered(
    known: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (known / "ben.png").unlink()
    (known / "ben.png").symlink_to("nowhere.png")
    assert load(known).owner.tolist() == [0]
    assert f"{known / 'ben.png'}: cannot be read (No such file or directory)" in caplog.text
    photo(known / "nowhere.png", "ben")
    assert load(known).owner.tolist() == [0, 1, 3]


def test_other_networks_do_not_take_it(known: Path, asked: list[str]) -> None:
    load(known)
    before = len(asked)
    other = puppet.SETTINGS.__class__(**{**_fields(), "min_score": 0.8})
    memory.load_gallery(known, other)
    assert len(asked) == 2 * before


def _fields() -> dict[str, Any]:
    return {name: getattr(puppet.SETTINGS, name) for name in puppet.SETTINGS.__slots__}


def _cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def _foreign(path: Path) -> None:
    path.write_text("hello")


def _pickled(path: Path) -> None:
    np.savez(path, photo=np.array([{}], object), embedding=np.zeros((1, 128)), why=np.array([""]))


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _rewritten(**changes: Any) -> Callable[[Path], None]:
    def harm(path: Path) -> None:
        arrays = npz.read_arrays(path, memory.EMBEDDINGS_SCHEMA)
        npz.write_arrays(path, arrays | changes)

    return harm


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(_cut_short, id="torn"),
        pytest.param(_foreign, id="foreign"),
        pytest.param(_pickled, id="pickled"),
        pytest.param(_pipe, id="a pipe"),
        pytest.param(_folder, id="a folder"),
        pytest.param(_rewritten(why=np.array(["", ""])), id="lengths differ"),
        pytest.param(_rewritten(embedding=np.zeros((4, 128), np.float32)), id="no unit length"),
        pytest.param(_rewritten(embedding=np.full((4, 128), np.nan, np.float32)), id="no numbers"),
        pytest.param(_rewritten(photo=np.array(list("abcd"))), id="other photos"),
    ],
)
def test_a_broken_memory_is_made_anew_in_silence(
    harm: Callable[[Path], None], known: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = load(known)
    path = known / memory.EMBEDDINGS_NAME
    before = path.read_bytes()
    caplog.clear()
    harm(path)
    with caplog.at_level(logging.INFO):
        assert same(load(known), first)
    assert all("no face found" in text for text in caplog.messages)
    assert path.is_dir() or path.read_bytes() == before


@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 1 << 20), value=st.integers(1, 255))
def test_a_damaged_memory_never_changes_the_gallery(known: Path, place: int, value: int) -> None:
    path = known / memory.EMBEDDINGS_NAME
    path.unlink(missing_ok=True)
    first = load(known)
    data = bytearray(path.read_bytes())
    data[place % len(data)] ^= value
    path.write_bytes(data)
    assert same(load(known), first)


def test_where_one_may_not_write_nothing_is_kept_and_nothing_said(
    known: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refused)
    with caplog.at_level(logging.INFO):
        assert load(known).owner.tolist() == [0, 1]
    assert len(caplog.messages) == 1
    assert sorted(p.name for p in known.iterdir()) == ["anna", "ben.png", "nobody.png"]


def test_no_photos_leave_no_file(tmp_path: Path) -> None:
    assert load(tmp_path / "nowhere").people == ()
    assert load(tmp_path).people == ()
    assert list(tmp_path.iterdir()) == []


def test_photos_that_are_gone_are_forgotten_when_others_come(known: Path) -> None:
    load(known)
    (known / "ben.png").unlink()
    photo(known / "carl.png", "carl")
    load(known)
    assert len(npz.read_arrays(known / memory.EMBEDDINGS_NAME, {"photo": None})["photo"]) == 4


def test_ctrl_c_keeps_what_was_done(
    known: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    embed = puppet.Embedder.embed

    def stopped(self: puppet.Embedder, chips: Image) -> Any:
        if len(asked) > 4:
            raise KeyboardInterrupt
        return embed(self, chips)

    monkeypatch.setattr(puppet.Embedder, "embed", stopped)
    with pytest.raises(KeyboardInterrupt):
        load(known)
    monkeypatch.setattr(puppet.Embedder, "embed", embed)
    asked.clear()
    load(known)
    assert asked.count("detect") == 2 + 8, "one photo was done; where nobody is, it turns"


def test_the_digest_does_not_see_it(known: Path) -> None:
    before = gallery.digest(known, 0.38)
    load(known)
    assert (known / memory.EMBEDDINGS_NAME).exists()
    assert gallery.digest(known, 0.38) == before
