"""Precision over yield, as a plot."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from pipeline.pick.judge import POOLED, Score
from pipeline.table import replacing

STYLES = (("#0072b2", "o"), ("#e69f00", "s"), ("#009e73", "^"))
"""Colours that people with colour-blindness tell apart (Okabe and Ito, 2008), and markers."""


def write_curve(scores: Sequence[Score], path: Path) -> None:
    """Plots the pooled precision over the yield, one line for each kind of filter.

    Raises:
        OutputError: It cannot be written.
    """
    pooled = [s for s in scores if s.emotion == POOLED]
    kinds = list(dict.fromkeys((s.smooth, s.min_prob) for s in pooled))
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    for kind, (colour, marker) in zip(kinds, STYLES, strict=False):
        own = [s for s in pooled if (s.smooth, s.min_prob) == kind and s.picked]
        x, y = [s.kept for s in own], [s.precision for s in own]
        low = [s.precision - s.precision_low for s in own]
        high = [s.precision_high - s.precision for s in own]
        label = f"--smooth {kind[0]} --min-prob {kind[1]:g}"
        axes.errorbar(x, y, [low, high], color=colour, marker=marker, capsize=2, label=label)
        for score in own:
            axes.annotate(f"{score.repeat}", (score.kept, score.precision), (4, 4),
                          textcoords="offset points", fontsize=8, color=colour)  # fmt: skip
    axes.set(xlabel="yield: faces kept, as a share of those without filters", ylabel="precision")
    axes.set(xlim=(0, 1.05), ylim=(0, 1.02), title="What --repeat is worth (numbers: frames)")
    axes.grid(alpha=0.3)
    if any(s.picked for s in pooled):
        axes.legend(loc="lower left", fontsize=8)
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=120)
