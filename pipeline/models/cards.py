"""The card of a network: what its file is, and that it is still that file."""

import hashlib
import json
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.errors import ModelError

WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True, slots=True)
class Card:
    """What stands in `<network>.json` beside its file.

    Attributes:
        path: the network's file.
        sha256: of that file.
        job: "detect", "landmarks", "identity" or "emotion".
        classes: names of the outputs in their order, empty where there are none.
        licence: SPDX name or a short text.
    """

    path: Path
    sha256: str
    job: str
    classes: tuple[str, ...]
    licence: str

    @classmethod
    def beside(cls, path: Path) -> "Card":
        """Reads the card of the network `path`.

        Raises:
            ModelError: The card is missing or not a card.
        """
        place = path.with_suffix(".json")
        try:
            facts: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
            found = cls(
                path=path.with_name(facts["file"]),
                sha256=facts["sha256"],
                job=facts["job"],
                classes=tuple(facts["classes"] or ()),
                licence=facts["licence"],
            )
            texts = (found.sha256, found.job, found.licence, *found.classes)
            if not all(isinstance(text, str) for text in texts):
                raise ValueError("a fact is no text")
        except FileNotFoundError as error:
            raise ModelError(f"{place}: no card beside {path.name}; install again") from error
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            wanted = ", ".join(f.name for f in fields(cls)[1:])
            raise ModelError(
                f"{place}: not a network's card ({error!r}); wanted {wanted}"
            ) from error
        return found

    def checked(self) -> Path:
        """The network's file, after its hash was compared with the card's.

        Raises:
            ModelError: The file is missing or another one.
        """
        try:
            got = _sha256(self.path)
        except (OSError, ValueError) as error:  # The latter where no file can be called so.
            raise ModelError(f"{self.path}: missing; install mine-video again") from error
        if got != self.sha256:
            raise ModelError(
                f"{self.path}: sha256 is {got[:12]}…, its card says {self.sha256[:12]}…; "
                "the file was changed or cut: install mine-video again"
            )
        return self.path


@cache
def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
