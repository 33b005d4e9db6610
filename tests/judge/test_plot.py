"""The plot of precision over yield."""

from collections.abc import Sequence
from dataclasses import replace
from math import nan
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image as Pillow

from pipeline.errors import OutputError
from pipeline.judge import plot
from pipeline.judge.plot import STYLES, write_curve
from pipeline.judge.score import POOLED, REPEATS, Score
from pipeline.settings import AUTO, Smoothing


def _score(repeat: int, *, smooth: Smoothing = 1, sure: float = 0.0, picked: int = 9) -> Score:
    precision = (1 - 1 / (repeat + 1), 0.4, 1.0) if picked else (nan, nan, nan)
    share = 1 / repeat if picked else 0.0
    return Score(POOLED, repeat, smooth, sure, 0.0, picked, 3, *precision, nan, nan, nan, share)


KINDS: list[tuple[Smoothing, float]] = [(1, 0.0), (5, 0.0), (AUTO, 0.0), (AUTO, 0.5)]
WHOLE = [_score(r, smooth=s, sure=p) for s, p in KINDS for r in REPEATS]


def _colours(path: Path) -> set[str]:
    with Pillow.open(path) as picture:
        found = picture.convert("RGB").getcolors(1 << 20)
    assert found is not None
    return {
        "#{:02x}{:02x}{:02x}".format(*colour) for _, colour in found if isinstance(colour, tuple)
    }


@pytest.mark.parametrize(
    ("scores", "lines"),
    [
        pytest.param(WHOLE, 4, id="four kinds"),
        pytest.param(WHOLE[: len(REPEATS)], 1, id="one kind"),
        pytest.param([_score(r, picked=int(r < 3)) for r in REPEATS], 1, id="some empty"),
        pytest.param([_score(r, picked=0) for r in REPEATS], 0, id="nothing picked"),
        pytest.param([], 0, id="nothing at all"),
    ],
)
def test_a_plot_is_a_picture_with_a_line_for_each_kind(
    scores: Sequence[Score], lines: int, tmp_path: Path
) -> None:
    write_curve(scores, tmp_path / "judge.png")
    with Pillow.open(tmp_path / "judge.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (max(3, lines) * 408, 504))
    colours = _colours(tmp_path / "judge.png")
    assert [colour in colours for colour, _ in STYLES] == [n < lines for n in range(len(STYLES))]
    assert [p.name for p in tmp_path.iterdir()] == ["judge.png"]


def test_single_emotions_are_not_plotted(tmp_path: Path) -> None:
    write_curve([replace(score, emotion="happy") for score in WHOLE], tmp_path / "judge.png")
    assert STYLES[0][0] not in _colours(tmp_path / "judge.png")


def test_a_plot_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "judge.png"
    path.write_text("old")
    write_curve(WHOLE, path)
    first = path.read_bytes()
    write_curve(WHOLE, path)
    assert path.read_bytes() == first


def test_a_plot_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("in the way")
    with pytest.raises(OutputError, match=r"judge\.png: cannot be written"):
        write_curve(WHOLE, tmp_path / "folder" / "judge.png")


def test_points_that_lie_together_have_one_label() -> None:
    axes = Figure().subplots()
    axes.set(xlim=(0.9, 1), ylim=(0.9, 1))
    at = [(1, 1.0, 0.95), (2, 0.999, 0.951), (5, 0.999, 0.96), (8, 0.95, 0.96)]
    scores = [replace(_score(r), kept=kept, precision=precision) for r, kept, precision in at]
    assert [[s.repeat for s in near] for near in plot._near(scores, axes)] == [[1, 2], [5], [8]]
