"""What is taken for a picture, and what is not."""

import io
import os
import struct
import sys
import tempfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi import HTTPException
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from pipeline.live.reader import Reader
from pipeline.web import uploads
from pipeline.web.app import WebSettings, create_app
from pipeline.web.safety import Policy
from pipeline.web.uploads import clean_name, read_upload
from tests.support.application import ORIGIN, trusted

ROOT = Path(__file__).parents[2]


def encoded(kind: str, size: tuple[int, int] = (40, 30)) -> bytes:
    file = io.BytesIO()
    Pillow.new("RGB", size, (200, 100, 50)).save(file, kind)
    return file.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes whose header promises so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_three_kinds_are_read(kind: str) -> None:
    image, size = read_upload(encoded(kind), "a", 30)
    assert size == (40, 30)
    assert image.shape == (30, 40, 3)
    assert np.abs(image.astype(int) - (200, 100, 50)).max() < 8


@pytest.mark.parametrize("turn", [1, 6])
def test_a_large_jpeg_is_decoded_smaller_and_keeps_its_size(turn: int) -> None:
    """The size is that of the picture as it is looked at, turned as its EXIF data say."""
    exif, file = Pillow.Exif(), io.BytesIO()
    exif[0x0112] = turn
    Pillow.new("RGB", (800, 400), (200, 100, 50)).save(file, "JPEG", exif=exif)
    image, size = read_upload(file.getvalue(), "a", 200)
    upright = (800, 400) if turn == 1 else (400, 800)
    assert size == upright
    assert image.shape == (upright[1] // 2, upright[0] // 2, 3)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(encoded("GIF"), 415, id="another kind"),
        pytest.param(encoded("TIFF"), 415, id="one that photos in the gallery may be"),
        pytest.param(b"", 415, id="nothing"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, id="svg"),
        pytest.param(b"%PDF-1.7", 415, id="pdf"),
        pytest.param(encoded("JPEG")[:200], 422, id="cut short"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(100), 422, id="only begins as PNG"),
        pytest.param(encoded("JPEG", (2000, 10)), 422, id="a strip"),
    ],
)
def test_other_things_are_refused(data: bytes, status: int) -> None:
    with pytest.raises(HTTPException) as caught:
        read_upload(data, "a.png", 100)
    assert caught.value.status_code == status
    assert "a.png" in caught.value.detail
    assert "/tmp" not in caught.value.detail
    assert "upload" not in caught.value.detail


@pytest.mark.parametrize("size", [(10_000, 5_001), (30_000, 30_000), (2**31 - 1, 2**31 - 1)])
def test_bombs_are_refused_before_they_are_decoded(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(path: Path) -> None:
        raise AssertionError(f"{path} was decoded")

    monkeypatch.setattr(uploads, "read_photo", never)
    with pytest.raises(HTTPException) as caught:
        read_upload(bomb(*size), "bomb.png", 100)
    assert caught.value.status_code in (413, 422)
    assert caught.value.status_code == 413 or size[0] > 2**30


BEGINS = [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP"]


@given(st.binary(max_size=300), st.sampled_from(BEGINS))
def test_whatever_comes_is_read_or_refused(data: bytes, begin: bytes) -> None:
    with pytest.raises(HTTPException) as caught:
        read_upload(begin + data, "a", 100)
    assert caught.value.status_code in (413, 415, 422)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("me.jpg", "me.jpg"),
        ("../../known_faces/anna.jpg", "anna.jpg"),
        ("C:\\Users\\me\\a.png", "a.png"),
        ("\u202egpj.exe", "gpj.exe"),
        ("a\r\nSet-Cookie: b.png", "aSet-Cookie b.png"),
        ("..", "picture"),
        ("", "picture"),
        (None, "picture"),
        ("é" * 200, "é" * 80),
    ],
)
def test_names_are_only_names(given: str | None, shown: str) -> None:
    assert clean_name(given) == shown


def test_no_name_reaches_the_disk(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does the picture: a server that is killed would leave it in the temporary folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    written: list[str] = []
    before = list(tmp_path.rglob("*"))

    def noted(event: str, args: tuple[object, ...]) -> None:
        if event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_CREAT):
            written.append(str(args[0]))

    sys.addaudithook(noted)  # It cannot be removed, and does no harm.
    monkeypatch.chdir(tmp_path)
    name = "../../evil<script>.png"
    answer = client.post("/api/photo", files={"photo": (name, encoded("PNG"), "image/png")})
    assert answer.json()["name"] == "evil<script>.png"
    assert [path for path in written if "/dev/" not in path] == []
    assert list(tmp_path.rglob("*")) == before


def test_large_pictures_reach_no_disk_either(
    reader: Reader, settings: WebSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rolled: list[object] = []
    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", rolled.append)
    policy = Policy(limit=3_000_000)
    app = create_app(reader, replace(settings, limit=policy.limit), policy)
    picture = encoded("PNG") + bytes(2_000_000)  # What follows a picture does not matter.
    with TestClient(app, base_url=ORIGIN, headers=trusted(policy)) as client:
        answer = client.post("/api/photo", files={"photo": ("a.png", picture, "image/png")})
    assert answer.status_code == 200
    assert rolled == []
