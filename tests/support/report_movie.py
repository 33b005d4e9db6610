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
from pipeline.disk.walked import Walked
from pipeline.pick import select
from pipeline.pick.choose import Choice, choose
from pipeline.report.page import write_report
from pipeline.settings import Job, PickSettings, WalkSettings
from tests.support.face_rows import Face, made, tracks_of
from tests.support.walks import manifest_of

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
    walk = manifest_of(frames, name, settings)
    return Walked(Path(), walk, replace(tracks, thumb=np.array(thumbs, np.bytes_)), rows)


def chosen(movie: Walked, job: Job) -> list[Choice]:
    """What a pick gives."""
    settings = job.pick.at(movie.manifest.scan.stream.rate)
    return list(choose(steadied(movie, job), movie.tracks, job, settings, movie.size, 0.38))


def steadied(movie: Walked, job: Job) -> pd.DataFrame:
    """Its rows, as a pick decides on them."""
    settings = job.pick.at(movie.manifest.scan.stream.rate)
    return select.steadied(movie.rows, movie.stride, settings)


def reported(folder: Path, movie: Walked, job: Job, choices: Sequence[Choice]) -> Path:
    """The report of a movie, written into a folder."""
    return write_report(replace(movie, folder=folder), steadied(movie, job), job, choices)


def write_crops(folder: Path, movie: Walked, choices: Sequence[Choice], side: int = 80) -> None:
    """Writes crops and their lists as a pick does."""
    for choice in choices:
        place = folder / choice.person / choice.emotion
        names = [crop_name(crop_stem(movie.manifest), row) for row in choice.kept.itertuples()]
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
