"""The error tree: every code once, and no value of a client in it."""

import inspect

import pytest

from service.platform import errors
from service.platform.errors import FieldError, Forbidden, Invalid, KamError, NotFound, StaleVersion, catalogue


def kinds() -> list[type[KamError]]:
    """Return every error with a code."""
    found = [
        kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, KamError) and kind.code
    ]
    assert len(found) > 20
    return found


def test_every_code_is_listed_once_with_status_title_and_description() -> None:
    listed = catalogue()
    codes = [entry["code"] for entry in listed]
    assert sorted(codes) == sorted({kind.code for kind in kinds()})
    assert all(400 <= entry["status"] <= 599 and entry["title"] and entry["description"] for entry in listed)
    assert listed == sorted(listed, key=lambda entry: (entry["status"], entry["code"]))


def test_an_error_names_the_members_at_fault() -> None:
    error = Invalid([FieldError(pointer="/name", code="missing", message="Field required")])
    told = {"pointer": "/name", "code": "missing", "message": "Field required"}
    assert error.extensions() == {"code": "invalid_request", "status": 422, "errors": [told]}
    assert Invalid.parameter("limit", "range", "1 to 200").errors[0].members() == {
        "parameter": "limit",
        "code": "range",
        "message": "1 to 200",
    }
    assert Invalid.at("", "model_type", "An object").errors[0].members()["pointer"] == ""


def test_some_errors_help_a_program_to_go_on() -> None:
    assert StaleVersion(7).extensions()["current_version"] == 7
    assert Forbidden("accounts:write").members == {"required_scope": "accounts:write"}
    assert errors.StateTransitionNotAllowed(allowed=iter(["draft"])).members == {"allowed": ["draft"]}
    assert errors.MethodNotAllowed(["GET", "HEAD"]).headers == {"Allow": "GET, HEAD"}
    assert errors.RateLimited(3).headers == {"Retry-After": "3"}


@pytest.mark.parametrize(
    ("error", "text"), [(NotFound("account"), "There is no such account"), (Invalid(), "Invalid request")]
)
def test_an_error_reads_as_a_sentence(error: KamError, text: str) -> None:
    assert str(error) == text
