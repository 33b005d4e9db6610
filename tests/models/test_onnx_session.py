"""The device on which ONNX networks run; ONNX Runtime is mocked, as there is no GPU."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from pipeline.errors import ModelError
from pipeline.models import onnx_session, registry
from pipeline.models.onnx_session import CPU, CUDA, run_in_time, session
from pipeline.settings import WalkSettings
from tests.support.processes import ROOT
from tests.support.stills import needs

PATH = registry.DETECTORS["yunet"].path

Play = Callable[..., list[list[str]]]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """Makes ONNX Runtime offer some providers and load others; returns those requested."""

    def playing(available: list[str], loaded: list[str]) -> list[list[str]]:
        asked: list[list[str]] = []

        class Session:
            def __init__(self, path: str, options: Any, providers: list[str]) -> None:
                asked.append(providers)

            def get_providers(self) -> list[str]:
                return loaded

        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: available)
        monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
        monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None, raising=False)
        return asked

    return playing


def test_the_cpu_is_what_is_used_unless_another_is_asked_for(play: Play) -> None:
    asked = play([CUDA, CPU], [CPU])
    session(PATH)
    assert asked == [[CPU]]


def test_cuda_is_asked_for_first(play: Play) -> None:
    asked = play([CUDA, CPU], [CUDA, CPU])
    session(PATH, device="cuda")
    assert asked == [[CUDA, CPU]]


def test_an_onnxruntime_without_cuda_is_told(play: Play) -> None:
    asked = play(["AzureExecutionProvider", CPU], [CPU])
    with pytest.raises(ModelError, match=r"pip uninstall onnxruntime, then .* install") as caught:
        session(PATH, device="cuda")
    assert asked == []
    assert "\n" not in str(caught.value)


def test_a_silent_fall_back_to_the_cpu_is_told(play: Play) -> None:
    play([CUDA, CPU], [CPU])
    with pytest.raises(ModelError, match="cannot load CUDA and runs on the CPU") as caught:
        session(PATH, device="cuda")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(CUDA in onnxruntime.get_available_providers(), reason="CUDA is here")
def test_every_network_that_can_choose_is_told_where() -> None:
    for entries in registry.entries():
        for entry in entries.values():
            if "device" in entry.takes:
                with pytest.raises(ModelError, match="--device cuda"):
                    entry.build(device="cuda")
    with pytest.raises(ModelError, match="--device cuda"):
        registry.all_models(WalkSettings(), device="cuda")


@needs("dlib", "face_recognition_models")
def test_others_do_not_hear_of_it() -> None:
    registry.DETECTORS["hog"].build(device="cuda")
    remarks = list(registry.remarks(WalkSettings(detector="hog"), "cuda"))
    assert remarks == ["--device cuda has no effect on --detector hog"]
    assert list(registry.remarks(WalkSettings(), "cuda")) == []
    assert list(registry.remarks(WalkSettings(detector="cnn"), "cpu")) == []


def test_nothing_is_told_to_the_makers_of_the_runtime(tmp_path: Path) -> None:
    """Telemetry would send data, and leave files about this computer."""
    program = (
        "from pipeline.models.onnx_session import session; import sys, pathlib;"
        f"session(pathlib.Path({str(PATH)!r}), 1, 'cpu')"
    )
    places = dict.fromkeys(("HOME", "TMPDIR", "TEMP", "XDG_CACHE_HOME"), str(tmp_path))
    own = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    subprocess.run([sys.executable, "-c", program], env=own | places, check=True)
    assert list(tmp_path.rglob("*")) == []


def endless(path: Path) -> Path:
    """A network of one loop, of 2 to the power of 60 turns."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    helper, kinds = onnx.helper, onnx.TensorProto
    info = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Sin", ["x"], ["y"]),
        ],
        "body",
        [info("n", kinds.INT64, []), info("go", kinds.BOOL, []), info("x", kinds.FLOAT, ["n", 7])],
        [info("go_on", kinds.BOOL, []), info("y", kinds.FLOAT, ["n", 7])],
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["turns", "", "face"], ["answer"], body=body)],
        "endless",
        [info("face", kinds.FLOAT, ["n", 7])],
        [info("answer", kinds.FLOAT, ["n", 7])],
        [helper.make_tensor("turns", kinds.INT64, [], [1 << 60])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def test_a_network_that_never_ends_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_session, "RUN_SECONDS", 0.3)
    loaded = session(endless(tmp_path / "endless.onnx"))
    face = np.zeros((1, 7), np.float32)
    with pytest.raises(ModelError, match=r"ran for more than 0\.3 s"):
        run_in_time(loaded, ["answer"], {"face": face})


def slow_to_load(path: Path) -> Path:
    """A network of 100 kB with constants that take hours, and are computed as it is loaded."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    helper, kinds = onnx.helper, onnx.TensorProto
    one = helper.make_tensor("one", kinds.FLOAT, [1], [1.0])
    nodes = [helper.make_node("ConstantOfShape", ["size"], ["c0"], value=one)]
    nodes += [helper.make_node("MatMul", [f"c{n}", "c0"], [f"c{n + 1}"]) for n in range(2000)]
    nodes.append(helper.make_node("Add", ["face", "c2000"], ["answer"]))
    graph = helper.make_graph(
        nodes,
        "slow",
        [helper.make_tensor_value_info("face", kinds.FLOAT, ["n", 3000])],
        [helper.make_tensor_value_info("answer", kinds.FLOAT, ["n", 3000])],
        [helper.make_tensor("size", kinds.INT64, [2], [3000, 3000])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def test_a_network_that_never_loads_is_left_and_the_program_ends(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from pipeline.models import onnx_session\n"
        "from pipeline.cli import main, run\n"
        "onnx_session.LOAD_SECONDS = 0.5\n"
        "main.callback = lambda: onnx_session.session(Path('slow.onnx'))\n"
        "main.invoke_without_command = True; main.no_args_is_help = False\n"
        "run()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=slow_to_load(tmp_path / "slow.onnx").parent,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    told = "mine-video: slow.onnx: did not load within 0.5 s; use another network\n"
    assert ended.stderr == told
