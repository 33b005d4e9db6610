"""What decoding looks over time is worth, and how sure "sure" is.

python benchmarks/looks.py SET.npz... [--fit SET.npz...] [--plot reliability.png]

The sets are written by `tools/splice_looks.py`. Printed, as Markdown tables:

* for each set and each way to tell looks and to rank them: the share of frames that are right, and
  the precision of the best .3, .5 and .7 of all labelled frames, in runs of 8 frames or more;
* for each set and `--sure`: precision and yield with the other filters as by default, beside those
  of the default of versions before (a mean of 5 frames, a probability of .4);
* with `--fit`: the logistic curve from evidence to chance that fits all these sets together, each
  clip weighing the same, and for each set the reliability of a curve that was fitted without the
  clip that it is applied to: the mean chance that it gives, and the share that is right.

Intervals (95 %) come from resampling whole clips 1,000 times: the frames of a clip are one witness,
so that a single clip has none.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pipeline.faces import BOX, EMOTIONS, Flags, Floats, Ints, Numbers
from pipeline.pick import select
from pipeline.pick.decoder import LEAST
from pipeline.pick.evidence import INTERCEPT, SLOPE, margins, nearby_means
from pipeline.pick.steady import segments, smooth
from pipeline.settings import AUTO, PickSettings

YIELDS = (0.3, 0.5, 0.7)
REPEAT = 8
LIMITS = (0.0, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9)
"""Values of `--sure` in the second table."""

BINS = np.array([0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
"""Borders of the chances in the table of reliability."""

DRAWS = 1000
EARLIER = PickSettings(smooth=5, sure=0.0, min_prob=0.4)
"""The defaults before looks were decoded."""

Ranked = tuple[pd.DataFrame, Numbers]
"""Rows of `select.steadied`, and a score by which the best of them come first."""


@dataclass(frozen=True, slots=True, eq=False)
class LookSet:
    """Labelled rows: `clip`, `track`, `frame`, `time`, `truth` and the seven probabilities."""

    name: str
    rows: pd.DataFrame

    @classmethod
    def read(cls, path: Path) -> "LookSet":
        """Reads a file of `tools/splice_looks.py`."""
        with np.load(path) as arrays:
            columns = {name: arrays[name] for name in arrays.files if name != "probabilities"}
            probabilities = dict(zip(EMOTIONS, arrays["probabilities"].T, strict=True))
        # The other filters, which let everything pass by default, need their columns.
        unmeasured = dict.fromkeys((*BOX, "sharpness", "yaw"), 0.0)
        name = f"{path.parent.name}/{path.stem}"
        return cls(name, pd.DataFrame(columns | probabilities).assign(**unmeasured))


# --- ways to tell looks -------------------------------------------------------------------------


def ranked(rows: pd.DataFrame, settings: PickSettings, score: str) -> Ranked:
    """Ranks rows by a column of `select.steadied`."""
    done = select.steadied(rows, 1, settings)
    return done, done[score].to_numpy(np.float64)


def by_margin(rows: pd.DataFrame, width: int, *, logarithms: bool) -> Ranked:
    """Labels and ranks rows by the mean over `width` rows of probabilities, or of logarithms."""
    done = select.steadied(rows, 1, PickSettings(smooth=width if not logarithms else 1))
    looks = done[list(EMOTIONS)].to_numpy(np.float32)
    segment = segments(done["frame"].to_numpy(), done["track"].to_numpy(), 1)
    if logarithms:
        looks = np.exp(smooth(np.log(np.maximum(looks, 1e-4)), segment, width))
        looks /= looks.sum(axis=1, keepdims=True)
    else:
        looks = smooth(looks, segment, width)
    return relabelled(done, looks), margins(looks.astype(np.float64), looks.argmax(axis=1))


def relabelled(rows: pd.DataFrame, looks: Floats) -> pd.DataFrame:
    """The rows with the labels and runs of other probabilities."""
    swapped = select.steadied(
        rows.assign(**dict(zip(EMOTIONS, looks.T, strict=True))), 1, PickSettings(smooth=1)
    )
    return rows.assign(label=swapped["label"], run_length=swapped["run_length"])


def by_whole_runs(rows: pd.DataFrame) -> Ranked:
    """Decodes, and ranks a run by its margin times the logarithm of its length."""
    done = select.steadied(rows, 1, PickSettings())
    label, run = done["label"].to_numpy(), done["run"].to_numpy()
    logs = np.log(np.maximum(done[list(EMOTIONS)].to_numpy(np.float64), LEAST))
    sums = np.stack([np.bincount(run, logs[:, n]) for n in range(len(EMOTIONS))], axis=1)
    means = np.exp(sums / np.bincount(run)[:, None])
    margin = margins((means / means.sum(axis=1, keepdims=True))[run], label)
    return done, margin * np.log(done["run_length"].to_numpy())


WAYS: dict[str, Callable[[pd.DataFrame], Ranked]] = {
    "each frame alone, by probability": lambda rows: ranked(
        rows, PickSettings(smooth=1), "probability"
    ),
    "mean of 5, by probability (before)": lambda rows: ranked(rows, EARLIER, "probability"),
    "mean of 5, by margin": lambda rows: by_margin(rows, 5, logarithms=False),
    "mean of log p over 25, by margin": lambda rows: by_margin(rows, 25, logarithms=True),
    "forward-backward, by margin of the run x log of its length": by_whole_runs,
    "**forward-backward, by `look_sure`**": lambda rows: ranked(rows, PickSettings(), "look_sure"),
}


# --- precision at yields ------------------------------------------------------------------------


def weights(clip: Ints, random: np.random.Generator) -> Numbers:
    """A weight for each row: how often its clip was drawn."""
    number = int(clip.max()) + 1
    return np.bincount(random.integers(number, size=number), minlength=number)[clip].astype(float)


def precisions(right: Flags, weight: Numbers) -> list[float]:
    """The share that is right of all rows, and of the first of them at each of `YIELDS`."""
    share = np.cumsum(weight) / weight.sum()
    hits = np.cumsum(right * weight) / np.maximum(np.cumsum(weight), 1e-12)
    ends = np.minimum(np.searchsorted(share, YIELDS), len(right) - 1)
    return [float(hits[-1]), *(float(hits[end]) for end in ends)]


def compared(looks: LookSet) -> Iterator[str]:
    """Yields a line for each of `WAYS`."""
    for name, way in WAYS.items():
        rows, score = way(looks.rows)
        known = rows["truth"].to_numpy() >= 0
        score = np.where(rows["run_length"] >= REPEAT, score, -np.inf)[known]
        right = (rows["label"] == rows["truth"]).to_numpy()[known]
        order = np.argsort(-score, kind="stable")
        clip = np.unique(rows["clip"].to_numpy(np.str_)[known], return_inverse=True)[1][order]
        right, random = right[order], np.random.default_rng(0)
        point = precisions(right, np.ones(len(right)))
        drawn = [precisions(right, weights(clip, random)) for _ in range(DRAWS)]
        low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
        cells = [f"{p:.3f} ({a:.3f}–{b:.3f})" for p, a, b in zip(point, low, high, strict=True)]
        if clip.max() == 0:
            cells = [f"{p:.3f}" for p in point]
        yield f"| {looks.name} | {name} | {' | '.join(cells)} |"


def limited(looks: LookSet) -> Iterator[str]:
    """Yields a line for the earlier defaults, and one for each of `LIMITS`."""
    limits = {f"`--sure {p:g}`": PickSettings(smooth=AUTO, sure=p) for p in LIMITS}
    for name, settings in ({"before": EARLIER} | limits).items():
        rows = select.steadied(looks.rows, 1, settings)
        known = rows[rows["truth"] >= 0]
        kept, _ = select.steady(rows, settings)
        kept = kept[kept["truth"] >= 0]
        precision = (kept["label"] == kept["truth"]).mean()
        yield f"| {looks.name} | {name} | {precision:.3f} | {len(kept) / len(known):.2f} |"


# --- from evidence to chance --------------------------------------------------------------------


def witnesses(looks: LookSet) -> pd.DataFrame:
    """The evidence of each labelled row, whether its look is right, its clip, and its weight."""
    rows = select.steadied(looks.rows, 1, PickSettings())
    label = rows["label"].to_numpy()
    means = nearby_means(
        rows[list(EMOTIONS)].to_numpy(np.float32), rows["time"].to_numpy(), rows["run"].to_numpy()
    )
    seen = rows.assign(evidence=margins(means, label), right=label == rows["truth"])
    seen = seen.loc[seen["truth"] >= 0, ["clip", "evidence", "right"]]
    share = seen.groupby("clip")["clip"].transform("size")
    return seen.assign(set=looks.name, weight=1 / share / seen["clip"].nunique())


def fitted(seen: pd.DataFrame) -> tuple[float, float]:
    """Slope and intercept of a logistic curve by Newton's method.

    Source: McCullagh and Nelder, "Generalized linear models", 1989, chapter 4.
    """
    evidence, right = seen["evidence"].to_numpy(), seen["right"].to_numpy(np.float64)
    weight, curve = seen["weight"].to_numpy(), np.zeros(2)
    inputs = np.stack([evidence, np.ones_like(evidence)], axis=1)
    for _ in range(50):
        chance = 1 / (1 + np.exp(-inputs @ curve))
        slope = inputs.T @ (weight * (right - chance))
        bend = (inputs * (weight * chance * (1 - chance))[:, None]).T @ inputs
        curve = curve + np.linalg.solve(bend + 1e-9 * np.eye(2), slope)
    return float(curve[0]), float(curve[1])


def left_out(seen: pd.DataFrame) -> pd.DataFrame:
    """Adds the chance of each row by a curve that was fitted without the row's clip."""
    parts = []
    for clip, mine in seen.groupby("clip"):
        slope, intercept = fitted(seen[seen["clip"] != clip])
        chance = 1 / (1 + np.exp(-(slope * mine["evidence"] + intercept)))
        parts.append(mine.assign(chance=chance))
    return pd.concat(parts)


