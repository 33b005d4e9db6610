"""One way to run ONNX networks, with the same bytes on every run."""

from pathlib import Path

import onnxruntime

from pipeline.errors import ModelError

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"


def session(path: Path, threads: int = 1, device: str = "cpu") -> onnxruntime.InferenceSession:
    """Loads a network.

    Spinning is off because several sessions on few cores starve each other (measured: 41 ms a
    frame with it, 18 ms without); the optimization level is pinned because it changes last bits.

    Args:
        path: The network.
        threads: of ONNX Runtime, on the CPU.
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
        made = onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # ONNX Runtime's own exceptions share no base class of their own.
        raise ModelError(f"{path}: not an ONNX network that can be loaded ({error})") from error
    if made.get_providers()[0] != providers[0]:  # It says nothing when it falls back to the CPU.
        raise ModelError(
            "--device cuda: ONNX Runtime cannot load CUDA and runs on the CPU; "
            "pip install 'onnxruntime-gpu[cuda,cudnn]', look whether nvidia-smi shows the GPU, "
            "or leave --device out"
        )
    return made


def _cuda_first() -> list[str]:
    """CUDA, then the CPU for what CUDA has no kernel of.

    Raises:
        ModelError: This ONNX Runtime was built without CUDA.
    """
    if CUDA not in onnxruntime.get_available_providers():
        raise ModelError(
            "--device cuda: the installed onnxruntime has no CUDA; pip uninstall onnxruntime, "
            "then pip install 'onnxruntime-gpu[cuda,cudnn]' (both fill the same folder), "
            "or leave --device out"
        )
    if hasattr(onnxruntime, "preload_dlls"):  # Since 1.21: finds the libraries that pip installs.
        onnxruntime.preload_dlls()
    return [CUDA, CPU]
