"""The plots of report.html, by Bokeh: the timeline, and the shares of emotions."""

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
from pipeline.report.timeline import SEEN, STEADY, TICK, Timeline, cut_alpha, drawn, shortened

HIGHEST, LOWEST, ALL = 34, 18, 800
"""Pixels of a lane: so many where all lanes together are not higher than `ALL`, and at least."""

ROOM = 48
"""Pixels around the lanes."""

CLOSEST = 200
"""Milliseconds that fill the plot when it is as near as it goes."""

CLOCK = dict.fromkeys(
    ("seconds", "minsec", "minutes", "hourmin", "hours", "days", "months", "years"), "%H:%M:%S"
) | {"milliseconds": "%H:%M:%S.%3N"}
"""How a movie's time is written beside marks so far apart."""

OWN_ID = re.compile(r"p\d+")


def script() -> str:
    """BokehJS, to stand in a page."""
    return Resources(mode="inline", components=["bokeh"]).js_raw[0]


def height(lanes: int) -> int:
    """Pixels of a plot.

    >>> height(3), height(50)
    (150, 948)
    """
    lane = min(HIGHEST, max(LOWEST, ALL // max(1, lanes)))
    return ROOM + lane * max(1, lanes)


def timeline_plot(line: Timeline) -> Any:
    """The timeline, to be zoomed and moved; what it shows of a face is the page's to do."""
    lanes = max(1, len(line.people))
    begin, end = 1000 * line.begin, 1000 * line.end
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
    """What is drawn; milliseconds, for Bokeh's clock counts them."""
    shown = drawn(bars)
    lane, half = shown["lane"].to_numpy(), np.where(shown["steady"], STEADY, SEEN) / 2
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
    """What part of their time on screen each person shows each emotion.

    Args:
        people: One bar each.
        shares: `(people, emotions)`, each row summing to 1.
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
    """Names beside the lanes, and the plain dress of both plots."""
    plot.yaxis.ticker = FixedTicker(ticks=list(range(len(people))))
    # PlainText, for a name between dollars would be taken for a formula.
    plot.yaxis.major_label_overrides = {
        n: PlainText(text=shortened(name)) for n, name in enumerate(people)
    }
    plot.yaxis.major_tick_line_color = plot.yaxis.axis_line_color = None
    plot.ygrid.visible = False
    plot.background_fill_alpha = plot.border_fill_alpha = 0
    plot.outline_line_color = None


def item(plot: Plot) -> dict[str, Any]:
    """What BokehJS needs to draw a plot: the same for the same plot, whatever came before it."""
    found: Any = json_item(plot)
    ids: dict[str, str] = {}
    return {**found, "doc": _renumbered(found["doc"], ids), "root_id": ids[found["root_id"]]}


def _renumbered(node: Any, ids: dict[str, str]) -> Any:
    """Counts Bokeh's ids from 1 in each plot: its own go on through all of a process."""
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