def reliability(seen: pd.DataFrame) -> pd.DataFrame:
    """The mean chance, the share that is right, and the weight of each set in each of `BINS`."""
    cut = pd.cut(seen["chance"], list(BINS), include_lowest=True)
    weighed = seen.assign(
        chances=seen["chance"] * seen["weight"], hits=seen["right"] * seen["weight"], bin=cut
    )
    sums = weighed.groupby(["set", "bin"], observed=True)[["chances", "hits", "weight"]].sum()
    return pd.DataFrame(
        {
            "said": sums["chances"] / sums["weight"],
            "right": sums["hits"] / sums["weight"],
            "share": sums["weight"] / sums.groupby("set")["weight"].transform("sum"),
        }
    ).reset_index()


def drawn(table: pd.DataFrame, path: Path) -> None:
    """Plots the share that is right over the chance."""
    figure = Figure(figsize=(4.2, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0.3, 1], [0.3, 1], color="#767676", linewidth=0.8)
    for name, part in table.groupby("set"):
        axes.plot(part["said"], part["right"], marker="o", label=name)
    axes.set(xlabel="look_sure, fitted without the clip", ylabel="share that is right")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)


def calibrated(sets: Sequence[LookSet], plot: Path | None) -> Iterator[str]:
    """Yields the lines about the curve and its reliability."""
    seen = pd.concat([witnesses(looks) for looks in sets], ignore_index=True)
    slope, intercept = fitted(seen)
    yield f"slope {slope:.2f}, intercept {intercept:.2f} (used: {SLOPE:g}, {INTERCEPT:g})\n"
    seen = left_out(seen)
    table = reliability(seen)
    yield "| set | rows | said | right |\n|---|---|---|---|"
    for row in table.itertuples():
        yield f"| {row.set} | {row.share:.2f} | {row.said:.2f} | {row.right:.2f} |"
    error = (np.abs(table["said"] - table["right"]) * table["share"]).groupby(table["set"]).sum()
    for name, value in error.items():
        yield f"\nexpected calibration error of {name}: {value:.3f}"
    if plot is not None:
        drawn(table, plot)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("sets", nargs="*", type=Path)
    parser.add_argument("--fit", nargs="*", default=[], type=Path)
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args()
    sets = [LookSet.read(path) for path in args.sets]
    if sets:
        print("| set | labels and ranks | frames right | best .3 | best .5 | best .7 |")
        print("|---|---|---|---|---|---|")
        print(*(line for looks in sets for line in compared(looks)), sep="\n")
        print("\n| set | filter | precision | yield |\n|---|---|---|---|")
        print(*(line for looks in sets for line in limited(looks)), sep="\n")
    if args.fit:
        print(*calibrated([LookSet.read(path) for path in args.fit], args.plot), sep="\n")


if __name__ == "__main__":
    main()
