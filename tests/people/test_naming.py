"""Naming tracks by the gallery."""

from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.disk import faces_csv, tracks_npz
from pipeline.faces import EMOTIONS, Flags, Floats
from pipeline.people.gallery import Gallery
from pipeline.people.naming import (
    CLEAR,
    NEAREST,
    SAME_TRACK,
    assign,
    clearness,
    distances,
    go_on,
    identify_tracks,
    margins,
    name_tracks,
    templates,
    together,
    vetoes,
)
from tests.support.walks import unplanned

NOBODY = -1


def _at(*degrees: float) -> Floats:
    """Unit embeddings at these angles; two of them are `2 sin(angle / 2)` apart."""
    angle = np.radians(degrees)
    found = np.zeros((len(degrees), 128), np.float32)
    found[:, 0], found[:, 1] = np.cos(angle), np.sin(angle)
    return found


def _apart(degrees: float) -> float:
    return float(2 * np.sin(np.radians(degrees) / 2))


def _gallery(**people: list[float]) -> Gallery:
    hues = [hue for own in people.values() for hue in own]
    owner = [n for n, own in enumerate(people.values()) for _ in own]
    return Gallery(tuple(people), _at(*hues), np.array(owner, np.int64))


def _ints(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, np.int64)


@pytest.mark.parametrize(
    ("photos", "track", "wanted"),
    [
        pytest.param([0], [10], _apart(10), id="one photo, one face"),
        pytest.param([0], [10, 20], _apart(15), id="the mean of its faces"),
        pytest.param([0, 30], [0], (0 + _apart(30)) / 2, id="two photos"),
        pytest.param(
            [10, 20, 30, 90, 180],
            [0],
            (_apart(10) + _apart(20) + _apart(30)) / 3,
            id="nearest three",
        ),
    ],
)
def test_distance_of_a_track_to_a_person(
    photos: list[float], track: list[float], wanted: float
) -> None:
    numbers, mean = templates(_at(*track), np.full(len(track), 4))
    far = distances(mean, _gallery(anna=photos))
    assert numbers.tolist() == [4]
    assert far == pytest.approx(np.array([[wanted]]), abs=1e-3)
    assert NEAREST == 3


def test_distances_are_by_rising_track_and_by_person() -> None:
    gallery = _gallery(anna=[0], ben=[90], carl=[])
    numbers, mean = templates(_at(90, 0, 30), _ints(9, 2, 5))
    far = distances(mean, gallery)
    assert numbers.tolist() == [2, 5, 9]
    right = _apart(90)
    assert far[:, :2] == pytest.approx(
        np.array([[0, right], [_apart(30), _apart(60)], [right, 0]]), abs=1e-3
    )
    assert np.isinf(far[:, 2]).all(), "a person without a usable photo is nowhere near"


def test_distances_of_nothing() -> None:
    numbers, mean = templates(_at(), _ints())
    assert (numbers.shape, distances(mean, _gallery(anna=[0])).shape) == ((0,), (0, 1))
    numbers, mean = templates(_at(10), _ints(0))
    assert (numbers.tolist(), distances(mean, _gallery()).shape) == ([0], (1, 0))


def _no(far: Floats) -> Flags:
    return np.zeros(far.shape, np.bool_)


INF = float("inf")


