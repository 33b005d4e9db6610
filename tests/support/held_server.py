"""`mine-video web` in a process of its own, with puppets, whose runs never end by themselves."""

import time
from typing import Any

import pytest

from pipeline import cli, mine
from pipeline.web import mine as mining
from tests.support.puppet import plug_in


def held(*given: Any) -> list[Any]:
    """In the place of `mine.mine`: tells progress for ever."""
    tell = given[2](100)
    while True:
        tell(0, 0)
        time.sleep(0.01)


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        plug_in(patch, instead=True)
        patch.setattr(mine, "mine", held)
        patch.setattr(mining, "finished_frames", lambda work, left: 0)  # There is no walk.
        cli.run()
