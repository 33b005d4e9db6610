"""Tracks to names."""

from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.disk import faces_csv, npz, tracks_npz
from pipeline.faces import EMOTIONS, Flags, Floats, Ints
from pipeline.people.cluster import Pairs, plain_means, unit
from pipeline.people.gallery import Gallery
from pipeline.people.naming import (
    NEAREST,
    OFFERED,
    Names,
    assign,
    chance,
    distances,
    identify_tracks,
    name_tracks,
    vetoes,
)
from tests.support.puppet import TOLERANCES
from tests.support.walks import unplanned

NOBODY = -1
INF = float("inf")
POOR = TOLERANCES.clear / 2


def _at(*degrees: float) -> Floats:
    """Unit embeddings: two of them are `2 sin(angle / 2)` apart."""
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


def _ints(*values: int) -> Ints:
    return np.array(values, np.int64)


def _both(pairs: list[tuple[int, int]]) -> Pairs:
    return {*pairs, *((b, a) for a, b in pairs)}


# --- distances ----------------------------------------------------------------------------------


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
    _, mean = plain_means(_at(*track), np.full(len(track), 4))
    far = distances(unit(mean), _gallery(anna=photos), -1)
    assert far == pytest.approx(np.array([[wanted]]), abs=1e-3)
    assert NEAREST == 3


def test_distances_are_by_track_and_by_person() -> None:
    far = distances(_at(0, 30, 90), _gallery(anna=[0], ben=[90], carl=[]), 0)
    right = _apart(90)
    assert far[:, :2] == pytest.approx(
        np.array([[0, right], [_apart(30), _apart(60)], [right, 0]]), abs=1e-3
    )
    assert np.isinf(far[:, 2]).all(), "a person without a usable photo is nowhere near"


def test_a_photo_that_is_surely_the_same_person_is_enough() -> None:
    """As after a number of the cast was named like somebody whose photos have another look."""
    far = distances(_at(2, 20), _gallery(anna=[0, 80, 90]), _apart(10))
    assert far[0, 0] == pytest.approx(_apart(2), abs=1e-3)
    assert far[1, 0] == pytest.approx((_apart(20) + _apart(60) + _apart(70)) / 3, abs=1e-3)


def test_distances_of_nothing() -> None:
    assert distances(_at(), _gallery(anna=[0]), 0).shape == (0, 1)
    assert distances(_at(10), _gallery(), 0).shape == (1, 0)


# --- faces of one picture -----------------------------------------------------------------------


def _no(far: Floats) -> Flags:
    return np.zeros(far.shape, np.bool_)


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
    distance = np.array(far, np.float32).reshape(-1, 2)
    found, nearest = assign(distance, _no(distance), _both(pairs), 0.38)
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


# --- photos of who it is not --------------------------------------------------------------------


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


# --- a name for a cluster -----------------------------------------------------------------------


def _identified(
    gallery: Gallery, hues: list[float], pairs: list[tuple[int, int]] | None = None
) -> Names:
    """Who tracks of one look each are."""
    clear = np.ones(len(hues), np.float32)
    return identify_tracks(_at(*hues), clear, _both(pairs or []), gallery, TOLERANCES)


def _called(gallery: Gallery, people: Ints) -> list[str]:
    return [[*gallery.people, ""][p] for p in people]


@pytest.mark.parametrize(
    ("hues", "pairs", "names", "offers"),
    [
        pytest.param([5], [], ["anna"], [""], id="near"),
        pytest.param([45], [], [""], [""], id="far"),
        pytest.param([5, 95, 300], [], ["anna", "ben", ""], 3 * [""], id="three people"),
        pytest.param([16, 27], [], ["anna", "anna"], 2 * [""],
                     id="a track takes its cluster's name, though alone it is too far"),
        pytest.param([21, 33], [], 2 * [""], 2 * [""],
                     id="nor has one alone a name that its cluster has not"),
        pytest.param([0, 18], [(0, 1)], ["anna", ""], 2 * [""], id="one frame, one name"),
        pytest.param([18, 0], [(0, 1)], ["", "anna"], 2 * [""], id="the nearer one's"),
        pytest.param([-15, 15], [], ["anna", "anna"], 2 * [""],
                     id="another cluster that is very near has the name too"),
        pytest.param([-3, 18.6], [], ["anna", "anna"], 2 * [""],
                     id="so has one that is near to who has it"),
        pytest.param([-3, 20], [], ["anna", ""], ["", "anna"],
                     id="else the name is offered"),
        pytest.param([-5, 21.7], [], ["anna", ""], ["", ""],
                     id="unless it is hardly right"),
        pytest.param([-3, 20, 40], [(1, 2)], ["anna", "", ""], ["", "anna", ""],
                     id="a stranger beside the second one is no matter"),
        pytest.param([-3, 20], [(0, 1)], ["anna", ""], ["", ""],
                     id="what shares a frame with who has it is offered nothing"),
        pytest.param([24], [], [""], ["anna"], id="a little too far is offered"),
        pytest.param([27], [], [""], [""], id="farther is not"),
        pytest.param([], [], [], [], id="no track"),
    ],
)  # fmt: skip
def test_names_and_offers(
    hues: list[float], pairs: list[tuple[int, int]], names: list[str], offers: list[str]
) -> None:
    gallery = _gallery(anna=[0], ben=[90])
    found = _identified(gallery, hues, pairs)
    assert _called(gallery, found.person) == names
    assert _called(gallery, found.offer) == offers


