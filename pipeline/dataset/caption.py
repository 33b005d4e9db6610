"""Says in plain English what a picture shows, as programs that train image networks read it."""

from pathlib import PurePath
from typing import Any

from pipeline.faces import UNKNOWN, visible
from pipeline.pick.explain import adjective

WEAK, STRONG = 0.15, 0.35
"""Below the one a look is slight, from the other on very strong, see `pick.strength`."""

UNLIKELY = 0.5
"""Below this probability of the network a caption does not say that somebody looks so for sure."""

TURNED, PROFILE = 15, 45
"""Degrees of yaw from which a face is turned, and in profile."""

NODDED = 15
"""Degrees of pitch from which a face is raised or lowered."""


def caption(row: Any) -> str:
    """The caption of a face.

    Args:
        row: With `person`, `emotion`, `strength`, `probability`, `yaw`, `pitch` and `video`.

    >>> from types import SimpleNamespace
    >>> row = SimpleNamespace(person="rdj", emotion="happy", strength=0.4, probability=0.9,
    ...                       yaw=-20.0, pitch=0.0, video="iron man.mkv")
    >>> caption(row)
    'rdj looks very happy, face turned to the left of the picture, a frame of the film iron man'
    """
    who = "somebody" if row.person in ("", UNKNOWN) else row.person
    film = PurePath(row.video).stem
    return visible(f"{who} {_look(row)}, {_pose(row)}, a frame of the film {film}")


def _look(row: Any) -> str:
    verb = "perhaps looks" if row.probability < UNLIKELY else "looks"
    words = adjective(row.emotion)
    if row.emotion == "neutral":
        return f"{verb} {words}"
    degree = "slightly " if row.strength < WEAK else "very " if row.strength >= STRONG else ""
    return f"{verb} {degree}{words}"


def _pose(row: Any) -> str:
    side = "right of the picture" if row.yaw > 0 else "left of the picture"  # See `crops.pose`.
    nod = " and down" if row.pitch >= NODDED else " and up" if row.pitch <= -NODDED else ""
    if abs(row.yaw) >= PROFILE:
        return f"face in profile to the {side}"
    if abs(row.yaw) >= TURNED:
        return f"face turned to the {side}{nod}"
    return f"face turned{nod.removeprefix(' and')}" if nod else "facing the camera"
