"""Runs `mine-video live`."""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from pipeline.live.follow import FollowedFrame, Follower, watch
from pipeline.live.keep import StreamOutputs, StreamSink
from pipeline.live.reader import Reader
from pipeline.live.summary import Second, line
from pipeline.movie.camera import FrameSource

log = logging.getLogger(__name__)


class Seconds:
    """Gathers frames into seconds, saves both, and prints a line for each second."""

    def __init__(
        self, source: FrameSource, keepers: Sequence[StreamSink], tell: Callable[[str], None]
    ) -> None:
        self._source, self._keepers, self._tell = source, keepers, tell
        self._open: Second | None = None

    def add(self, moment: FollowedFrame) -> None:
        """Adds one more frame; ends the second before if the frame begins a new one.

        Raises:
            OutputError: Something cannot be saved.
        """
        time = moment.frame.time
        if self._open is not None and int(time) != self._open.time:
            self.close()
        self._open = self._open or Second(int(time))
        self._open.add(moment)
        self._open.delay = self._source.delay(time)
        for keeper in self._keepers:
            keeper.add(moment)

    def close(self) -> None:
        """Ends the open second, if there is one.

        Raises:
            OutputError: Something cannot be saved.
        """
        second, self._open = self._open, None
        if second is None:
            return
        for keeper in self._keepers:
            keeper.end(second)
        self._tell(line(self._source.moment(second.time), second))
        log.debug("delay %.2f s, %d frames analysed", second.delay, len(second.rows))


def live(
    source: FrameSource, reader: Reader, kept: StreamOutputs, tell: Callable[[str], None]
) -> None:
    """Reports once a second how the faces look, until the source ends.

    Args:
        source: The camera or movie.
        reader: The networks and the known faces.
        kept: What to save.
        tell: Called with a line of text for each second.

    Raises:
        MovieError: The source fails.
        OutputError: Something cannot be written.
    """
    with ExitStack() as stack:
        keepers: list[StreamSink] = []
        for keeper in kept.keepers(source):
            stack.callback(keeper.close)
            keepers.append(keeper)
        seconds = Seconds(source, keepers, tell)
        # Runs before the keepers are closed, also after an error, so that they get the last second.
        stack.callback(seconds.close)
        for moment in watch(source, Follower(reader)):
            seconds.add(moment)