def test_who_is_vetoed_gets_no_other_name_but_that_of_the_nearest() -> None:
    gallery = _gallery_with_not(anna=([0], [12]), ben=([30], []))
    for hue, wanted in ((2, "anna"), (10, ""), (20, "ben")):  # At 10 ben is near enough, too.
        found = _identified(gallery, [hue])
        assert _called(gallery, found.person) == [wanted]
        assert _called(gallery, found.offer) == [""]
    assert _identified(gallery, [10]).sure.tolist() == [0]


def test_a_photo_of_who_it_is_not_takes_the_name_of_the_tracks_that_it_shows() -> None:
    gallery = _gallery_with_not(anna=([0], [20]))
    named = _identified(gallery, [2, 6, 16])
    assert (named.person.tolist(), named.cluster.tolist()) == ([0, 0, NOBODY], [0, 0, 1])
    assert _identified(gallery, [12, 16]).person.tolist() == [NOBODY, NOBODY]
    assert _identified(_gallery(anna=[0]), [2, 6, 16]).cluster.tolist() == [0, 0, 0]


def test_nobody_is_surely_one_of_two_people_with_the_same_photo() -> None:
    tied = _identified(_gallery(anna=[0], ben=[0]), [2])
    assert (tied.person.tolist(), tied.sure.tolist()) == ([0], [0.5])
    assert _identified(_gallery(anna=[0], ben=[30]), [2]).sure[0] > 0.99


def test_two_who_look_alike_are_one_but_where_they_share_a_frame() -> None:
    """Two people no farther apart than the looks of one: nothing but a frame tells of two."""
    gallery, hues = _gallery(anna=[0]), [0, 4.0, 8, 12, 15, 18]
    one = _identified(gallery, hues)
    assert (one.cluster.tolist(), one.person.tolist()) == ([0] * 6, [0] * 6)
    two = _identified(gallery, hues, [(a, b) for a in range(3) for b in range(3, 6)])
    assert two.cluster.tolist() == [0, 0, 0, 1, 1, 1]
    assert two.person.tolist() == [0, 0, 0, NOBODY, NOBODY, NOBODY]
    assert two.offer.tolist() == [NOBODY] * 6
    assert two.sure[0] > 0.99
    assert two.sure[3:].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("clear", "pairs", "clusters", "people"),
    [
        pytest.param([1, 1, POOR], [], [0, 0, 0], [0, 0, 0], id="joins"),
        pytest.param([1, 1, POOR], [(1, 2)], [0, 0, 1], [0, 0, NOBODY], id="somebody else"),
        pytest.param([1, POOR, POOR], [(1, 2)], [0, 0, 1], [0, 0, NOBODY], id="one of two"),
        pytest.param([POOR] * 3, [], [0, 1, 2], [0, 0, NOBODY], id="alone, each for itself"),
    ],
)
def test_poor_tracks_have_the_name_of_the_cluster_that_they_join(
    clear: list[float], pairs: list[tuple[int, int]], clusters: list[int], people: list[int]
) -> None:
    quality = np.array(clear, np.float32)
    mean, gallery = _at(4, 6, 24), _gallery(anna=[0])
    found = identify_tracks(mean, quality, _both(pairs), gallery, TOLERANCES)
    assert found.cluster.tolist() == clusters
    assert found.person.tolist() == people


