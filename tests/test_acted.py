"""benchmarks/acted.py: names of public sets, and a miniature of them made from the demo."""

import sys
from collections.abc import Iterator
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.faces import EMOTIONS
from pipeline.movie import decode
from pipeline.movie.scan import scan_movie
from tests.support.demo import MOVIE
from tests.support.movies import write_movie

BENCHMARKS = MOVIE.parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def acted() -> Iterator[Any]:
    sys.path.insert(0, str(BENCHMARKS))
    yield import_module("acted")
    sys.path.remove(str(BENCHMARKS))


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("Actor_12/01-01-06-01-02-01-12.mp4", ("RAVDESS", "12", "fear")),
        ("02-02-03-02-01-02-05.mp4", ("RAVDESS", "05", "happy")),
        ("01-01-08-01-01-01-24.mp4", ("RAVDESS", "24", "surprise")),
        ("VideoFlash/1001_DFA_ANG_XX.flv", ("CREMA-D", "1001", "angry")),
        ("1040_ITH_SAD_X.mp4", ("CREMA-D", "1040", "sad")),
        ("1091_IEO_HAP_HI.flv", ("CREMA-D", "1091", "happy")),
        ("AudioVisualClip/DC/sa03.avi", ("SAVEE", "DC", "sad")),
        ("KL_su15.mp4", ("SAVEE", "KL", "surprise")),
        ("JE/n30.avi", ("SAVEE", "JE", "neutral")),
        ("M003/video/front/disgusted/level_3/001.mp4", ("MEAD", "M003", "disgust")),
        ("W011/video/left_30/surprised/level_1/017.mp4", ("MEAD", "W011", "surprise")),
        ("W011_front_neutral_level_1_002.mp4", ("MEAD", "W011", "neutral")),
        ("01-01-02-01-01-01-01.mp4", None),
        ("03-01-05-01-01-01-01.mp4", None),
        ("01-01-09-01-01-01-01.mp4", None),
        ("M003/video/front/contempt/level_3/001.mp4", None),
        ("a03.avi", None),
        ("holiday.mp4", None),
    ],
)
def test_names_tell_set_actor_and_look(
    acted: Any, tmp_path: Path, name: str, wanted: tuple[str, str, str] | None
) -> None:
    found = [(c.naming.name, c.actor, c.emotion) for c in acted.known_clips([tmp_path / name])]
    assert found == ([wanted] if wanted else [])


def test_a_performance_counts_once(acted: Any) -> None:
    paths = [Path(f"{kind}-01-03-01-01-01-07.mp4") for kind in ("02", "01")]
    assert [c.path for c in acted.known_clips(paths)] == [paths[1]]


def _rows(labels: str, truth: str, sure: float, length: int = 20) -> pd.DataFrame:
    short = {emotion[:2]: number for number, emotion in enumerate(EMOTIONS)}
    return pd.DataFrame(
        {"label": [short[x] for x in labels.split()], "run_length": length, "probability": 0.5,
         "look_sure": sure, "truth": EMOTIONS.index(truth)}
    )  # fmt: skip


def test_figures_are_those_of_a_hand_count(acted: Any) -> None:
    """Ten faces: six right; the surest four all right; a clip without faces."""
    names = ["1001_DFA_HAP_XX", "1002_DFA_HAP_XX", "1001_DFA_SAD_XX", "1002_DFA_SAD_XX"]
    clips = acted.known_clips([Path(f"{name}.flv") for name in names])
    assert [clip.emotion for clip in clips] == ["happy", "sad", "happy", "sad"]
    rows = [
        _rows("ha ne ne", "happy", 0.5), _rows("sa ne ne", "sad", 0.99, length=3),
        _rows("ha ha ha ha", "happy", 0.9), _rows("", "sad", 0.9),
    ]  # fmt: skip
    found = acted.told_set(clips, rows)
    assert found.right.tolist() == [False, False, True, False]
    assert found.figures(np.ones(4, np.float32)) == pytest.approx(
        [0.6, 0.25, 0.25, 1.0, 1.0, 5 / 7]
    )
    second_actor_alone = found.figures(np.array([0, 0, 1, 1], np.float32))
    assert second_actor_alone == pytest.approx([1.0, 0.5, 0.5, 1.0, 1.0, 1.0])
    no_face = found.figures(np.array([0, 0, 0, 1], np.float32))
    assert no_face == pytest.approx([np.nan, 0, 0, np.nan, np.nan, np.nan], nan_ok=True)
    assert len(list(acted.with_intervals(found))) == 6


def _piece(path: Path, first: int, count: int) -> None:
    """Some frames of the demo as a movie of its own."""
    scan = scan_movie(MOVIE)
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = decode.decode_frames(MOVIE, scan, first, first + count)
    write_movie(path, [frame.image for frame in islice(frames, count)])


def test_a_miniature_of_the_sets(
    acted: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _piece(tmp_path / "sets/Actor_02/01-01-03-02-01-01-02.mkv", 2380, 12)
    _piece(tmp_path / "sets/AudioVisualClip/JE/h01.mkv", 1055, 12)
    _piece(tmp_path / "sets/M003/video/front/angry/level_2/001.mkv", 1055, 12)
    (tmp_path / "sets/1001_DFA_ANG_XX.flv").write_bytes(b"no movie")
    (tmp_path / "sets/holiday.mkv").write_bytes(b"nobody looks at it")
    lines = list(acted.report([tmp_path / "sets"], tmp_path / "walks"))
    cells = {line.split(" | ")[0].strip("| "): line.split(" | ") for line in lines if "|" in line}
    assert list(cells) == ["set", "---|---|---|---|---|---|---|---|---", "RAVDESS", "SAVEE", "MEAD"]
    assert [cells[name][1:3] for name in ("RAVDESS", "SAVEE", "MEAD")] == 3 * [["1", "1"]]
    assert all(cell.startswith("1.000") for cell in cells["RAVDESS"][3:] + cells["SAVEE"][3:])
    assert all(cell.startswith("0.000") for cell in cells["MEAD"][3:])
    assert "Dupré et al. 2020" in lines[-1]
    assert "CREMA-D" not in "".join(lines)
    told = capsys.readouterr().err
    assert "4 of 5 movies are clips of these sets" in told
    assert "1001_DFA_ANG_XX.flv" in told


def test_a_folder_of_other_movies_is_told(acted: Any, tmp_path: Path) -> None:
    (tmp_path / "holiday.mkv").write_bytes(b"")
    with pytest.raises(SystemExit, match="no clip bears a name of RAVDESS, CREMA-D, SAVEE or MEAD"):
        list(acted.report([tmp_path], tmp_path / "walks"))
