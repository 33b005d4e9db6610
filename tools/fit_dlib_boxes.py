"""Prints the constants of pipeline/models/dlib_detect.py: dlib's points to YuNet's faces.

Landmarks: least squares over all faces and their mirror images, in sides of dlib's square, every
row of weights summing to 1. Boxes: medians of shift and sides, in spreads of those landmarks; for
comparison also what dlib's squares give, by medians in sides of the square. A face counts where
both detectors see it (IoU over 0.3).

The files of dlib are those of the extra `dlib`. Run once, put the constants in, and run again for
what is left; the network takes minutes:
    python tools/fit_dlib_boxes.py PHOTO… CLIP… --check videos/demo.mp4
"""

import argparse
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pipeline.faces import Floats, Image, iou
from pipeline.models.dlib_detect import LANDMARKS, DlibCnn, DlibHog, boxes_around, spread_of_points
from pipeline.models.registry import DETECTORS
from pipeline.movie.frame import shrink

WIDTH = 640
SAME = 0.3
STEPS = {"hog": 1, "cnn": 5}
"""Of so many pictures one: the network takes seconds for each."""
MIRRORED_DLIB = [2, 3, 0, 1, 4]
MIRRORED_YUNET = [1, 0, 2, 4, 3]


@dataclass(frozen=True, slots=True)
class Faces:
    """The same faces by both: `(n, 4)` squares and boxes, `(n, 5, 2)` points and landmarks."""

    squares: Floats
    points: Floats
    boxes: Floats
    landmarks: Floats

    @property
    def sides(self) -> Floats:
        """Of the squares, `(n, 1)`."""
        return self.squares[:, 2:3] - self.squares[:, :1]


def pictures(paths: Iterable[Path], every: int) -> Iterator[Image]:
    """The photos, and every so many frames of the movies, as the detector is shown them."""
    for path in paths:
        movie = cv2.VideoCapture(str(path))
        number = 0
        while movie.grab():
            if number % every == 0:
                _, frame = movie.retrieve()
                yield shrink(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), WIDTH)
            number += 1


def together(detector: DlibHog | DlibCnn, images: list[Image], name: str) -> Faces:
    """The faces that a detector and YuNet both find; prints the counts and the time."""
    yunet = DETECTORS["yunet"].build()
    pairs: list[tuple[Floats, ...]] = []
    seconds, theirs, ours = 0.0, 0, 0
    for image in images:
        (wanted,) = yunet.detect([image])
        begin = time.perf_counter()
        squares, _, points = detector.raw(image)
        seconds += time.perf_counter() - begin
        theirs, ours = theirs + len(wanted), ours + len(squares)
        for i, row in enumerate(iou(boxes_around(LANDMARKS @ points), wanted.boxes)):
            if len(row) and row.max() > SAME:
                j = int(row.argmax())
                pairs.append((squares[i], points[i], wanted.boxes[j], wanted.landmarks[j]))
    print(
        f"{name}: {len(images)} pictures, {1000 * seconds / len(images):.0f} ms each; faces: "
        f"{ours}, YuNet {theirs}, both {len(pairs)}"
    )
    return Faces(*(np.stack(column) for column in zip(*pairs, strict=True)))


def joined(parts: list[Faces]) -> Faces:
    """All faces in one."""
    columns = zip(*([f.squares, f.points, f.boxes, f.landmarks] for f in parts), strict=True)
    return Faces(*map(np.concatenate, columns))


def fit_box(faces: Faces, centre: Floats, unit: Floats) -> Floats:
    """Shift of the box's centre to the right and down, width and height, in units.

    Args:
        faces: By both.
        centre: `(n, 2)`, from where the shift is measured.
        unit: `(n, 1)`.
    """
    shift = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2 - centre
    size = faces.boxes[:, 2:] - faces.boxes[:, :2]
    return np.median(np.concatenate([shift, size], axis=1) / unit, axis=0)


def fit_landmarks(faces: Faces) -> Floats:
    """The weights `(5, 5)`; that they sum to 1 makes the nose's those of what is left."""
    turn = np.array([-1, 1], np.float32)
    points = np.concatenate([faces.points, faces.points[:, MIRRORED_DLIB] * turn])
    wanted = np.concatenate([faces.landmarks, faces.landmarks[:, MIRRORED_YUNET] * turn])
    scale = np.tile(faces.sides, (2, 1))[..., None]
    known = ((points[:, :4] - points[:, 4:]) / scale).transpose(0, 2, 1).reshape(-1, 4)
    sought = ((wanted - points[:, 4:]) / scale).transpose(0, 2, 1).reshape(-1, 5)
    weights = np.linalg.lstsq(known, sought, rcond=None)[0].T
    return np.concatenate([weights, 1 - weights.sum(axis=1, keepdims=True)], axis=1)


def squared(faces: Faces) -> Floats:
    """The boxes `(n, 4)` that the best shift and scale of dlib's squares give."""
    centre = ((faces.squares[:, :2] + faces.squares[:, 2:]) / 2).astype(np.float32)
    right, down, *sides = fit_box(faces, centre, faces.sides)
    centre += faces.sides * np.array([right, down], np.float32)
    half = faces.sides * np.array(sides) / 2
    return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)


def report(faces: Faces) -> None:
    """Prints how far the boxes and landmarks of the module as it is are from YuNet's."""
    landmarks = LANDMARKS @ faces.points
    boxes = {
        "boxes": boxes_around(landmarks),
        "squares, fitted to these very faces": squared(faces),
    }
    for name, framed in boxes.items():
        found = iou(framed, faces.boxes).diagonal()
        share = f"mean {found.mean():.3f}, median {np.median(found):.3f}, least {found.min():.2f}"
        print(f"    IoU of {name}: {share}")
    size = np.sqrt((faces.boxes[:, 2:] - faces.boxes[:, :2]).prod(axis=1))
    away = np.linalg.norm(landmarks - faces.landmarks, axis=2) / size[:, None]
    for name, part in (("median", 0.5), ("90 % within", 0.9)):
        print(f"    landmarks, share of the box, {name}: {shown(np.quantile(away, part, axis=0))}")


def shown(numbers: Floats) -> str:
    """Numbers with three digits."""
    return np.array2string(numbers, precision=3, suppress_small=True, separator=", ")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Fits dlib's boxes and points to YuNet's.")
    parser.add_argument("sources", nargs="+", type=Path, help="photos and movies to fit on")
    parser.add_argument("--check", nargs="+", type=Path, default=[], help="others to check on")
    parser.add_argument("--every", type=int, default=20, help="frames of a movie")
    args = parser.parse_args()
    seen, unseen = (list(pictures(paths, args.every)) for paths in (args.sources, args.check))
    detectors = {name: DETECTORS[name].build() for name in STEPS}
    found = [together(d, seen[:: STEPS[name]], name) for name, d in detectors.items()]
    faces = joined(found)
    weights = fit_landmarks(faces)
    landmarks = weights @ faces.points
    print(f"LANDMARKS:\n{shown(weights)}")
    print(f"BOX: {shown(fit_box(faces, landmarks.mean(axis=1), spread_of_points(landmarks)))}")
    for (name, detector), own in zip(detectors.items(), found, strict=True):
        print(f"{name}, fitted on:")
        report(own)
        if unseen:
            report(together(detector, unseen[:: STEPS[name]], f"{name}, not fitted on"))


if __name__ == "__main__":
    main()
