"""Reads pictures as photo libraries do: by Exiv2, which digiKam, darktable and gThumb use."""

from typing import Any

import pytest


def read_xmp(jpeg: bytes) -> dict[str, Any]:
    """Every value of the XMP packet of a picture by its key; lists of values as lists."""
    exiv2 = pytest.importorskip("exiv2", reason="extra `test` is not installed")
    image = exiv2.ImageFactory.open(jpeg)
    image.readMetadata()
    return {
        one.key(): [one.toString(n) for n in range(one.count())]
        if one.typeName() in ("XmpBag", "XmpSeq") else one.toString()
        for one in image.xmpData()
    }  # fmt: skip


def face_region(xmp: dict[str, Any]) -> list[float]:
    """The face that a packet tells, as a box in pixels."""
    regions = "Xmp.mwg-rs.Regions/mwg-rs"
    side = {s: float(xmp[f"{regions}:AppliedToDimensions/stDim:{s}"]) for s in "wh"}
    area = {s: float(xmp[f"{regions}:RegionList[1]/mwg-rs:Area/stArea:{s}"]) for s in "xywh"}
    x, y, w, h = area["x"] * side["w"], area["y"] * side["h"], area["w"], area["h"]
    half = w * side["w"] / 2, h * side["h"] / 2
    return [x - half[0], y - half[1], x + half[0], y + half[1]]