@pytest.mark.parametrize(
    ("far", "pairs", "people"),
    [
        pytest.param([[0.1, 0.3]], [], [0], id="nearest"),
        pytest.param([[0.3, 0.1]], [], [1], id="nearest is the other"),
        pytest.param([[0.38, 0.9]], [], [0], id="at the tolerance"),
        pytest.param([[0.39, 0.9]], [], [NOBODY], id="above the tolerance"),
        pytest.param([[0.2, 0.9], [0.1, 0.9]], [], [0, 0], id="one person, two takes"),
        pytest.param([[0.2, 0.9], [0.1, 0.9]], [(0, 1)], [NOBODY, 0], id="one frame, one name"),
        pytest.param(
            [[0.2, 0.3], [0.1, 0.9]], [(0, 1)], [NOBODY, 0], id="never the second nearest"
        ),
        pytest.param([[0.2, 0.9], [0.9, 0.1]], [(0, 1)], [0, 1], id="two people in a frame"),
        pytest.param(
            [[0.3, 0.9], [0.2, 0.9], [0.1, 0.9]], [(0, 1), (1, 2)], [0, NOBODY, 0], id="chain"
        ),
        pytest.param([[INF, 0.1], [INF, 0.9]], [], [1, NOBODY], id="a person without photo"),
        pytest.param([[INF, INF]], [], [NOBODY], id="nobody has a photo"),
        pytest.param([], [], [], id="no track"),
    ],
)
def test_assign(far: list[list[float]], pairs: list[tuple[int, int]], people: list[int]) -> None:
    both = {*pairs, *((b, a) for a, b in pairs)}
    distance = np.array(far, np.float32).reshape(-1, 2)
    found, nearest = assign(distance, _no(distance), both, 0.38)
    assert found.tolist() == people
    if np.isfinite(distance).any():
        assert nearest == pytest.approx(distance.min(axis=1))
    else:
        assert np.isnan(nearest).all()


def test_assign_with_nobody_known() -> None:
    far = np.zeros((3, 0), np.float32)
    found, nearest = assign(far, _no(far), set(), 0.38)
    assert found.tolist() == [NOBODY] * 3
    assert np.isnan(nearest).all()


@given(st.data())
def test_nobody_is_twice_in_a_frame_nor_beyond_the_tolerance(data: st.DataObject) -> None:
    tracks, people = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 3))
    numbers = st.floats(0, 1, width=32)
    far = np.array(
        data.draw(st.lists(numbers, min_size=tracks * people, max_size=tracks * people)), np.float32
    ).reshape(tracks, people)
    place = st.integers(0, tracks - 1)
    drawn = data.draw(st.sets(st.tuples(place, place).filter(lambda p: p[0] != p[1])))
    both = drawn | {(b, a) for a, b in drawn}
    found, _ = assign(far, _no(far), both, 0.38)
    assert all(found[a] != found[b] or found[a] == NOBODY for a, b in both)
    named = np.flatnonzero(found != NOBODY)
    assert (far[named, found[named]] <= np.float32(0.38)).all()
    assert (far[named, found[named]] == far[named].min(axis=1)).all()
    alone = [t for t in range(tracks) if all(t not in pair for pair in both)]
    assert all(found[t] != NOBODY for t in alone if far[t].min() <= 0.38)


# --- photos in not/ -----------------------------------------------------------------------------


def _gallery_with_not(**people: tuple[list[float], list[float]]) -> Gallery:
    plain = _gallery(**{name: own for name, (own, _) in people.items()})
    hues = [hue for _, other in people.values() for hue in other]
    owner = [n for n, (_, other) in enumerate(people.values()) for _ in other]
    return Gallery(plain.people, plain.embedding, plain.owner, _at(*hues), _ints(*owner))


@pytest.mark.parametrize(
    ("own", "other", "track", "vetoed"),
    [
        pytest.param([0], [], 10, False, id="none"),
        pytest.param([0], [20], 15, True, id="nearer"),
        pytest.param([0], [20], 5, False, id="farther"),
        pytest.param([0], [0], 5, False, id="the same photo on both sides"),
        pytest.param([0, 90, 180], [20], 5, False, id="the nearest of one's own counts"),
        pytest.param([0], [200, 20], 15, True, id="the nearest of the others counts"),
        pytest.param([], [20], 15, False, id="nobody without a photo is vetoed"),
    ],
)
def test_vetoes(own: list[float], other: list[float], track: float, vetoed: bool) -> None:
    gallery = _gallery_with_not(anna=(own, other), ben=([90], []))
    assert vetoes(_at(track), gallery).tolist() == [[vetoed, False]]


