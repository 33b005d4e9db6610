"""Turns a movie's faces into bars of who is on screen when, and draws timeline.png."""

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
from pipeline.people.presence import Presence, durations, one_a_frame
from pipeline.pick import select
from pipeline.report.colours import EMOTION_COLOURS
from pipeline.report.letters import drawable, families, from_left
from pipeline.settings import PickSettings

STEADY, UNSTEADY = 0.8, 0.26
"""Height of a bar as a share of its lane: if the filters let it pass, and if they do not."""

TICK = 0.22
"""Height of a cut's mark below the lanes, as a share of a lane."""

LANE_NAME = 22
"""Letters of a name beside its lane, at most."""

MOVIE_NAME = 80
"""Letters of a movie's name in the title, at most."""

TICK_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
"""Seconds between two marks on the time axis; longer movies use multiples of the last."""

MOST_TICKS = 14
"""Marks on the time axis, at most."""

SHORTEST = 0.04
"""Seconds of a movie of one frame, which has no length by its timestamps."""

TEXT_COLOUR, LINE_COLOUR = "#222222", "#767676"


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """A movie as bars in lanes.

    Attributes:
        people: The names, one lane each, the longest on screen first; all unknown people share the
            last lane.
        bars: One for each stretch in which a person is seen in every analysed frame with the same
            emotion, either steady throughout or not. Columns: `lane`, `begin` and `end` in seconds,
            `label` (position in `EMOTIONS`), `probability` (their mean) and
            `steady`. Ordered by lane and time.
        cuts: `(n,)` seconds of the first analysed frame after each cut.
        begin: Seconds at which the walk's first frame begins.
        end: Seconds at which its last frame ends.
        tick: What `cuts` are, for the legend. Walks of earlier versions know only the cuts that a
            face follows.
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
    """Joins neighbouring faces of a person with the same emotion into bars.

    Args:
        rows: The rows of `select.steadied`.
        people: The people on screen, in the order of the lanes.
        walk: The movie's manifest.
        settings: The filters that decide what is steady, with `repeat` in frames.
        starts: `Tracks.starts`, the first frame of each shot; empty if it is not known.
    """
    names = [one.person for one in people]
    kept, _ = select.steady(rows, settings.whole, walk.scan.stream.size)
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
        bars=_bars(one_a_frame(timed).sort_values(["lane", "frame"], kind="stable"), stride),
        cuts=times[starts[1:][starts[1:] < stop]] if len(starts) else _cuts_before_faces(rows),
        begin=float(times[first]),
        end=float(times[stop - 1] + (lasting or SHORTEST)),
        tick="cut" if len(starts) else "cut before a face",
    )


def _cuts_before_faces(rows: pd.DataFrame) -> Numbers:
    """Seconds of the first face in each shot except the movie's first."""
    first = rows[rows["shot"] > 0].groupby("shot")["time"].min()
    return first.sort_values().to_numpy(np.float64)


def _bars(rows: pd.DataFrame, stride: int) -> pd.DataFrame:
    """Joins rows, ordered by lane and frame, into the bars of a `Timeline`."""
    same = ["lane", "label", "steady"]
    begins = (rows[same] != rows[same].shift()).any(axis=1) | (rows["frame"].diff() > stride)
    bars = rows.groupby(begins.cumsum(), sort=False).agg(
        lane=("lane", "first"), begin=("time", "first"), end=("end", "last"),
        label=("label", "first"), probability=("probability", "mean"), steady=("steady", "first"),
    )  # fmt: skip
    return bars.reset_index(drop=True)


def drawn(bars: pd.DataFrame) -> pd.DataFrame:
    """Sorts bars into the order in which they are drawn, rare ones last, so that they stay visible.

    A bar is at least a pixel wide, so in a long movie some bars cover others: steady bars cover the
    rest, and among equals the emotions that take less time cover those that take more.
    """
    seconds = (bars["end"] - bars["begin"]).groupby(bars["label"]).sum()
    ordered = bars.assign(share=-bars["label"].map(seconds))
    return ordered.sort_values(["steady", "share"], kind="stable").drop(columns="share")


