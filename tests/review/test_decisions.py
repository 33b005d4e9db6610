"""Decisions about crops: durable after each step, undone completely, heeded by later picks."""

import csv
import io
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from pipeline import faces, mine
from pipeline.crops import LEAST_PHOTO_FACE, portrait
from pipeline.disk import manifest as manifests
from pipeline.disk.crop_file import crop_jpeg, read_provenance
from pipeline.disk.walked import finished
from pipeline.errors import OutputError, TableError
from pipeline.export import export
from pipeline.faces import BOX, EMOTIONS, NO_EMOTION
from pipeline.files import locked
from pipeline.judge import judge
from pipeline.judge.score import read_truth
from pipeline.people import gallery, naming
from pipeline.people.photo import read_photo
from pipeline.people.rename import rename
from pipeline.pick import select
from pipeline.review import desk, match, not_photos, reconcile
from pipeline.review import labels as decided
from pipeline.review.desk import STRANGER
from pipeline.review.labels import ASIDE, LABEL_COLUMNS, LABELS
from pipeline.settings import Job, PickSettings, WalkSettings
from tests.support import puppet
from tests.support.examples import examples
from tests.support.face_rows import made, stretch
from tests.support.reviewed import HAPPY, Table, picked_once, table_of

__all__ = ["picked_once", "table_of"]

SIDES = (("x1", "x2"), ("y1", "y2"))


def frames(place: Path) -> list[int]:
    return sorted(int(path.name.split("_f")[1][:7]) for path in place.glob("*_f*.jpg"))


# --- deciding and taking back -------------------------------------------------------------------


def test_an_accepted_crop_stays_and_is_labelled(table_of: Table) -> None:
    now = table_of.decide(3, "happy")
    (label,) = table_of.labels()
    assert list(label) == list(LABEL_COLUMNS)
    values = {k: label[k] for k in ("clip", "person", "first", "last", "emotion", "picked")}
    assert values == {
        "clip": "talk.mkv", "person": "anna", "first": "3", "last": "3", "emotion": "happy",
        "picked": "happy",
    }  # fmt: skip
    assert label["decision"] == "accepted"
    assert label["walk"] == manifests.read(table_of.folder).fingerprint
    assert frames(table_of.place) == [*range(10)]
    assert (now.progress.decided, now.progress.accepted, now.progress.precision) == (1, 1, 1.0)


@pytest.mark.parametrize("looks", [NO_EMOTION, "sad", STRANGER])
def test_a_rejected_crop_moves_aside(table_of: Table, looks: str) -> None:
    crop = (table_of.place / table_of.files[3]).read_bytes()
    now = table_of.decide(3, looks)
    (label,) = table_of.labels()
    assert (label["emotion"], label["decision"]) == (looks, "rejected")
    assert frames(table_of.place) == [0, 1, 2, *range(4, 10)]
    assert (table_of.place / ASIDE / table_of.files[3]).read_bytes() == crop
    assert now.path_of(table_of.files[3]) == table_of.place / ASIDE / table_of.files[3]
    assert now.progress.precision == 0.0


def test_a_stranger_is_told_to_the_gallery_and_taken_back(table_of: Table) -> None:
    table_of.decide(3, STRANGER)
    (copy,) = gallery.others(table_of.known)["anna"]
    with Pillow.open(copy) as photo, Pillow.open(table_of.place / ASIDE / copy.name) as crop:
        face = max(float(table_of.rows[3][b]) - float(table_of.rows[3][a]) for a, b in SIDES)
        assert crop.width == pytest.approx(face * 1.6, abs=1)
        assert photo.width == pytest.approx(face * 1.2 * LEAST_PHOTO_FACE / face, abs=3)
        assert photo.size == (photo.width, photo.width)
    table_of.decide(3, None)
    assert not (table_of.known / "anna").exists()


def test_the_photo_of_a_stranger_is_the_face_itself(table_of: Table) -> None:
    """Also if the crop was shifted away from the frame's edge."""
    size = (200, 150)
    frame = np.random.default_rng(0).integers(0, 256, (150, 200, 3), np.uint8)
    frame = cv2.GaussianBlur(frame, (0, 0), 5)
    values = dict.fromkeys(LABEL_COLUMNS, "0") | {"clip": "talk.mkv"}
    for box in ((0, 0, 100, 95), (95, 50, 198, 149), (50, 30, 150, 130), (60, 5, 180, 140)):
        path = table_of.folder / "crop.jpg"
        path.write_bytes(crop_jpeg(portrait(frame, np.array(box, np.float32), 0.3), {}))
        label = values | {side: str(value) for side, value in zip(BOX, box, strict=True)}
        with Pillow.open(io.BytesIO(not_photos._photo(path, label, size))) as photo:
            found = np.asarray(photo, np.int16)
        wanted = portrait(frame, np.array(box, np.float32), not_photos.FACE_MARGIN)
        if min(wanted.shape[:2]) == found.shape[0]:
            assert np.abs(found - wanted).mean() < 3


def test_of_each_track_two_photos_are_enough(table_of: Table) -> None:
    for number in range(5):
        now = table_of.decide(number, STRANGER)
    assert [bool(label["copy"]) for label in now.labels.values()] == [True] * 2 + [False] * 3
    assert len(gallery.others(table_of.known)["anna"]) == 2
    table_of.decide(0, NO_EMOTION)
    assert [path.name for path in gallery.others(table_of.known)["anna"]] == [table_of.files[1]]
    table_of.decide(6, STRANGER)
    assert len(gallery.others(table_of.known)["anna"]) == 2


