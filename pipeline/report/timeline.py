"""Who is on screen when, and how they look: the bars of a movie, and timeline.png."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MultipleLocator

from pipeline import faces
from pipeline.disk.manifest import Manifest
from pipeline.faces import EMOTIONS, Ints, Numbers, clock
from pipeline.files import replacing
from pipeline.people.presence import Presence, durations
from pipeline.pick import select
from pipeline.report.colours import EMOTION_COLOURS
from pipeline.settings import PickSettings

STEADY, SEEN = 0.8, 0.26
"""How high a bar is, as a share of its lane: what the filters let pass, and all else."""

TICK = 0.22
"""Height of a cut's mark below the lanes."""

LANE_NAME = 22
"""Letters of a name beside its lane."""

MOVIE_NAME = 80
"""Letters of a movie's name."""

TICK_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
"""Seconds between two marks of the clock; beyond, multiples of the last."""

MOST_TICKS = 14
"""Marks of the clock, at most."""

SHORTEST = 0.04
"""Seconds of a movie of one frame, which by its timestamps has no length."""

INK, FAINT = "#222222", "#767676"


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """A movie as bars in lanes.

    Attributes:
        people: one lane each, the longest on screen first; all unknown ones together come last.
        bars: one for each stretch in which a person is seen in every analysed frame, looks the same
            and is steady or not: `lane`, `begin` and `end` in seconds, `label` (position in
            `EMOTIONS`), `probability` (mean of the smoothed one) and `steady`; by lane and time.
        cuts: `(n,)` seconds of the first analysed frame after each cut.
        begin: seconds of the walk's first frame.
        end: seconds where its last frame ends.
        tick: what `cuts` are, in words: of an older walk only those before a face are known.
    """

    people: tuple[str, ...]
    bars: pd.DataFrame
    cuts: Numbers
    begin: float
    end: float
    tick: str = "cut"


def timeline(
    rows: pd.DataFrame,
    people: Sequence[Presence],
    walk: Manifest,
    settings: PickSettings,
    starts: Ints,
) -> Timeline:
    """Joins neighbouring faces of a person that look the same to bars.

    Args:
        rows: Of `select.steadied`.
        people: Who is there, in the order of the lanes.
        walk: The movie's.
        settings: With `repeat` in frames; what they let pass is steady.
        starts: The first frame of each shot, of `Tracks`; none where they are not known.
    """
    names = [one.person for one in people]
    kept, _ = select.steady(rows, settings, walk.scan.stream.size)
    stride, times = walk.settings.every, walk.scan.times
    timed = rows.assign(
        lane=rows["person"].map({name: lane for lane, name in enumerate(names)}).astype("int64"),
        steady=rows.index.isin(kept.index),
        end=rows["time"] + durations(rows["frame"].to_numpy(), times, stride),
    )
    first, stop = walk.span
    lasting = durations(np.array([stop - 1]), times, 1)[0]
    return Timeline(
        people=tuple(name or faces.UNKNOWN for name in names),
        bars=_bars(_one_a_frame(timed), stride),
        cuts=times[starts[1:][starts[1:] < stop]] if len(starts) else _cuts_before_faces(rows),
        begin=float(times[first]),
        end=float(times[stop - 1] + (lasting or SHORTEST)),
        tick="cut" if len(starts) else "cut before a face",
    )


def _cuts_before_faces(rows: pd.DataFrame) -> Numbers:
    """Seconds of the first face of each shot but the movie's first."""
    first = rows[rows["shot"] > 0].groupby("shot")["time"].min()
    return first.sort_values().to_numpy(np.float64)


def _one_a_frame(rows: pd.DataFrame) -> pd.DataFrame:
    """The largest face of each lane in each frame, by lane and frame: the unknown share a lane."""
    area = (rows["x2"] - rows["x1"]) * (rows["y2"] - rows["y1"])
    ordered = rows.assign(area=area).sort_values(["lane", "frame", "area"], kind="stable")
    return ordered.drop_duplicates(["lane", "frame"], keep="last")


def _bars(rows: pd.DataFrame, stride: int) -> pd.DataFrame:
    """Of rows by lane and frame, `timeline`'s bars."""
    same = ["lane", "label", "steady"]
    begins = (rows[same] != rows[same].shift()).any(axis=1) | (rows["frame"].diff() > stride)
    bars = rows.groupby(begins.cumsum(), sort=False).agg(
        lane=("lane", "first"), begin=("time", "first"), end=("end", "last"),
        label=("label", "first"), probability=("probability", "mean"), steady=("steady", "first"),
    )  # fmt: skip
    return bars.reset_index(drop=True)


def drawn(bars: pd.DataFrame) -> pd.DataFrame:
    """Bars in the order in which they are drawn: what is rare comes last, and stays visible.

    A bar is at least a pixel wide, so that in a long movie some lie over others: steady ones over
    those only seen, and of each the emotions that take the least time over the others.
    """
    seconds = (bars["end"] - bars["begin"]).groupby(bars["label"]).sum()
    ordered = bars.assign(share=-bars["label"].map(seconds))
    return ordered.sort_values(["steady", "share"], kind="stable").drop(columns="share")


