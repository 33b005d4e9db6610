"""What a data set is made of: its settings, its subsets, and the names of its files."""

from dataclasses import dataclass

SUBSETS = ("train", "val", "test")

UNITS = ("shot", "film", "person")
"""What is never divided between two subsets."""

LEAST_PICTURE, MOST_PICTURE = 32, 2048
"""Pixels of a picture: the smallest and the largest."""

IMAGES, CARD_FILE, TABLE_FILE = "images", "README.md", "metadata.csv"
"""The folder of the pictures, the data card and the table of all faces."""


@dataclass(frozen=True, slots=True)
class DatasetSettings:
    """How a data set is made, beside the settings of a pick.

    Attributes:
        size: pixels of each picture, both ways.
        align: turn and scale each face by its landmarks; else the box, made square, is taken.
        top: how many faces to keep of each person and emotion, over all films; 0 keeps all.
        split_by: one of `UNITS`.
        val: share of the units whose faces are for validation, 0 to 1.
        test: share of the units whose faces are for the test.
        formats: some of `DATASET_FORMATS`.
    """

    size: int = 256
    align: bool = True
    top: int = 200
    split_by: str = "shot"
    val: float = 0.1
    test: float = 0.1
    formats: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not LEAST_PICTURE <= self.size <= MOST_PICTURE or self.top < 0:
            raise ValueError(f"size from {LEAST_PICTURE} to {MOST_PICTURE}, top from 0: {self}")
        if self.split_by not in UNITS or not (self.val >= 0 <= self.test):
            raise ValueError(f"split_by one of {UNITS}, val and test from 0: {self}")
        if self.val + self.test >= 1:
            raise ValueError(f"val and test together below 1: {self}")
