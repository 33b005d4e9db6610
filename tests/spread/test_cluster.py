"""Joining a cluster: errors and output. `test_walk.py` walks on one."""

import socket
import sys

import pytest

from pipeline.errors import WorkerError
from pipeline.spread.cluster import joined


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(WorkerError, match=r"pip install 'mine-video\[cluster\]'"):
        joined("local", 1).__enter__()


def test_what_ray_held_back_is_told_by_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ray", reason="needs the extra `cluster`")
    from ray._private.ray_logging import stdout_deduplicator  # noqa: PLC0415 - see above.

    with joined("local", 1):
        print("a result")  # noqa: T201
        for process in (1, 2):
            lines = ["the node died: 20 lines of C++"]
            stdout_deduplicator.deduplicate(
                {"lines": lines, "pid": process, "is_err": False, "ip": "1", "job": "1"}
            )
    assert capsys.readouterr().out == "a result\n"


def test_where_somebody_answers_the_token_is_named_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ray = pytest.importorskip("ray", reason="needs the extra `cluster`")

    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError("no")

    monkeypatch.setattr(ray, "init", refuse)
    with (
        socket.create_server(("127.0.0.1", 0)) as head,
        pytest.raises(WorkerError, match=r"the port answers \(no\)\. If .* RAY_AUTH_MODE=token"),
    ):
        joined(f"127.0.0.1:{head.getsockname()[1]}", 1).__enter__()
