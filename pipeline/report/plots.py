"""Makes the Bokeh plots of report.html: the timeline and the shares of emotions."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from bokeh.embed import json_item
from bokeh.models import (
    ColumnDataSource,
    DatetimeTickFormatter,
    FixedTicker,
    HoverTool,
    LinearColorMapper,
    NumeralTickFormatter,
    PanTool,
    PlainText,
    Plot,
    Range1d,
    WheelZoomTool,
)
from bokeh.models.annotations import Span
from bokeh.plotting import figure
from bokeh.resources import Resources

from pipeline.faces import EMOTIONS
from pipeline.report.colours import EMOTION_COLOURS
from pipeline.report.timeline import STEADY, TICK, UNSTEADY, Timeline, cut_alpha, drawn, shortened

HIGHEST, LOWEST, ALL = 34, 18, 800
"""Pixels of a lane at most and at least, and of all lanes together unless `LOWEST` needs more."""

ROOM = 48
"""Pixels of a plot's height besides the lanes."""

CLOSEST = 200
"""Milliseconds that fill the plot when it is zoomed in as far as possible."""

CLOCK = dict.fromkeys(
    ("seconds", "minsec", "minutes", "hourmin", "hours", "days", "months", "years"), "%H:%M:%S"
) | {"milliseconds": "%H:%M:%S.%3N"}
"""How times are written on the axis, by the distance between its marks."""

OWN_ID = re.compile(r"p\d+")
"""Ids that Bokeh makes up by counting."""


def script() -> str:
    """BokehJS as the text of a script."""
    return Resources(mode="inline", components=["bokeh"]).js_raw[0]


def height(lanes: int) -> int:
    """Height of a plot with this number of lanes, in pixels.

    >>> height(3), height(50)
    (150, 948)
    """
    lane = min(HIGHEST, max(LOWEST, ALL // max(1, lanes)))
    return ROOM + lane * max(1, lanes)


def timeline_plot(line: Timeline) -> Any:
    """Makes the timeline, which can be zoomed and dragged; report.js shows faces on it."""
    lanes = max(1, len(line.people))
    begin, end = 1000 * line.begin, 1000 * line.end
    # Only with Ctrl: the wheel alone scrolls the page.
    wheel = WheelZoomTool(dimensions="width", modifiers={"ctrl": True})
    plot = figure(
        height=height(lanes), sizing_mode="stretch_width", name="timeline",
        x_range=Range1d(start=begin, end=end, bounds=(begin, end),
                        min_interval=min(CLOSEST, end - begin)),
        y_range=Range1d(start=lanes - 0.5 + 1.3 * TICK, end=-0.5), x_axis_type="datetime",
        tools=[PanTool(dimensions="width"), wheel], toolbar_location=None,
    )  # fmt: skip
    plot.toolbar.active_scroll = wheel
    clock: Any = CLOCK
    plot.xaxis.formatter = DatetimeTickFormatter(**clock)
    looks = LinearColorMapper(palette=list(EMOTION_COLOURS), low=-0.5, high=6.5, name="looks")
    colour: Any = {"field": "label", "transform": looks}
    plot.quad("left", "right", "top", "bottom", source=_bars(line.bars), name="bars",
              fill_color=colour, line_color=colour, line_width=1)  # fmt: skip
    low = np.full(len(line.cuts), lanes - 0.44, np.float32)
    cuts = ColumnDataSource({"x": 1000 * line.cuts, "y0": low, "y1": low + np.float32(TICK)})
    plot.segment("x", "y0", "x", "y1", source=cuts, line_color="#808080",
                 line_alpha=cut_alpha(line), name="cuts")  # fmt: skip
    plot.add_layout(Span(dimension="height", name="cursor", visible=False, line_width=1.5))
    _name_lanes(plot, line.people)
    return plot


def _bars(bars: pd.DataFrame) -> ColumnDataSource:
    """Turns the bars into rectangles, in the order in which they are drawn."""
    shown = drawn(bars)
    lane, half = shown["lane"].to_numpy(), np.where(shown["steady"], STEADY, UNSTEADY) / 2
    # Times are milliseconds, which Bokeh's datetime axis counts in. The narrow types keep the page
    # of a long movie small.
    return ColumnDataSource({
        "left": (1000 * shown["begin"]).to_numpy(np.float64),
        "right": (1000 * shown["end"]).to_numpy(np.float64),
        "top": (lane - half).astype(np.float32),
        "bottom": (lane + half).astype(np.float32),
        "lane": lane.astype(np.uint16),
        "label": shown["label"].to_numpy(np.uint8),
        "probability": shown["probability"].to_numpy(np.float32),
        "steady": shown["steady"].to_numpy(np.uint8),
    })  # fmt: skip


def shares_plot(people: Sequence[str], shares: pd.DataFrame) -> Any:
    """Makes the plot of the share of each emotion in each person's time on screen.

    Args:
        people: The names, one bar each.
        shares: `(people, emotions)`; each row sums to 1.
    """
    lanes = max(1, len(people))
    plot = figure(
        height=height(lanes),
        sizing_mode="stretch_width",
        x_range=Range1d(start=0, end=1),
        y_range=Range1d(start=lanes - 0.5, end=-0.5),
        name="shares",
        tools=[],
        toolbar_location=None,
    )
    source = ColumnDataSource({
        **{emotion: shares[emotion].to_numpy(np.float64) for emotion in EMOTIONS},
        "y": np.arange(len(people)), "person": list(people),
    })  # fmt: skip
    parts = plot.hbar_stack(
        list(EMOTIONS), y="y", height=STEADY, source=source, color=list(EMOTION_COLOURS)
    )
    for emotion, renderer in zip(EMOTIONS, parts, strict=True):
        tip = [("", "@person"), (emotion, f"@{emotion}{{0.0%}}")]
        plot.add_tools(HoverTool(renderers=[renderer], tooltips=tip, visible=False))
    plot.xaxis.formatter = NumeralTickFormatter(format="0%")
    _name_lanes(plot, people)
    return plot


def _name_lanes(plot: Any, people: Sequence[str]) -> None:
    """Writes the names beside the lanes, and removes frames and backgrounds."""
    plot.yaxis.ticker = FixedTicker(ticks=list(range(len(people))))
    # PlainText, because Bokeh takes a name between dollar signs for a formula.
    plot.yaxis.major_label_overrides = {
        n: PlainText(text=shortened(name)) for n, name in enumerate(people)
    }
    plot.yaxis.major_tick_line_color = plot.yaxis.axis_line_color = None
    plot.ygrid.visible = False
    plot.background_fill_alpha = plot.border_fill_alpha = 0
    plot.outline_line_color = None


def item(plot: Plot) -> dict[str, Any]:
    """Returns what BokehJS needs to draw a plot, always the same for the same plot."""
    embedded: Any = json_item(plot)
    ids: dict[str, str] = {}
    doc = _renumbered(embedded["doc"], ids)
    return {**embedded, "doc": doc, "root_id": ids[embedded["root_id"]]}


def _renumbered(node: Any, ids: dict[str, str]) -> Any:
    """Numbers Bokeh's ids from 1 in each plot; Bokeh itself counts on through a whole process."""
    if isinstance(node, list | tuple):
        return [_renumbered(child, ids) for child in node]
    if not isinstance(node, dict):
        return node
    return {
        key: ids.setdefault(value, f"p{len(ids) + 1}")
        if key == "id" and isinstance(value, str) and OWN_ID.fullmatch(value)
        else _renumbered(value, ids)
        for key, value in node.items()
    }
