"""The gallery: `known_faces/NAME.jpg` or `known_faces/NAME/*` is a person.

In `known_faces/NAME/not/` lie photos of who it is *not*: of somebody who was taken for that person.
"""

import re
from pathlib import Path

from pipeline.disk.walked import FOLDER_FILES
from pipeline.errors import PeopleError
from pipeline.files import WINDOWS_DEVICES

RESERVED = FOLDER_FILES | {"any", "unknown"}


FORBIDDEN_START = tuple("=+-@.")
"""What a spreadsheet takes for a formula, an option, or a hidden file."""


FORBIDDEN = re.compile(
    r"[/\\:\x00-\x1f\x7f-\x9f\ud800-\udfff"
    r"\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
"""Separators, control characters, bytes that are no text, and what is unseen or turns the text."""


def check_name(name: str, where: Path | str) -> str:
    """Gives the name back where it can be a person's: a folder, a CSV field, an option's value.

    Raises:
        PeopleError: It is reserved, empty, or begins with or holds what would do harm.
    """
    reserved = name.casefold() in RESERVED or WINDOWS_DEVICES.fullmatch(name)
    if reserved or not name.strip() or name != name.strip():
        raise PeopleError(f"{where}: nobody can be called {name!r}; rename it")
    if name.startswith(FORBIDDEN_START) or FORBIDDEN.search(name):
        raise PeopleError(
            f"{where}: a name cannot begin with one of = + - @ . or hold / \\ : or what is no "
            "visible character; rename it"
        )
    return name
