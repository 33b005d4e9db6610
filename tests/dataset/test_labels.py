"""Every format of labels is read back: by its own library where that is light, else as published.

By hand, in an environment of their own: `datumaro` reads coco, yolo and cvat, `supervision` coco
and yolo, `label-studio-sdk` the tasks, `fiftyone` its data set: docs/datasets.md.
"""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import numpy as np
import pandas as pd
import pytest

from pipeline.dataset.chunk import PLACED, POINT_COLUMNS
from pipeline.dataset.formats import DATASET_FORMATS
from pipeline.dataset.labels import POINTS, TOLD
from pipeline.dataset.listing import LISTED_FACE, Listing
from pipeline.dataset.settings import IMAGES, SUBSETS
from pipeline.faces import EMOTIONS

DOCUMENT = Path(__file__).parents[2] / "docs" / "datasets.md"
SIDE = 64


@pytest.fixture
def listing() -> Listing:
    """Seven faces of odd names, at their own places; one looks like two emotions."""
    rows = []
    for n, look in enumerate(["happy", "sad", "happy", "fear+sad", "neutral", "angry", "happy"]):
        subset = SUBSETS[n % 3]
        name = f"a <film> & '{n}'_f000000{n}_t00-00-00.{n}00_k00_happy81.jpg"
        row: dict[str, Any] = dict.fromkeys(LISTED_FACE, 0.25)
        row |= {
            "file_name": f"{IMAGES}/{subset}/{name}", "subset": subset, "emotion": look,
            "person": "Zoë", "caption": f'Zoë "looks" {look}', "film": "0a1b", "frame": n,
            "video": "a <film> & 'x'.mkv", "shot": 1, "track": n, "look_sure": 0.9,
        }  # fmt: skip
        row |= dict(zip(PLACED, (4.5 + n, 6.0, 40.2, 50.1 + n), strict=True))
        row |= dict(zip(POINT_COLUMNS, (12.5, 20, 30, 20.5, 22, 30, 15, 40, 70.1, 40), strict=True))
        rows.append(row)
    return Listing(pd.DataFrame(rows).sort_values("file_name", ignore_index=True), SIDE)


@pytest.fixture
def written(listing: Listing, tmp_path: Path) -> Path:
    for form in DATASET_FORMATS.values():
        for name, data in form.load()(listing).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(data)
    return tmp_path


def boxes(listing: Listing) -> dict[str, list[float]]:
    """The box of each picture, by its name."""
    places = listing.faces[list(PLACED)].to_numpy().tolist()
    names = [name.rpartition("/")[2] for name in listing.faces["file_name"]]
    return dict(zip(names, places, strict=True))


@pytest.mark.parametrize("name", DATASET_FORMATS)
def test_a_format_has_a_writer_and_stands_in_the_document(name: str, listing: Listing) -> None:
    form = DATASET_FORMATS[name]
    made = form.load()(listing)
    assert all(any(Path(path).match(pattern) for pattern in form.files) for path in made)
    (row,) = [t for t in DOCUMENT.read_text("utf-8").splitlines() if t.startswith(f"| `{name}` |")]
    assert form.programs in row


def test_no_two_formats_write_one_file(listing: Listing) -> None:
    made = [path for form in DATASET_FORMATS.values() for path in form.load()(listing)]
    assert len(set(made)) == len(made)


def test_classes_keep_their_numbers_whoever_is_there(listing: Listing) -> None:
    fewer = Listing(listing.faces[listing.faces["emotion"] == "happy"], SIDE)
    assert fewer.classes == list(EMOTIONS)
    assert listing.classes == [*EMOTIONS, "fear+sad"]


@pytest.mark.filterwarnings("ignore:Couldn't import")
def test_coco_is_read_by_pycocotools(written: Path, listing: Listing) -> None:
    coco = pytest.importorskip("pycocotools.coco", reason="extra `test` is not installed")
    found: dict[str, list[float]] = {}
    for subset in SUBSETS:
        read = coco.COCO(str(written / f"annotations/instances_{subset}.json"))
        assert [one["name"] for one in read.loadCats(read.getCatIds())] == listing.classes
        for image in read.loadImgs(read.getImgIds()):
            assert (image["width"], image["height"]) == (SIDE, SIDE)
            (one,) = read.loadAnns(read.getAnnIds(image["id"]))
            x, y, width, height = one["bbox"]
            found[image["file_name"]] = [x, y, x + width, y + height]
            assert one["keypoints"][:3] == [12.5, 20, 2]
            assert one["keypoints"][-3:] == [0, 0, 0]  # It lies beyond the picture.
            assert (one["num_keypoints"], len(one["keypoints"])) == (4, 3 * len(POINTS))
            assert one["attributes"]["person"] == "Zoë"
            look = read.loadCats(one["category_id"])[0]["name"]
            row = listing.faces.set_index("frame").loc[one["attributes"]["frame"]]
            assert look == row["emotion"]
    assert found == {name: pytest.approx(box) for name, box in boxes(listing).items()}