def _identified(
    gallery: Gallery, tracks: list[tuple[int, float, int, int]], tolerance: float = 0.38
) -> list[str]:
    """The names of tracks; each track is its shot, hue, first frame and one past the last."""
    rows = [
        (frame, number, shot)
        for number, (shot, _, first, stop) in enumerate(tracks)
        for frame in range(first, stop)
    ]
    frames = pd.DataFrame(rows, columns=["frame", "track", "shot"])
    mean, clear = _at(*(hue for _, hue, _, _ in tracks)), np.ones(len(tracks), np.float32)
    person, _, _ = identify_tracks(frames, mean, clear, gallery, tolerance)
    return [[*gallery.people, ""][p] for p in person]


def test_who_is_vetoed_gets_no_other_name_but_that_of_the_nearest() -> None:
    gallery = _gallery_with_not(anna=([0], [12]), ben=([30], []))
    assert _identified(gallery, [(0, 2, 0, 1)]) == ["anna"]
    assert _identified(gallery, [(0, 10, 0, 1)]) == [""], "ben is within the tolerance too"
    assert _identified(gallery, [(0, 20, 0, 1)]) == ["ben"]


# --- tracks that an occlusion cuts --------------------------------------------------------------


@pytest.mark.parametrize(
    ("tracks", "wanted"),
    [
        pytest.param([(0, 20, 0, 9), (0, 30, 12, 20)], ["anna", "anna"], id="goes on"),
        pytest.param([(0, 30, 0, 9), (0, 20, 12, 20)], ["anna", "anna"], id="came before"),
        pytest.param([(0, 20, 0, 9), (1, 30, 12, 20)], ["anna", ""], id="another shot"),
        pytest.param([(0, 5, 0, 9), (0, 30, 12, 20)], ["anna", ""], id="looks otherwise"),
        pytest.param([(0, 20, 0, 9), (0, 30, 8, 20)], ["anna", ""], id="in one frame"),
        pytest.param(
            [(0, 20, 0, 9), (0, 2, 12, 20), (0, 30, 19, 30)], ["anna", "anna", ""],
            id="in one frame with another of that name",
        ),
        pytest.param(
            [(0, 20, 0, 9), (0, 30, 12, 20), (0, 40, 22, 30)], ["anna", "anna", ""], id="no chain"
        ),
        pytest.param(
            [(0, 20, 0, 9), (0, 30, 12, 20), (0, 28, 12, 20)], ["anna", "", "anna"],
            id="two at once: the likelier one",
        ),
        pytest.param(
            [(0, 58, 0, 9), (0, 46, 12, 20)], ["", ""], id="nobody to go on from"
        ),
        pytest.param([(0, 70, 0, 9), (0, 44, 12, 20)], ["ben", ""], id="nearer to another person"),
    ],
)  # fmt: skip
def test_a_track_goes_on_after_an_occlusion(
    tracks: list[tuple[int, float, int, int]], wanted: list[str]
) -> None:
    assert _identified(_gallery(anna=[0], ben=[90]), tracks) == wanted


def test_a_vetoed_track_does_not_go_on() -> None:
    tracks = [(0, 20.0, 0, 9), (0, 30.0, 12, 20)]
    assert _identified(_gallery_with_not(anna=([0], [40])), tracks) == ["anna", ""]
    assert _identified(_gallery_with_not(anna=([0], [90])), tracks) == ["anna", "anna"]


def test_a_track_without_rows_has_no_shot() -> None:
    gallery, frames = _gallery(anna=[0]), pd.DataFrame({"frame": [0], "track": [1], "shot": [0]})
    person, _, _ = identify_tracks(frames, _at(30, 20), np.ones(2, np.float32), gallery, 0.38)
    assert person.tolist() == [NOBODY, 0]


