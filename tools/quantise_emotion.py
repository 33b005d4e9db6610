"""Makes emotion_int8.onnx from emotion.onnx: int8 weights and activations, a third of the time.

All convolutions but the first, and the sums between them, calculate with 8 bits (QDQ, a scale for
each channel of the weights); the first convolution, a hundredth of the work and a third of the
error, and the head stay float32. Ranges of activations come from training faces.

Scales are those of `int8.py`, with which all processors give the same integers. On the hardest film
measured 98.5 % of the labels are those of the float network, and with ONNX Runtime's `reduce_range`
96.7 %.

The same faces and packages give the same bytes.

Run:
    python -m pip install -e . onnx
    python tools/quantise_emotion.py fer2013.csv pipeline/models/weights/emotion.onnx \
        pipeline/models/weights

Source: Jacob et al., "Quantization and training of neural networks for efficient
integer-arithmetic-only inference", CVPR 2018.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from card import write_with_card
from int8 import channel_scales, check_pairs
from onnx import numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from pipeline.faces import Floats, Image
from pipeline.models.cards import Card, CardSource
from pipeline.train import dataset

FACES, BATCH = 512, 64
"""Calibration faces, and how many are run at once."""
PERCENTILE = 99.99
"""Share of each activation's values that its range holds; 99.999 and the full range are worse."""
QUANTISED = ["Conv", "Add", "Relu"]


class Faces(CalibrationDataReader):  # type: ignore[misc]  # ONNX Runtime is without types.
    """Shows the network its calibration faces.

    Args:
        name: the network's input.
        faces: grey `(n, 48, 48)`.
    """

    def __init__(self, name: str, faces: Image) -> None:
        self._batches = iter(
            {name: faces[i : i + BATCH, ..., None]} for i in range(0, len(faces), BATCH)
        )

    def get_next(self) -> dict[str, Image] | None:
        """The next batch, or None at the end."""
        return next(self._batches, None)


def training_faces(path: Path) -> Image:
    """Draws `FACES` faces from the training rows of FER2013.

    Raises:
        DataError: the file cannot be read.
        SystemExit: it has too few training rows.
    """
    data = dataset.read_dataset(path)
    rows = np.flatnonzero(data.usage == dataset.TRAINING)
    if len(rows) < FACES:
        raise SystemExit(f"{path}: has {len(rows)} training faces, wanted at least {FACES}")
    return data.faces[np.random.default_rng(0).choice(rows, FACES, replace=False)]


def per_channel(scales: Floats) -> list[dict[str, Any]]:
    """The scales as ONNX Runtime wants them told."""
    told = [{"scale": scale, "zero_point": np.int8(0)} for scale in scales]
    return [{"quant_type": QuantType.QInt8, "axis": 0, **told[0]}, *told[1:]]


def quantise(path: Path, faces: Image) -> bytes:
    """Returns the bytes of the int8 network.

    Args:
        path: the float network.
        faces: the calibration faces.
    """
    graph = onnx.load(path).graph
    weights = {w.name: numpy_helper.to_array(w) for w in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    kept = [convolutions[0].name, *_after_matrices(graph)]
    scales = {
        node.input[1]: per_channel(channel_scales(weights[node.input[1]]))
        for node in convolutions[1:]
    }
    with TemporaryDirectory() as scratch:
        made = Path(scratch) / "int8.onnx"
        quantize_static(
            path, made, Faces(graph.input[0].name, faces),
            quant_format=QuantFormat.QDQ, per_channel=True, op_types_to_quantize=QUANTISED,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, nodes_to_exclude=kept,
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": PERCENTILE, "TensorQuantOverrides": scales},
        )  # fmt: skip
        return made.read_bytes()


def _after_matrices(graph: Any) -> Iterator[str]:
    """The names of the sums that belong to a dense layer."""
    products = {name for node in graph.node if node.op_type == "MatMul" for name in node.output}
    return (n.name for n in graph.node if n.op_type == "Add" and products & set(n.input))


def make(faces: Path, path: Path, folder: Path) -> None:
    """Writes emotion_int8.onnx and its card.

    Args:
        faces: FER2013.
        path: the float network, with its card beside it.
        folder: the folder for both files.

    Raises:
        ModelError: the network has no card, or is not the card's.
        DataError: the faces cannot be read.
        SystemExit: a check fails.
    """
    source = Card.beside(path)
    data = quantise(source.checked(), training_faces(faces))
    check_pairs(data)
    card = Card(
        file=f"{path.stem}_int8.onnx",
        job=source.job,
        input=source.input,
        outputs=source.outputs,
        classes=source.classes,
        source=CardSource(None, None, path.name, source.sha256),
        licence=source.licence,
        copyright=source.copyright,
        made_by="tools/quantise_emotion.py",
        note=(
            f"{path.name} with int8 weights and activations in all convolutions but the first, "
            f"calibrated on {FACES} training faces of FER2013. No sum of two products overflows "
            "16 bits, so that processors with and without VNNI give the same answers. What "
            "differs from the float file stands in docs/emotion_network.md."
        ),
    )
    write_with_card(folder, data, card)


def main() -> None:
    """Reads the command line and makes the file."""
    parser = argparse.ArgumentParser(description="Makes emotion_int8.onnx from emotion.onnx.")
    parser.add_argument("faces", type=Path, metavar="FER2013_CSV", help="Kaggle's fer2013.csv")
    parser.add_argument("path", type=Path, metavar="ONNX_FILE", help="emotion.onnx")
    parser.add_argument("folder", type=Path, metavar="OUT_DIR", help="pipeline/models/weights")
    args = parser.parse_args()
    make(args.faces, args.path, args.folder)


if __name__ == "__main__":
    main()
