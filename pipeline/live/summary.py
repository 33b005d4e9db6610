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
        beliefs: `(7,)` sum of what was believed of each track in each frame, by its number.
        best: The frame of the clearest face, the face, how it looks, and its quality; None without
            faces.
        delay: Seconds between the moment of its last frame and the end of that frame's analysis.
    """

    time: int
    rows: list[tuple[FaceRow, ...]] = field(default_factory=list)
    beliefs: dict[int, Floats] = field(default_factory=dict)
    best: tuple[Frame, FaceRow, int, float] | None = None
    delay: float = 0.0

    def add(self, moment: FollowedFrame) -> None:
        """Adds one more frame."""
        self.rows.append(moment.rows)
        faces = zip(moment.rows, moment.belief, moment.quality.tolist(), strict=True)
        for row, belief, quality in faces:
            self.beliefs[row.track] = self.beliefs.get(row.track, np.float32(0)) + belief
            if self.best is None or quality > self.best[3]:
                self.best = moment.frame, row, int(belief.argmax()), quality

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
    """Formats a second as emotions and percentages, with names if there are several faces.

    The emotion is the one believed most; the percentage is its mean probability by the network.
    """
    phrases = []
    for row, mean in second.faces:
        label = int(second.beliefs[row.track].argmax())
        look = EMOTIONS[label].capitalize()
        who = f"{row.person or UNKNOWN} " if len(second.faces) > 1 else ""
        phrases.append(f"{who}{look} , {round(100 * float(mean[label]))}%")
    return f"{moment}s : {' ; '.join(phrases) or 'no face'}"
