"""Measures the time from the upload of a photo to the answer, over HTTP as a browser sends it.

python benchmarks/photo.py [PHOTO...] [--count 100]

The server runs in a process of its own, with the real networks and the known faces of this folder.
Each photo is also sent enlarged to the size of phone pictures. Start-up and the first three
uploads are not counted.
"""

import argparse
import io
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import numpy as np
from PIL import Image as Pillow

PHOTO = Path("known_faces/actress.jpg")
SIDES = (0, 1280, 4000)
"""Pixels of the longer side; 0 sends the file as it is."""

WARM = 3

OPENER = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
"""Keeps the cookie that the printed address gives."""


@contextmanager
def served() -> Iterator[str]:
    """Runs the server; gives its address."""
    call = [sys.executable, "-c", "from pipeline.cli import run; run()", "web", "--port", "0"]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.terminate()


def encoded(path: Path, side: int) -> bytes:
    """Gives the photo as JPEG with a longer side of `side` pixels."""
    if not side:
        return path.read_bytes()
    with Pillow.open(path) as photo:
        scale = side / max(photo.size)
        larger = photo.convert("RGB").resize(
            (round(photo.width * scale), round(photo.height * scale))
        )
    file = io.BytesIO()
    larger.save(file, "JPEG", quality=90)
    return file.getvalue()


def sent(address: str, csrf: str, path: str, data: bytes) -> tuple[float, str]:
    """Sends a photo; gives the seconds until the answer is complete, and the answer."""
    border = uuid4().hex
    head = f'--{border}\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'
    body = head.encode() + data + f"\r\n--{border}--\r\n".encode()
    headers = {
        "Content-Type": f"multipart/form-data; boundary={border}",
        "Origin": address.rstrip("/"), "X-CSRF-Token": csrf,
    }  # fmt: skip
    request = urllib.request.Request(address + path, body, headers)
    begin = time.perf_counter()
    with OPENER.open(request) as answer:
        text = answer.read().decode()
    return time.perf_counter() - begin, text


def main() -> None:
    """Prints a line for each photo, size and kind of answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", nargs="*", type=Path, default=[PHOTO])
    parser.add_argument("--count", type=int, default=100)
    args = parser.parse_args()
    print("| photo | kB | answer | median ms | p95 ms |\n|---|---|---|---|---|")
    with served() as printed:
        address = printed.partition("?")[0]
        OPENER.open(printed).close()
        with OPENER.open(address) as page:
            csrf = re.search(r'name="csrf" value="([^"]+)"', page.read().decode())
        assert csrf is not None
        for photo in args.photos:
            for side in SIDES:
                data = encoded(photo, side)
                for path, kind in (("api/photo", "JSON"), ("", "page")):
                    seconds = [
                        sent(address, csrf[1], path, data)[0] for _ in range(WARM + args.count)
                    ][WARM:]
                    median, p95 = (1000 * np.percentile(seconds, p) for p in (50, 95))
                    size = f"{photo.name}, {side} px" if side else photo.name
                    print(
                        f"| {size} | {len(data) / 1000:.0f} | {kind} | {median:.0f} | {p95:.0f} |"
                    )


if __name__ == "__main__":
    main()
