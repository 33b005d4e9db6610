"""How signals end a program that has something to close."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

ENDINGS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
"""How Ctrl-C, programs and closing terminals end a program."""


@contextmanager
def interrupted_once() -> Iterator[None]:
    """Has the first of these signals interrupt as Ctrl-C does; no other disturbs what ends then.

    What is ignored, as by nohup, stays so.

    Raises:
        KeyboardInterrupt: There was one.
    """
    before = {number: signal.getsignal(number) for number in ENDINGS}
    heeded = [number for number in ENDINGS if before[number] is not signal.SIG_IGN]

    def interrupt(*_: object) -> None:
        for number in heeded:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in heeded:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in heeded:
            if signal.getsignal(number) is interrupt:  # Nobody was told to end.
                signal.signal(number, before[number])