def test_a_stranger_to_nobody_known_has_no_photo(table_of: Table) -> None:
    """Otherwise the gallery would have a person without a photo, and no face would get the name."""
    (table_of.known / "anna.png").unlink()
    table_of.decide(0, STRANGER)
    assert not (table_of.known / "anna").exists()


def test_a_copy_that_was_changed_is_not_taken_back(table_of: Table) -> None:
    table_of.decide(3, STRANGER)
    (copy,) = gallery.others(table_of.known)["anna"]
    copy.write_bytes(b"another")
    table_of.decide(3, None)
    assert copy.read_bytes() == b"another"


def test_a_photo_that_was_there_before_is_not_taken_back(table_of: Table) -> None:
    table_of.decide(3, STRANGER)
    same = table_of.known / "anna" / "not" / table_of.files[3]
    picture = same.read_bytes()
    table_of.decide(3, None)
    same.parent.mkdir(parents=True)
    same.write_bytes(picture)
    table_of.decide(3, STRANGER)
    table_of.decide(3, "happy")
    assert same.read_bytes() == picture


def test_another_photo_of_that_name_stays_and_its_own_is_taken_back(table_of: Table) -> None:
    own = table_of.known / "anna" / "not" / table_of.files[3]
    own.parent.mkdir(parents=True)
    own.write_bytes(b"another")
    table_of.decide(3, STRANGER)
    assert len(gallery.others(table_of.known)["anna"]) == 2
    table_of.decide(3, None)
    assert [path.read_bytes() for path in gallery.others(table_of.known)["anna"]] == [b"another"]


def test_nobody_is_a_stranger_among_the_unknown(table_of: Table) -> None:
    with pytest.raises(ValueError, match="cannot be rejected as strangers"):
        desk.decide(table_of.folder, ("unknown", "sad"), {"x": STRANGER}, table_of.known)


LOOKS = st.sampled_from(["happy", "sad", NO_EMOTION, STRANGER, None])