def test_poor_tracks_do_not_move_their_cluster() -> None:
    gallery, clear = _gallery(anna=[0]), np.array([1, POOR, POOR, POOR], np.float32)
    found = identify_tracks(_at(15, 34, 34, 34), clear, set(), gallery, TOLERANCES)
    assert found.person.tolist() == [0] * 4
    assert found.distance == pytest.approx(np.full(4, _apart(15)), abs=1e-3)


def test_all_tracks_of_a_cluster_are_told_alike() -> None:
    gallery = _gallery(anna=[0], ben=[90], carl=[])
    found = _identified(gallery, [2, 10, 60, 70])
    assert found.cluster.tolist() == [0, 0, 1, 1]
    wanted = np.array([_apart(6)] * 2 + [_apart(25)] * 2)
    assert found.distance == pytest.approx(wanted, abs=1e-3)
    assert found.far[:, 0] == pytest.approx(np.array([_apart(6)] * 2 + [_apart(65)] * 2), abs=1e-3)
    assert np.isinf(found.far[:, 2]).all()
    assert found.sure[0] == found.sure[1] > 0.99 > found.sure[2] == found.sure[3]


@pytest.mark.parametrize("known", [{}, {"anna": []}], ids=["nobody", "no usable photo"])
def test_with_nobody_to_compare_tracks_are_sorted_but_have_no_chance(
    known: dict[str, list[float]],
) -> None:
    found = _identified(_gallery(**known), [0, 5, 90])
    assert found.cluster.tolist() == [0, 0, 1]
    assert found.person.tolist() == found.offer.tolist() == [NOBODY] * 3
    assert np.isnan(found.distance).all()
    assert np.isnan(found.sure).all()
    assert found.far.shape == (3, len(known))


HUES = st.lists(st.integers(0, 71).map(lambda n: 5.0 * n + 1), max_size=7)


@given(HUES, st.randoms(use_true_random=False), st.data())
def test_names_are_never_shared_in_a_frame_whatever_the_order(
    hues: list[float], random: Random, data: st.DataObject
) -> None:
    gallery = _gallery_with_not(anna=([0, 20], [35]), ben=([90], []), carl=([200], [180]))
    hues = [hue + 0.01 * n * n for n, hue in enumerate(hues)]  # None twice: equal ones may change.
    place = st.integers(0, max(0, len(hues) - 1))
    pairs = data.draw(st.lists(st.tuples(place, place).filter(lambda p: p[0] != p[1])))
    pairs = pairs if hues else []
    found = _identified(gallery, hues, pairs)
    names, offers = _called(gallery, found.person), _called(gallery, found.offer)
    for a, b in pairs:
        assert found.cluster[a] != found.cluster[b]
        assert not names[a] == names[b] != ""
        assert names[a] == "" or names[a] != offers[b]
    for cluster in np.unique(found.cluster):
        assert len({names[t] for t in np.flatnonzero(found.cluster == cluster)}) == 1
    named = found.person >= 0
    assert (found.distance[named] <= TOLERANCES.name).all()
    assert (found.sure >= 0).all()
    assert (found.sure <= 1).all()
    assert (found.sure[found.offer >= 0] >= OFFERED).all()
    assert not (named & (found.offer >= 0)).any()
    order = list(range(len(hues)))
    random.shuffle(order)
    new = {old: n for n, old in enumerate(order)}
    turned = Gallery(
        gallery.people, gallery.embedding[::-1], gallery.owner[::-1], gallery.other[::-1],
        gallery.other_owner[::-1],
    )  # fmt: skip
    again = _identified(turned, [hues[n] for n in order], [(new[a], new[b]) for a, b in pairs])
    assert _called(turned, again.person) == [names[n] for n in order]
    assert _called(turned, again.offer) == [offers[n] for n in order]


# --- chances ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numbers", "one", "other", "wanted"),
    [
        pytest.param((0, 0, 0), 1, 1, 0.5, id="nothing is known"),
        pytest.param((1, 0, 0), 9, 9, 0.7311, id="the constant"),
        pytest.param((0, -1, 0), 1, 9, 0.2689, id="the first weight"),
        pytest.param((0, 0, 2), 9, 0.5, 0.7311, id="the second weight"),
        pytest.param((1e9, 0, 0), 0, 0, 1, id="surely"),
        pytest.param((0, -1e9, 0), 2, 0, 0, id="surely not"),
        pytest.param((0, 0, 1), 0, INF, 1, id="nobody else"),
    ],
)
def test_chance(
    numbers: tuple[float, float, float], one: float, other: float, wanted: float
) -> None:
    assert chance(numbers, one, other) == pytest.approx(wanted, abs=1e-4)


