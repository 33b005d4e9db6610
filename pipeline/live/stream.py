"""The whole of `mine-video live` on one page."""

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
    """Sorts what is seen into seconds, and tells and keeps both."""

    def __init__(
        self, source: FrameSource, keepers: Sequence[StreamSink], tell: Callable[[str], None]
    ) -> None:
        self._source, self._keepers, self._tell = source, keepers, tell
        self._open: Second | None = None

    def add(self, moment: FollowedFrame) -> None:
        """Takes what was seen in one more frame.

        Raises:
            OutputError: Something cannot be kept.
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
        """Ends the second that is open, if there is one.

        Raises:
            OutputError: Something cannot be kept.
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
    """Tells once a second how the faces look, until the source ends.

    Args:
        source: The camera or movie.
        reader: The networks and the known faces.
        kept: What is kept.
        tell: Is given a line a second.

    Raises:
        MovieError: The source breaks.
        OutputError: Something cannot be written.
    """
    with ExitStack() as stack:
        keepers: list[StreamSink] = []
        for keeper in kept.keepers(source):
            stack.callback(keeper.close)
            keepers.append(keeper)
        seconds = Seconds(source, keepers, tell)
        stack.callback(seconds.close)  # Before the keepers, however it ends.
        for moment in watch(source, Follower(reader)):
            seconds.add(moment)
