"""Makes two small sets of labelled looks out of walked movies: as they are, and spliced.

python tools/splice_looks.py OUTPUT/MOVIE... --truth TRUTH.csv [--truth MORE.csv] --to FOLDER

TRUTH.csv is what `mine-video judge` takes. Written into FOLDER, for `benchmarks/looks.py`:

* clips.npz: each labelled track as it is, with the rows around its labels;
* changing.npz: made-up tracks. Each is five pieces of .8 to 3.6 seconds of one look each, drawn at
  random among all labelled tracks. A clip often holds one look only, so that the longest window is
  the best for it; where the look changes, it is not.

The arrays are `clip`, `track`, `frame`, `time`, `probabilities` `(n, 7)`, and `truth`, a position
in EMOTIONS, or -1 for rows without a label. They hold no pictures.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.disk.walked import finished
from pipeline.faces import EMOTIONS, median_step
from pipeline.judge.score import label, read_truth

PIECES, SHORTEST, LONGEST = 5, 0.8, 3.6
"""Pieces of a made-up track, and their seconds."""

COLUMNS = ["clip", "track", "frame", "time", "truth", *EMOTIONS]


def labelled(folder: Path, truth: pd.DataFrame) -> pd.DataFrame:
    """The tracks of a walk that have a label anywhere, sorted by track and frame."""
    rows = label(finished(folder).rows, truth)
    names = {emotion: n for n, emotion in enumerate(EMOTIONS)}
    rows = rows.assign(clip=folder.name, truth=rows["truth"].map(names).fillna(-1).astype("int64"))
    rows = rows[rows.groupby("track")["truth"].transform("max") >= 0]
    return rows.sort_values(["track", "frame"], ignore_index=True)[COLUMNS]


def stretches(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """The stretches of one track and look, each long enough for a piece."""
    known = rows[rows["truth"] >= 0]
    same = ["clip", "track", "truth"]
    begins = (known[same] != known[same].shift()).any(axis=1) | (known["frame"].diff() != 1)
    found = [piece for _, piece in known.groupby(begins.cumsum())]
    return [p for p in found if len(p) > 1 and p["time"].iloc[-1] - p["time"].iloc[0] >= SHORTEST]


def spliced(rows: pd.DataFrame, count: int, seed: int) -> Iterator[pd.DataFrame]:
    """Yields made-up tracks; every stretch is as likely to be drawn as any other."""
    random = np.random.default_rng(seed)
    sources = stretches(rows)
    for track in range(count):
        drawn = [sources[n] for n in random.integers(len(sources), size=PIECES)]
        pieces, end = [], 0.0
        for source in drawn:
            time, seconds = source["time"].to_numpy(), random.uniform(SHORTEST, LONGEST)
            first = int(random.integers(max(1, np.searchsorted(time, time[-1] - seconds))))
            stop = int(np.searchsorted(time, time[first] + seconds))
            piece = source.iloc[first:stop]
            pieces.append(piece.assign(time=piece["time"] - time[first] + end))
            end = float(pieces[-1]["time"].iloc[-1]) + median_step(time)
        whole = pd.concat(pieces, ignore_index=True)
        yield whole.assign(track=track, frame=whole.index)


def write(rows: pd.DataFrame, path: Path) -> None:
    """Writes a set, and prints what it holds."""
    np.savez_compressed(
        path, clip=rows["clip"].to_numpy(np.str_), track=rows["track"].to_numpy(),
        frame=rows["frame"].to_numpy(), time=rows["time"].to_numpy(),
        truth=rows["truth"].to_numpy(), probabilities=rows[list(EMOTIONS)].to_numpy(np.float32),
    )  # fmt: skip
    labels = int((rows["truth"] >= 0).sum())
    print(f"{path}: {labels:,} labelled rows of {rows['clip'].nunique()} clips")


def written(folders: Sequence[Path], truths: Sequence[Path], place: Path, count: int) -> None:
    """Makes and writes both sets."""
    truth = pd.concat([read_truth(path) for path in truths], ignore_index=True)
    clips = [rows for folder in folders if len(rows := labelled(folder, truth))]
    whole = pd.concat(clips, ignore_index=True)
    whole["track"] = whole.groupby(["clip", "track"], sort=False).ngroup()
    place.mkdir(parents=True, exist_ok=True)
    write(whole, place / "clips.npz")
    write(pd.concat(spliced(whole, count, seed=0), ignore_index=True), place / "changing.npz")


def main() -> None:
    """Reads the command line and writes the sets."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, help="walked movies")
    parser.add_argument("--truth", action="append", required=True, type=Path)
    parser.add_argument("--to", required=True, type=Path, help="folder of the two sets")
    parser.add_argument("--count", type=int, default=120, help="made-up tracks (120)")
    args = parser.parse_args()
    written(args.folders, args.truth, args.to, args.count)


if __name__ == "__main__":
    main()
