"""How signals end a command that has files to close."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

ENDINGS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
"""The signals of Ctrl-C, of `kill`, and of a terminal that closes; Windows lacks the last."""


@contextmanager
def interrupted_once() -> Iterator[None]:
    """Turns the first of these signals into a `KeyboardInterrupt` and ignores later ones.

    A second Ctrl-C would break off the clean-up that the first one began. Signals that are ignored
    already, as under nohup, stay ignored.

    Raises:
        KeyboardInterrupt: A signal came.
    """
    before = {number: signal.getsignal(number) for number in ENDINGS}
    handled = [number for number in ENDINGS if before[number] is not signal.SIG_IGN]

    def interrupt(*_: object) -> None:
        for number in handled:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in handled:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in handled:
            if signal.getsignal(number) is interrupt:  # No signal came.
                signal.signal(number, before[number])
