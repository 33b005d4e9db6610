"""Writes the labels of a data set in the formats of other programs, each as its own readers want.

The box is the face's in its picture, and the label its emotion; who it is and where it is from are
attributes, where a format has any.
"""

import json
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

from pipeline.dataset.chunk import POINT_COLUMNS
from pipeline.dataset.listing import Listing
from pipeline.dataset.settings import IMAGES, SUBSETS
from pipeline.faces import visible

POINTS = tuple(name.removesuffix("_x") for name in POINT_COLUMNS[::2])
"""The names of the five landmarks."""

VISIBLE = 2
"""COCO's flag of a keypoint that is labelled and visible; 0 is one that is not there."""

TOLD = ("person", "film", "video", "frame", "time", "shot", "track", "strength", "caption")
"""The columns that become attributes."""


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


def _name(row: Any) -> str:
    """The name of a picture without its folders."""
    return str(row.file_name.rpartition("/")[2])


def _points(row: Any) -> list[tuple[float, float]]:
    places = [getattr(row, name) for name in POINT_COLUMNS]
    return list(zip(places[::2], places[1::2], strict=True))


# --- COCO ---------------------------------------------------------------------------------------


def coco(listing: Listing) -> dict[str, bytes]:
    """COCO's annotations of each subset.

    Source: "COCO data format", object detection and keypoint detection, cocodataset.org.
    """
    return {
        f"annotations/instances_{subset}.json": _json(_coco(listing, subset)) for subset in SUBSETS
    }


def _coco(listing: Listing, subset: str) -> dict[str, Any]:
    numbers = {name: n for n, name in enumerate(listing.classes, 1)}
    rows, side = listing.of(subset), listing.size
    images = [
        {"id": n, "file_name": _name(row), "width": side, "height": side}
        for n, row in enumerate(rows, 1)
    ]
    categories = [
        {
            "id": n, "name": name, "supercategory": "face", "keypoints": list(POINTS),
            "skeleton": [],
        }
        for name, n in numbers.items()
    ]  # fmt: skip
    return {
        "info": {"description": f"faces, {subset}", "version": "1"},
        "licenses": [],
        "images": images,
        "annotations": [
            _annotation(n, row, numbers[row.emotion], side) for n, row in enumerate(rows, 1)
        ],
        "categories": categories,
    }


def _annotation(number: int, row: Any, category: int, side: int) -> dict[str, Any]:
    width, height = row.right - row.left, row.bottom - row.top
    keypoints: list[float] = []
    for x, y in _points(row):
        there = 0 <= x < side and 0 <= y < side
        keypoints += [x, y, VISIBLE] if there else [0, 0, 0]
    return {
        "id": number,
        "image_id": number,
        "category_id": category,
        "bbox": [row.left, row.top, round(width, 1), round(height, 1)],
        "area": round(width * height, 2),
        "iscrowd": 0,
        "segmentation": [],
        "keypoints": keypoints,
        "num_keypoints": sum(flag == VISIBLE for flag in keypoints[2::3]),
        "score": row.look_sure,
        "attributes": {name: getattr(row, name) for name in TOLD},
    }


# --- YOLO ---------------------------------------------------------------------------------------


def yolo(listing: Listing) -> dict[str, bytes]:
    """Ultralytics' data.yaml, and beside images/ a labels/ with a line for each face.

    Source: "Object detection datasets overview", docs.ultralytics.com.
    """
    numbers = {name: n for n, name in enumerate(listing.classes)}
    lines = [f"{subset}: {IMAGES}/{subset}" for subset in SUBSETS]
    lines += ["names:", *(f"  {n}: {json.dumps(name)}" for name, n in numbers.items())]
    files = {"data.yaml": ("\n".join(lines) + "\n").encode()}
    for row in listing.rows:
        path = f"labels/{row.subset}/{_name(row).removesuffix('.jpg')}.txt"
        shares = " ".join(f"{share:.6f}" for share in _centred(row, listing.size))
        files[path] = f"{numbers[str(row.emotion)]} {shares}\n".encode()
    return files


def _centred(row: Any, side: int) -> tuple[float, float, float, float]:
    """The centre, width and height of a face's box as shares of the picture."""
    width, height = row.right - row.left, row.bottom - row.top
    return (row.left + width / 2) / side, (row.top + height / 2) / side, width / side, height / side


# --- CVAT ---------------------------------------------------------------------------------------


def cvat(listing: Listing) -> dict[str, bytes]:
    """CVAT's XML for images, version 1.1: a box and five points for each face.

    Source: "CVAT for images" in "XML annotation format", docs.cvat.ai.
    """
    root = ET.Element("annotations")
    ET.SubElement(root, "version").text = "1.1"
    _cvat_meta(root, listing)
    for n, row in enumerate(listing.rows):
        side = str(listing.size)
        name = f"{row.subset}/{_name(row)}"
        image = ET.SubElement(root, "image", id=str(n), name=name, width=side, height=side)
        _cvat_shapes(image, row)
    ET.indent(root, " ")
    return {"cvat.xml": ET.tostring(root, "utf-8", xml_declaration=True) + b"\n"}


