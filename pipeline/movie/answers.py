"""What web servers may answer: no more than was asked for, as it is, and in time.

A server that was named by somebody else may send without end, or a gigabyte in a megabyte of gzip.
"""

import re
from functools import lru_cache
from typing import Any

from aiohttp import ClientResponse, ClientTimeout
from aiohttp.hdrs import CONTENT_ENCODING, CONTENT_RANGE, RANGE

from pipeline.errors import MovieError

MOST_PAGE_BYTES = 1 << 24
"""The largest answer to a request without a range: the list of a folder, or a walk.json."""

RANGE_SECONDS = 60
"""Seconds for a whole answer; 4 MiB, the largest range, come at 70 kB/s."""

CONNECT_SECONDS = 20

UNCOMPRESSED = {"Accept-Encoding": "identity"}
"""Headers of all requests."""


class UnaskedError(MovieError):
    """A server sends something else than was asked for; it would do so again."""


class Answer(ClientResponse):
    """An answer of which at most the wanted bytes are read."""

    async def read(self) -> bytes:
        """Reads the body.

        Raises:
            UnaskedError: It is longer than was asked for, another range, or compressed.
        """
        if self._body is None:
            try:
                self._body = await self._bounded()
            except BaseException:
                self.close()
                raise
        return self._body

    async def _bounded(self) -> bytes:
        coding = self.headers.get(CONTENT_ENCODING, "identity")
        if coding.lower() not in ("", "identity"):
            raise UnaskedError(f"sends its answer compressed ({coding}), which was not asked for")
        most, data = self._most(), bytearray()
        async for chunk in self.content.iter_any():
            data += chunk
            if len(data) > most:
                raise UnaskedError(
                    f"sends more than the {most:,} bytes that were wanted; its server does not "
                    "support ranges, or the movie has changed"
                )
        return bytes(data)

    def _most(self) -> int:
        """The most bytes of the body that are wanted; checks which ones they are."""
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.request_info.headers.get(RANGE, ""))
        if asked is None or self.status >= 400:
            return MOST_PAGE_BYTES
        first, last = int(asked[1]), int(asked[2])
        given = self.headers.get(CONTENT_RANGE, "")
        if self.status == 206 and not given.startswith(f"bytes {first}-{last}/"):
            raise UnaskedError(
                f"sends another range ({given!r}) than bytes {first}-{last}; the movie has "
                "changed, or its server does not support ranges"
            )
        return last + 1 - first


@lru_cache  # fsspec knows a file system, and its connections, again by its options.
def web_options() -> dict[str, Any]:
    """Options of fsspec's file system of the web, by which it makes bounded requests."""
    timeout = ClientTimeout(total=RANGE_SECONDS, sock_connect=CONNECT_SECONDS)
    client = {"response_class": Answer, "auto_decompress": False, "timeout": timeout}
    return {"headers": UNCOMPRESSED, "client_kwargs": client}
