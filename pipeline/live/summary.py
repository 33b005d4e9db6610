"""What is seen in one second, and how it is told."""

from dataclasses import dataclass, field

import numpy as np

from pipeline.faces import EMOTIONS, UNKNOWN, FaceRow, Floats
from pipeline.live.follow import FollowedFrame
from pipeline.live.reader import shares
from pipeline.movie.frame import Frame


@dataclass(slots=True, eq=False)
class Second:
    """What was seen in one second; of its frames only the best is kept.

    Attributes:
        time: its begin, a whole number of seconds since the first frame.
        rows: the faces of each frame that was analysed.
        best: the clearest face, its frame and its quality.
        delay: seconds from when its last frame happened to when that was analysed.
    """

    time: int
    rows: list[tuple[FaceRow, ...]] = field(default_factory=list)
    best: tuple[Frame, FaceRow, float] | None = None
    delay: float = 0.0

    def add(self, moment: FollowedFrame) -> None:
        """Takes one more frame."""
        self.rows.append(moment.rows)
        for row, quality in zip(moment.rows, moment.quality.tolist(), strict=True):
            if self.best is None or quality > self.best[2]:
                self.best = moment.frame, row, quality

    @property
    def faces(self) -> list[tuple[FaceRow, Floats]]:
        """The faces of its last frame with any, from the left, with their mean probabilities."""
        last = next((rows for rows in reversed(self.rows) if rows), ())
        return [(row, self._mean(row.track)) for row in sorted(last, key=lambda row: row.x1)]

    def _mean(self, track: int) -> Floats:
        own = [shares(row) for rows in self.rows for row in rows if row.track == track]
        return np.asarray(np.mean(own, axis=0), np.float32)


def line(moment: str, second: Second) -> str:
    """How a second is told: emotion and percent, and names where there are several faces."""
    told = []
    for row, mean in second.faces:
        look = EMOTIONS[int(mean.argmax())].capitalize()
        who = f"{row.person or UNKNOWN} " if len(second.faces) > 1 else ""
        told.append(f"{who}{look} , {round(100 * float(mean.max()))}%")
    return f"{moment}s : {' ; '.join(told) or 'no face'}"
