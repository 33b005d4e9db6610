"""The review and the report of several emotions that were picked as one."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import mine
from pipeline.disk.walked import finished
from pipeline.errors import TableError
from pipeline.faces import ACCEPTED, EMOTIONS, NO_EMOTION, REJECTED
from pipeline.judge.score import read_truth
from pipeline.review import desk, match
from pipeline.review.labels import LABELS, read_labels
from pipeline.settings import classes
from tests.support.reviewed import Table, picked_once, table_of

__all__ = ["picked_once", "table_of"]

CLASS = "happy+sad"
PICK = ("anna", CLASS)


@pytest.fixture
def folder(table_of: Table) -> Path:
    """The folder of a movie whose anna was picked as happy or sad: frames 0 to 19."""
    mine.pick(table_of.folder, replace(table_of.job, emotions=(CLASS,)))
    return table_of.folder


def decide(table_of: Table, *looks: str) -> desk.Picked:
    """Decides about the first crops, one after the other."""
    files = sorted(desk.picked(table_of.folder, *PICK).crops)
    return desk.decide(table_of.folder, PICK, dict(zip(files, looks, strict=False)), table_of.known)


def bits(table_of: Table, decision: str, *emotions: str) -> list[int]:
    """The decisions about anna's face in the first frames, for a pick of these emotions."""
    rows = finished(table_of.folder).rows
    decided = match.applied(rows, read_labels(table_of.folder), classes(emotions))
    anna = decided[decided["person"] == "anna"]
    return anna[decision].tolist()[:4] if decision in anna else [0] * 4


def test_a_class_is_listed_and_decided_about(folder: Path, table_of: Table) -> None:
    assert list(desk.picks(folder)) == [("anna", "happy"), PICK, ("unknown", "sad")]
    assert desk.is_pick(folder, *PICK)
    assert not desk.is_pick(folder, "anna", "sad+happy")
    picked = decide(table_of, CLASS, "sad", NO_EMOTION, "fear")
    looks = [label["emotion"] for _, label in sorted(picked.labels.items())]
    assert looks == [CLASS, CLASS, NO_EMOTION, "fear"]
    assert (picked.progress.decided, picked.progress.accepted) == (4, 2)
    assert picked.progress == desk.progress(folder, *PICK)
    assert len(list((folder / "anna" / CLASS / "rejected").iterdir())) == 2


def test_who_is_rejected_as_either_is_neither(folder: Path, table_of: Table) -> None:
    assert folder.is_dir()
    decide(table_of, CLASS, NO_EMOTION, "fear")
    both = sum(1 << EMOTIONS.index(name) for name in CLASS.split("+"))
    for emotions in ((CLASS,), ("happy",), ("any",)):
        assert bits(table_of, REJECTED, *emotions) == [0, both, both, 0]
    assert bits(table_of, ACCEPTED, CLASS) == [both, 0, 0, 0]
    assert bits(table_of, ACCEPTED, "any") == [0] * 4, "accepted as either is not as this one"


def test_later_picks_heed_it(folder: Path, table_of: Table) -> None:
    decide(table_of, CLASS, NO_EMOTION)
    strict = replace(table_of.job.pick, sure=1.0)
    for emotions, kept in (((CLASS,), 1), (("happy",), 0)):
        (found,) = mine.pick(folder, replace(table_of.job, emotions=emotions, pick=strict))
        assert (found.steady, found.funnel[REJECTED]) == (kept, found.seen - 1)
    (found,) = mine.pick(folder, replace(table_of.job, emotions=(CLASS,)))
    assert found.steady == 19


def test_a_class_teaches_that_it_is_one_of_them(folder: Path, table_of: Table) -> None:
    decide(table_of, CLASS, NO_EMOTION, "fear")
    taught = match.taught(finished(folder).rows, read_labels(folder))
    named = [{EMOTIONS[n] for n, may in enumerate(looks) if may} for looks in taught.looks]
    assert named == [{"happy", "sad"}, set(EMOTIONS) - {"happy", "sad"}, {"fear"}]


def test_judge_leaves_out_what_tells_no_single_emotion(folder: Path, table_of: Table) -> None:
    decide(table_of, CLASS, NO_EMOTION, "fear")
    assert read_truth(folder / LABELS)["emotion"].tolist() == [NO_EMOTION, "fear"]


@pytest.mark.parametrize("emotion", ["sad", "sad+happy"])
def test_a_label_that_contradicts_its_class_is_told(
    emotion: str, folder: Path, table_of: Table
) -> None:
    decide(table_of, NO_EMOTION)
    path = folder / LABELS
    path.write_text(path.read_text().replace(f",{NO_EMOTION},", f",{emotion},"))
    with pytest.raises(TableError, match="line 2"):
        read_labels(folder)


def test_the_report_shows_a_class_as_a_look_of_its_own(folder: Path, table_of: Table) -> None:
    report = mine.report(folder, replace(table_of.job, report=True)).read_text()
    (found,) = re.findall(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', report, re.S)
    data = json.loads(found)
    assert data["emotions"] == [*EMOTIONS, CLASS]
    happy, sad = EMOTIONS.index("happy"), EMOTIONS.index("sad")
    assert data["crops"]["emotion"] == [happy] * 10 + [len(EMOTIONS)] * 20 + [sad] * 20
    assert f"> {CLASS} <" in report
    assert report.count(".look-7 {") == 1
