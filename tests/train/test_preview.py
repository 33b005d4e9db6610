"""Showing data: the table, the pictures, the plots."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import OutputError
from pipeline.faces import EMOTIONS
from pipeline.train import dataset, plots, preview
from tests.support.training import squares


def test_the_table_counts_classes_and_duplicates() -> None:
    data = squares(56)
    faces = data.faces.copy()
    private = int(np.flatnonzero(data.usage == 2)[0])
    faces[private] = faces[0]
    lines = list(preview.describe(replace(data, faces=faces)))
    assert lines[1].split() == ["angry", "6", "1", "1", "14.3%"]
    assert lines[8].split() == ["all", "42", "7", "7", "56"]
    assert "as an earlier row: 1" in lines[9]
    assert "as a training row: 1 (public 0, private 1)" in lines[10]
    assert "on 56 faces, the same as the label on 100.0% of them" in lines[11]


def test_pictures_are_read_again_as_the_same_rows(tmp_path: Path) -> None:
    data = squares(28)
    assert list(preview.write_pictures(data, tmp_path / "faces")) == [str(tmp_path / "faces")]
    back = dataset.read_dataset(tmp_path / "faces")
    names = np.argsort(
        np.argsort(["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"])
    )
    order = np.lexsort((np.arange(28), names[data.labels], data.usage))
    assert np.array_equal(back.faces, data.faces[order])
    assert np.array_equal(back.labels, data.labels[order])
    assert np.array_equal(back.usage, data.usage[order])


def test_pictures_of_some_classes_keep_the_numbers_of_their_rows(tmp_path: Path) -> None:
    list(preview.write_pictures(squares(28), tmp_path / "faces", ("disgust",)))
    written = {int(p.stem): p.parent.name for p in (tmp_path / "faces").rglob("*.png")}
    assert written == {row: EMOTIONS[row % 7] for row in range(28) if row % 7 != 1}


def test_pictures_of_no_class_are_an_empty_folder(tmp_path: Path) -> None:
    list(preview.write_pictures(squares(7), tmp_path / "faces", EMOTIONS))
    assert list(tmp_path.iterdir()) == [tmp_path / "faces"]
    assert list((tmp_path / "faces").iterdir()) == []


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="exists already"):
        list(preview.write_pictures(squares(7), tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_half_written_pictures_are_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Path.write_bytes

    def full(path: Path, data: Any) -> int:
        if path.name == "00003.png":
            raise OSError(28, "No space left on device")
        return written(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left"):
        list(preview.write_pictures(squares(7), tmp_path / "faces"))
    assert list(tmp_path.iterdir()) == []


def test_plots_show_before_and_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    write = plots.write_distribution

    def heard(shares: Any, path: Path) -> None:
        drawn.append(shares)
        write(shares, path)

    monkeypatch.setattr(plots, "write_distribution", heard)
    data = squares(56)
    data = replace(data, labels=np.where(np.arange(56) % 2, data.labels, 3))
    files = list(preview.write_plots(data, tmp_path, balance=1.0, without=("disgust",)))
    assert [Path(f).name for f in files] == ["preview.png", "classes.png"]
    assert all(Path(f).read_bytes().startswith(b"\x89PNG") for f in files)
    (shares,) = drawn
    before, after = shares["before"], shares["after --without disgust --balance 1"]
    assert before["happy"] > 0.5
    assert "disgust" not in after
    assert after == {name: pytest.approx(1 / 6) for name in after}


def test_the_preview_shows_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(
        plots, "write_face_grid", lambda _faces, captions, *_: shown.extend(captions)
    )
    data = replace(squares(56), labels=np.arange(56) % 3)
    list(preview.write_plots(data, tmp_path, balance=0.0, without=("disgust",)))
    assert set(shown) == {plots.labelled("angry"), plots.labelled("fear")}


def test_the_legend_hides_no_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[Any] = []
    save = plots._save

    def heard(figure: Any, path: Path) -> None:
        save(figure, path)
        figures.append(figure)

    monkeypatch.setattr(plots, "_save", heard)
    even = dict.fromkeys(EMOTIONS, 1 / 7)
    plots.write_distribution({"before": even, "after": even}, tmp_path / "classes.png")
    (figure,) = figures
    (axes,), (legend,) = figure.axes, figure.legends
    assert axes.get_legend() is None
    assert not legend.get_window_extent().overlaps(axes.get_tightbbox())
