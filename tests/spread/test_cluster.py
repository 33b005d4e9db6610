"""Joining a cluster without Ray; with it, `test_walk.py` does."""

import sys

import pytest

from pipeline.errors import WorkerError
from pipeline.spread.cluster import joined


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(WorkerError, match=r"pip install 'mine-video\[cluster\]'"):
        joined("local", 1).__enter__()
