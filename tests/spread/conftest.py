"""Fixtures of all tests on clusters."""

from collections.abc import Iterator

import pytest

from tests.support.processes import ROOT


@pytest.fixture(autouse=True, scope="session")
def _workers_find_puppets() -> Iterator[None]:
    """Workers import what the tests do, wherever the program is called."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        yield
