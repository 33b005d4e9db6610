"""Loads ONNX networks with settings that give the same bytes on every run."""

from pathlib import Path

import onnxruntime

from pipeline.errors import ModelError

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
