"""Fixtures for all tests of clusters."""

from collections.abc import Iterator

import pytest

from tests.support.processes import ROOT


@pytest.fixture(autouse=True, scope="session")
def _workers_find_puppets() -> Iterator[None]:
    """Lets workers import what the tests import, wherever the program runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        yield