@given(st.floats(0, 2), st.floats(0, 2), st.floats(0, 0.3))
def test_the_chance_of_a_name_falls_with_the_distance(a: float, b: float, margin: float) -> None:
    near, far = sorted((a, b))
    assert chance(TOLERANCES.first, near, margin) >= chance(TOLERANCES.first, far, margin)
    assert chance(TOLERANCES.second, near, margin) >= chance(TOLERANCES.second, far, margin)
    assert chance(TOLERANCES.first, a, 0) <= chance(TOLERANCES.first, a, margin)


def test_a_name_is_less_sure_where_another_person_is_near() -> None:
    alone = _identified(_gallery(anna=[0]), [21]).sure[0]
    far = _identified(_gallery(anna=[0], ben=[90]), [21]).sure[0]
    near = _identified(_gallery(anna=[0], ben=[43]), [21]).sure[0]
    assert alone == far == np.float32(chance(TOLERANCES.first, _apart(21), TOLERANCES.margin))
    assert near < 0.8 < far


def test_a_second_cluster_is_never_surer_than_it_would_be_alone() -> None:
    gallery = _gallery(anna=[0])
    for first, second in ((-3, 18.6), (-3, 20), (-10, 15)):
        alone, both = (_identified(gallery, hues) for hues in ([second], [first, second]))
        assert both.cluster.tolist() == [0, 1]
        assert both.sure[1] <= alone.sure[0]


# --- files --------------------------------------------------------------------------------------


def _rows(tracks: list[tuple[int, int]]) -> pd.DataFrame:
    """One row for each frame and track."""
    numbers = np.zeros((len(tracks), len(faces_csv.NUMBERS)))
    numbers[:, faces_csv.NUMBERS.index("frame")] = [frame for frame, _ in tracks]
    numbers[:, faces_csv.NUMBERS.index("track")] = [track for _, track in tracks]
    numbers[:, faces_csv.NUMBERS.index(EMOTIONS[0])] = 1
    return faces_csv.frame_of(numbers, "movie.mkv")


def _folder(folder: Path, rows: pd.DataFrame, tracks: list[int], hues: list[float]) -> Path:
    faces_csv.write_faces(folder / "faces.csv", [rows])
    tracks_npz.write_tracks(
        folder / "tracks.npz",
        tracks_npz.Tracks(
            _at(*hues), _ints(*tracks), np.zeros(len(tracks), np.int64),
            np.ones(len(tracks), np.float32), "walk",
        ),
    )  # fmt: skip
    return folder


def test_name_tracks_writes_names_and_what_they_are_worth(tmp_path: Path) -> None:
    rows = _rows([(0, 0), (0, 1), (1, 0), (1, 1), (2, 2), (3, 3), (4, 5)])
    folder = _folder(tmp_path, rows, [0, 1, 1, 2, 3, 5], [-3, 95, 95, 45, -3.5, 20])
    gallery = _gallery(**{"anna": [0.0], "007": [90.0], "zoe": []})
    given = name_tracks(unplanned(folder), gallery, TOLERANCES, "digest")
    named = faces_csv.read_faces(folder / "faces.csv")
    assert named["person"].tolist() == ["anna", "007", "anna", "007", "", "anna", ""]
    near, mid, far, second = _apart(3.25), _apart(5), _apart(45), _apart(20)
    wanted = [near, mid, near, mid, far, near, second]
    assert named["distance"].to_numpy() == pytest.approx(np.array(wanted), abs=1e-3)
    assert named["sure"].tolist() == pytest.approx([1, 1, 1, 1, 0, 1, 1], abs=0.02)
    other = [c for c in rows.columns if c not in ("person", "distance", "sure")]
    assert named[other].to_csv() == rows[other].astype(named[other].dtypes).to_csv()
    tracks = tracks_npz.read_tracks(folder / "tracks.npz")
    assert tracks.people.tolist() == ["anna", "007", "zoe"]
    assert tracks.far.shape == (5, 3)
    assert tracks.person.tolist() == [0, 1, NOBODY, 0, NOBODY]
    assert tracks.cluster.tolist() == [0, 1, 2, 0, 3]
    assert tracks.offer.tolist() == [NOBODY] * 4 + [0]
    assert tracks.sure.tolist() == pytest.approx([1, 1, 0, 1, 1], abs=0.02)
    assert (tracks.gallery, tracks.walk) == ("digest", "walk")
    assert given.rows.equals(named)
    assert np.array_equal(given.tracks.sure, tracks.sure)


