"""Tests of the XMP packets of crops, read by the library that digiKam reads them with."""

import numpy as np
import pytest

from pipeline.disk.crop_file import crop_jpeg
from pipeline.disk.crop_xmp import crop_xmp
from pipeline.faces import Image
from tests.support.libraries import face_region, read_xmp

FACE: Image = np.zeros((50, 100, 3), np.uint8)
REGION = "Xmp.mwg-rs.Regions/mwg-rs:RegionList[1]/mwg-rs"


def _read(person: str, box: tuple[float, ...] = (20, 10, 80, 40)) -> dict[str, str | list[str]]:
    packet = crop_xmp(person, "happy", np.array(box, np.float32), (100, 50))
    return read_xmp(crop_jpeg(FACE, {}, packet))


def test_a_packet_names_the_person_and_the_look() -> None:
    xmp = _read("anna")
    assert xmp["Xmp.dc.subject"] == ["anna", "happy"]
    assert xmp["Xmp.lr.hierarchicalSubject"] == ["People|anna", "Looks|happy"]
    assert xmp["Xmp.digiKam.TagsList"] == ["People/anna", "Looks/happy"]
    assert xmp["Xmp.iptcExt.PersonInImage"] == ["anna"]
    assert (xmp[f"{REGION}:Name"], xmp[f"{REGION}:Type"]) == ("anna", "Face")
    assert str(xmp["Xmp.xmp.CreatorTool"]).startswith("mine-video ")


def test_a_strangers_face_has_a_region_without_a_name() -> None:
    xmp = _read("")
    assert xmp["Xmp.dc.subject"] == ["happy"]
    assert xmp["Xmp.digiKam.TagsList"] == ["Looks/happy"]
    assert xmp["Xmp.iptcExt.PersonInImage"] == []
    assert f"{REGION}:Name" not in xmp
    assert xmp[f"{REGION}:Type"] == "Face"


@pytest.mark.parametrize("name", ["<b>&amp;", "Zoë \"'Z", "שלום", "😀", "a|b", "{x}", "]]>"])
def test_any_name_is_told_as_it_is(name: str) -> None:
    xmp = _read(name)
    assert xmp[f"{REGION}:Name"] == name
    assert xmp["Xmp.dc.subject"] == [name, "happy"]
    # A bar begins a new level in Lightroom; names have no slashes.
    assert xmp["Xmp.lr.hierarchicalSubject"] == [f"People|{name.replace('|', '/')}", "Looks|happy"]


def test_what_no_xml_may_hold_is_written_out() -> None:
    assert _read("a\uffff")["Xmp.dc.subject"] == ["a\\uffff", "happy"]


@pytest.mark.parametrize(
    ("box", "wanted"),
    [
        pytest.param((20, 10, 80, 40), (20, 10, 80, 40), id="inside"),
        pytest.param((0, 0, 100, 50), (0, 0, 100, 50), id="all of it"),
        pytest.param((-30, -5, 60, 70), (0, 0, 60, 50), id="beyond the edges"),
        pytest.param((120, 60, 150, 90), (100, 50, 100, 50), id="outside"),
    ],
)
def test_a_region_is_the_face_within_the_crop(
    box: tuple[float, ...], wanted: tuple[float, ...]
) -> None:
    assert face_region(_read("anna", box)) == pytest.approx(wanted, abs=1e-3)


def test_packets_of_the_same_crop_are_the_same() -> None:
    box = np.array((1, 2, 3, 4), np.float32)
    assert crop_xmp("a", "sad", box, (9, 9)) == crop_xmp("a", "sad", box, (9, 9))
