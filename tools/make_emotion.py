"""Makes emotion.onnx from the trained Keras network.

The ONNX file takes grey faces (uint8) and gives probabilities: it includes the scaling before the
network and the prior correction of both heads after it. tf2onnx folds the batch normalisations into
the convolutions.

This needs TensorFlow (about 1 GB), preferably in an environment of its own.

Run (training writes emotion.keras):
    python -m pip install -e '.[train]'
    python tools/make_emotion.py emotion.keras pipeline/models/weights
"""

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
from card import sha256_of, write_with_card

from pipeline.faces import EMOTIONS
from pipeline.models.cards import Card, CardSource, Input
from pipeline.models.emotion import Reading

PRIORS = (
    (0.139155, 0.015187, 0.142708, 0.251315, 0.168240, 0.110453, 0.172942),
    (0.085352, 0.016875, 0.035096, 0.266628, 0.147953, 0.116042, 0.332053),
)
"""Share of each class in the targets of each head. FER2013: the labels of its 28,709 training rows.
FER+: the mean over faces of each face's votes for these seven classes, without the training rows
that show no face or are also in a test split. Rounded to four digits they would change a
probability by up to 1e-4."""
TAU = 0.75
"""Strength of the prior correction, chosen by the score on CK+, which was not used in training."""
MEAN, SCALE = 127.5, 1 / 64
SIDE = 48
OPSET = 15
TOLERANCE = 1e-5
TRAINED = Card(
    file="emotion.keras",
    job="emotion",
    input=Input(dtype="float32", size=(SIDE, SIDE), mean=MEAN, scale=SCALE),
    output="logits",
    classes=EMOTIONS,
    heads=2,
    priors=PRIORS,
    tau=TAU,
)
"""The card of the trained network, with which mine-video can run the Keras file directly."""


def load(path: Path) -> Any:
    """Loads a Keras network with two heads.

    Raises:
        SystemExit: there is no such file, or it is not a network from 48x48 to 14 logits.
    """
    # Set before Keras is imported: only TensorFlow can trace the network for tf2onnx.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras  # noqa: PLC0415

    try:
        network = keras.saving.load_model(path, compile=False)
    except (OSError, ValueError) as error:
        raise SystemExit(f"{path}: cannot be read as a Keras network: {error}") from error
    shapes = network.input_shape, network.output_shape
    wanted = (None, SIDE, SIDE, 1), (None, len(PRIORS) * len(EMOTIONS))
    if shapes != wanted:
        raise SystemExit(f"{path}: input and output shapes are {shapes}, wanted {wanted}")
    return network


def convert(network: Any) -> bytes:
    """Returns the bytes of the ONNX file, which maps `faces` (uint8) to `probability`.

    Args:
        network: a Keras network from (n, 48, 48, 1) to (n, 14).
    """
    import tensorflow as tf  # noqa: PLC0415
    import tf2onnx  # noqa: PLC0415

    priors = np.array(PRIORS, np.float32)

    def classify(faces: Any) -> dict[str, Any]:
        z = network((tf.cast(faces, tf.float32) - MEAN) * SCALE, training=False)
        z = tf.reshape(z, (-1, *priors.shape)) - TAU * np.log(priors)
        return {"probability": tf.reduce_mean(tf.nn.softmax(z), axis=1)}

    faces = tf.TensorSpec((None, SIDE, SIDE, 1), tf.uint8, name="faces")
    model, _ = tf2onnx.convert.from_function(
        tf.function(classify, input_signature=[faces]), input_signature=[faces], opset=OPSET
    )
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "n"
    return bytes(model.SerializeToString(deterministic=True))


def check(network: Any, data: bytes) -> None:
    """Compares the ONNX file with Keras on random faces and prints the largest difference.

    Raises:
        SystemExit: the difference is too large.
    """
    import onnxruntime as ort  # noqa: PLC0415

    faces = np.random.default_rng(0).integers(0, 256, (64, SIDE, SIDE), np.uint8)
    session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    (probability,) = session.run(None, {"faces": faces[..., None]})
    reading = Reading(TRAINED)
    logits = np.asarray(network(reading.fed(faces), training=False))
    wanted = reading.emotions(logits, len(faces))
    worst = float(np.abs(probability - wanted).max())
    print(f"largest difference from Keras over {len(faces)} faces: {worst:.1e}")
    if worst >= TOLERANCE:
        raise SystemExit(
            f"emotion.onnx differs from Keras by {worst:.1e}, wanted under {TOLERANCE}"
        )


def make(path: Path, folder: Path) -> None:
    """Writes emotion.onnx and emotion.json.

    Args:
        path: the trained network, a .keras file.
        folder: the folder for both files.

    Raises:
        SystemExit: the network cannot be used, or the result fails its check.
    """
    network = load(path)
    data = convert(network)
    check(network, data)
    card = Card(
        file="emotion.onnx",
        job="emotion",
        input=Input("faces", "uint8", "NHWC", "grey", (SIDE, SIDE)),
        outputs=("probability",),
        classes=EMOTIONS,
        source=CardSource(None, None, path.name, sha256_of(path.read_bytes())),
        licence="as mine-video itself",
        copyright="the authors of mine-video",
        made_by="tools/make_emotion.py",
        note=(
            "The mean of two heads, FER2013's labels and FER+'s votes, each "
            f"softmax(z - {TAU} log prior). Rows sum to 1. Within {TOLERANCE:.0e} of Keras on "
            "random faces, which the tool checks; 4e-7 when first measured."
        ),
    )
    write_with_card(folder, data, card)


def main() -> None:
    """Reads the command line and makes the file."""
    parser = argparse.ArgumentParser(description="Makes emotion.onnx from a Keras network.")
    parser.add_argument("keras_file", type=Path, metavar="KERAS_FILE", help="emotion.keras")
    parser.add_argument("folder", type=Path, metavar="OUT_DIR", help="pipeline/models/weights")
    args = parser.parse_args()
    make(args.keras_file, args.folder)


if __name__ == "__main__":
    main()