def _cvat_meta(root: ET.Element, listing: Listing) -> None:
    """The task: its labels with their attributes."""
    task = ET.SubElement(ET.SubElement(root, "meta"), "task")
    ET.SubElement(task, "size").text = str(len(listing.faces))
    ET.SubElement(task, "mode").text = "annotation"
    labels = ET.SubElement(task, "labels")
    for name, attributes in [*((c, TOLD) for c in listing.classes), ("landmarks", ())]:
        label = ET.SubElement(labels, "label")
        ET.SubElement(label, "name").text = name
        ET.SubElement(label, "type").text = "points" if name == "landmarks" else "rectangle"
        every = ET.SubElement(label, "attributes")
        for told in attributes:
            attribute = ET.SubElement(every, "attribute")
            for tag, text in (("name", told), ("mutable", "False"), ("input_type", "text")):
                ET.SubElement(attribute, tag).text = text
            ET.SubElement(attribute, "default_value")
            ET.SubElement(attribute, "values")


def _cvat_shapes(image: ET.Element, row: Any) -> None:
    places = {"xtl": row.left, "ytl": row.top, "xbr": row.right, "ybr": row.bottom}
    usual = {"source": "auto", "occluded": "0", "z_order": "0"}
    edges = {name: f"{place:.2f}" for name, place in places.items()}
    box = ET.SubElement(image, "box", {"label": row.emotion, **usual, **edges})
    for name in TOLD:
        ET.SubElement(box, "attribute", name=name).text = visible(str(getattr(row, name)))
    points = ";".join(f"{x:.2f},{y:.2f}" for x, y in _points(row))
    ET.SubElement(image, "points", {"label": "landmarks", "points": points, **usual})


# --- Label Studio -------------------------------------------------------------------------------


def label_studio(listing: Listing) -> dict[str, bytes]:
    """Label Studio's tasks with predictions, and the interface that shows them.

    Source: "Import pre-annotated data", labelstud.io/guide; regions are in percent.
    """
    faces = listing.rows
    return {
        "label_studio.json": _json([_task(row, listing.size) for row in faces]),
        "label_studio_interface.txt": _interface(listing),
    }


def _interface(listing: Listing) -> bytes:
    view = ET.Element("View")
    ET.SubElement(view, "Image", name="image", value="$image")
    labels = ET.SubElement(view, "RectangleLabels", name="look", toName="image")
    for name in listing.classes:
        ET.SubElement(labels, "Label", value=name)
    ET.SubElement(view, "Text", name="caption", value="$caption")
    ET.indent(view, " ")
    return ET.tostring(view, "utf-8") + b"\n"


def _task(row: Any, side: int) -> dict[str, Any]:
    x, y, width, height = (
        round(100 * share, 3)
        for share in (
            row.left / side, row.top / side, (row.right - row.left) / side,
            (row.bottom - row.top) / side,
        )
    )  # fmt: skip
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0}
    region = {
        "id": f"{row.film}{row.frame}k{row.track}", "type": "rectanglelabels",
        "from_name": "look", "to_name": "image", "original_width": side, "original_height": side,
        "image_rotation": 0, "score": row.look_sure,
        "value": value | {"rectanglelabels": [row.emotion]},
    }  # fmt: skip
    prediction = {"model_version": "mine-video", "score": row.look_sure, "result": [region]}
    data = {name: getattr(row, name) for name in ("subset", *TOLD)}
    image = f"/data/local-files/?d={row.file_name}"
    return {"data": {"image": image, **data}, "predictions": [prediction]}


# --- FiftyOne -----------------------------------------------------------------------------------


def fiftyone(listing: Listing) -> dict[str, bytes]:
    """FiftyOne's image detection data set: where the pictures are, and what is in each.

    Source: "FiftyOneImageDetectionDataset", docs.voxel51.com.
    """
    rows = dict(_by_name(listing))
    data = {f"{name}.jpg": f"../{row.file_name}" for name, row in rows.items()}
    labels = {name: [_detection(row, listing.size)] for name, row in rows.items()}
    return {
        "fiftyone/data.json": _json(data),
        "fiftyone/labels.json": _json({"classes": None, "labels": labels}),
    }


def _by_name(listing: Listing) -> Iterator[tuple[str, Any]]:
    for row in listing.rows:
        yield _name(row).removesuffix(".jpg"), row


def _detection(row: Any, side: int) -> dict[str, Any]:
    x, y, width, height = _centred(row, side)
    return {
        "label": row.emotion,
        "bounding_box": [round(v, 6) for v in (x - width / 2, y - height / 2, width, height)],
        "confidence": row.look_sure,
        "attributes": {name: getattr(row, name) for name in ("subset", *TOLD)},
    }
