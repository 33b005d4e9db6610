"""What decisions say of how faces look, and that picks learn from it on demand."""

import logging
from dataclasses import replace

import pytest

from pipeline import mine
from pipeline.disk.walked import finished
from pipeline.faces import EMOTIONS
from pipeline.review import desk, match
from pipeline.review.labels import read_labels
from tests.support.reviewed import HAPPY, Table, picked_once, table_of

__all__ = ["picked_once", "table_of"]


def test_decisions_say_how_faces_look(table_of: Table) -> None:
    for file, look in zip(table_of.files, ("happy", "sad", "none", ""), strict=False):
        desk.decide(table_of.folder, HAPPY, {file: look}, table_of.known)
    rows = finished(table_of.folder).rows
    taught = match.taught(rows, read_labels(table_of.folder))
    assert rows.iloc[taught.row]["frame"].tolist() == [0, 1, 2], "not that of a stranger"
    assert set(rows.iloc[taught.row]["track"]) == {0}
    named = [{EMOTIONS[n] for n, may in enumerate(looks) if may} for looks in taught.looks]
    assert named == [{"happy"}, {"sad"}, set(EMOTIONS) - {"happy"}]
    assert taught.rejected.tolist() == [False, True, True]
    assert taught.stretch.tolist() == [0, 0, 0]


def test_no_decisions_say_nothing(table_of: Table) -> None:
    taught = match.taught(finished(table_of.folder).rows, read_labels(table_of.folder))
    assert (len(taught.row), taught.looks.shape) == (0, (0, len(EMOTIONS)))


@pytest.mark.parametrize("learn", [True, False])
def test_a_pick_learns_where_it_is_asked_to(
    learn: bool, table_of: Table, caplog: pytest.LogCaptureFixture
) -> None:
    desk.decide(table_of.folder, HAPPY, {table_of.files[0]: "sad"}, table_of.known)
    before = (table_of.folder / "faces.csv").read_bytes()
    with caplog.at_level(logging.INFO, "pipeline"):
        mine.pick(table_of.folder, replace(table_of.job, learn=learn))
    told = "--learn: 1 label of this film: nothing to learn; reject some faces in Review"
    assert (told in caplog.text) == learn
    assert (table_of.folder / "faces.csv").read_bytes() == before
