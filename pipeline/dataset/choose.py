"""Chooses the faces of a data set, and the subset of each, without touching files."""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

import numpy as np
import pandas as pd

from pipeline.dataset.align import Hash
from pipeline.faces import Ints, Numbers
from pipeline.pick.thin import Apart, appearance, spread, worth

ALIKE_BITS = 16
"""Two faces whose hashes differ in at most so many of 256 bits are near-duplicates.

Measured on the demo's 2,181 picked faces: of one run, half differ in at most 12 three frames apart,
and in at most 19 eight frames apart; the middle faces of two runs of one person with different
looks differ in 19 or more.
"""


def best(faces: pd.DataFrame, value: Numbers, top: int) -> Ints:
    """The positions of the best faces of each person and emotion, spread over films and poses.

    Args:
        faces: Picked rows with `film` and `emotion`.
        value: `(n,)` how much each is worth.
        top: How many of each person and emotion; 0 keeps all.

    Returns:
        In rising order.
    """
    if top == 0 or len(faces) == 0:
        return np.arange(len(faces))
    groups = faces.reset_index(drop=True).groupby(["person", "emotion"], sort=False).indices
    kept: list[int] = []
    for positions in groups.values():
        apart = _apart(faces.iloc[positions])
        kept += [int(positions[i]) for i in spread(apart, value[positions], top)]
    return np.array(sorted(kept), np.int64)


def values(faces: pd.DataFrame) -> Numbers:
    """How much each picked face is worth, see `thin.worth`; less where its picture lacks a part."""
    return worth(faces) * (faces["inside"].to_numpy(np.float64) if "inside" in faces else 1)


def _apart(faces: pd.DataFrame) -> Apart:
    """The distances of faces: by pose and look, and one each for another shot, another film."""
    looks, film = appearance(faces), pd.factorize(faces["film"])[0]
    shot = faces["shot"].to_numpy()

    def to(i: int) -> Numbers:
        elsewhere = film != film[i]
        places = elsewhere.astype(np.float64) + (elsewhere | (shot != shot[i]))
        return np.sqrt(((looks - looks[i]) ** 2).sum(axis=1) + places)

    return to


def distinct(hashes: Hash, value: Numbers) -> tuple[Ints, list[tuple[int, int]]]:
    """Leaves out faces that look like one that is worth more.

    Args:
        hashes: `(n, 4)` from `align.difference_hash`.
        value: `(n,)`.

    Returns:
        The positions of those that are kept, in rising order, and the pairs of positions of every
        face that is left out and each kept one that it is like.
    """
    kept: list[int] = []
    alike: list[tuple[int, int]] = []
    keys, table = _bands(hashes, ALIKE_BITS + 1), dict[int, list[int]]()
    for i in np.argsort(-value, kind="stable").tolist():
        # Of so many bands one has none of the bits that differ.
        maybe = sorted({k for key in keys[i] for k in table.get(key, ())})
        bits = np.bitwise_count(hashes[[kept[k] for k in maybe]] ^ hashes[i]).sum(axis=1)
        near = [kept[maybe[n]] for n in np.flatnonzero(bits <= ALIKE_BITS)]
        alike += [(i, k) for k in near]
        if not near:
            for key in keys[i]:
                table.setdefault(key, []).append(len(kept))
            kept.append(i)
    return np.array(sorted(kept), np.int64), alike


def _bands(hashes: Hash, count: int) -> list[list[int]]:
    """Cuts each hash into bands of bits; gives a number for each, which no other band has.

    A band has bits from all over the picture: of neighbours, one tells what the other is.
    """
    bits = np.unpackbits(np.ascontiguousarray(hashes).view(np.uint8), axis=1).astype(np.int64)
    bands = [bits[:, n::count] for n in range(count)]
    numbers = [band @ (1 << np.arange(band.shape[1])) * count + n for n, band in enumerate(bands)]
    return np.array(numbers, np.int64).reshape(count, len(hashes)).T.tolist()


def units(faces: pd.DataFrame, split_by: str) -> list[str]:
    """The name of what each face is never parted from: its shot, its film, or its person.

    All faces without a name are one: who knows whether they are of one person.
    """
    if split_by != "shot":
        return faces[split_by].tolist()
    pairs = zip(faces["film"], faces["shot"], strict=True)
    return [f"{film}/{shot}" for film, shot in pairs]


def united(names: Sequence[str], alike: Iterable[tuple[int, int]]) -> list[str]:
    """Joins units that have near-duplicates: footage that is shown twice is one unit.

    Args:
        names: `(n,)` from `units`.
        alike: Pairs of positions.

    Returns:
        `(n,)` the first of the names, in the order of text, that each is joined with.

    >>> united(["a/1", "a/2", "b/1", "b/2"], [(3, 0), (1, 1)])
    ['a/1', 'a/2', 'b/1', 'a/1']
    """
    first = {name: name for name in names}

    def root(name: str) -> str:
        while first[name] != name:
            first[name] = first[first[name]]
            name = first[name]
        return name

    for one, other in alike:
        low, high = sorted((root(names[one]), root(names[other])))
        first[high] = low
    return [root(name) for name in names]


def subsets(names: Sequence[str], val: float, test: float) -> Iterator[str]:
    """The subset of each unit: a hash of its name, and so the same whatever else there is.

    Args:
        names: From `united`.
        val: Share of the units for validation.
        test: Share of the units for the test.

    >>> list(subsets(["a/1", "a/1", "b/7"], val=0.5, test=0))
    ['val', 'val', 'train']
    """
    for name in names:
        place = int.from_bytes(sha256(name.encode()).digest()[:8], "big") / 2**64
        yield "test" if place < test else "val" if place < test + val else "train"
