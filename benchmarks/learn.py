"""What `--learn` is worth: some clips of a set are reviewed, the others are judged.

python benchmarks/learn.py SET.npz... [--draws 20] [--prior 10]

The sets are clips.npz of `tools/splice_looks.py`; all clips of one are taken for one film. In each
draw half of its clips are reviewed: up to 40 frames that are decoded as one emotion (or as any) are
accepted or rejected by their labels, half of the rejected with the right emotion and half without.
Printed, as a Markdown table: in how many draws a correction was used, and, in those, the share of
frames of the other clips that is right before and after, in the mean, and the worst change.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.faces import EMOTIONS, Flags, Floats, Ints
from pipeline.pick import learn
from pipeline.pick.decoder import decoded, seconds_since
from pipeline.pick.learn import Taught, learnt
from pipeline.review.match import stretches

REVIEWED = 40
"""Labels of a review, at most."""


def read(path: Path) -> pd.DataFrame:
    """Reads a set; the people are not known, so that only the film as a whole is learnt from."""
    with np.load(path) as arrays:
        columns = {name: arrays[name] for name in arrays.files if name != "probabilities"}
        probabilities = dict(zip(EMOTIONS, arrays["probabilities"].T, strict=True))
    return pd.DataFrame(columns | probabilities).assign(person="")


def decoded_labels(rows: pd.DataFrame) -> Ints:
    """How each row looks, as `--smooth auto` decodes it."""
    looks: Floats = rows[list(EMOTIONS)].to_numpy(np.float32)
    since = seconds_since(rows["time"].to_numpy(), rows["track"].to_numpy())
    return np.asarray(decoded(looks, since).argmax(axis=1))


def reviewed(
    rows: pd.DataFrame, label: Ints, clips: Flags, emotion: int, random: np.random.Generator
) -> Taught:
    """What somebody says who looks through some picks of some clips; -1 is any emotion."""
    truth = rows["truth"].to_numpy()
    picked = clips & (truth >= 0) & ((label == emotion) | (emotion < 0))
    row = np.flatnonzero(picked)
    row = np.sort(random.choice(row, min(REVIEWED, len(row)), replace=False))
    rejected: Flags = label[row] != truth[row]
    looks = np.eye(len(EMOTIONS), dtype=bool)[truth[row]]
    unsaid = rejected & (random.random(len(row)) < 0.5)
    looks[unsaid] = ~np.eye(len(EMOTIONS), dtype=bool)[label[row][unsaid]]
    place = rows.iloc[row]
    stretch = stretches(place["track"].to_numpy(np.int64), place["time"].to_numpy(np.float64))
    return Taught(row, looks, rejected, stretch)


def outcomes(rows: pd.DataFrame, emotion: int, draws: int) -> Iterator[tuple[bool, float, float]]:
    """Yields whether a correction was used, and the share that is right before and after."""
    random, label = np.random.default_rng(0), decoded_labels(rows)
    clip, truth = rows["clip"].to_numpy(np.str_), rows["truth"].to_numpy()
    names = np.unique(clip)
    for _ in range(draws):
        chosen = random.choice(names, max(1, len(names) // 2), replace=False)
        clips: Flags = np.isin(clip, chosen)
        judged = ~clips & (truth >= 0)
        taught = reviewed(rows, label, clips, emotion, random)
        corrected, (lesson, *_) = learnt(rows, taught)
        after = decoded_labels(corrected)
        right = [(labels == truth)[judged].mean() for labels in (label, after)]
        yield lesson.used, float(right[0]), float(right[1])


def lines(path: Path, draws: int) -> Iterator[str]:
    """Yields a line for each way to review a set."""
    rows = read(path)
    for name in ("any", "happy", "sad", "angry", "neutral"):
        emotion = -1 if name == "any" else EMOTIONS.index(name)
        used = [(a, b) for learns, a, b in outcomes(rows, emotion, draws) if learns]
        if not used:
            yield f"| {path.parent.name} | {name} | 0 of {draws} | | | |"
            continue
        before, after = np.array(used).T
        cells = f"{before.mean():.3f} | {after.mean():.3f} | {(after - before).min():+.3f}"
        yield f"| {path.parent.name} | {name} | {len(used)} of {draws} | {cells} |"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--prior", type=float, default=learn.PRIOR)
    args = parser.parse_args()
    learn.PRIOR = args.prior
    print("| film | reviewed | used | right before | right after | worst change |")
    print("|---|---|---|---|---|---|")
    print(*(line for path in args.sets for line in lines(path, args.draws)), sep="\n")


if __name__ == "__main__":
    main()
