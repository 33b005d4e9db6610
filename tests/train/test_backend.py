"""Keras: the message if it is missing, and gradients."""

import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import ModelError
from pipeline.train import backend


def test_without_keras_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(ModelError, match=r"needs Keras .*pip install 'mine-video\[train\]'"):
        backend.require()


@pytest.fixture
def _keras() -> None:
    pytest.importorskip("keras", reason="needs the extra `train`")


@pytest.mark.train
@pytest.mark.usefixtures("_keras")
class TestWithKeras:
    def test_a_file_that_is_no_network_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "m.keras").write_bytes(b"no network")
        with pytest.raises(ModelError, match=r"m\.keras: not a Keras network"):
            backend.load_network(tmp_path / "m.keras")

    def test_gradients_are_those_of_calculus(self) -> None:
        from keras import ops  # noqa: PLC0415

        x = np.arange(6, dtype=np.float32).reshape(2, 3)
        found = backend.gradient(lambda v: ops.sum(v**3))(x)
        assert np.allclose(np.asarray(found), 3 * x**2)