def test_yolo_is_as_ultralytics_publishes_it(written: Path, listing: Listing) -> None:
    """A line of a class and four shares for each picture, beside it but for `labels`."""
    lines = (written / "data.yaml").read_text().splitlines()
    assert lines[:4] == ["train: images/train", "val: images/val", "test: images/test", "names:"]
    names = [json.loads(line.partition(": ")[2]) for line in lines[4:]]
    assert [line.partition(":")[0] for line in lines[4:]] == [f"  {n}" for n in range(len(names))]
    assert names == listing.classes
    for row in listing.rows:
        label = written / row.file_name.replace(IMAGES, "labels", 1).replace(".jpg", ".txt")
        number, *shares = label.read_text().split()
        assert names[int(number)] == row.emotion
        x, y, width, height = (SIDE * float(share) for share in shares)
        box = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
        assert box == pytest.approx([getattr(row, name) for name in PLACED], abs=1e-3)
    assert len(list(written.glob("labels/*/*.txt"))) == len(listing.faces)


def test_cvat_is_as_cvat_publishes_it(written: Path, listing: Listing) -> None:
    """Version 1.1 of "CVAT for images": every label and attribute is told before it is used."""
    root = ET.parse(written / "cvat.xml").getroot()
    assert [child.tag for child in root] == ["version", "meta", *["image"] * len(listing.faces)]
    assert root.findtext("version") == "1.1"
    labels = {
        label.findtext("name"): [a.findtext("name") for a in label.iter("attribute")]
        for label in root.iter("label")
    }
    assert list(labels) == [*listing.classes, "landmarks"]
    for attribute in root.iter("attribute"):
        if "name" not in attribute.attrib:
            tags = ["name", "mutable", "input_type", "default_value", "values"]
            assert [child.tag for child in attribute] == tags
    for image, row in zip(root.iter("image"), listing.rows, strict=True):
        assert f"{IMAGES}/{image.get('name')}" == row.file_name
        assert (image.get("width"), image.get("height")) == (str(SIDE), str(SIDE))
        box, points = image
        assert (box.tag, points.tag) == ("box", "points")
        assert box.get("label") == row.emotion
        edges = [float(box.attrib[name]) for name in ("xtl", "ytl", "xbr", "ybr")]
        assert edges == pytest.approx([getattr(row, name) for name in PLACED], abs=0.01)
        assert {a.get("name"): a.text for a in box} == {n: str(getattr(row, n)) for n in TOLD}
        assert list(labels[row.emotion]) == list(TOLD)
        assert len(points.attrib["points"].split(";")) == len(POINTS)


TASK = {
    "type": "object", "required": ["data", "predictions"], "additionalProperties": False,
    "properties": {
        "data": {"type": "object", "required": ["image"]},
        "predictions": {"type": "array", "items": {
            "type": "object", "required": ["result"],
            "properties": {
                "model_version": {"type": "string"},
                "score": {"type": "number", "minimum": 0, "maximum": 1},
                "result": {"type": "array", "minItems": 1, "items": {
                    "type": "object",
                    "required": ["id", "type", "from_name", "to_name", "value"],
                    "properties": {
                        "type": {"const": "rectanglelabels"},
                        "original_width": {"const": SIDE}, "original_height": {"const": SIDE},
                        "value": {
                            "type": "object",
                            "required": ["x", "y", "width", "height", "rectanglelabels"],
                            "properties": {name: {"type": "number", "minimum": 0, "maximum": 100}
                                           for name in ("x", "y", "width", "height")},
                        },
                    },
                }},
            },
        }},
    },
}  # fmt: skip
"""Source: "Import pre-annotated data into Label Studio", labelstud.io/guide/predictions."""


def test_label_studio_is_as_label_studio_publishes_it(written: Path, listing: Listing) -> None:
    view = ET.fromstring((written / "label_studio_interface.txt").read_text(encoding="utf-8"))
    tags = {child.attrib["name"]: child for child in view}
    offered = [label.get("value") for label in tags["look"]]
    assert offered == listing.classes
    tasks = json.loads((written / "label_studio.json").read_text(encoding="utf-8"))
    jsonschema.validate(tasks, {"type": "array", "items": TASK})
    ids = set()
    for task, row in zip(tasks, listing.rows, strict=True):
        assert task["data"]["image"] == f"/data/local-files/?d={row.file_name}"
        (region,) = task["predictions"][0]["result"]
        assert tags[region["from_name"]].get("toName") == region["to_name"] == "image"
        assert region["value"]["rectanglelabels"] == [row.emotion]
        x, y = (region["value"][side] * SIDE / 100 for side in ("x", "y"))
        assert (x, y) == pytest.approx((row.left, row.top), abs=0.01)
        ids.add(region["id"])
    assert len(ids) == len(tasks)
    used = {child.get("value", "")[1:] for child in view if child.get("value")}
    assert used <= set(tasks[0]["data"])


def test_fiftyone_is_as_fiftyone_publishes_it(written: Path, listing: Listing) -> None:
    """Names without their endings lead to pictures and to labels with boxes in shares."""
    data = json.loads((written / "fiftyone/data.json").read_text(encoding="utf-8"))
    labels = json.loads((written / "fiftyone/labels.json").read_text(encoding="utf-8"))
    assert set(labels) == {"classes", "labels"}
    pictures = {Path(name).stem: (written / "fiftyone" / path) for name, path in data.items()}
    assert pictures.keys() == labels["labels"].keys()
    wanted = {Path(name).stem: box for name, box in boxes(listing).items()}
    for name, (found,) in labels["labels"].items():
        assert pictures[name].resolve().relative_to(written.resolve()).parts[0] == IMAGES
        x, y, width, height = np.array(found["bounding_box"]) * SIDE
        assert [x, y, x + width, y + height] == pytest.approx(wanted[name], abs=1e-3)
        assert found["label"] in listing.classes
        assert 0 <= found["confidence"] <= 1