def shortened(name: str, most: int = LANE_NAME) -> str:
    """Shortens a name to at most `most` letters, by default to what fits beside a lane.

    >>> shortened("anna"), shortened(30 * "x")
    ('anna', 'xxxxxxxxxxxxxxxxxxxxx…')
    """
    return name if len(name) <= most else f"{name[: most - 1]}…"


def cut_alpha(line: Timeline) -> float:
    """Opacity of the marks of cuts.

    Very many marks blend into a grey, which is darker where the cuts are denser.
    """
    return min(1.0, max(0.15, 300 / max(1, len(line.cuts))))


def step(seconds: float) -> float:
    """Seconds between two marks on the time axis of a movie of this length.

    >>> step(10), step(98), step(3 * 3600)
    (1, 10, 900)
    """
    fitting = (s for s in TICK_STEPS if seconds / s <= MOST_TICKS)
    return next(fitting, TICK_STEPS[-1] * np.ceil(seconds / TICK_STEPS[-1] / MOST_TICKS))


def write_timeline(path: Path, line: Timeline, movie: str) -> None:
    """Draws timeline.png: a lane for each person, bars for emotions, a tick for each cut.

    Args:
        path: Where to write.
        line: The timeline to draw.
        movie: The movie's name, for the title.

    Raises:
        OutputError: The file cannot be written.
    """
    seconds, lanes = line.end - line.begin, max(1, len(line.people))
    figure = Figure(figsize=(_width(seconds), 1.5 + 0.3 * lanes), layout="constrained")
    axes = figure.subplots()
    title = f"{shortened(movie, MOVIE_NAME)}: who is on screen when ({clock(seconds)})"
    title = from_left(title)
    axes.set_title(
        drawable(title), loc="left", fontsize=11, color=TEXT_COLOUR, parse_math=False,
        family=families(title),
    )  # fmt: skip
    axes.add_collection(_collection(drawn(line.bars)))
    low = np.full(len(line.cuts), lanes - 0.42)
    axes.vlines(line.cuts, low, low + TICK, color=LINE_COLOUR, linewidth=0.6, alpha=cut_alpha(line))
    _dress(axes, line, lanes)
    figure.legend(handles=_legend(line), loc="outside lower left", ncols=9, fontsize=8.5,
                  frameon=False, handlelength=1.2, columnspacing=1.4)  # fmt: skip
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=120)


def _width(seconds: float) -> float:
    """Width in inches: 12 up to half an hour, rising to 26 at three hours."""
    return float(np.interp(seconds / 3600, (0.5, 3), (12, 26)))


def _collection(bars: pd.DataFrame) -> PolyCollection:
    """Makes rectangles of all bars; their edges make each at least a pixel wide."""
    half = np.where(bars["steady"], STEADY, UNSTEADY) / 2
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
    """Adds names, the time axis and grid, and removes the frame."""
    axes.set(xlim=(line.begin, line.end), ylim=(lanes - 0.42 + 1.3 * TICK, -0.55))
    axes.set_yticks(range(len(line.people)))
    for label, name in zip(axes.get_yticklabels(), line.people, strict=True):
        label.set(text=_name(name), parse_math=False, family=families(shortened(name)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda lane, _: _name(line.people[int(lane)])))
    axes.xaxis.set_major_locator(MultipleLocator(step(line.end - line.begin)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: clock(x).removesuffix(".0")))
    axes.tick_params(length=0, labelsize=9, labelcolor=TEXT_COLOUR)
    axes.tick_params(axis="x", length=3, color=LINE_COLOUR)
    axes.grid(axis="x", color=LINE_COLOUR, alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LINE_COLOUR)
    if not line.people:
        axes.text(
            0.5, 0.5, "no face was found", transform=axes.transAxes, ha="center", color=LINE_COLOUR
        )


def _name(person: str) -> str:
    return drawable(shortened(person))


def _legend(line: Timeline) -> list[Patch]:
    """The colours of the emotions that occur, and what heights and ticks mean."""
    labels = sorted(line.bars["label"].unique())
    emotions = [Patch(color=EMOTION_COLOURS[label], label=EMOTIONS[label]) for label in labels]
    heights = f"high: steady by the settings of the last pick; low: not; | {line.tick}"
    return [*emotions, Patch(color="none", label=heights)]
