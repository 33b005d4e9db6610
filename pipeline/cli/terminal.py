"""What reaches the terminal: text without control characters, whatever movies are called."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any, TextIO, cast

from pipeline.faces import visible

LAYOUT = "\n\r\t"
"""Control characters with which the program itself prints lines, tables and bars."""


class VisibleStream:
    """A stream that writes out all control characters but `LAYOUT`.

    Args:
        stream: Where to write.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes a text."""
        return self._stream.write(visible(text, LAYOUT))

    def __getattr__(self, name: str) -> Any:
        """All else is the stream's own."""
        return getattr(self._stream, name)


class LineFormatter(logging.Formatter):
    """Formats a message as one line, also where a name in it has line breaks."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name.
        """Formats the message, without a traceback."""
        return visible(super().formatMessage(record))


@contextmanager
def visible_streams() -> Iterator[None]:
    """Makes what is printed visible; paths that are piped to another program stay as they are."""
    before = sys.stdout, sys.stderr
    for stream in before:
        if isinstance(stream, TextIOWrapper):  # A movie's file name may not be valid UTF-8.
            stream.reconfigure(errors="backslashreplace")
    if sys.stdout.isatty():
        sys.stdout = cast("TextIO", VisibleStream(sys.stdout))
    sys.stderr = cast("TextIO", VisibleStream(sys.stderr))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
