"""Which names a person may have.

A name becomes a folder of the output, a field of CSV files and the value of an option.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from pipeline.disk.walked import FOLDER_FILES
from pipeline.errors import PeopleError
from pipeline.files import WINDOWS_DEVICES

RESERVED = FOLDER_FILES | {"any", "unknown"}
"""Names with a meaning of their own, as an option's value or in a movie's folder."""


FORBIDDEN_START = tuple("=+-@.")
"""Characters that begin a formula in a spreadsheet, an option, or a hidden file."""


FORBIDDEN = re.compile(
    r"[/\\:\x00-\x1f\x7f-\x9f\ud800-\udfff"
    r"\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
"""Path separators, control characters, bytes that are not UTF-8 (surrogates), and invisible
characters or ones that reverse the text."""


def check_apart(name: str, others: Iterable[str], where: Path | str) -> None:
    """Refuses a name that another person has in other capital letters.

    Both would have one folder where the file system ignores case, as on Windows and Macs.

    Args:
        name: The name.
        others: The names of the other people.
        where: Where it comes from, for the message.

    Raises:
        PeopleError: There is such a person.
    """
    twin = next((o for o in others if o != name and o.casefold() == name.casefold()), None)
    if twin is not None:
        raise PeopleError(
            f"{where}: {name!r} and {twin!r} differ only in capital letters, and many computers "
            f"keep both in one folder; write {twin!r} if they are one person, or choose another "
            "name"
        )


def check_name(name: str, where: Path | str) -> str:
    """Returns the name if a person may have it.

    Args:
        name: The name.
        where: Where it comes from, for the message.

    Raises:
        PeopleError: The name is empty, reserved, or has harmful characters.
    """
    # `casefold`: on file systems that ignore case, Any and any are one folder.
    reserved = name.casefold() in RESERVED or WINDOWS_DEVICES.fullmatch(name)
    if reserved or not name.strip() or name != name.strip():
        raise PeopleError(f"{where}: a person cannot be called {name!r}; choose another name")
    if name.startswith(FORBIDDEN_START) or FORBIDDEN.search(name):
        raise PeopleError(
            f"{where}: a name cannot begin with = + - @ or . nor contain / \\ : or invisible "
            "characters; choose another name"
        )
    return name
