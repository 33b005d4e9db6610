"""The description that clients are given, and whether the server does as it says."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings

from tests.support.application import HOST, let_in, trusted

if TYPE_CHECKING:
    from schemathesis import Case

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
checks = pytest.importorskip("schemathesis.specs.openapi.checks")

MODES = ("POSITIVE", "NEGATIVE")
"""Requests as described, and requests that break the description."""


def fuzz(app: FastAPI, mode: str, examples: int, check: Callable[["Case[Any]"], None]) -> int:
    """Tries every operation of which such requests can be made; how many there were."""
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


def described(app: FastAPI, mode: str) -> int:
    """How many operations there are of which such requests can be made."""
    operations = [o for path in app.openapi()["paths"].values() for o in path.values()]
    return sum(mode == "POSITIVE" or "requestBody" in operation for operation in operations)


@pytest.mark.parametrize("mode", MODES)
def test_whatever_is_sent_is_answered_as_described(app: FastAPI, mode: str) -> None:
    """Of somebody who is let in, with all of schemathesis' checks but one.

    That one wants all that fits the description to be accepted; but no schema can say which bytes
    are a JPEG.
    """
    page_headers = trusted(app.state.policy) | {"Host": HOST}

    def check(case: "Case[Any]") -> None:
        case.call_and_validate(
            headers=page_headers, excluded_checks=[checks.positive_data_acceptance]
        )

    assert fuzz(app, mode, 50, check) == described(app, mode) > 5


@pytest.mark.parametrize("mode", MODES)
def test_whatever_a_stranger_sends_changes_nothing(app: FastAPI, mode: str) -> None:
    def check(case: "Case[Any]") -> None:
        answer = case.call(headers=let_in(app.state.policy) | {"Host": HOST})
        read = case.method.upper() == "GET"
        assert answer.status_code in ((200, 404, 422) if read else (403,))

    assert fuzz(app, mode, 10, check) == described(app, mode) > 5


@pytest.mark.parametrize("mode", MODES)
def test_nobody_is_told_anything(app: FastAPI, mode: str) -> None:
    def check(case: "Case[Any]") -> None:
        read = case.method.upper() == "GET"
        assert case.call(headers={"Host": HOST}).status_code == (401 if read else 403)

    assert fuzz(app, mode, 5, check) == described(app, mode) > 5
