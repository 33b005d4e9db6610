"""Which workers a pool gives tasks, and of which it warns, without a cluster."""

import logging
import time

import pytest

from pipeline.errors import ModelError
from pipeline.spread.worker import Terms, WorkerAnswer
from tests.support.puppet import SETTINGS

pytest.importorskip("ray", reason="needs the extra `cluster`")

from pipeline.spread import cluster
from pipeline.spread.pool import Pool, Task, _Worker


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Pool:
    """A pool of a cluster of two nodes with one core each."""
    for name in ("put", "get"):
        monkeypatch.setattr(f"pipeline.spread.pool.ray.{name}", lambda value: value)
    monkeypatch.setattr(cluster, "alive", lambda: {"a": "host-a", "b": "host-b"})
    monkeypatch.setattr(cluster, "free_workers", lambda _: 2)
    return Pool(Terms(SETTINGS, "cpu", (), {}, {}))


def _begun(node: str, method: str, seconds: float) -> _Worker:
    task = Task(None, method, (), "film.mkv, part 7")
    return _Worker(None, node, 42, task, time.monotonic() - seconds)


@pytest.mark.parametrize(
    ("method", "seconds", "warned"),
    [
        ("make", 299, False),
        ("make", 301, True),
        ("finish", 999, False),
        ("finish", 1001, True),
        ("prepare", 3599, False),
        ("prepare", 3601, True),
    ],
)
def test_who_takes_far_longer_than_others_is_told_once(
    method: str, seconds: float, warned: bool, two: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    for taken in (1.0, 2.0, 900.0):
        two._watch.ended(Task(None, "make", (), ""), taken)
    two._watch.ended(Task(None, "finish", (), ""), 100.0)
    two._busy["one"] = _begun("b", method, seconds)
    for _ in range(2):
        two._look_after()
    words = (
        f"film.mkv, part 7 ({method}): has taken {seconds / 60:.0f} min on node host-b, process 42"
    )
    assert [words in record.getMessage() for record in caplog.records] == [True] * warned


def test_a_node_that_differs_is_left_out_until_there_is_no_other(
    two: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    differs = WorkerAnswer(("a", 1), ModelError("node host-a: differs"))
    assert two._ended(differs, _Worker(None)) is None
    assert (two.size, two._idle) == (1, [])
    assert two._ended(WorkerAnswer(("b", 2)), _Worker(None)) is None
    assert [worker.node for worker in two._idle] == ["b"]
    with pytest.raises(ModelError, match="differs"):
        two._ended(differs, _Worker(None))
    messages = ["node host-a: differs; leaving this node out"]
    assert [record.getMessage() for record in caplog.records] == messages, "once a node"


def test_a_node_that_has_gone_is_no_longer_left_out(
    two: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    two._ended(WorkerAnswer(("a", 1), ModelError("differs")), _Worker(None))
    monkeypatch.setattr(cluster, "alive", lambda: {"b": "host-b"})
    two._look_after()
    assert two.size == 2
