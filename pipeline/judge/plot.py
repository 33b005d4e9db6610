"""Plots precision over yield."""

from collections.abc import Iterable, Sequence
from math import floor
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.files import replacing
from pipeline.judge.score import POOLED, Score

STYLES = (
    ("#0072b2", "o"), ("#e69f00", "s"), ("#009e73", "^"), ("#cc79a7", "D"), ("#56b4e9", "v"),
)  # fmt: skip
"""Colours that people with colour-blindness tell apart (Okabe and Ito, 2008), and markers."""


ROUND = 20
"""Axes begin at a multiple of 1 / ROUND, not at 0: the points are often close together."""

MERGE_DISTANCE = 0.04
"""Points closer than this share of both axes have one label."""


def write_curve(scores: Sequence[Score], path: Path) -> None:
    """Plots the pooled precision over the yield, with axes for each kind of filter side by side.

    Raises:
        OutputError: The plot cannot be written.
    """
    pooled = [s for s in scores if s.emotion == POOLED and s.picked]
    kinds = list(dict.fromkeys((s.smooth, s.sure, s.min_prob) for s in pooled))
    figure = Figure(figsize=(3.4 * max(3, len(kinds)), 4.2), layout="constrained")
    grid = figure.subplots(ncols=max(1, len(kinds)), sharex=True, sharey=True, squeeze=False)[0]
    begin = _begin(s.kept for s in pooled), _begin(s.precision_low for s in pooled)
    # A little beyond 1, to leave room for the labels of points there.
    grid[0].set(xlim=(begin[0], 1 + (1 - begin[0]) / 6), ylim=(begin[1], 1 + (1 - begin[1]) / 50))
    for kind, (colour, marker), axes in zip(kinds, STYLES, grid, strict=False):
        shown = [s for s in pooled if (s.smooth, s.sure, s.min_prob) == kind]
        _draw(axes, shown, colour, marker)
        axes.set_title(f"--smooth {kind[0]} --sure {kind[1]:g} --min-prob {kind[2]:g}", fontsize=9)
    for axes in grid:
        axes.grid(alpha=0.3)
    grid[0].set_ylabel("precision")
    figure.supxlabel("yield: faces kept, as a share of those without filters", fontsize=10)
    figure.suptitle("Precision and yield by --repeat (numbers: frames; bars: 95 % intervals)")
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=120)


def _begin(values: Iterable[float]) -> float:
    """Gives where an axis begins: a round number below all values, at most 0.9.

    >>> _begin([0.93, 0.61]), _begin([0.99]), _begin([])
    (0.6, 0.9, 0.0)
    """
    return min(floor(min(values, default=0) * ROUND) / ROUND, 0.9)


def _draw(axes: Axes, scores: Sequence[Score], colour: str, marker: str) -> None:
    """Draws one kind of filter: a line over the repeats, each point with its interval."""
    x, y = [s.kept for s in scores], [s.precision for s in scores]
    low = [s.precision - s.precision_low for s in scores]
    high = [s.precision_high - s.precision for s in scores]
    axes.plot(x, y, color=colour, marker=marker)
    axes.errorbar(x, y, [low, high], fmt="none", ecolor=colour, alpha=0.4, capsize=2)
    for group in _near(scores, axes):
        first, last = group[0].repeat, group[-1].repeat
        words = f"{first}" if first == last else f"{first}–{last}"
        axes.annotate(words, (group[0].kept, group[0].precision), (5, 4),
                      textcoords="offset points", fontsize=8, color=colour)  # fmt: skip


def _near(scores: Sequence[Score], axes: Axes) -> list[list[Score]]:
    """Groups neighbours that share a label, as two labels would overlap."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    groups: list[list[Score]] = []
    for score in scores:
        first = groups[-1][0] if groups else None
        if (
            first
            and abs(score.kept - first.kept) < MERGE_DISTANCE * (right - left)
            and abs(score.precision - first.precision) < MERGE_DISTANCE * (top - bottom)
        ):
            groups[-1].append(score)
        else:
            groups.append([score])
    return groups
