"""Draws boxes around faces, and beside each a panel with name, emotion and seven bars."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageColor, ImageDraw

from pipeline.faces import EMOTIONS, Image
from pipeline.report.colours import EMOTION_COLOURS
from pipeline.report.letters import draw_text, text_width
from pipeline.settings import members

PANEL_LINES = 28
"""How many lines of text would fill the shorter side of a picture; sets the size of letters."""

SMALLEST_LETTER = 11
"""Pixels of the smallest letters that can be read."""

LONGEST_LABEL = 24
"""Letters of a name that are shown at most."""

PLAIN, PANEL_DARK, PANEL_LIGHT = (200, 200, 200), (24, 24, 24), (255, 255, 255)
"""RGB of the outline of a face that is not steady, of the panel, and of its letters."""

OPAQUE = 0.8
"""Opacity of a panel, 0 to 1; what is behind it stays visible."""

Box = tuple[int, int, int, int]
"""x1, y1, x2, y2 in pixels."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A face to draw.

    Attributes:
        track: Number of its track.
        box: Whole pixels, see `faces`.
        name: The person's name, or "unknown".
        label: Position in `EMOTIONS`.
        probability: Probability of the label, averaged over time.
        shares: The seven probabilities in this frame alone.
        run_length: Frames that the emotion lasts if it is steady, else 0.
    """

    track: int
    box: Box
    name: str
    label: int
    probability: float
    shares: tuple[float, ...]
    run_length: int = 0

    @property
    def colour(self) -> tuple[int, int, int]:
        """The colour of its emotion as RGB."""
        return colour(EMOTIONS[self.label])


def colour(emotion: str) -> tuple[int, int, int]:
    """The colour of an emotion, or of the first of a class, as RGB."""
    red, green, blue = ImageColor.getrgb(EMOTION_COLOURS[members(emotion)[0]])[:3]
    return red, green, blue


def outline(image: Image, box: Box, shade: tuple[int, int, int], thin: int, thick: int) -> None:
    """Draws a box around a face into a picture, with a dark line around it.

    Args:
        image: `(h, w, 3)`, is changed.
        box: The face.
        shade: RGB of the box.
        thin: Pixels of the dark line.
        thick: Pixels of the box's.
    """
    x1, y1, x2, y2 = box
    cv2.rectangle(image, (x1 - thick, y1 - thick), (x2 + thick, y2 + thick), PANEL_DARK, thin)
    cv2.rectangle(image, (x1, y1), (x2 - 1, y2 - 1), shade, thick)


class Painter:
    """Draws faces into one frame after another.

    Remembers from frame to frame on which side of a face its panel was, so that panels do not jump.
    """

    def __init__(self, width: int, height: int) -> None:
        self._size = width, height
        self._letter = max(SMALLEST_LETTER, round(min(width, height) / PANEL_LINES))
        self._panels: dict[int, tuple[int, int]] = {}  # Size and side by track.

    def paint(self, image: Image, marks: Sequence[Mark]) -> Image:
        """Returns a copy of the frame `(h, w, 3)` with its faces marked.

        No panel covers a face or another panel. Where there is no room for a panel with bars, a
        smaller one is drawn, or none.
        """
        image = image.copy()
        taken = [mark.box for mark in marks]
        panels: dict[int, tuple[int, int]] = {}
        for mark in sorted(marks, key=lambda m: (m.run_length == 0, m.track)):
            self._outline(image, mark)
            for size in range(3):
                panel = _panel(mark, self._letter, size)
                side = self._side(mark, panel.shape[1::-1], taken, size)
                if side is not None:
                    box = _beside(mark.box, panel.shape[1::-1], side, self._size)
                    _blend(image, panel, box)
                    taken.append(box)
                    panels[mark.track] = size, side
                    break
        self._panels = panels
        return image

    def _outline(self, image: Image, mark: Mark) -> None:
        thin = max(1, self._letter // 8)
        thick = 3 * thin if mark.run_length else thin
        shade = mark.colour if mark.run_length else PLAIN
        outline(image, mark.box, shade, thin, thick)

    def _side(
        self, mark: Mark, size: tuple[int, int], taken: Sequence[Box], detail: int
    ) -> int | None:
        """Finds a side where the panel fits and covers nothing; tries the last frame's side first.

        Returns:
            A side as in `_beside`, or None if the panel fits nowhere.
        """
        last = self._panels.get(mark.track)
        first = [last[1]] if last and last[0] == detail else []
        for side in (*first, *range(4)):
            box = _beside(mark.box, size, side, self._size)
            inside = box[0] >= 0 <= box[1] and box[2] <= self._size[0] and box[3] <= self._size[1]
            if inside and not any(_overlap(box, other) for other in taken):
                return side
        return None


def _beside(box: Box, size: tuple[int, int], side: int, picture: tuple[int, int]) -> Box:
    """Box of a panel to the right (0) or left (1) of a face, below (2) or above (3) it.

    The panel is moved along that side of the face into the picture as far as possible.
    """
    (x1, y1, x2, y2), (width, height), room = box, size, 4
    x, y = ((x2 + room, y1), (x1 - room - width, y1), (x1, y2 + room), (x1, y1 - room - height))[
        side
    ]
    if side < 2:
        y = min(max(y, 0), max(picture[1] - height, 0))
    else:
        x = min(max(x, 0), max(picture[0] - width, 0))
    return x, y, x + width, y + height


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _blend(image: Image, panel: Image, box: Box) -> None:
    x1, y1, x2, y2 = box
    behind = image[y1:y2, x1:x2]
    image[y1:y2, x1:x2] = cv2.addWeighted(panel, OPAQUE, behind, 1 - OPAQUE, 0)


def _panel(mark: Mark, letter: int, size: int) -> Image:
    """Draws a panel with labelled bars (0), with bars alone (1), or with words only (2)."""
    head = _head(mark.name, mark.label, round(mark.probability * 100), mark.run_length, letter)
    if size == 2:
        return head
    small = max(SMALLEST_LETTER - 2, round(letter * 0.75))
    rim = np.full((7 * max(3, letter // 3), letter // 2, 3), PANEL_DARK, np.uint8)
    names = _names(small) if size == 0 else rim
    step, left = names.shape[0] // 7, names.shape[1]
    width = max(head.shape[1], left + 5 * letter)
    panel = np.full((head.shape[0] + 7 * step + letter // 4, width, 3), PANEL_DARK, np.uint8)
    panel[: head.shape[0]] = head[:, -1:]
    panel[: head.shape[0], : head.shape[1]] = head
    panel[head.shape[0] : head.shape[0] + 7 * step, :left] = names
    for i, (emotion, share) in enumerate(zip(EMOTIONS, mark.shares, strict=True)):
        y = head.shape[0] + i * step
        x = left + round((width - left - 3) * min(max(share, 0.0), 1.0))
        cv2.rectangle(panel, (left, y + 1), (max(x, left), y + step - 2), colour(emotion), -1)
    return panel


@lru_cache(maxsize=64)
def _head(name: str, label: int, percent: int, run_length: int, letter: int) -> Image:
    """Draws two lines, name and emotion, on the emotion's colour if it is steady."""
    ground = colour(EMOTIONS[label]) if run_length else PANEL_DARK
    ink = PANEL_DARK if _bright(ground) else PANEL_LIGHT
    shown = name if len(name) <= LONGEST_LABEL else f"{name[: LONGEST_LABEL - 1]}…"
    steady = f", {run_length} frames" if run_length else ""
    lines = (shown, f"{EMOTIONS[label]} {percent} %{steady}")
    sizes = letter, round(letter * 0.85)
    width = max(round(text_width(*line)) for line in zip(lines, sizes, strict=True))
    page = Pillow.new("RGB", (width + letter, round(letter * 2.6)), ground)
    draw = ImageDraw.Draw(page)
    for i, (line, size) in enumerate(zip(lines, sizes, strict=True)):
        draw_text(draw, (letter // 2, letter * (0.7 + 1.2 * i)), line, ink, size, "lm")
    return np.array(page, np.uint8)


@lru_cache
def _names(letter: int) -> Image:
    """Draws the names of the seven emotions, one below the other."""
    step = round(letter * 1.15)
    width = max(round(text_width(emotion, letter)) for emotion in EMOTIONS) + letter
    page = Pillow.new("RGB", (width, 7 * step), PANEL_DARK)
    draw = ImageDraw.Draw(page)
    for i, emotion in enumerate(EMOTIONS):
        draw_text(draw, (letter // 2, step * (i + 0.5)), emotion, PANEL_LIGHT, letter, "lm")
    return np.array(page, np.uint8)


def _bright(shade: tuple[int, int, int]) -> bool:
    """Whether dark letters are easier to read on this RGB colour than light ones.

    Source: the luma of ITU-R BT.601.
    """
    return float(np.dot(shade, (0.299, 0.587, 0.114))) > 120
