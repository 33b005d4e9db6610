"""The description that clients are given, and whether the server does as it says."""

from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI

from tests.support.application import HOST, let_in, trusted
from tests.support.fuzz import MODES, fuzz

if TYPE_CHECKING:
    from schemathesis import Case


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
    checks = pytest.importorskip("schemathesis.specs.openapi.checks")
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
