"""Small pictures: of the width that a page asks for, and read once."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image as Pillow

from pipeline.faces import Image
from pipeline.live.reader import Reader
from pipeline.people.photo import read_photo
from pipeline.web import pictures
from pipeline.web.app import WebSettings, create_app
from pipeline.web.pictures import small
from pipeline.web.safety import Policy
from tests.support.application import LIMIT, ORIGIN, trusted
from tests.support.reviewed import Table, picked_once, table_of

__all__ = ["picked_once", "table_of"]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The pictures that are read, in turn."""
    found: list[Path] = []

    def spy(path: Path, width: int | None = None) -> Image:
        found.append(path)
        return read_photo(path, width)

    monkeypatch.setattr(pictures, "read_photo", spy)
    return found


def size(data: bytes) -> tuple[int, int]:
    with Pillow.open(io.BytesIO(data)) as picture:
        return picture.size


def test_a_picture_is_read_once_for_each_width(tmp_path: Path, read: list[Path]) -> None:
    path = tmp_path / "wide.png"
    Pillow.fromarray(np.zeros((300, 600, 3), np.uint8)).save(path)
    assert [size(small(path, width)) for width in (240, 160, 240, 160)] == [
        (240, 120),
        (160, 80),
    ] * 2
    assert read == [path] * 2
    Pillow.fromarray(np.zeros((300, 300, 3), np.uint8)).save(path)
    os.utime(path, ns=(0, 0))
    assert size(small(path, 240)) == (240, 240)


def test_a_crop_is_read_once_for_page_review(
    reader: Reader, table_of: Table, read: list[Path]
) -> None:
    policy = Policy(limit=LIMIT)
    app = create_app(reader, WebSettings(table_of.job, limit=LIMIT), policy)
    with TestClient(app, base_url=ORIGIN, headers=trusted(policy)) as client:
        for _ in range(3):
            assert (
                client.get(f"/review/talk/anna/happy/small/{table_of.files[0]}").status_code == 200
            )
    assert read == [table_of.place / table_of.files[0]]
