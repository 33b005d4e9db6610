"""Tests of the provenance in crops: of this version, of earlier ones, and saved by others."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags
from PIL import Image as Pillow

from pipeline.disk.crop_file import crop_jpeg, read_provenance

FACTS = {"movie": "é.mkv", "frame": 3, "person": "😀"}

PIEXIF = (
    b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x87i\0\x04\0\0\0\x01\0\0\0\x1a\0\0\0\0"
    b"\0\x01\x92\x86\0\x07\0\0\0d\0\0\0(UNICODE\0"
) + '{"movie": "é.mkv", "frame": 3, "person": "😀"}'.encode("utf-16-be")
"""What version 0.1.0 wrote of the same facts, by piexif 1.1.3."""


def _saved(folder: Path, exif: bytes | Pillow.Exif) -> Path:
    Pillow.new("RGB", (8, 8)).save(folder / "a.jpg", exif=exif)
    return folder / "a.jpg"


def test_provenance_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(crop_jpeg(np.zeros((8, 8, 3), np.uint8), FACTS))
    assert read_provenance(tmp_path / "a.jpg") == FACTS


def test_provenance_of_earlier_versions_is_read(tmp_path: Path) -> None:
    assert read_provenance(_saved(tmp_path, PIEXIF)) == FACTS


@pytest.mark.parametrize(
    ("order", "comment"),
    [
        pytest.param("<", b"UNICODE\0" + '{"frame": 3}'.encode("utf-16-le"), id="little end first"),
        pytest.param(">", b"UNICODE\0" + '{"frame": 3}'.encode("utf-16-be"), id="big end first"),
        pytest.param("<", b'ASCII\0\0\0{"frame": 3}', id="ASCII"),
    ],
)
def test_provenance_that_another_program_saved_anew_is_read(
    order: str, comment: bytes, tmp_path: Path
) -> None:
    exif = Pillow.Exif()
    exif.endian = order
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    assert read_provenance(_saved(tmp_path, exif)) == {"frame": 3}


@pytest.mark.parametrize(
    "exif", [b"", PIEXIF[:40], PIEXIF[:-9], b"Exif\0\0garbage", 3 * PIEXIF[:6]]
)
def test_a_picture_without_readable_provenance_is_refused(exif: bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.jpg: holds no provenance"):
        read_provenance(_saved(tmp_path, exif))


def test_a_crop_has_one_exif_value_of_the_type_that_readers_want() -> None:
    jpeg = crop_jpeg(np.zeros((8, 8, 3), np.uint8), FACTS)
    exif = Pillow.open(io.BytesIO(jpeg)).info["exif"]
    assert exif.startswith(PIEXIF[:42])  # UNDEFINED, as piexif wrote it.
    assert exif.endswith(PIEXIF[-100:])
