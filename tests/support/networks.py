"""Small emotion networks, as a user might bring them, and the card of the one that ours is from."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pipeline.faces import EMOTIONS
from pipeline.models.cards import WEIGHTS, Card, Input, Tolerances

ROOT = Path(__file__).parents[2]
TRAINED = ROOT.parent / "shared" / "models" / "emotion" / "emotion.keras"

PRIORS = (
    (0.139155, 0.015187, 0.142708, 0.251315, 0.168240, 0.110453, 0.172942),
    (0.085352, 0.016875, 0.035096, 0.266628, 0.147953, 0.116042, 0.332053),
)
TRAINED_CARD = Card(
    file="emotion.keras",
    job="emotion",
    input=Input(dtype="float32", size=(48, 48), mean=127.5, scale=1 / 64),
    output="logits",
    classes=EMOTIONS,
    heads=2,
    priors=PRIORS,
    tau=0.75,
)
"""As tools/make_emotion.py has it."""


def onnx_network(
    path: Path, answers: int, shape: tuple[int | str, ...] = ("n", 48, 48, 1), **outputs: float
) -> Path:
    """Writes a network of one layer: `answers` random logits for a float image of this shape.

    Args:
        path: Where to.
        answers: Columns of the output.
        shape: Of the input.
        outputs: Other outputs by name, with the number that is added to the first one's.
    """
    pixels = int(np.prod([side for side in shape[1:] if isinstance(side, int)]))
    weights = np.random.default_rng(0).normal(0, 0.05, (pixels, answers)).astype(np.float32)
    nodes = [
        helper.make_node("Flatten", ["face"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "weights"], ["answer"]),
    ]
    constants = [numpy_helper.from_array(weights, "weights")]
    for name, more in outputs.items():
        nodes.append(helper.make_node("Add", ["answer", f"{name}_more"], [name]))
        constants.append(numpy_helper.from_array(np.array([more], np.float32), f"{name}_more"))
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("face", TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, (shape[0], answers))
            for name in ("answer", *outputs)
        ],
        constants,
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def keras_network(path: Path, answers: int) -> Path:
    """Writes a small Keras network from float `(n, 48, 48, 1)` to probabilities."""
    import keras  # noqa: PLC0415

    keras.utils.set_random_seed(0)
    with warnings.catch_warnings():
        # Keras 3.15 builds layers in a way that numpy is to give up.
        warnings.simplefilter("ignore", DeprecationWarning)
        layers: list[Any] = [
            keras.layers.Input((48, 48, 1)),
            keras.layers.Conv2D(4, 3, strides=4, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(answers, activation="softmax"),
        ]
        keras.Sequential(layers).save(path)
    return path


def with_card(path: Path, **facts: Any) -> Path:
    """Writes a card beside a network; gives the network."""
    usual: dict[str, Any] = {
        "input": Input(dtype="float32", scale=1 / 255),
        "output": "logits",
        "classes": EMOTIONS,
        "job": "emotion",
    }
    Card(file=path.name, **(usual | facts)).write(path.parent)
    return path


def users_onnx(folder: Path) -> Path:
    """Somebody's: colours first, 32 pixels, in another order, with contempt and without disgust."""
    return with_card(
        onnx_network(folder / "mine.onnx", 7, ("n", 3, 32, 32)),
        input=Input(
            dtype="float32", layout="NCHW", colour="RGB", size=(32, 32),
            mean=(123.7, 116.3, 103.5), scale=(1 / 58.4, 1 / 57.1, 1 / 57.4),
        ),
        classes=("neutral", "happy", "surprise", "sad", "angry", "fear", "contempt"),
    )  # fmt: skip


def users_keras(folder: Path) -> Path:
    """Somebody's Keras network of three classes."""
    path = keras_network(folder / "mine.keras", 3)
    return with_card(path, output="probabilities", classes=("sad", "happy", "neutral"))


def users_recognizer(folder: Path) -> Path:
    """Somebody's network that tells people apart: SFace's weights, fed as ArcFace's are.

    It takes `(1, 3, 112, 112)` floats from -1 to 1, blue first.
    """
    model = onnx.load(WEIGHTS / "sface.onnx")
    graph = model.graph
    numbers = {"half": np.float32(127.5), "steps": np.float32(128), "turn": np.array([2, 1, 0])}
    for name, value in numbers.items():
        graph.initializer.append(numpy_helper.from_array(np.asarray(value), f"own_{name}"))
    steps = [
        helper.make_node("Mul", ["data", "own_steps"], ["own_wide"]),
        helper.make_node("Add", ["own_wide", "own_half"], ["own_pixels"]),
        helper.make_node("Gather", ["own_pixels", "own_turn"], ["own_rgb"], axis=1),
        helper.make_node("Transpose", ["own_rgb"], ["own_last"], perm=[0, 2, 3, 1]),
        helper.make_node("Cast", ["own_last"], [graph.input[0].name], to=TensorProto.UINT8),
    ]
    nodes = [*steps, *graph.node]
    del graph.node[:], graph.input[:]
    graph.node.extend(nodes)
    graph.input.append(helper.make_tensor_value_info("data", TensorProto.FLOAT, (1, 3, 112, 112)))
    path = folder / "faces.onnx"
    onnx.save(model, path)
    return with_card(
        path,
        job="identity",
        classes=(),
        output="probabilities",
        input=Input(
            dtype="float32", layout="NCHW", colour="BGR", size=(112, 112), mean=127.5, scale=1 / 128
        ),
        tolerances=Tolerances.from_card({"name": 0.97}),
    )
