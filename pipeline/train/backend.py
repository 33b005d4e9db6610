"""Hides the differences between Keras' backends: TensorFlow, JAX and PyTorch.

The environment variable KERAS_BACKEND chooses the backend; the default is TensorFlow.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from pipeline.errors import PIP, ModelError
from pipeline.files import open_file

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # Hides TensorFlow's notes on its build.


def require() -> None:
    """Checks that Keras is installed; call it before importing a module that needs Keras.

    Raises:
        ModelError: Keras or its backend is not installed.
    """
    try:
        import keras  # noqa: F401, PLC0415
    except ImportError as error:
        raise ModelError(
            f"this command needs Keras and TensorFlow ({error}); "
            f"install them with: {PIP} install 'mine-video[train]'"
        ) from error


def load_network(path: Path) -> Any:
    """Loads a network for inference; it cannot be trained further.

    Raises:
        ModelError: Keras is missing, or the file is not a Keras network.
    """
    require()
    import keras  # noqa: PLC0415

    try:
        with open_file(path):  # Keras would wait for a pipe.
            return keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises errors of many types for damaged files.
        raise ModelError(f"{path}: not a Keras network, or damaged ({error})") from error


def to_numpy(tensor: Any) -> Any:
    """Converts a tensor of the backend to an array."""
    import keras  # noqa: PLC0415

    return keras.ops.convert_to_numpy(tensor)


def deterministic(seed: int) -> None:
    """Makes runs with the same seed equal, as far as the backend can on one machine."""
    import keras  # noqa: PLC0415

    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow  # noqa: PLC0415

        tensorflow.config.experimental.enable_op_determinism()


@contextmanager
def half_precision(*, wanted: bool) -> Iterator[None]:
    """Makes layers that are built inside calculate in bfloat16, if it is wanted."""
    import keras  # noqa: PLC0415

    before = keras.config.dtype_policy()
    if wanted:
        keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def gradient(loss: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Gives the derivative of `loss` with respect to its one argument, as a function.

    Args:
        loss: Maps an array to a single number; written in `keras.ops`.

    Returns:
        A function from an array to the derivative, an array of the same shape.
    """
    import keras  # noqa: PLC0415

    gradients = {
        "tensorflow": _tensorflow_gradient, "jax": _jax_gradient, "torch": _torch_gradient,
    }  # fmt: skip
    return gradients[keras.backend.backend()](loss)


def _tensorflow_gradient(loss: Callable[[Any], Any]) -> Callable[[Any], Any]:
    import tensorflow  # noqa: PLC0415

    def derivative(x: Any) -> Any:
        with tensorflow.GradientTape() as tape:
            tape.watch(x)
            value = loss(x)
        return tape.gradient(value, x)

    compiled = tensorflow.function(derivative)
    return lambda x: compiled(tensorflow.convert_to_tensor(x)).numpy()


def _jax_gradient(loss: Callable[[Any], Any]) -> Callable[[Any], Any]:
    jax = import_module("jax")
    return jax.jit(jax.grad(loss))


def _torch_gradient(loss: Callable[[Any], Any]) -> Callable[[Any], Any]:
    torch = import_module("torch")

    def derivative(x: Any) -> Any:
        variable = torch.tensor(x, requires_grad=True)
        (slope,) = torch.autograd.grad(loss(variable), variable)
        return slope.numpy()

    return derivative