def shortened(name: str, most: int = LANE_NAME) -> str:
    """A name that fits beside its lane, or into so many letters.

    >>> shortened("anna"), shortened(30 * "x")
    ('anna', 'xxxxxxxxxxxxxxxxxxxxx…')
    """
    return name if len(name) <= most else f"{name[: most - 1]}…"


def cut_alpha(line: Timeline) -> float:
    """How opaque the marks of cuts are: very many become a grey, darker where they are dense."""
    return min(1.0, max(0.15, 300 / max(1, len(line.cuts))))


def step(seconds: float) -> float:
    """Seconds between two marks of the clock.

    >>> step(10), step(98), step(3 * 3600)
    (1, 10, 900)
    """
    fitting = (s for s in TICK_STEPS if seconds / s <= MOST_TICKS)
    return next(fitting, TICK_STEPS[-1] * np.ceil(seconds / TICK_STEPS[-1] / MOST_TICKS))


def write_timeline(path: Path, line: Timeline, movie: str) -> None:
    """Draws timeline.png: a lane for each person, a bar for each look, a tick for each cut.

    Args:
        path: Where to write.
        line: What is drawn.
        movie: What the movie is called.

    Raises:
        OutputError: It cannot be written.
    """
    seconds, lanes = line.end - line.begin, max(1, len(line.people))
    figure = Figure(figsize=(_width(seconds), 1.5 + 0.3 * lanes), layout="constrained")
    axes = figure.subplots()
    title = f"{shortened(movie, MOVIE_NAME)}: who is on screen when ({clock(seconds)})"
    axes.set_title(title, loc="left", fontsize=11, color=INK, parse_math=False)
    axes.add_collection(_collection(drawn(line.bars)))
    low = np.full(len(line.cuts), lanes - 0.42)
    axes.vlines(line.cuts, low, low + TICK, color=FAINT, linewidth=0.6, alpha=cut_alpha(line))
    _dress(axes, line, lanes)
    figure.legend(handles=_legend(line), loc="outside lower left", ncols=9, fontsize=8.5,
                  frameon=False, handlelength=1.2, columnspacing=1.4)  # fmt: skip
    with replacing(path) as file, warnings.catch_warnings():
        # A name in a script that the font has not is drawn as boxes; report.html has it right.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(file, format="png", dpi=120)


def _width(seconds: float) -> float:
    """Inches: 12 up to half an hour, 26 from three hours on."""
    return float(np.interp(seconds / 3600, (0.5, 3), (12, 26)))


def _collection(bars: pd.DataFrame) -> PolyCollection:
    """All bars as rectangles, each at least a pixel wide."""
    half = np.where(bars["steady"], STEADY, SEEN) / 2
    lane = bars["lane"].to_numpy()
    corners = np.empty((len(bars), 4, 2))
    corners[:, [0, 3], 0] = bars[["begin"]].to_numpy()
    corners[:, [1, 2], 0] = bars[["end"]].to_numpy()
    corners[:, :2, 1] = (lane - half)[:, None]
    corners[:, 2:, 1] = (lane + half)[:, None]
    colours = np.array(EMOTION_COLOURS)[bars["label"].to_numpy()]
    return PolyCollection(
        list(corners), facecolors=colours, edgecolors=colours, linewidths=0.6, antialiaseds=False
    )


def _dress(axes: Axes, line: Timeline, lanes: int) -> None:
    """Names, clock and frame."""
    axes.set(xlim=(line.begin, line.end), ylim=(lanes - 0.42 + 1.3 * TICK, -0.55))
    axes.set_yticks(range(len(line.people)))
    for label, name in zip(axes.get_yticklabels(), line.people, strict=True):
        label.set(text=shortened(name), parse_math=False)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda lane, _: _name(line.people, lane)))
    axes.xaxis.set_major_locator(MultipleLocator(step(line.end - line.begin)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: clock(x).removesuffix(".0")))
    axes.tick_params(length=0, labelsize=9, labelcolor=INK)
    axes.tick_params(axis="x", length=3, color=FAINT)
    axes.grid(axis="x", color=FAINT, alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    if not line.people:
        axes.text(0.5, 0.5, "no face was found", transform=axes.transAxes, ha="center", color=FAINT)


def _name(people: Sequence[str], lane: float) -> str:
    return shortened(people[int(lane)])


def _legend(line: Timeline) -> list[Patch]:
    """The emotions that are there, and what the heights mean."""
    there = sorted(line.bars["label"].unique())
    looks = [Patch(color=EMOTION_COLOURS[label], label=EMOTIONS[label]) for label in there]
    told = f"high: steady, passes the filters; low: only seen; | {line.tick}"
    return [*looks, Patch(color="none", label=told)]