@given(st.lists(st.tuples(st.integers(0, 9), LOOKS), max_size=12))
@settings(
    max_examples=examples(25),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
def test_whatever_is_decided_nothing_is_lost_and_all_can_be_taken_back(
    table_of: Table, deeds: list[tuple[int, str | None]]
) -> None:
    before = table_of.everything()
    wanted: dict[int, str] = {}
    for number, looks in deeds:
        now = table_of.decide(number, looks)
        wanted.pop(number, None)
        if looks is not None:
            wanted[number] = looks
        assert {file: label["emotion"] for file, label in now.labels.items()} == {
            table_of.files[n]: e for n, e in wanted.items()
        }
        lying = frames(table_of.place)
        assert lying == [n for n in range(10) if wanted.get(n, "happy") == "happy"]
        assert frames(table_of.place / ASIDE) == sorted(set(range(10)) - set(lying))
    for number in range(10):
        table_of.decide(number, None)
    left = table_of.everything()
    for state in (before, left):
        state.pop(f"talk/{LABELS}", None)
    assert left == before


ALL = dict.fromkeys(range(10), NO_EMOTION)
"""A decision about a whole moment."""


def written_times(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts how often labels.csv is written: the number of labels each time."""
    counts: list[int] = []
    writing = decided.write_labels

    def spy(folder: Path, labels: pd.DataFrame) -> None:
        counts.append(len(labels))
        writing(folder, labels)

    monkeypatch.setattr(decided, "write_labels", spy)
    return counts


@pytest.mark.parametrize("looks", ["happy", NO_EMOTION, "sad", STRANGER])
def test_a_moment_is_decided_in_one_write_and_taken_back_in_two(
    table_of: Table, monkeypatch: pytest.MonkeyPatch, looks: str
) -> None:
    """Taking back first says so, so that a crash leaves nothing in between."""
    before = table_of.everything()
    counts = written_times(monkeypatch)
    now = table_of.decide_all(dict.fromkeys(range(10), looks))
    assert counts == [10]
    assert {label["emotion"] for label in now.labels.values()} == {looks}
    kept = [*range(10)] if looks == "happy" else []
    assert (frames(table_of.place), len(frames(table_of.place / ASIDE))) == (kept, 10 - len(kept))
    table_of.decide_all(dict.fromkeys(range(10)))
    assert counts == [10, 10, 0]
    left = table_of.everything()
    del left[f"talk/{LABELS}"]
    assert left == before


def test_a_moment_that_was_decided_in_parts_is_restored_in_parts(table_of: Table) -> None:
    parts = {0: "happy", 1: NO_EMOTION, 2: "sad", 3: STRANGER}
    table_of.decide_all({**parts})
    before = sorted(map(str, table_of.labels()))
    table_of.decide_all(dict.fromkeys(range(10), "sad"))
    table_of.decide_all({number: parts.get(number) for number in range(10)})
    assert sorted(map(str, table_of.labels())) == before
    assert frames(table_of.place / ASIDE) == [1, 2, 3]


def test_a_stranger_of_a_moment_is_shown_from_both_its_ends(table_of: Table) -> None:
    """Neighbouring frames look alike."""
    table_of.decide_all(dict.fromkeys(range(10), STRANGER))
    names = {path.name for path in gallery.others(table_of.known)["anna"]}
    assert names == {table_of.files[0], table_of.files[9]}


def test_a_moment_of_which_one_crop_cannot_be_moved_is_not_decided(table_of: Table) -> None:
    """Neither that crop nor any other."""
    table_of.decide_all({4: "happy"})
    before = table_of.everything()
    other = table_of.place / ASIDE / table_of.files[7]
    other.parent.mkdir()
    other.write_bytes(b"another")
    with pytest.raises(OutputError, match="are different pictures"):
        table_of.decide_all({**ALL})
    other.unlink()
    assert table_of.everything() == before


def test_a_disk_that_fails_within_a_moment_leaves_nothing_decided(
    table_of: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = table_of.everything()
    rename, left = Path.rename, iter(range(6))

    def failing(path: Path, target: Path) -> Path:
        if path.parent == table_of.place and next(left, None) is None:
            raise OSError(28, "No space left on device")
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", failing)
        with pytest.raises(OutputError, match="No space left on device"):
            table_of.decide_all({**ALL})
    assert table_of.labels() == []
    after = table_of.everything()
    del after[f"talk/{LABELS}"]
    assert after == before


@pytest.mark.parametrize("then", [NO_EMOTION, None])
@pytest.mark.parametrize("moved", range(0, 10, 3))
def test_a_crash_in_the_middle_of_a_moment_is_put_right(
    table_of: Table, monkeypatch: pytest.MonkeyPatch, then: str | None, moved: int
) -> None:
    if then is None:
        table_of.decide_all({**ALL})
    rename, left = Path.rename, iter(range(moved))

    def dying(path: Path, target: Path) -> Path:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", dying)
        with pytest.raises(KeyboardInterrupt):
            table_of.decide_all(dict.fromkeys(range(10), then))
    assert len(frames(table_of.place)) == (moved if then is None else 10 - moved)
    desk.settle_folder(table_of.folder, table_of.known)
    there, aside = frames(table_of.place), frames(table_of.place / ASIDE)
    assert (there, aside) == (([*range(10)], []) if then is None else ([], [*range(10)]))
    assert len(table_of.labels()) == (0 if then is None else 10)


def test_a_moment_taken_back_after_another_pick_is_listed_again(table_of: Table) -> None:
    table_of.decide_all({**ALL})
    mine.pick(table_of.folder, table_of.job)
    table_of.decide_all(dict.fromkeys(range(10)))
    with (table_of.place / "crops.csv").open() as file:
        assert list(csv.DictReader(file)) == table_of.rows


def test_a_crop_of_another_name_is_refused(table_of: Table) -> None:
    for name in ("x.jpg", "../crops.csv", "crops.csv", ""):
        with pytest.raises(KeyError):
            desk.decide(table_of.folder, HAPPY, {name: "happy"}, table_of.known)


def test_another_writer_is_told(table_of: Table) -> None:
    with locked(table_of.folder), pytest.raises(OutputError, match="is writing there"):
        table_of.decide(0, "happy")
    assert not (table_of.folder / LABELS).exists()


def test_a_crop_that_lies_aside_already_is_not_overwritten(table_of: Table) -> None:
    other = table_of.place / ASIDE / table_of.files[0]
    other.parent.mkdir()
    other.write_bytes(b"another")
    before = table_of.everything()
    for looks in (NO_EMOTION, STRANGER, "happy"):
        with pytest.raises(OutputError, match="are different pictures"):
            table_of.decide(0, looks)
    assert table_of.everything() == before
    assert other.read_bytes() == b"another"
    assert frames(table_of.place) == [*range(10)]


# --- crashes ------------------------------------------------------------------------------------


def crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the next move end the program."""

    def dying(*_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(reconcile, "_move", dying)


@pytest.mark.parametrize(
    ("first", "then"),
    [(None, NO_EMOTION), (NO_EMOTION, "happy"), (NO_EMOTION, None), (STRANGER, None)],
)
def test_a_crash_before_the_move_is_put_right(
    table_of: Table, monkeypatch: pytest.MonkeyPatch, first: str | None, then: str | None
) -> None:
    table_of.decide(3, first)
    with monkeypatch.context() as patch:
        crash(patch)
        with pytest.raises(KeyboardInterrupt):
            table_of.decide(3, then)
    desk.settle_folder(table_of.folder, table_of.known)
    labels = desk.picked(table_of.folder, *HAPPY).labels
    kept = then in ("happy", None)
    decisions = {NO_EMOTION: "rejected", "happy": "accepted"}
    wanted = {table_of.files[3]: decisions[then]} if then else {}
    assert {file: label["decision"] for file, label in labels.items()} == wanted
    assert len(table_of.labels()) == len(wanted)
    assert (table_of.place / table_of.files[3]).exists() == kept
    assert (table_of.place / ASIDE / table_of.files[3]).exists() != kept


def test_a_decision_after_a_crash_that_left_another_open_stays(
    table_of: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of somebody whose page of before the crash is still there."""
    table_of.decide(3, NO_EMOTION)
    with monkeypatch.context() as patch:
        crash(patch)
        with pytest.raises(KeyboardInterrupt):
            table_of.decide(3, None)
    table_of.decide(3, "sad")
    desk.settle_folder(table_of.folder, table_of.known)
    assert [label["emotion"] for label in table_of.labels()] == ["sad"]
    assert (table_of.place / ASIDE / table_of.files[3]).exists()


def test_two_labels_of_a_face_never_get_the_same_name(table_of: Table) -> None:
    table_of.decide(3, "happy")
    labels = decided.read_labels(table_of.folder)
    other = labels.assign(person="ben", decision="rejected", emotion="sad")
    both = pd.concat([labels, other], ignore_index=True)
    decided.write_labels(table_of.folder, both)
    reconcile.rename_labels(table_of.folder, both.assign(person="carl"))
    assert [label["person"] for label in table_of.labels()] == ["carl", "ben"]


def test_a_crash_within_the_move_leaves_two_and_then_one(table_of: Table) -> None:
    table_of.decide(3, NO_EMOTION)
    aside = table_of.place / ASIDE / table_of.files[3]
    (table_of.place / table_of.files[3]).write_bytes(aside.read_bytes())
    desk.settle_folder(table_of.folder, table_of.known)
    assert aside.exists()
    assert not (table_of.place / table_of.files[3]).exists()


def test_a_crash_between_label_and_photo_is_put_right(
    table_of: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(not_photos.NotPhotos, "add", dying)
        with pytest.raises(KeyboardInterrupt):
            table_of.decide(3, STRANGER)
    assert "anna" not in gallery.others(table_of.known)
    desk.settle_folder(table_of.folder, table_of.known)
    assert [p.name for p in gallery.others(table_of.known)["anna"]] == [table_of.files[3]]
    assert frames(table_of.place / ASIDE) == [3]
    with monkeypatch.context() as patch:
        patch.setattr(not_photos.NotPhotos, "remove", dying)
        with pytest.raises(KeyboardInterrupt):
            table_of.decide(3, NO_EMOTION)
    desk.settle_folder(table_of.folder, table_of.known)
    assert "anna" not in gallery.others(table_of.known)
    assert frames(table_of.place / ASIDE) == [3]


def test_a_photo_that_somebody_deleted_is_not_made_again(table_of: Table) -> None:
    table_of.decide(3, STRANGER)
    (copy,) = gallery.others(table_of.known)["anna"]
    copy.unlink()
    desk.settle_folder(table_of.folder, table_of.known)
    assert not copy.exists()


# --- errors -------------------------------------------------------------------------------------


def blocked(table_of: Table) -> Path:
    """Puts a file where the folder of rejected crops should be."""
    path = table_of.place / ASIDE
    path.write_text("mine")
    return path


@pytest.mark.parametrize("looks", [NO_EMOTION, "sad", STRANGER])
@pytest.mark.parametrize("first", [None, "happy"])
def test_what_cannot_be_done_is_not_decided(table_of: Table, looks: str, first: str | None) -> None:
    table_of.decide(3, first)
    before = table_of.everything() | {f"talk/{LABELS}": b""}
    path = blocked(table_of)
    with pytest.raises(OutputError, match=ASIDE):
        table_of.decide(3, looks)
    labels = table_of.labels()
    assert [label["emotion"] for label in labels] == ([first] if first else [])
    path.unlink()
    assert table_of.everything() | {f"talk/{LABELS}": b""} == before


def test_a_stranger_that_cannot_come_back_stays_one(
    table_of: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    table_of.decide(3, STRANGER)
    before = table_of.everything()

    def refused(*_: object) -> None:
        raise OutputError("a disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(reconcile, "_move", refused)
        with pytest.raises(OutputError, match="full"):
            table_of.decide(3, "happy")
    assert table_of.everything() == before


def test_a_crop_that_cannot_be_moved_does_not_lie_in_both(
    table_of: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refused)
        with pytest.raises(OutputError, match=r"cannot be moved to .*rejected \(Permission denied"):
            table_of.decide(3, NO_EMOTION)
    assert frames(table_of.place) == [*range(10)]
    assert frames(table_of.place / ASIDE) == []


def test_one_stuck_crop_does_not_stop_the_picks(
    table_of: Table, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        crash(patch)
        with pytest.raises(KeyboardInterrupt):
            table_of.decide(3, NO_EMOTION)
    blocked(table_of)
    job = replace(table_of.job, people=("unknown",), emotions=("sad",))
    (outcome,) = mine.pick(table_of.folder, job)
    assert outcome.steady
    assert "could not move 1 reviewed crop; the first: " in caplog.text
    (outcome,) = mine.pick(table_of.folder, table_of.job)
    assert outcome.steady == 9


# --- files changed by others --------------------------------------------------------------------


def changed(column: str, value: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        rows = list(csv.DictReader(text.splitlines()))
        rows[0][column] = value
        lines = [",".join(LABEL_COLUMNS), *(",".join(row.values()) for row in rows)]
        return "\n".join(lines) + "\n"

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(lambda text: text[: text.rindex(",")], "damaged", id="last line cut"),
        pytest.param(
            lambda text: text[: text.rindex(",")] + "\n", "line 3: damaged", id="cell gone"
        ),
        pytest.param(lambda _: "clip,person,first,last,emotion\n", "columns", id="by hand"),
        pytest.param(lambda _: "", "columns", id="empty"),
        pytest.param(
            lambda text: text.replace("walk,picked,", "", 1),
            r"\(walk, picked missing\)",
            id="two columns gone",
        ),
        pytest.param(
            lambda text: text.replace("person,first", "first,person", 1),
            "another order",
            id="other order",
        ),
        pytest.param(changed("person", "../.."), "line 2: person", id="another folder"),
        pytest.param(changed("file", "../../faces.csv"), "line 2: person", id="another file"),
        pytest.param(changed("file", "crops.csv"), "line 2: person", id="no crop"),
        pytest.param(changed("copy", "../me.jpg"), "line 2: person", id="another copy"),
        pytest.param(changed("picked", "rejected"), "line 2: picked", id="no emotion"),
        pytest.param(changed("emotion", "hapy"), "line 2: the emotion", id="misspelt"),
        pytest.param(changed("emotion", "sad"), "line 2: emotion and", id="contradicts"),
        pytest.param(changed("decision", "maybe"), "line 2: the decision", id="undecided"),
        pytest.param(changed("x1", "nan"), "line 2: a number", id="no box"),
        pytest.param(changed("track", ""), "line 2: a number", id="no track"),
        pytest.param(changed("first", "1.5"), "line 2: a number", id="no frame"),
        pytest.param(changed("run_length", "1e1"), "line 2: a number", id="no length"),
        pytest.param(changed("time", "inf"), "line 2: a number", id="no time"),
        pytest.param(changed("last", "9"), "line 2: first", id="a stretch"),
    ],
)
def test_labels_that_are_none_are_told_and_not_touched(
    table_of: Table, change: Callable[[str], str], why: str
) -> None:
    table_of.decide(3, "happy")
    table_of.decide(4, NO_EMOTION)
    path = table_of.folder / LABELS
    path.write_text(change(path.read_text()))
    before = table_of.everything()
    for deed in (
        lambda: table_of.decide(5, "happy"),
        lambda: desk.settle_folder(table_of.folder, table_of.known),
        lambda: mine.pick(table_of.folder, table_of.job),
    ):
        with pytest.raises(TableError, match=why):
            deed()
    assert table_of.everything() == before


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text.replace(",", ";"), id="semicolons"),
        pytest.param(lambda text: "\ufeff" + text, id="byte order mark"),
        pytest.param(
            lambda text: "\ufeff" + text.replace(",", ";").replace("\n", "\r\n"), id="all"
        ),
    ],
)
def test_a_spreadsheet_may_have_saved_the_labels(
    table_of: Table, change: Callable[[str], str]
) -> None:
    table_of.decide(3, "happy")
    table_of.decide(4, NO_EMOTION)
    path = table_of.folder / LABELS
    before = path.read_text()
    path.write_bytes(change(before).encode())
    (outcome,) = mine.pick(table_of.folder, table_of.job)
    assert outcome.steady == 9
    table_of.decide(5, NO_EMOTION)
    assert path.read_text().startswith(before)


def test_bytes_that_are_no_text_are_told(table_of: Table) -> None:
    (table_of.folder / LABELS).write_bytes(b"\xff\xfea")
    with pytest.raises(TableError, match="its first bytes say utf-16-le, which it is not"):
        decided.read_labels(table_of.folder)


# --- matching faces -----------------------------------------------------------------------------

FACES = made([*stretch(range(6), 0, "anna", "happy"), *stretch(range(6), 1, "ben", "happy")])
FACES = FACES.assign(x1=FACES["track"] * 100.0, y1=0.0, y2=50.0)
FACES = FACES.assign(x2=FACES["x1"] + 50)


def label(frame: int, x1: float, looks: str = NO_EMOTION, person: str = "anna") -> dict[str, str]:
    box = {"x1": f"{x1}", "y1": "0.0", "x2": f"{x1 + 50}", "y2": "50.0"}
    values = {"first": str(frame), "last": str(frame), "person": person, "emotion": looks}
    values |= {"picked": "happy", "decision": "accepted" if looks == "happy" else "rejected"}
    return dict.fromkeys(LABEL_COLUMNS, "") | box | values


def labels(*rows: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[*LABEL_COLUMNS], dtype=object)


@pytest.mark.parametrize(
    ("frame", "x1", "face"),
    [(2, 0, 2), (2, 16, 2), (2, 17, -1), (2, 100, 8), (2, 90, 8), (9, 0, -1)],
)
def test_a_face_is_known_again_by_half_its_box(frame: int, x1: float, face: int) -> None:
    assert match.matches(FACES, labels(label(frame, x1))).tolist() == [face]


def test_many_faces_are_known_again() -> None:
    asked = [label(frame, x1) for frame in range(6) for x1 in (3, 95, 300)] * 20
    found = match.matches(FACES, labels(*asked))
    assert found.tolist() == [n for f in range(6) for n in (f, f + 6, -1)] * 20


def test_decisions_become_bits_of_the_emotion_picked() -> None:
    rows = match.applied(FACES, labels(label(1, 0), label(2, 100, "happy")))
    happy = 1 << EMOTIONS.index("happy")
    assert np.flatnonzero(rows[faces.REJECTED] == happy).tolist() == [1]
    assert np.flatnonzero(rows[faces.ACCEPTED] == happy).tolist() == [8]
    assert FACES.columns.tolist() == match.applied(FACES, labels()).columns.tolist()


@pytest.mark.parametrize(("looks", "concerned"), [(STRANGER, False), (NO_EMOTION, True)])
def test_a_stranger_is_one_only_to_that_person(looks: str, concerned: bool) -> None:
    """A face that is not anna may be happy as ben; a face that is not happy may not."""
    rows = match.applied(FACES, labels(label(1, 100, looks)))
    assert (faces.REJECTED in rows) == concerned


# --- later picks --------------------------------------------------------------------------------

TIGHT = PickSettings(repeat=10, smooth=1)
TOO_TIGHT = PickSettings(repeat=11, smooth=1)


def test_rejected_faces_stay_out_of_later_picks(table_of: Table) -> None:
    for number in (2, 5):
        table_of.decide(number, NO_EMOTION)
    for _ in range(2):
        (outcome,) = mine.pick(table_of.folder, table_of.job)
        assert (outcome.seen, outcome.steady) == (10, 8)
        assert list(outcome.funnel.items())[2:5] == [
            ("emotion", 10),
            ("rejected", 8),
            ("repeat", 8),
        ]
        assert frames(table_of.place) == [0, 1, 3, 4, *range(6, 10)]
        assert frames(table_of.place / ASIDE) == [2, 5]
    now = desk.picked(table_of.folder, *HAPPY)
    assert (now.progress.crops, now.progress.decided) == (10, 2)


def test_the_funnel_names_what_was_rejected_only_where_anything_was(table_of: Table) -> None:
    table_of.decide(2, "happy")
    (outcome,) = mine.pick(table_of.folder, table_of.job)
    assert faces.REJECTED not in outcome.funnel


def test_taken_back_after_another_pick_a_crop_is_listed_again(table_of: Table) -> None:
    table_of.decide(2, NO_EMOTION)
    mine.pick(table_of.folder, table_of.job)
    table_of.decide(2, None)
    assert frames(table_of.place) == [*range(10)]
    assert set(desk.picked(table_of.folder, *HAPPY).crops) == set(table_of.files)
    with (table_of.place / "crops.csv").open() as file:
        row = next(row for row in csv.DictReader(file) if row["file"] == table_of.files[2])
    assert row == table_of.rows[2]


def test_accepted_faces_stay_whatever_the_filters_say(table_of: Table) -> None:
    table_of.decide(2, "happy")
    job = replace(table_of.job, pick=TOO_TIGHT)
    (outcome,) = mine.pick(table_of.folder, job)
    assert (outcome.steady, frames(table_of.place)) == (1, [2])
    assert outcome.hint == ""


def test_accepted_faces_go_where_the_network_calls_them_otherwise(table_of: Table) -> None:
    rows = made(stretch(range(4), 0, "anna", "sad"))
    rows = match.applied(rows.assign(x2=50.0, y2=50.0), labels(label(1, 0, "happy")))
    steadied = select.steadied(rows, 1, PickSettings(repeat=1, smooth=1))
    assert faces.ACCEPTED in rows
    assert not select.decided(steadied, faces.ACCEPTED).any()


def test_thinning_keeps_what_was_accepted_and_never_what_was_rejected(table_of: Table) -> None:
    job = replace(table_of.job, pick=replace(TIGHT, per_run=1))
    mine.pick(table_of.folder, job)
    (best,) = frames(table_of.place)
    mine.pick(table_of.folder, table_of.job)
    table_of.decide(best, NO_EMOTION)
    mine.pick(table_of.folder, job)
    (second,) = frames(table_of.place)
    kept = next(number for number in range(10) if number not in (best, second))
    mine.pick(table_of.folder, table_of.job)
    table_of.decide(kept, "happy")
    mine.pick(table_of.folder, job)
    assert frames(table_of.place) == sorted([second, kept])


def test_where_all_are_rejected_nothing_is_missing(table_of: Table) -> None:
    for number in range(10):
        table_of.decide(number, NO_EMOTION)
    (outcome,) = mine.pick(table_of.folder, table_of.job)
    assert outcome.steady == 0
    assert outcome.hint == "10 faces were rejected in the review"
    assert frames(table_of.place / ASIDE) == [*range(10)]


def test_one_face_is_one(table_of: Table) -> None:
    table_of.decide(0, NO_EMOTION)
    (outcome,) = mine.pick(table_of.folder, replace(table_of.job, pick=TOO_TIGHT))
    assert outcome.hint.startswith("1 face was rejected in the review; of the others")


def test_of_the_others_it_is_said_what_to_try(table_of: Table) -> None:
    for number in range(9):
        table_of.decide(number, NO_EMOTION)
    (outcome,) = mine.pick(table_of.folder, replace(table_of.job, pick=TOO_TIGHT))
    assert outcome.hint == (
        "9 faces were rejected in the review; of the others, longest run is 10 of 11 frames; "
        "try --repeat 10"
    )


def test_the_report_and_the_editors_get_what_lies_in_the_folder(table_of: Table) -> None:
    for number in range(8):
        table_of.decide(number, NO_EMOTION)
    mine.pick(table_of.folder, replace(table_of.job, report=True))
    text = (table_of.folder / "report.html").read_text()
    assert [number for number, file in enumerate(table_of.files) if file in text] == [8, 9]
    kept = export._kept(finished(table_of.folder), table_of.job, table_of.movie)[1]
    assert [choice.kept["frame"].tolist() for choice in kept] == [[8, 9]]


def test_the_timeline_has_no_frame_that_was_rejected(table_of: Table) -> None:
    for number in (0, 3, 4, 7, 8, 9):
        table_of.decide(number, NO_EMOTION)
    mine.pick(table_of.folder, table_of.job)
    exported = export.export(
        table_of.folder, table_of.job, export.ExportSettings(("edl",)), lambda _: lambda *_: None
    )
    (path,) = exported[0].files
    events = re.findall(r"^\d{3} .* (\S+) (\S+) \S+ \S+$", path.read_text(), re.MULTILINE)
    spans = [range(*(int(clock.replace(":", "")) for clock in event)) for event in events]
    assert [number for span in spans for number in span] == frames(table_of.place) == [1, 2, 5, 6]


def test_another_walk_knows_the_faces_again_and_judge_their_tracks(table_of: Table) -> None:
    table_of.decide(2, NO_EMOTION)
    table_of.decide(4, "happy")
    other = WalkSettings(**{**table_of.settings(), "min_score": 0.6})
    before = manifests.read(table_of.folder).fingerprint
    mine.mine(table_of.movie, replace(table_of.job, walk=other, rewalk=True), puppet.silent)
    assert frames(table_of.place) == [0, 1, *range(3, 10)]
    walk = manifests.read(table_of.folder).fingerprint
    assert walk != before
    assert [label["walk"] for label in table_of.labels()] == [walk, walk]


def test_crops_of_an_earlier_walk_are_not_decided_on(table_of: Table) -> None:
    other = WalkSettings(**{**table_of.settings(), "min_score": 0.6})
    job = replace(table_of.job, walk=other, rewalk=True)
    mine.walk(table_of.movie, job, puppet.silent)
    with pytest.raises(TableError, match="an earlier walk; pick again"):
        table_of.decide(0, "happy")
    mine.pick(table_of.folder, job)
    assert table_of.decide(0, "happy").progress.accepted == 1


def test_crops_of_the_same_walk_made_again_are_decided_on(table_of: Table) -> None:
    mine.walk(table_of.movie, replace(table_of.job, rewalk=True), puppet.silent)
    assert table_of.decide(0, "happy").progress.accepted == 1


def test_a_clock_that_was_set_back_is_in_nobodys_way(table_of: Table) -> None:
    """The parts seem to be of a time after the crops."""
    later = (table_of.place / "crops.csv").stat().st_mtime + 3600
    for path in (table_of.folder / "parts").iterdir():
        os.utime(path, (later, later))
    assert table_of.decide(0, "happy").progress.accepted == 1


def test_crops_of_earlier_versions_are_known_by_their_networks(table_of: Table) -> None:
    """They do not say of which walk they are."""
    path = table_of.place / table_of.files[0]
    facts = read_provenance(path)
    del facts["walk"]
    face = read_photo(path)
    path.write_bytes(crop_jpeg(face, facts))
    assert table_of.decide(0, "happy").progress.accepted == 1
    path.write_bytes(crop_jpeg(face, facts | {"models": {"detector": "another"}}))
    with pytest.raises(TableError, match="an earlier walk; pick again"):
        table_of.decide(0, NO_EMOTION)


# --- other names --------------------------------------------------------------------------------


@pytest.fixture
def renamed(table_of: Table, monkeypatch: pytest.MonkeyPatch) -> Job:
    """Two strangers, one rejected and one accepted; then anna is called zoe, and nothing picked.

    A puppet's photos are all alike, so that a photo of who she is not would take her name away.
    """
    monkeypatch.setattr(naming, "vetoes", lambda mean, known: np.zeros((len(mean), 1), bool))
    for number, looks in enumerate([STRANGER, STRANGER, NO_EMOTION, "happy"]):
        table_of.decide(number, looks)
    rename(table_of.known, "anna", "zoe")
    return replace(table_of.job, people=("zoe",))


ZOE = ("zoe", "happy")


def test_decisions_hold_for_who_is_called_otherwise(table_of: Table, renamed: Job) -> None:
    mine.identify(table_of.folder, renamed)
    exported = export._kept(finished(table_of.folder), renamed, table_of.movie)[1]
    assert exported[0].kept["frame"].tolist() == [*range(3, 10)]
    for _ in range(2):
        (outcome,) = mine.pick(table_of.folder, renamed)
        assert (outcome.person, outcome.steady) == ("zoe", 7)
    place = table_of.folder.joinpath(*ZOE)
    assert (frames(place), frames(place / ASIDE)) == ([*range(3, 10)], [0, 1, 2])
    assert frames(table_of.place / ASIDE) == []
    assert {label["person"] for label in table_of.labels()} == {"zoe"}
    now = desk.picked(table_of.folder, *ZOE).progress
    assert (now.crops, now.decided, now.accepted) == (10, 4, 1)


@pytest.mark.parametrize("again", [False, True], ids=["before the next pick", "after it"])
def test_a_stranger_to_who_is_called_otherwise_is_taken_back(
    table_of: Table, renamed: Job, again: bool
) -> None:
    if again:
        mine.pick(table_of.folder, renamed)
    for number in (0, 1):
        assert len(gallery.others(table_of.known)["zoe"]) == 2 - number
        where = ZOE if again else HAPPY
        desk.decide(table_of.folder, where, {table_of.files[number]: None}, table_of.known)
    assert not gallery.others(table_of.known).get("zoe")


def test_where_a_crop_lies_no_more_nothing_is_decided(table_of: Table, renamed: Job) -> None:
    mine.pick(table_of.folder, renamed)
    before = table_of.everything()
    for looks in ("happy", None):
        with pytest.raises(TableError, match="is among those of zoe now"):
            table_of.decide(2, looks)
    assert table_of.everything() == before
    assert desk.picked(table_of.folder, *HAPPY).path_of(table_of.files[2]) is not None


def test_labels_go_by_the_face_and_strangers_by_the_person() -> None:
    before = labels(
        label(1, 0), label(1, 100, person=""), label(2, 0, STRANGER) | {"copy": "x.jpg"},
        label(3, 0, STRANGER), label(9, 0), label(9, 0, person=""),
    )  # fmt: skip
    names = FACES["track"].map({0: "ben", 1: "zoe"})
    for rows, known, owners, expected in (
        (names, {"anna", "ben", "zoe"}, {"x.jpg": "anna"}, "ben zoe anna anna anna -"),
        (names, {"anna", "ben", "zoe"}, {"x.jpg": "zoe"}, "ben zoe anna anna anna -"),
        (names, {"ben", "zoe"}, {"x.jpg": "zoe"}, "ben zoe zoe zoe zoe -"),
        (names, {"ben", "zoe"}, {}, "ben zoe anna anna anna -"),
        ("", {"anna"}, {"x.jpg": "anna"}, "- - anna anna anna -"),
        ("", set(), {"x.jpg": "anna"}, "- - anna anna anna -"),
    ):
        found = match.followed(before, FACES.assign(person=rows), set(known), owners)
        assert [name or "-" for name in found["person"]] == expected.split()


# --- progress -----------------------------------------------------------------------------------


def test_what_was_decided_counts_whatever_is_listed(table_of: Table) -> None:
    """Faces that an earlier pick listed but the last one does not."""
    for number, looks in ((9, "happy"), (1, NO_EMOTION), (8, NO_EMOTION)):
        table_of.decide(number, looks)
    path = table_of.place / "crops.csv"
    path.write_text(path.read_text().partition("\n")[0] + "\n")
    (table_of.place / table_of.files[9]).unlink()
    now = desk.picked(table_of.folder, *HAPPY)
    assert now.progress == desk.ReviewProgress(3, 3, 1, moments=1, moments_decided=1)
    assert now.gone == {table_of.files[9]}
    assert {file: now.path_of(file) is not None for file in now.crops} == {
        table_of.files[1]: True, table_of.files[8]: True, table_of.files[9]: False
    }  # fmt: skip


# --- judge --------------------------------------------------------------------------------------


def test_judge_reads_the_labels_as_they_are(table_of: Table) -> None:
    for number, looks in enumerate(["happy"] * 6 + [NO_EMOTION, NO_EMOTION, "sad", STRANGER]):
        table_of.decide(number, looks)
    path = table_of.folder / LABELS
    truth = read_truth(path)
    assert truth["emotion"].tolist() == ["happy"] * 6 + [NO_EMOTION, NO_EMOTION, "sad"]
    judge.judge([table_of.folder], path, TIGHT)
    with (table_of.folder / "judge.csv").open() as file:
        judged = {(r["emotion"], r["repeat"], r["smooth"]): r for r in csv.DictReader(file)}
    plain = judged["happy", "10", "1"]
    # Six of nine labelled faces are right, none of the six is missed. "Not this person" does not
    # count as a label.
    assert plain["picked"] == "9"
    assert float(plain["precision"]) == pytest.approx(6 / 9, abs=1e-4)
    assert plain["recall"] == "1.0"
    assert judged["sad", "10", "1"]["recall"] == "0.0"
    assert judged["all", "10", "1"]["recall"] == pytest.approx(str(round(6 / 7, 4)))


def test_judge_does_not_filter_by_decisions(table_of: Table) -> None:
    table_of.decide(0, NO_EMOTION)
    judge.judge([table_of.folder], table_of.folder / LABELS, TIGHT)
    with (table_of.folder / "judge.csv").open() as file:
        judged = {(r["emotion"], r["repeat"], r["smooth"]): r for r in csv.DictReader(file)}
    plain = judged["happy", "10", "1"]
    assert (plain["picked"], plain["precision"]) == ("1", "0.0")


def test_labels_of_a_walk_that_is_gone_are_passed_over(
    table_of: Table, caplog: pytest.LogCaptureFixture
) -> None:
    table_of.decide(0, "happy")
    table_of.decide(1, NO_EMOTION)
    path = table_of.folder / LABELS
    lines = path.read_text().splitlines(keepends=True)
    walk = manifests.read(table_of.folder).fingerprint
    path.write_text("".join([*lines[:2], lines[2].replace(walk, "0" * len(walk))]))
    judge.judge([table_of.folder], path, TIGHT)
    assert "1 label of another walk is skipped" in caplog.text
    path.write_text(path.read_text().replace(walk, "0" * len(walk)))
    with pytest.raises(TableError, match="from another walk than those given"):
        judge.judge([table_of.folder], path, TIGHT)
