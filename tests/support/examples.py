"""How many examples a property is tried with: all of them in CI, a quarter elsewhere."""

from hypothesis import settings

FULL, QUICK, LEAST = 100, 25, 5
"""Examples of a property that says nothing else, by profile; none tries fewer than `LEAST`."""


def examples(full: int) -> int:
    """The profile's share of `full`.

    >>> examples(LEAST - 1)
    4
    """
    return min(full, max(LEAST, full * settings().max_examples // FULL))
