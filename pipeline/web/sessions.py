"""The browsers that are let in: each brought the token once, and has a secret of its own since."""

import hashlib
import secrets
import time
from collections.abc import Callable

LASTING = 24 * 3600.0
"""Seconds after which a browser must bring the token again."""


class Sessions:
    """The browsers that are let in.

    Args:
        lasting: Seconds after which a browser is no longer let in.
        clock: Tells the time in seconds; it must not go back.

    >>> sessions = Sessions()
    >>> secret = sessions.begin()
    >>> secret in sessions, "guessed" in sessions, sessions.end(secret), secret in sessions
    (True, False, None, False)
    """

    def __init__(
        self, lasting: float = LASTING, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lasting, self._clock = lasting, clock
        self._ends: dict[bytes, float] = {}

    def begin(self) -> str:
        """Lets a browser in, and returns its secret, which is kept only as a hash."""
        now = self._clock()
        self._ends = {known: end for known, end in self._ends.items() if end > now}
        secret = secrets.token_urlsafe(32)
        self._ends[_hashed(secret)] = now + self._lasting
        return secret

    def end(self, secret: str) -> None:
        """Lets a browser in no longer."""
        self._ends.pop(_hashed(secret), None)

    def __contains__(self, secret: str) -> bool:
        """Whether a browser with this secret is let in.

        Secrets are looked up by their hashes, so that timing reveals nothing of them.
        """
        return self._ends.get(_hashed(secret), -float("inf")) > self._clock()


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="replace")).digest()
