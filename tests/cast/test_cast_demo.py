"""The cast of the demo with the real networks, compared with its labels; prints figures."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.cast.adopt import adopt
from pipeline.cast.cast import cast
from pipeline.disk import faces_csv
from pipeline.models.registry import face_models
from pipeline.people import gallery as galleries
from pipeline.settings import Job, WalkSettings
from tests.support.demo import copied

ROOT = Path(__file__).parents[2]
PEOPLE = ("actor", "actress", "guest")
Figure = Callable[[str], None]
Labels = dict[tuple[str, int], int]


@pytest.fixture(scope="session")
def walked(walked_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Job]:
    """A walk of the demo with an empty gallery, and its cast."""
    place = tmp_path_factory.mktemp("cast")
    job = Job(output=place / "output", known_faces=place / "known")
    folder = copied(walked_demo, job)
    cast([folder], job)
    return folder, job


@pytest.fixture
def own(walked: tuple[Path, Job], tmp_path: Path) -> tuple[Path, Job]:
    """A copy that the test may change."""
    folder = tmp_path / "output" / "demo"
    shutil.copytree(walked[0], folder)
    return folder, Job(output=folder.parent, known_faces=tmp_path / "known")


@pytest.fixture(scope="session")
def labels() -> Labels:
    """Whether each labelled person looks at the camera, by person and frame."""
    found: Labels = {}
    with (ROOT / "videos" / "demo_truth.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for frame in range(int(row["first"]), int(row["last"]) + 1):
                if row["person"] in PEOPLE:
                    found[row["person"], frame] = int(row["frontal"])
    return found


def _shown(folder: Path, labels: Labels) -> dict[int, tuple[list[int], set[str]]]:
    """The tracks and the labelled people of each labelled frame."""
    found: dict[int, tuple[list[int], set[str]]] = {f: ([], set()) for _, f in labels}
    for person, frame in labels:
        found[frame][1].add(person)
    rows = faces_csv.read_faces(folder / "faces.csv")
    for frame, track in zip(rows["frame"].tolist(), rows["track"].tolist(), strict=True):
        if frame in found:
            found[frame][0].append(track)
    return found


def _numbers(folder: Path) -> dict[int, int]:
    """The number in the cast of each track."""
    with (folder / "cast.csv").open(encoding="utf-8", newline="") as file:
        return {int(row["track"]): int(row["cluster"]) for row in csv.DictReader(file)}


def _alone(folder: Path, labels: Labels) -> list[tuple[int, str]]:
    """The number and person of each labelled face that is alone in its frame."""
    numbers = _numbers(folder)
    frames = _shown(folder, labels).values()
    return [
        (numbers[t[0]], next(iter(p)))
        for t, p in frames
        if len(t) == len(p) == 1 and t[0] in numbers
    ]


def _people(folder: Path, labels: Labels) -> dict[int, str]:
    """The person of each number."""
    return dict(_alone(folder, labels))


def test_the_cast_is_the_three_people(
    walked: tuple[Path, Job], labels: Labels, figure: Figure
) -> None:
    folder, _ = walked
    numbers, alone, people = _numbers(folder), _alone(folder, labels), _people(folder, labels)
    pure = sum(people[number] == person for number, person in alone)
    figure(
        f"cast of the demo: {len(set(numbers.values()))} people in {len(numbers)} tracks; labelled "
        f"faces alone in their frame whose number is their person: {pure} of {len(alone)}"
    )
    assert sorted(set(numbers.values())) == [1, 2, 3]
    assert sorted(people.values()) == sorted(PEOPLE)
    assert pure == len(alone) > 500


def test_a_split_screen_shows_two_of_the_cast(walked: tuple[Path, Job], labels: Labels) -> None:
    """Two numbers of different people; everybody labelled is one of the two."""
    folder, _ = walked
    numbers, people = _numbers(folder), _people(folder, labels)
    split = [(t, there) for t, there in _shown(folder, labels).values() if len(t) == 2]
    assert len(split) > 100
    for tracks, there in split:
        shown = {people[numbers[track]] for track in tracks}
        assert len(shown) == 2
        assert there <= shown


def test_every_photo_is_one_that_a_gallery_takes(walked: tuple[Path, Job], figure: Figure) -> None:
    """Reads the cast as a gallery: its people have numbers for names."""
    folder, _ = walked
    listed = {n: p for n, p in galleries.photos(folder / "cast").items() if n.isdecimal()}
    gallery = galleries.embed_gallery(folder / "cast", face_models(WalkSettings()))
    taken = [gallery.people[owner] for owner in gallery.owner]
    counts = {name: (taken.count(name), len(paths)) for name, paths in listed.items()}
    figure(f"photos of the cast that a gallery takes, and all, by number: {counts}")
    assert set(counts) == {"1", "2", "3"}
    assert all(taken == there >= 3 for taken, there in counts.values())


def test_after_three_adoptions_the_names_are_the_truth(
    own: tuple[Path, Job], labels: Labels, figure: Figure
) -> None:
    folder, job = own
    people = _people(folder, labels)
    for number, person in people.items():
        adopt([folder], [(number, person)], job)
    rows = faces_csv.read_faces(folder / "faces.csv")
    names = set(zip(rows["person"], rows["frame"], strict=True))
    frontal = [key for key, is_frontal in labels.items() if is_frontal]
    right = sum(key in names for key in frontal)
    of_shot: dict[int, set[str]] = {}  # In the demo, nobody enters or leaves during a shot.
    shots = dict(zip(rows["frame"], rows["shot"], strict=True))
    for person, frame in labels:
        of_shot.setdefault(shots.get(frame, -1), set()).add(person)
    wrong = [n for n in names if n[0] not in of_shot.get(shots[n[1]], {n[0]})]
    figure(
        f"after adopting the cast: frontal truth rows named right {right} of {len(frontal)}; "
        f"wrong names: {len(wrong)}; rows named: "
        f"{(rows['person'] != '').sum()} of {len(rows)}"
    )
    assert wrong == []
    assert right / len(frontal) >= 0.95
    assert cast([folder], job) == []


def test_who_is_not_adopted_stays_unknown(own: tuple[Path, Job], labels: Labels) -> None:
    folder, job = own
    people = _people(folder, labels)
    adopt([folder], [(number, who) for number, who in people.items() if who != "actor"], job)
    rows = faces_csv.read_faces(folder / "faces.csv")
    assert set(rows["person"]) == {"actress", "guest", ""}
    (member,) = cast([folder], job)
    assert member.number == 1
    assert set(_people(folder, labels).values()) == {"actor"}
