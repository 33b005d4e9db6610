"""What differs between Keras' backends, in a few lines each: TensorFlow, JAX and PyTorch.

Keras takes the one that the environment variable KERAS_BACKEND names, TensorFlow where none is.
"""

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from pipeline.errors import ModelError

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's notes on its own build.


def require() -> None:
    """Makes sure that Keras can be used; to be called before a module that imports it.

    Raises:
        ModelError: Keras or its backend is not installed.
    """
    try:
        import keras  # noqa: F401, PLC0415
    except ImportError as error:
        raise ModelError(
            f"this needs Keras and TensorFlow ({error}); "
            "install them with: pip install 'mine-video[train]'"
        ) from error


def load_network(path: Path) -> Any:
    """Loads a network to be asked, not to be trained further.

    Raises:
        ModelError: Keras is missing, or the file is none of its networks.
    """
    require()
    import keras  # noqa: PLC0415

    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # It raises whatever it stumbles on.
        raise ModelError(f"{path}: not a Keras network that can be loaded ({error})") from error


def to_numpy(tensor: Any) -> Any:
    """A tensor of the backend as an array."""
    import keras  # noqa: PLC0415

    return keras.ops.convert_to_numpy(tensor)


def deterministic(seed: int) -> None:
    """Makes runs with one seed equal, as far as the backend can on one machine."""
    import keras  # noqa: PLC0415

    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow  # noqa: PLC0415

        tensorflow.config.experimental.enable_op_determinism()


def gradient(loss: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function that gives the derivative of `loss` by its one argument, an array.

    Args:
        loss: From an array to a single number, in `keras.ops`.

    Returns:
        From an array to the derivative, an array of the same shape.
    """
    import keras  # noqa: PLC0415

    return {"tensorflow": _of_tensorflow, "jax": _of_jax, "torch": _of_torch}[
        keras.backend.backend()
    ](loss)


def _of_tensorflow(loss: Callable[[Any], Any]) -> Callable[[Any], Any]:
    import tensorflow  # noqa: PLC0415

    def derivative(x: Any) -> Any:
        with tensorflow.GradientTape() as tape:
            tape.watch(x)
            value = loss(x)
        return tape.gradient(value, x)

    compiled = tensorflow.function(derivative)
    return lambda x: compiled(tensorflow.convert_to_tensor(x)).numpy()


def _of_jax(loss: Callable[[Any], Any]) -> Callable[[Any], Any]:
    jax = import_module("jax")
    return jax.jit(jax.grad(loss))


def _of_torch(loss: Callable[[Any], Any]) -> Callable[[Any], Any]:
    torch = import_module("torch")

    def derivative(x: Any) -> Any:
        variable = torch.tensor(x, requires_grad=True)
        (found,) = torch.autograd.grad(loss(variable), variable)
        return found.numpy()

    return derivative
