"""Gallery and names on the demo with the real networks, compared with its labels."""

import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow

from pipeline import mine
from pipeline.crops import portrait
from pipeline.disk import faces_csv, tracks_npz
from pipeline.disk import manifest as manifests
from pipeline.models.registry import tolerances
from pipeline.models.sface import SFace
from pipeline.movie import decode
from pipeline.people import memory
from pipeline.people.cluster import between, clearness, clusters, plain_means, together
from pipeline.people.gallery import warn_of_alike
from pipeline.people.naming import identify_tracks
from pipeline.settings import Job, WalkSettings
from tests.support.demo import copied
from tests.support.walks import read_walk

ROOT = Path(__file__).parents[2]
MOVIE = ROOT / "videos" / "demo.mp4"
Figure = Callable[[str], None]


@pytest.fixture(scope="module")
def original(walked_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """The demo, walked and named. Tests must not change it."""
    place = tmp_path_factory.mktemp("people")
    shutil.copytree(ROOT / "known_faces", place / "known")
    job = Job(output=place / "output", known_faces=place / "known")
    copied(walked_demo, job)
    return job


@pytest.fixture
def job(original: Job, tmp_path: Path) -> Job:
    """A copy that tests may change, without the movie."""
    shutil.copytree(original.output.parent, tmp_path / "all")
    return replace(
        original, output=tmp_path / "all" / "output", known_faces=tmp_path / "all" / "known"
    )


def _rows(job: Job) -> pd.DataFrame:
    return faces_csv.read_faces(job.output / "demo" / "faces.csv")


def _face(job: Job, frame: int, path: Path) -> Path:
    """Writes a photo of the only face in a frame."""
    row = next(_rows(job).loc[lambda rows: rows["frame"] == frame].itertuples())
    scan = manifests.read(job.output / "demo").scan
    (image,) = (f.image for f in decode.decode_frames(MOVIE, scan, frame, frame + 1))
    box = np.array([row.x1, row.y1, row.x2, row.y2], np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(portrait(image, box, 0.5)).resize((240, 240)).save(path)
    return path


def _alone(job: Job, person: str, part: float) -> int:
    """A frame of those in which a person is alone: 0 is the first, 1 the last."""
    rows = _rows(job)
    alone = rows[~rows.duplicated("frame", keep=False) & (rows["person"] == person)]
    return int(alone["frame"].iloc[int(part * (len(alone) - 1))])


def test_who_is_who(job: Job, figure: Figure) -> None:
    found = mine.identify(job.output / "demo", job)
    for p in found:
        figure(
            f"{p.person or 'unknown'}: {p.seconds:.1f} s, {p.tracks} tracks, {p.faces} faces, "
            f"distance {p.distance:.2f}, next {p.other} {p.other_distance:.2f}"
        )
    assert {p.person for p in found} >= {"actor", "actress", "guest"}
    assert sum(p.faces for p in found) == len(_rows(job))
    assert all(p.other_distance > p.distance for p in found if p.person)
    tracks = tracks_npz.read_tracks(job.output / "demo" / "tracks.npz")
    named = np.flatnonzero(tracks.person >= 0)
    nearest, second = np.sort(tracks.far[named], axis=1)[:, :2].T
    assert (tracks.far[named, tracks.person[named]] == nearest).all()
    assert (second - nearest > 0.1).all()
    assert (tracks.sure[named] > 0.99).all()
    assert (tracks.offer == -1).all()


def test_adding_a_person_needs_no_movie(job: Job, tmp_path: Path) -> None:
    guest = job.known_faces / "guest"
    shutil.move(guest, tmp_path)
    before = _rows(job)["person"]
    mine.identify(job.output / "demo", job)
    assert set(_rows(job)["person"]) == {"actor", "actress", ""}
    shutil.move(tmp_path / "guest", job.known_faces)
    walk = manifests.read(job.output / "demo")
    manifests.write(job.output / "demo", replace(walk, movie=tmp_path / "gone.mp4"))
    assert "guest" in {p.person for p in mine.identify(job.output / "demo", job)}
    assert (_rows(job)["person"] == before).all()


def test_a_photo_of_who_it_is_not_removes_a_wrong_name(
    job: Job, tmp_path: Path, figure: Figure
) -> None:
    """A photo of the guest is all that is known of the actor, until not/ has others of him."""
    guest = _rows(job)["person"] == "guest"
    places = [_alone(job, "guest", part) for part in (0.2, 0.4, 0.6, 0.8)]
    (job.known_faces / "actor.jpg").unlink()
    shutil.rmtree(job.known_faces / "guest")
    _face(job, places[0], job.known_faces / "actor" / "wrong.png")
    mine.identify(job.output / "demo", job)
    named = _rows(job)["person"]
    figure(
        f"guest called actor by a wrong photo: {(named[guest] == 'actor').sum()} of {sum(guest)}"
    )
    assert (named[guest] == "actor").all()
    assert set(named[~guest]) == {"actress", ""}
    for n, place in enumerate(places[1:]):
        _face(job, place, job.known_faces / "actor" / "not" / f"{n}.png")
    mine.identify(job.output / "demo", job)
    named = _rows(job)["person"]
    figure(f"with photos of who it is not: {(named[guest] == 'actor').sum()} of {sum(guest)}")
    assert set(named) == {"actress", ""}


def test_a_second_load_runs_no_network(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    first = memory.load_gallery(job.known_faces, WalkSettings())
    monkeypatch.setattr(SFace, "embed", lambda *_: pytest.fail("a network runs"))
    second = memory.load_gallery(job.known_faces, WalkSettings())
    assert np.array_equal(second.embedding, first.embedding)


def test_the_people_of_the_demo_are_told_apart(job: Job, caplog: pytest.LogCaptureFixture) -> None:
    gallery = memory.load_gallery(job.known_faces, WalkSettings())
    with caplog.at_level(logging.INFO):
        warn_of_alike(gallery, tolerances(WalkSettings()).alike, job.known_faces)
    assert caplog.messages == []


def test_halves_of_a_track_are_one_person_and_two_people_in_a_frame_are_two(
    job: Job, figure: Figure
) -> None:
    """Every track is cut in the middle, as if somebody had passed before the face."""
    rows, tracks = read_walk(job.output / "demo")
    limits = tolerances(WalkSettings())
    numbers, mean = plain_means(tracks.embedding, tracks.track)
    place = {int(n): i for i, n in enumerate(numbers)}
    beside = [float(between(mean[[place[a]]], mean[[place[b]]])[0, 0]) for a, b in together(rows)]
    assert len(beside) == 4
    assert min(beside) > limits.cast
    half = np.zeros(len(tracks.track), np.int64)
    for number in numbers:
        own = np.flatnonzero(tracks.track == number)
        half[own] = 2 * place[int(number)] + (np.arange(len(own)) >= len(own) // 2)
    cut, looks = plain_means(tracks.embedding, half)
    label = clusters(looks, clearness(tracks.quality, half), set(), limits)
    whole = dict(zip(cut.tolist(), label.tolist(), strict=True))
    pairs = [(2 * n, 2 * n + 1) for n in range(len(numbers)) if 2 * n in whole]
    far = [float(between(looks[cut == a], looks[cut == b])[0, 0]) for a, b in pairs]
    figure(
        f"halves of {len(pairs)} tracks: {np.median(far):.2f}, at most {max(far):.2f} apart; two "
        f"people in a frame at least {min(beside):.2f}"
    )
    assert all(whole[a] == whole[b] for a, b in pairs)
    assert len(set(whole.values())) == 3


@pytest.mark.parametrize("tolerance", [0.2, 0.4, 0.6, 0.97])
def test_a_smaller_tolerance_never_makes_another_name(job: Job, tolerance: float) -> None:
    rows, tracks = read_walk(job.output / "demo")
    gallery = memory.load_gallery(job.known_faces, WalkSettings())
    numbers, mean = plain_means(tracks.embedding, tracks.track)
    apart = together(rows.assign(track=np.searchsorted(numbers, rows["track"].to_numpy())))
    limits = replace(tolerances(WalkSettings()), name=tolerance)
    clear = clearness(tracks.quality, tracks.track)
    person = identify_tracks(mean, clear, apart, gallery, limits).person
    assert tracks.people.tolist() == list(gallery.people)
    assert ((person == tracks.person) | (person < 0)).all()
