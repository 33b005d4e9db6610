"""Loads ONNX networks with settings that give the same bytes on every run."""

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Event, Thread, Timer
from typing import Any

import onnxruntime
from numpy.typing import NDArray

from pipeline.errors import PIP, ModelError
from pipeline.models.cards import WEIGHTS, Card
from pipeline.models.registry import LOADING

RUN_SECONDS = 120.0
"""Seconds that a batch of faces may take; the slowest network known takes 2 on a busy machine."""

LOAD_SECONDS = 120.0
"""Seconds that loading a network may take; the largest known takes one."""

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
        ModelError: The file is not a network that ONNX Runtime can load in time, or there is no
            CUDA.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    providers = _cuda_first() if device == "cuda" else [CPU]
    try:
        loaded = _in_time(
            lambda: onnxruntime.InferenceSession(str(path), options, providers=providers)
        )
    except TimeoutError as error:
        raise ModelError(
            f"{path}: did not load within {LOAD_SECONDS:g} s; use another network"
        ) from error
    except Exception as error:  # ONNX Runtime's exceptions have no base class of their own.
        raise ModelError(f"{path}: not an ONNX network that can be loaded ({error})") from error
    if loaded.get_providers()[0] != providers[0]:  # ONNX Runtime falls back silently.
        raise ModelError(
            "--device cuda: ONNX Runtime cannot load CUDA and runs on the CPU; "
            f"{PIP} install 'onnxruntime-gpu[cuda,cudnn]', check that nvidia-smi shows the GPU, "
            "or leave out --device"
        )
    return loaded


def _in_time(load: Callable[[], onnxruntime.InferenceSession]) -> onnxruntime.InferenceSession:
    """Loads a network that somebody else may have made: its constants may take years to compute.

    Nothing stops ONNX Runtime in that. It goes on in a thread that ends with the program, see
    `cli.run`.

    Raises:
        TimeoutError: It took longer than `LOAD_SECONDS`.
    """
    found: Future[onnxruntime.InferenceSession] = Future()

    def work() -> None:
        try:
            found.set_result(load())
        except Exception as error:  # The caller gets it.
            found.set_exception(error)

    Thread(target=work, daemon=True, name=LOADING).start()
    return found.result(LOAD_SECONDS)


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


class CardNetwork:
    """A network in an ONNX file, with the input and output that its card names.

    Args:
        card: Its card.
        threads: Threads of ONNX Runtime.
        device: "cpu" or "cuda".

    Attributes:
        one_by_one: Whether it takes a single face a run, as networks are often exported.

    Raises:
        ModelError: The file is missing, changed or no network, or has no such input or output.
    """

    def __init__(self, card: Card, threads: int = 1, device: str = "cpu") -> None:
        self._session = session(card.checked(), threads, device)
        self._in_time = card.path.parent != WEIGHTS
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        name = card.input.name if card.input else None
        self._input = _one([i.name for i in inputs], name, card, "input.name")
        name = next(iter(card.outputs), None)
        self._output = _one([o.name for o in outputs], name, card, "outputs")
        self.one_by_one = next(i.shape for i in inputs if i.name == self._input)[:1] == [1]

    def run(self, faces: NDArray[Any]) -> NDArray[Any]:
        """Gives the output for faces as `Input.fed` makes them; may raise anything."""
        outputs, given = [self._output], {self._input: faces}
        if self._in_time:
            return run_in_time(self._session, outputs, given)[0]
        return self._session.run(outputs, given)[0]


def cannot_run(path: Path, face: NDArray[Any], error: Exception) -> ModelError:
    """The error for a network that fails on what its card says.

    Args:
        path: The network.
        face: One face as it was fed.
        error: What it raised.
    """
    return ModelError(
        f"{path}: cannot run as its card says, on {face.dtype} {face.shape} for one face "
        f"({first_line(error)})"
    )


def first_line(error: Exception) -> str:
    """What an error says, without the lines of its details."""
    return str(error).strip().partition("\n")[0] or repr(error)


def _one(names: list[str], wanted: str | None, card: Card, fact: str) -> str:
    """The name of the input or output that a card means.

    Args:
        names: The names in the file.
        wanted: The name in the card, or None.
        card: The card.
        fact: The card's key, for the message.

    Raises:
        ModelError: The file has no such name, or has several and the card gives none.
    """
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted not in names:
        raise ModelError(
            f"{card.path}: its card says {fact} {wanted!r}, the file has {', '.join(names)}"
        )
    return wanted


def _cuda_first() -> list[str]:
    """CUDA, and then the CPU for operations without a CUDA kernel.

    Raises:
        ModelError: This ONNX Runtime was built without CUDA.
    """
    if CUDA not in onnxruntime.get_available_providers():
        raise ModelError(
            f"--device cuda: the installed onnxruntime has no CUDA; {PIP} uninstall onnxruntime, "
            f"then {PIP} install 'onnxruntime-gpu[cuda,cudnn]' (both use the same folder), "
            "or leave out --device"
        )
    if hasattr(onnxruntime, "preload_dlls"):  # Since 1.21; finds libraries installed by pip.
        onnxruntime.preload_dlls()
    return [CUDA, CPU]
