"""What names are worth, for each group of people by itself: false accepts, films, and casts.

python benchmarks/names.py FOLDER [--draws 60] [--longest 3] [--recognizer sface]

FOLDER holds GROUP/PERSON/picture; whoever measures decides what a group is. Of each picture the
face nearest to the middle is used.

Printed, as Markdown tables with a row a group:

* pairs of pictures: how many of two people are within the tolerance, in thousandths, and the share
  of one person's that are;
* made-up films: five people lead, known by one or three photos each; everybody else of the group is
  a stranger. A track is one to three different pictures of a person, which is harder than a film,
  where the faces of a track are much alike. `wrong` is the share of the named tracks that have
  another's name, `named` that of the leads' tracks that have their own, `offered` that of the
  leads' tracks that are offered their own name only; `strangers` is the share of tracks that have a
  name in a film without any lead;
* the cast: B-cubed precision and recall of the clusters.

Source: Bagga and Baldwin, "Algorithms for scoring coreference chains", 1998 (B-cubed).
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.errors import PeopleError
from pipeline.faces import Detections, Flags, Floats, Image, Ints
from pipeline.models.base import unit_embeddings
from pipeline.models.cards import Tolerances
from pipeline.models.registry import FaceModels, face_models, tolerances
from pipeline.movie.frame import shrink
from pipeline.people.cluster import between, clusters, plain_means
from pipeline.people.gallery import Gallery
from pipeline.people.naming import Names, identify_tracks
from pipeline.people.photo import PHOTO_SIDE, PHOTO_WIDTH, read_photo
from pipeline.settings import WalkSettings

LEADS = 5
"""Known people of a film."""

LEAST = 6
"""Pictures that a lead must have beside the photos."""

PHOTOS = (1, 3)
"""Photos of each lead."""

SMALLEST = 28
"""Pixels across; a picture whose face is smaller is left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """The pictures of one group.

    Attributes:
        name: the folder's.
        embedding: `(n, d)` unit length.
        person: `(n,)` whose picture it is, from 0.
    """

    name: str
    embedding: Floats
    person: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A made-up film.

    Attributes:
        mean: `(t, d)` plain means of the tracks.
        lead: `(t,)` which lead each track is, -1 for a stranger.
        gallery: the photos of the leads.
    """

    mean: Floats
    lead: Ints
    gallery: Gallery

    def names(self, there: Flags, limits: Tolerances) -> Names:
        """Who some of the tracks are, as if there were no others."""
        mean = self.mean[there]
        clear = np.ones(len(mean), np.float32)
        return identify_tracks(mean, clear, set(), self.gallery, limits)


@dataclass(frozen=True, slots=True)
class Shares:
    """What names are worth over many films; each is a share, see above."""

    wrong: float
    named: float
    offered: float
    strangers: float


def embedded(path: Path, models: FaceModels) -> Floats | None:
    """The embedding `(d,)` of a picture's middle face; None where there is no face, or picture."""
    try:
        image = read_photo(path, PHOTO_SIDE)
    except PeopleError:
        return None
    side = max(image.shape[:2])
    for margin in (0, side // 2, side):  # Some pictures are cut close to the face.
        room = ((margin, margin), (margin, margin), (0, 0))
        padded = np.pad(image, room, constant_values=128) if margin else image
        faces = found(padded, models)
        if len(faces):
            break
    else:
        return None
    size = np.sqrt((faces.boxes[:, 2:] - faces.boxes[:, :2]).prod(axis=1))
    sides = np.array(padded.shape[1::-1])
    away = np.linalg.norm((faces.boxes[:, :2] + faces.boxes[:, 2:] - sides) / (2 * sides), axis=1)
    best = int((np.log(size) - away).argmax())
    if size[best] < SMALLEST:
        return None
    chip = models.aligner.chip(padded, faces.boxes[best], faces.landmarks[best])
    return unit_embeddings(models.embedder, chip[None], mirrored=True)[0]


def found(image: Image, models: FaceModels) -> Detections:
    """The faces of a picture, in its own pixels."""
    small = shrink(image, PHOTO_WIDTH)
    scale = np.float32(image.shape[1] / small.shape[1])
    faces = models.detector.detect([small])[0]
    return Detections(faces.boxes * scale, faces.scores, faces.landmarks * scale)


def groups(folder: Path, models: FaceModels) -> Iterator[Group]:
    """Embeds all pictures, group by group."""
    for place in sorted(p for p in folder.iterdir() if p.is_dir()):
        embeddings, people = [], []
        for number, person in enumerate(sorted(p for p in place.iterdir() if p.is_dir())):
            some = (embedded(path, models) for path in sorted(person.iterdir()))
            own = [embedding for embedding in some if embedding is not None]
            embeddings += own
            people += len(own) * [number]
        if embeddings:
            yield Group(place.name, np.stack(embeddings), np.array(people))


def accepts(group: Group, tolerance: float) -> tuple[int, float, float]:
    """Pairs of pictures of two people, the share of them within the tolerance, and of one's."""
    far = between(group.embedding, group.embedding)
    upper = np.triu(np.ones(far.shape, bool), 1)
    same = group.person[:, None] == group.person[None]
    others, own = far[upper & ~same], far[upper & same]
    return len(others), share(others <= tolerance), share(own <= tolerance)


def share(flags: Flags) -> float:
    """How many are true; 0 of none."""
    return float(flags.mean()) if len(flags) else 0.0


def tracks_of(pictures: Ints, longest: int, random: np.random.Generator) -> Iterator[Ints]:
    """Puts one person's pictures into tracks of one to `longest` pictures."""
    left = random.permutation(pictures)
    while len(left):
        size = int(random.integers(1, longest + 1))
        yield left[:size]
        left = left[size:]


def means(group: Group, tracks: list[Ints]) -> Floats:
    """The plain mean of each track's pictures `(t, d)`."""
    number = np.repeat(np.arange(len(tracks)), [len(track) for track in tracks])
    return plain_means(group.embedding[np.concatenate(tracks)], number)[1]


def film(group: Group, photos: int, longest: int, random: np.random.Generator) -> Film | None:
    """Draws leads, photos and tracks; None where too few people have so many pictures."""
    able = np.flatnonzero(np.bincount(group.person) >= photos + LEAST)
    if len(able) < LEADS:
        return None
    leads = random.choice(able, LEADS, replace=False).tolist()
    shown: list[int] = []
    owner: list[int] = []
    tracks: list[Ints] = []
    lead: list[int] = []
    for person in np.unique(group.person).tolist():
        pictures = random.permutation(np.flatnonzero(group.person == person))
        role = leads.index(person) if person in leads else -1
        if role >= 0:
            shown += pictures[:photos].tolist()
            owner += photos * [role]
            pictures = pictures[photos:]
        own = list(tracks_of(pictures, longest, random))
        tracks += own
        lead += len(own) * [role]
    people = tuple(f"lead {n + 1}" for n in range(LEADS))
    gallery = Gallery(people, group.embedding[shown], np.array(owner))
    return Film(means(group, tracks), np.array(lead), gallery)


def naming(
    group: Group, photos: int, longest: int, draws: int, limits: Tolerances
) -> Shares | None:
    """What names are worth; None where no film can be made."""
    random = np.random.default_rng(draws)
    right, given, offered, absent = [], [], [], []
    for _ in range(draws):
        one = film(group, photos, longest, random)
        if one is None:
            return None
        names = one.names(np.ones(len(one.lead), np.bool_), limits)
        named, is_lead = names.person >= 0, one.lead >= 0
        right.append(names.person[named] == one.lead[named])
        given.append((names.person == one.lead)[is_lead])
        offered.append((names.offer == one.lead)[is_lead])
        absent.append(one.names(~is_lead, limits).person >= 0)
    wrong = share(~np.concatenate(right))
    return Shares(wrong, *(share(np.concatenate(flags)) for flags in (given, offered, absent)))


def cast(group: Group, longest: int, limits: Tolerances) -> tuple[int, float, float]:
    """Tracks of the whole group, and B-cubed precision and recall of their clusters."""
    random = np.random.default_rng(0)
    tracks: list[Ints] = []
    for person in np.unique(group.person):
        tracks += tracks_of(np.flatnonzero(group.person == person), longest, random)
    truth = group.person[[track[0] for track in tracks]]
    label = clusters(means(group, tracks), np.ones(len(tracks), np.float32), set(), limits)
    one, true = label[:, None] == label[None], truth[:, None] == truth[None]
    both = (one & true).sum(axis=1)
    precision, recall = (float((both / whole.sum(axis=1)).mean()) for whole in (one, true))
    return len(tracks), precision, recall


def table(*names: str) -> None:
    """Prints the head of a Markdown table."""
    print(f"\n| {' | '.join(names)} |\n{len(names) * '|---'}|")


def positive(text: str) -> int:
    """Reads a number of at least 1.

    Raises:
        ValueError: It is none.
    """
    if int(text) < 1:
        raise ValueError
    return int(text)


def main() -> None:
    """Prints Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--draws", type=positive, default=60, help="films of each kind")
    parser.add_argument("--longest", type=positive, default=3, help="pictures of a track, at most")
    parser.add_argument("--recognizer", default=WalkSettings().recognizer)
    args = parser.parse_args()
    settings = WalkSettings(recognizer=args.recognizer)
    limits = tolerances(settings)
    every = list(groups(args.folder, face_models(settings)))
    print(f"{args.recognizer}: pairs of pictures within {limits.name:g}")
    table("group", "people", "pictures", "pairs of two people", "false, 1e-3", "true")
    for group in every:
        pairs, false, true = accepts(group, limits.name)
        people = len(np.unique(group.person))
        print(f"| {group.name} | {people} | {len(group.person):,} | {pairs:,} "
              f"| {1e3 * false:.3f} | {true:.3f} |")  # fmt: skip
    print(f"\n{args.draws} films of {LEADS} leads, tracks of 1 to {args.longest} pictures")
    table("group", "photos", "wrong", "named", "offered", "strangers")
    for group in every:
        for photos in PHOTOS:
            got = naming(group, photos, args.longest, args.draws, limits)
            cells = (got.wrong, got.named, got.offered, got.strangers) if got else ()
            told = " | ".join(f"{cell:.4f}" for cell in cells) or "too few pictures | | |"
            print(f"| {group.name} | {photos} | {told} |")
    print("\nThe cast")
    table("group", "tracks", "precision", "recall")
    for group in every:
        count, precision, recall = cast(group, args.longest, limits)
        print(f"| {group.name} | {count:,} | {precision:.4f} | {recall:.4f} |")


if __name__ == "__main__":
    main()
