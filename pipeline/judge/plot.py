"""Precision over yield, as a plot."""

from collections.abc import Iterable, Sequence
from math import floor
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.files import replacing
from pipeline.judge.score import POOLED, Score

STYLES = (("#0072b2", "o"), ("#e69f00", "s"), ("#009e73", "^"))
"""Colours that people with colour-blindness tell apart (Okabe and Ito, 2008), and markers."""


ROUND = 20
"""Parts of the unit at which axes begin: what is plotted often lies close together."""

MERGE_DISTANCE = 0.04
"""Points nearer than this share of an axis have one label."""


def write_curve(scores: Sequence[Score], path: Path) -> None:
    """Plots the pooled precision over the yield, beside each other for each kind of filter.

    Raises:
        OutputError: It cannot be written.
    """
    pooled = [s for s in scores if s.emotion == POOLED and s.picked]
    kinds = list(dict.fromkeys((s.smooth, s.min_prob) for s in pooled))
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    every = figure.subplots(ncols=max(1, len(kinds)), sharex=True, sharey=True, squeeze=False)[0]
    begin = _begin(s.kept for s in pooled), _begin(s.precision_low for s in pooled)
    # A little beyond 1, for the labels of what lies there.
    every[0].set(xlim=(begin[0], 1 + (1 - begin[0]) / 6), ylim=(begin[1], 1 + (1 - begin[1]) / 50))
    for kind, (colour, marker), axes in zip(kinds, STYLES, every, strict=False):
        own = [s for s in pooled if (s.smooth, s.min_prob) == kind]
        _draw(axes, own, colour, marker)
        axes.set_title(f"--smooth {kind[0]} --min-prob {kind[1]:g}", fontsize=10)
    for axes in every:
        axes.grid(alpha=0.3)
    every[0].set_ylabel("precision")
    figure.supxlabel("yield: faces kept, as a share of those without filters", fontsize=10)
    figure.suptitle("What --repeat is worth (numbers: frames; bars: 95 % intervals)")
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=120)


def _begin(values: Iterable[float]) -> float:
    """Where an axis begins: at a round number below all values, and a tenth below 1 at least.

    >>> _begin([0.93, 0.61]), _begin([0.99]), _begin([])
    (0.6, 0.9, 0.0)
    """
    return min(floor(min(values, default=0) * ROUND) / ROUND, 0.9)


def _draw(axes: Axes, own: Sequence[Score], colour: str, marker: str) -> None:
    """One kind of filter: a line over the repeats, each point with its interval."""
    x, y = [s.kept for s in own], [s.precision for s in own]
    low = [s.precision - s.precision_low for s in own]
    high = [s.precision_high - s.precision for s in own]
    axes.plot(x, y, color=colour, marker=marker)
    axes.errorbar(x, y, [low, high], fmt="none", ecolor=colour, alpha=0.4, capsize=2)
    for near in _near(own, axes):
        first, last = near[0].repeat, near[-1].repeat
        words = f"{first}" if first == last else f"{first}–{last}"
        axes.annotate(words, (near[0].kept, near[0].precision), (5, 4),
                      textcoords="offset points", fontsize=8, color=colour)  # fmt: skip


def _near(own: Sequence[Score], axes: Axes) -> list[list[Score]]:
    """Neighbours that are to have one label, for two would lie one above the other."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    found: list[list[Score]] = []
    for score in own:
        first = found[-1][0] if found else None
        if (
            first
            and abs(score.kept - first.kept) < MERGE_DISTANCE * (right - left)
            and abs(score.precision - first.precision) < MERGE_DISTANCE * (top - bottom)
        ):
            found[-1].append(score)
        else:
            found.append([score])
    return found
