"""Movies that were walked and picked without a movie: every person's face is of one colour."""

import colorsys
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image as Pillow

from pipeline.disk.crop_file import crop_name, crop_stem
from pipeline.disk.crops_csv import CROP_COLUMNS
from pipeline.disk.manifest import Manifest
from pipeline.disk.walked import Walked
from pipeline.faces import Ints
from pipeline.movie.scan import Scan
from pipeline.movie.stream import Stream
from pipeline.pick import select
from pipeline.pick.choose import Choice, choose
from pipeline.settings import Job, PickSettings, WalkSettings
from tests.support.face_rows import RATE, Face, made, tracks_of

Colour = tuple[int, int, int]


def colour(person: str) -> Colour:
    """The face of somebody; grey of the unknown."""
    if not person:
        return 90, 90, 90
    red, green, blue = colorsys.hsv_to_rgb(sum(person.encode()) * 0.381 % 1, 0.9, 0.9)
    return round(255 * red), round(255 * green), round(255 * blue)


def jpeg(of: Colour, side: int = 64) -> bytes:
    """A picture of one colour."""
    file = io.BytesIO()
    Pillow.new("RGB", (side, side), of).save(file, "JPEG", quality=95)
    return file.getvalue()


def scan_of(frames: int, pts: Sequence[int] | None = None) -> Scan:
    """Of a movie of so many frames, 25 a second, or with timestamps in milliseconds."""
    base = (1, 1000) if pts else (1, RATE)
    stamps: Ints = np.array(pts if pts else range(frames), np.int64)
    stream = Stream("h264", 640, 360, RATE, base, 0, 0, counted=False, hdr="")
    return Scan(stream, stamps, np.array([[stamps[0], stamps[0]]], np.int64))


def walked(
    faces: Sequence[Face], frames: int, settings: WalkSettings | None = None, name: str = "film.mkv"
) -> Walked:
    """A walk with these faces, 0.7 sure; a person of each hue, two pictures of each track."""
    rows = made(faces).assign(x2=40.0, y2=50.0, video=name)
    rows = rows.sort_values(["frame", "track"], ignore_index=True)
    names = tuple(sorted(set(rows["person"]) - {""}))
    distances = [[0.25] * len(names)] * rows["track"].nunique()
    rows = rows.assign(distance=np.where(rows["person"] == "", np.nan, 0.25).astype(np.float32))
    tracks = tracks_of(rows, names, distances)
    who = rows.groupby("track")["person"].first()
    thumbs = [jpeg(colour(str(who[number]))) for number in tracks.track]
    walk = Manifest(
        Path("videos") / name, {}, settings or WalkSettings(), {"detector": "puppet 0123456789ab"},
        scan_of(frames), ((0, frames),),
    )  # fmt: skip
    return Walked(walk, rows, replace(tracks, thumb=np.array(thumbs, np.bytes_)))


def chosen(movie: Walked, job: Job) -> list[Choice]:
    """What a pick gives."""
    walk = movie.walk
    settings = job.pick.at(walk.scan.stream.rate)
    stride, size = walk.settings.every, walk.scan.stream.size
    return list(
        choose(select.steadied(movie.rows, stride, settings), movie.tracks, job, settings, size)
    )


def write_crops(folder: Path, movie: Walked, choices: Sequence[Choice], side: int = 80) -> None:
    """Writes crops and their lists as a pick does."""
    for choice in choices:
        place = folder / choice.person / choice.emotion
        names = [crop_name(crop_stem(movie.walk), row) for row in choice.kept.itertuples()]
        if not names:
            continue
        place.mkdir(parents=True)
        listed = choice.kept.assign(file=names, emotion=choice.emotion)
        listed.assign(line="")[list(CROP_COLUMNS)].to_csv(place / "crops.csv", index=False)
        for name, person in zip(names, choice.kept["person"], strict=True):
            (place / name).write_bytes(jpeg(colour(str(person)), side))


PLAIN = PickSettings(smooth=1)


def picked(folder: Path, movie: Walked, job: Job | None = None) -> list[Choice]:
    """Picks everybody and writes their crops."""
    choices = chosen(movie, job or Job(pick=PLAIN))
    write_crops(folder, movie, choices)
    return choices


def spans(bars: pd.DataFrame) -> list[tuple[int, float, float, int, bool]]:
    """Lane, begin, end, label and steadiness of each bar."""
    columns = ("lane", "begin", "end", "label", "steady")
    rows = zip(*(bars[name].tolist() for name in columns), strict=True)
    return [(lane, round(a, 3), round(b, 3), label, steady) for lane, a, b, label, steady in rows]
