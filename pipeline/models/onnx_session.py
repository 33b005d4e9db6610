"""Loads ONNX networks with settings that give the same bytes on every run."""

from pathlib import Path
from threading import Event, Timer
from typing import Any

import onnxruntime

from pipeline.errors import ModelError

RUN_SECONDS = 120.0
"""Seconds that a batch of faces may take; the slowest network known takes 2 on a busy machine."""

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"


def session(path: Path, threads: int = 1, device: str = "cpu") -> onnxruntime.InferenceSession:
    """Loads a network.

    Spinning is off because several sessions on few cores starve each other (measured: 41 ms per
    frame with it, 18 ms without). The optimization level is fixed because it changes the last
    bits of results.

    Args:
        path: The network.
        threads: Threads of ONNX Runtime on the CPU.
        device: "cpu" or "cuda".

    Raises:
        ModelError: The file is not a network that ONNX Runtime can load, or there is no CUDA.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    providers = _cuda_first() if device == "cuda" else [CPU]
    try:
        loaded = onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # ONNX Runtime's exceptions have no base class of their own.
        raise ModelError(f"{path}: not an ONNX network that can be loaded ({error})") from error
    if loaded.get_providers()[0] != providers[0]:  # ONNX Runtime falls back silently.
        raise ModelError(
            "--device cuda: ONNX Runtime cannot load CUDA and runs on the CPU; "
            "pip install 'onnxruntime-gpu[cuda,cudnn]', check that nvidia-smi shows the GPU, "
            "or leave out --device"
        )
    return loaded


def run_in_time(
    loaded: onnxruntime.InferenceSession, outputs: list[str], given: dict[str, Any]
) -> list[Any]:
    """Runs a network that somebody else may have made: a loop in it need never end.

    Args:
        loaded: The network.
        outputs: Names of the outputs that are wanted.
        given: The inputs by name.

    Raises:
        ModelError: It took longer than `RUN_SECONDS`.
    """
    options = onnxruntime.RunOptions()
    late = Event()

    def stop() -> None:
        late.set()
        options.terminate = True

    timer = Timer(RUN_SECONDS, stop)
    timer.daemon = True
    timer.start()
    try:
        return list(loaded.run(outputs, given, options))
    except Exception as error:
        if late.is_set():
            raise ModelError(
                f"the network ran for more than {RUN_SECONDS:g} s on one batch; use another"
            ) from error
        raise
    finally:
        timer.cancel()


def _cuda_first() -> list[str]:
    """CUDA, and then the CPU for operations without a CUDA kernel.

    Raises:
        ModelError: This ONNX Runtime was built without CUDA.
    """
    if CUDA not in onnxruntime.get_available_providers():
        raise ModelError(
            "--device cuda: the installed onnxruntime has no CUDA; pip uninstall onnxruntime, "
            "then pip install 'onnxruntime-gpu[cuda,cudnn]' (both use the same folder), "
            "or leave out --device"
        )
    if hasattr(onnxruntime, "preload_dlls"):  # Since 1.21; finds libraries installed by pip.
        onnxruntime.preload_dlls()
    return [CUDA, CPU]
