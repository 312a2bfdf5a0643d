"""RFC 9457 problem+json from the one error tree, also for FastAPI's errors; it never repeats what the caller sent."""

import http
import logging
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field
from starlette.exceptions import HTTPException

from service.framework.web.answers import Answer
from service.framework.web.conditional import etag
from service.framework.web.request import RequestInfo
from service.framework.web.responses import AnswerResponse
from service.platform.errors import (
    BodyTooLarge,
    InternalError,
    Invalid,
    KamError,
    MalformedRequest,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
)
from service.platform.pointers import field_errors, worded
from service.platform.types import Count, Shape

MEDIA = b"application/problem+json"
_log = logging.getLogger(__name__)

_BY_STATUS: dict[int, type[KamError]] = {
    400: MalformedRequest,
    401: Unauthenticated,
    404: NotFound,
    405: MethodNotAllowed,
    406: NotAcceptable,
    413: BodyTooLarge,
    415: UnsupportedMediaType,
    422: Invalid,
    429: RateLimited,
    503: Unavailable,
}


class ProblemError(Shape):
    """One member of the request at fault; either `pointer` or `parameter` is present."""

    pointer: str | None = Field(default=None, max_length=500, description="JSON pointer into the body")
    parameter: str | None = Field(
        default=None, max_length=200, description="Name of the path, query or header parameter"
    )
    code: str = Field(max_length=100, description="What is wrong, for programs")
    message: str = Field(max_length=2000, description="What is wrong, for people")


class Problem(Shape):
    """RFC 9457 problem details. Some codes carry further members, such as `allowed`."""

    type: str = Field(
        max_length=300, json_schema_extra={"format": "uri-reference"}, description="Where the code is explained"
    )
    title: str = Field(max_length=200, description="The code in words")
    status: Count = Field(ge=400, le=599, description="The HTTP status, again")
    code: str = Field(max_length=100, description="One of `GET /v1/errors`; the same in GraphQL's `extensions.code`")
    detail: str | None = Field(default=None, max_length=2000, description="This occurrence, for people")
    request_id: str | None = Field(default=None, max_length=128, description="Finds this request in the log")
    errors: list[ProblemError] | None = Field(default=None, max_length=100, description="Each member at fault")


def problem_body(error: KamError, request_id: str | None = None) -> bytes:
    """Return the problem document of an error."""
    document: dict[str, Any] = {
        "type": f"/v1/errors#{error.code}",
        "title": error.title,
        "status": error.status,
        "code": error.code,
    }
    if error.detail:
        document["detail"] = error.detail
    if request_id:
        document["request_id"] = request_id
    if error.errors:
        document["errors"] = [each.members() for each in error.errors]
    document.update(error.members)
    return orjson.dumps(document, default=str)


def problem_headers(error: KamError) -> list[tuple[bytes, bytes]]:
    """Return the headers of an error; that of a stale version has the current one as ETag."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in error.headers.items()]
    current = error.members.get("current_version")
    if isinstance(current, int):
        headers.append((b"etag", etag(current)))
    return headers


def from_http(error: HTTPException) -> KamError:
    """Return Starlette's exception as an error of the one tree."""
    kind = _BY_STATUS.get(error.status_code)
    if kind is None:
        kind = InternalError if error.status_code >= 500 else MalformedRequest
    phrase = http.HTTPStatus(error.status_code).phrase
    if kind is NotFound and error.detail == phrase:
        return NotFound("path")
    made = kind.__new__(kind)
    detail = None if error.detail == phrase else str(error.detail)
    KamError.__init__(made, detail, headers=error.headers)
    return made


def from_validation(error: RequestValidationError) -> KamError:
    """Return FastAPI's validation error as an error of the one tree."""
    found = worded(error.errors())
    if any(each["type"] == "json_invalid" for each in found):
        return MalformedRequest("The body is not JSON")
    body = [{**each, "loc": each["loc"][1:]} for each in found if each["loc"][:1] == ("body",)]
    others = [{**each, "loc": each["loc"][1:]} for each in found if each["loc"][:1] != ("body",)]
    return Invalid([*field_errors(others, parameter=True), *field_errors(body)])


def refusal(error: KamError, info: RequestInfo) -> Answer:
    """Return the problem document of an error as an answer."""
    headers = tuple(problem_headers(error))
    return Answer(problem_body(error, info.request_id), error.status, None, headers, MEDIA)


def crash(info: RequestInfo) -> KamError:
    """Log the exception at hand with the request's id; return the error for the caller, who learns that id only."""
    fields = {"request_id": info.request_id, "method": info.method, "route": info.template}
    _log.exception("request failed", extra={"fields": fields})
    return InternalError("The service failed; tell the request id to its operator")


def install(app: FastAPI) -> None:
    """Let FastAPI answer with problems: our errors, its own, and exceptions that nobody caught."""

    async def answer_problem(request: Request, error: Exception) -> Response:
        info = RequestInfo.of(request.scope)
        if isinstance(error, HTTPException):
            error = from_http(error)
        elif isinstance(error, RequestValidationError):
            error = from_validation(error)
        return AnswerResponse(info, refusal(error if isinstance(error, KamError) else crash(info), info))

    for kind in (KamError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, answer_problem)