def test_a_poor_track_does_not_go_on_but_is_gone_on_from() -> None:
    frames = pd.DataFrame({"frame": [0, 9], "track": [0, 1], "shot": [0, 0]})
    for poor, wanted in ((0, [0, 0]), (1, [0, NOBODY])):
        clear = np.where(np.arange(2) == poor, CLEAR - 0.01, CLEAR).astype(np.float32)
        person, _, _ = identify_tracks(frames, _at(20, 30), clear, _gallery(anna=[0]), 0.38)
        assert person.tolist() == wanted
    assert clearness(np.array([0.2, 0.1, 0.3], np.float32), _ints(7, 2, 7)).tolist() == [
        np.float32(0.1),
        np.float32(0.3),
    ]


SPANS = st.tuples(
    st.integers(0, 1), st.integers(0, 23).map(lambda n: 15.0 * n + 1), st.integers(0, 8),
    st.integers(1, 5),
).map(lambda t: (t[0], t[1], 100 * t[0] + t[2], 100 * t[0] + t[2] + t[3]))  # fmt: skip


@given(st.lists(SPANS, max_size=7), st.randoms(use_true_random=False))
def test_names_are_never_shared_in_a_frame_whatever_the_order(
    tracks: list[tuple[int, float, int, int]], random: Random
) -> None:
    gallery = _gallery_with_not(anna=([0, 20], [35]), ben=([90], []), carl=([200], [180]))
    names = _identified(gallery, tracks)
    for a, one in enumerate(tracks):
        for b, other in enumerate(tracks[:a]):
            meet = one[2] < other[3] and other[2] < one[3]
            assert not (meet and names[a] == names[b] != "")
    turned = Gallery(
        gallery.people, gallery.embedding[::-1], gallery.owner[::-1], gallery.other[::-1],
        gallery.other_owner[::-1],
    )  # fmt: skip
    assert _identified(turned, tracks) == names


def test_go_on_gives_no_name_but_the_one_allowed() -> None:
    person, shot = _ints(0, NOBODY, NOBODY), _ints(0, 0, 0)
    found = go_on(person, _ints(0, 1, NOBODY), _at(0, 1, 2), shot, set())
    assert found.tolist() == person.tolist()
    assert _apart(17) < SAME_TRACK < _apart(18)


@pytest.mark.parametrize(
    ("far", "person", "wanted"),
    [
        pytest.param([[0.25, 0.5]], 0, 0.25, id="named"),
        pytest.param([[0.5, 0.25]], 0, -0.25, id="named against the distances"),
        pytest.param([[0.75, 0.5]], NOBODY, 0.25, id="unknown: the nearest two"),
        pytest.param([[0.25]], 0, INF, id="nobody else"),
        pytest.param([[0.25, INF]], 0, INF, id="nobody else with a photo"),
        pytest.param([[INF, INF]], NOBODY, float("nan"), id="nobody with a photo"),
        pytest.param([[]], NOBODY, float("nan"), id="nobody"),
    ],
)
def test_margins(far: list[list[float]], person: int, wanted: float) -> None:
    found = margins(np.array(far, np.float32), _ints(person))
    assert found.tolist() == pytest.approx([wanted], nan_ok=True)


# --- files --------------------------------------------------------------------------------------


def test_together_finds_tracks_of_one_frame() -> None:
    rows = pd.DataFrame({"frame": [0, 0, 1, 2, 2, 2], "track": [0, 1, 0, 1, 2, 3]})
    wanted = {(0, 1), (1, 2), (1, 3), (2, 3)}
    assert together(rows) == wanted | {(b, a) for a, b in wanted}
    assert together(rows[:0]) == set()


def _rows(tracks: list[tuple[int, int]]) -> pd.DataFrame:
    """One row for each frame and track."""
    numbers = np.zeros((len(tracks), len(faces_csv.NUMBERS)))
    numbers[:, faces_csv.NUMBERS.index("frame")] = [frame for frame, _ in tracks]
    numbers[:, faces_csv.NUMBERS.index("track")] = [track for _, track in tracks]
    numbers[:, faces_csv.NUMBERS.index(EMOTIONS[0])] = 1
    return faces_csv.frame_of(numbers, "movie.mkv")


