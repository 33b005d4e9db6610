"""Sums up one second of a stream, and formats its line."""

from dataclasses import dataclass, field

import numpy as np

from pipeline.faces import EMOTIONS, UNKNOWN, FaceRow, Floats
from pipeline.live.follow import FollowedFrame
from pipeline.live.reader import shares
from pipeline.movie.frame import Frame


@dataclass(slots=True, eq=False)
class Second:
    """The faces of one second; of its frames, only the one with the clearest face is kept.

    Attributes:
        time: Its begin, in whole seconds since the first frame.
        rows: The faces of each analysed frame.
        best: The frame of the clearest face, the face, and its quality; None without faces.
        delay: Seconds between the moment of its last frame and the end of that frame's analysis.
    """

    time: int
    rows: list[tuple[FaceRow, ...]] = field(default_factory=list)
    best: tuple[Frame, FaceRow, float] | None = None
    delay: float = 0.0

    def add(self, moment: FollowedFrame) -> None:
        """Adds one more frame."""
        self.rows.append(moment.rows)
        for row, quality in zip(moment.rows, moment.quality.tolist(), strict=True):
            if self.best is None or quality > self.best[2]:
                self.best = moment.frame, row, quality

    @property
    def faces(self) -> list[tuple[FaceRow, Floats]]:
        """The faces of the last frame that has any, from left to right, with mean probabilities.

        The last frame alone would miss somebody whom the detector overlooks there.
        """
        last = next((rows for rows in reversed(self.rows) if rows), ())
        return [(row, self._mean(row.track)) for row in sorted(last, key=lambda row: row.x1)]

    def _mean(self, track: int) -> Floats:
        probabilities = [shares(row) for rows in self.rows for row in rows if row.track == track]
        return np.asarray(np.mean(probabilities, axis=0), np.float32)


def line(moment: str, second: Second) -> str:
    """Formats a second as emotions and percentages, with names if there are several faces."""
    phrases = []
    for row, mean in second.faces:
        look = EMOTIONS[int(mean.argmax())].capitalize()
        who = f"{row.person or UNKNOWN} " if len(second.faces) > 1 else ""
        phrases.append(f"{who}{look} , {round(100 * float(mean.max()))}%")
    return f"{moment}s : {' ; '.join(phrases) or 'no face'}"
