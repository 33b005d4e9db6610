"""Walks as they lie on disk."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.disk.manifest import Manifest
from pipeline.disk.tracks_npz import Tracks, read_tracks
from pipeline.disk.walked import Walked, finished
from pipeline.faces import Ints
from pipeline.movie.scan import Scan
from pipeline.movie.stream import Stream
from pipeline.settings import WalkSettings

RATE = 25


def read_walk(folder: Path) -> tuple[pd.DataFrame, Tracks]:
    """The rows and the tracks of a finished walk."""
    walked = finished(folder)
    return walked.rows, walked.tracks


def scan_of(frames: int, pts: Sequence[int] | None = None) -> Scan:
    """Of a movie of so many frames, 25 a second, or with timestamps in milliseconds."""
    base = (1, 1000) if pts else (1, RATE)
    stamps: Ints = np.array(pts if pts else range(frames), np.int64)
    stream = Stream("h264", 640, 360, RATE, base, 0, 0, counted=False, hdr="")
    return Scan(stream, stamps, np.array([[stamps[0], stamps[0]]], np.int64))


def manifest_of(
    frames: int, name: str = "film.mkv", settings: WalkSettings | None = None
) -> Manifest:
    """Of a movie that never was."""
    models = {"detector": "long-named puppet 0123456789abcdef"}
    return Manifest(
        Path("videos") / name, {}, settings or WalkSettings(), models, scan_of(frames),
        ((0, frames),),
    )  # fmt: skip


def unplanned(folder: Path, frames: int = 1000) -> Walked:
    """The faces.csv and tracks.npz of a folder that has no manifest."""
    return Walked(folder, manifest_of(frames), read_tracks(folder / "tracks.npz"))


def moved(folder: Path, to: str | Path) -> None:
    """Says that the movie is somewhere else."""
    facts = json.loads((folder / "walk.json").read_text(encoding="utf-8"))
    facts["movie"]["path"] = str(to)
    (folder / "walk.json").write_text(json.dumps(facts), encoding="utf-8")