def test_naming_again_forgets_the_old_names(tmp_path: Path) -> None:
    folder = _folder(tmp_path, _rows([(0, 0), (1, 1)]), [0, 1], [0, 90])
    name_tracks(unplanned(folder), _gallery(anna=[0]), TOLERANCES, "first")
    name_tracks(unplanned(folder), _gallery(ben=[90]), TOLERANCES, "second")
    assert faces_csv.read_faces(folder / "faces.csv")["person"].tolist() == ["", "ben"]
    before = (folder / "faces.csv").read_bytes(), (folder / "tracks.npz").read_bytes()
    name_tracks(unplanned(folder), _gallery(ben=[90]), TOLERANCES, "second")
    after = (folder / "faces.csv").read_bytes(), (folder / "tracks.npz").read_bytes()
    assert after == before


@pytest.mark.parametrize("known", [{}, {"anna": []}], ids=["nobody", "no usable photo"])
def test_with_nobody_to_compare_all_are_unknown(
    known: dict[str, list[float]], tmp_path: Path
) -> None:
    folder = _folder(tmp_path, _rows([(0, 0)]), [0], [0])
    name_tracks(unplanned(folder), _gallery(**known), TOLERANCES, "digest")
    named = faces_csv.read_faces(folder / "faces.csv")
    assert named["person"].tolist() == [""]
    assert named[["distance", "sure"]].isna().all(axis=None)
    assert np.isnan(tracks_npz.read_tracks(folder / "tracks.npz").sure).all()


def test_a_movie_without_faces_is_named_too(tmp_path: Path) -> None:
    folder = _folder(tmp_path, _rows([]), [], [])
    name_tracks(unplanned(folder), _gallery(anna=[0]), TOLERANCES, "digest")
    assert len(faces_csv.read_faces(folder / "faces.csv")) == 0
    assert tracks_npz.read_tracks(folder / "tracks.npz").gallery == "digest"


def test_a_track_without_rows_has_a_name_in_tracks_alone(tmp_path: Path) -> None:
    folder = _folder(tmp_path, _rows([(0, 2)]), [0, 2], [0, 90])
    name_tracks(unplanned(folder), _gallery(anna=[0]), TOLERANCES, "digest")
    assert faces_csv.read_faces(folder / "faces.csv")["person"].tolist() == [""]
    assert tracks_npz.read_tracks(folder / "tracks.npz").person.tolist() == [0, NOBODY]


def test_files_of_an_earlier_version_are_read_and_named(tmp_path: Path) -> None:
    """They do not say who is one person, nor how sure a name is."""
    new = _folder(tmp_path / "new", _rows([(0, 0), (1, 1)]), [0, 1], [0, 90])
    old = _folder(tmp_path / "old", _rows([(0, 0), (1, 1)]), [0, 1], [0, 90])
    gallery = _gallery(anna=[0])
    for folder in (new, old):
        name_tracks(unplanned(folder), gallery, TOLERANCES, "digest")
    rows = pd.read_csv(old / "faces.csv", dtype=str, keep_default_na=False)
    rows.drop(columns="sure").to_csv(old / "faces.csv", index=False)
    with np.load(old / "tracks.npz") as stored:
        kept = {n: stored[n] for n in stored if n not in ("cluster", "sure", "offer")}
    npz.write_arrays(old / "tracks.npz", kept)
    earlier = unplanned(old)
    assert earlier.rows["person"].tolist() == ["anna", ""]
    assert earlier.rows["sure"].isna().all()
    assert earlier.tracks.person.tolist() == [0, NOBODY]
    assert [len(a) for a in (earlier.tracks.cluster, earlier.tracks.sure)] == [0, 0]
    name_tracks(earlier, gallery, TOLERANCES, "digest")
    for name in ("faces.csv", "tracks.npz"):
        assert (old / name).read_bytes() == (new / name).read_bytes()


def test_another_tolerance_gives_other_names(tmp_path: Path) -> None:
    folder = _folder(tmp_path, _rows([(0, 0)]), [0], [15])
    for name, wanted in ((0.38, ["anna"]), (0.2, [""])):
        name_tracks(unplanned(folder), _gallery(anna=[0]), replace(TOLERANCES, name=name), "x")
        assert faces_csv.read_faces(folder / "faces.csv")["person"].tolist() == wanted
    tracks = tracks_npz.read_tracks(folder / "tracks.npz")
    assert tracks.offer.tolist() == [0], "who was near enough is offered"
