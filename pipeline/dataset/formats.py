"""The formats of a data set's labels: one table, from which help and documentation follow.

This module imports no writer, so that `mine-video --help` stays quick.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.dataset.listing import LabelWriter


@dataclass(frozen=True, slots=True)
class LabelFormat:
    """A way to write which face is where in the pictures, and how it looks.

    Attributes:
        files: Patterns of the files, below the folder of the data set; no two formats share one.
        what: What is in them.
        programs: Who reads them.
        writer: The name of the function in `pipeline.dataset.labels`.
    """

    files: tuple[str, ...]
    what: str
    programs: str
    writer: str

    def load(self) -> "LabelWriter":
        """Imports the writer."""
        writer: LabelWriter = getattr(import_module("pipeline.dataset.labels"), self.writer)
        return writer


DATASET_FORMATS = {
    "coco": LabelFormat(
        ("annotations/instances_*.json",), "boxes and five keypoints, a file for each subset",
        "pycocotools, Detectron2, MMDetection, Datumaro", "coco",
    ),
    "yolo": LabelFormat(
        ("data.yaml", "labels/*/*.txt"), "boxes, a text file for each picture",
        "Ultralytics, supervision, Datumaro", "yolo",
    ),
    "cvat": LabelFormat(
        ("cvat.xml",), "boxes and landmarks with attributes (CVAT for images 1.1)",
        "CVAT, Datumaro", "cvat",
    ),
    "label-studio": LabelFormat(
        ("label_studio.json", "label_studio_interface.txt"),
        "tasks with predictions, and their interface",
        "Label Studio", "label_studio",
    ),
    "fiftyone": LabelFormat(
        ("fiftyone/data.json", "fiftyone/labels.json"), "boxes with attributes and chances",
        "FiftyOne", "fiftyone",
    ),
}  # fmt: skip
"""All formats by their names on the command line."""