def _folder(folder: Path, rows: pd.DataFrame, tracks: list[int], hues: list[float]) -> Path:
    faces_csv.write_faces(folder / "faces.csv", [rows])
    zeros = np.zeros(len(tracks))
    tracks_npz.write_tracks(
        folder / "tracks.npz",
        tracks_npz.Tracks(
            _at(*hues), _ints(*tracks), zeros.astype(np.int64), zeros.astype(np.float32), "walk"
        ),
    )
    return folder


def test_name_tracks_writes_names_and_distances(tmp_path: Path) -> None:
    rows = _rows([(0, 0), (0, 1), (1, 0), (1, 1), (2, 2), (3, 3)])
    folder = _folder(tmp_path, rows, [0, 1, 1, 2, 3], [5, 95, 95, 45, 10])
    gallery = _gallery(**{"anna": [0.0], "007": [90.0], "zoe": []})
    name_tracks(unplanned(folder), gallery, 0.38, "digest")
    named = faces_csv.read_faces(folder / "faces.csv")
    assert named["person"].tolist() == ["anna", "007", "anna", "007", "", "anna"]
    near, far, mid = _apart(5), _apart(45), _apart(10)
    wanted = [near, near, near, near, far, mid]
    assert named["distance"].to_numpy() == pytest.approx(np.array(wanted), abs=1e-3)
    other = [c for c in rows.columns if c not in ("person", "distance")]
    assert named[other].to_csv() == faces_csv.read_faces(folder / "faces.csv")[other].to_csv()
    tracks = tracks_npz.read_tracks(folder / "tracks.npz")
    assert tracks.people.tolist() == ["anna", "007", "zoe"]
    assert tracks.far.shape == (4, 3)
    assert tracks.person.tolist() == [1, 0, NOBODY, 1] or tracks.person.tolist() == [
        0,
        1,
        NOBODY,
        0,
    ]
    assert (tracks.gallery, tracks.walk) == ("digest", "walk")


def test_naming_again_forgets_the_old_names(tmp_path: Path) -> None:
    folder = _folder(tmp_path, _rows([(0, 0), (1, 1)]), [0, 1], [0, 90])
    name_tracks(unplanned(folder), _gallery(anna=[0]), 0.38, "first")
    name_tracks(unplanned(folder), _gallery(ben=[90]), 0.38, "second")
    assert faces_csv.read_faces(folder / "faces.csv")["person"].tolist() == ["", "ben"]
    before = (folder / "faces.csv").read_bytes(), (folder / "tracks.npz").read_bytes()
    name_tracks(unplanned(folder), _gallery(ben=[90]), 0.38, "second")
    after = (folder / "faces.csv").read_bytes(), (folder / "tracks.npz").read_bytes()
    assert after == before


@pytest.mark.parametrize("known", [{}, {"anna": []}], ids=["nobody", "no usable photo"])
def test_with_nobody_to_compare_all_are_unknown(
    known: dict[str, list[float]], tmp_path: Path
) -> None:
    folder = _folder(tmp_path, _rows([(0, 0)]), [0], [0])
    name_tracks(unplanned(folder), _gallery(**known), 0.38, "digest")
    named = faces_csv.read_faces(folder / "faces.csv")
    assert named["person"].tolist() == [""]
    assert named["distance"].isna().all()


def test_a_movie_without_faces_is_named_too(tmp_path: Path) -> None:
    folder = _folder(tmp_path, _rows([]), [], [])
    name_tracks(unplanned(folder), _gallery(anna=[0]), 0.38, "digest")
    assert len(faces_csv.read_faces(folder / "faces.csv")) == 0
    assert tracks_npz.read_tracks(folder / "tracks.npz").gallery == "digest"
