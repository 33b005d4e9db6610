"""What is told of a data set as soon as it is made: what it lacks, and what harms its pictures."""

from collections.abc import Iterator

import pandas as pd

from pipeline.dataset.settings import SUBSETS, DatasetSettings

LEAST_INSIDE = 0.8
"""Below this mean of `inside`, a person's pictures have too much of a repeated edge."""

WIDER_BORDER = 20
"""Pixels to the film's edge that leave such faces out where no margin can be saved."""


def remarks(faces: pd.DataFrame, settings: DatasetSettings, margin: float) -> Iterator[str]:
    """Says what whoever made a data set should know of it.

    Args:
        faces: Those of `Listing`.
        settings: How it was made.
        margin: Around a face on each side, as a share of it.
    """
    if len(faces):
        yield from _empty(faces, settings)
        yield from _untrained(faces, settings)
        yield from _streaked(faces, margin)


def _empty(faces: pd.DataFrame, settings: DatasetSettings) -> Iterator[str]:
    wanted = {"train": 1.0, "val": settings.val, "test": settings.test}
    there = set(faces["subset"])
    empty = [subset for subset in SUBSETS if wanted[subset] and subset not in there]
    if empty:
        yield (
            f"no face is in {' and '.join(empty)}: there are too few {settings.split_by}s, or "
            f"their pictures are too alike; add films, or give another --val and --test "
            "(with --replace)"
        )


def _untrained(faces: pd.DataFrame, settings: DatasetSettings) -> Iterator[str]:
    """Names who and which look has pictures, but none to train on."""
    trained = faces[faces["subset"] == "train"]
    # Split by people, most of the people of val and test are meant to be strangers.
    columns = ("emotion",) if settings.split_by == "person" else ("person", "emotion")
    lacking = {name: sorted(set(faces[name]) - set(trained[name])) for name in columns}
    told = [f"{name} {', '.join(values)}" for name, values in lacking.items() if values]
    if told and len(trained):
        yield (
            f"train lacks {' and '.join(told)}, whose pictures are all in val or test; add films, "
            "or give another --val and --test (with --replace)"
        )


def _streaked(faces: pd.DataFrame, margin: float) -> Iterator[str]:
    """Names people whose pictures leave the film."""
    means = faces.groupby("person")["inside"].mean()
    low = means[means < LEAST_INSIDE]
    advice = f"--margin {margin / 3:.1f}" if margin else f"--border {WIDER_BORDER}"
    if len(low):
        told = ", ".join(f"{person} {mean:.2f}" for person, mean in low.items())
        yield (
            "pictures leave the film, and have streaks there, which are its edge repeated (mean "
            f"share of them that is inside: {told}); make them anew with {advice} --replace"
        )
