"""The pages' fixtures, where the extra `web` is installed; else there is nothing to test."""

from importlib.util import find_spec

INSTALLED = find_spec("fastapi") is not None

collect_ignore_glob = [] if INSTALLED else ["test_*.py"]

if INSTALLED:
    from tests.support.application import (
        app,
        client,
        made,
        nobody,
        reader,
        reading,
        settings,
        shown_table,
        stranger,
        videos,
    )
    from tests.support.pages import address, opened

    __all__ = [
        "address", "app", "client", "made", "nobody", "opened", "reader", "reading", "settings",
        "shown_table", "stranger", "videos",
    ]  # fmt: skip
