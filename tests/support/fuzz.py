"""Requests made of the description that clients are given; they need schemathesis (extra `e2e`)."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings

from tests.support.application import HOST, trusted

if TYPE_CHECKING:
    from schemathesis import Case

MODES = ("POSITIVE", "NEGATIVE")
"""Requests as described, and requests that break the description."""


def fuzz(app: FastAPI, mode: str, examples: int, check: Callable[["Case[Any]"], None]) -> int:
    """Tries every operation of which such requests can be made; how many there were."""
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    schema = schemathesis.openapi.from_asgi(
        "/openapi.json", app, headers=trusted(app.state.policy) | {"Host": HOST}
    )
    tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if mode == "NEGATIVE" and "requestBody" not in operation.definition.raw:
            continue  # It takes nothing that could be wrong.
        cases = operation.as_strategy(schemathesis.GenerationMode[mode])
        own = settings(
            max_examples=examples, database=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        own(given(case=cases)(check))()
        tried += 1
    return tried
