"""RFC 9457 problem+json from the one error tree, also for what the framework raises; never what the caller sent."""

import http
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field
from starlette.exceptions import HTTPException

from service.framework.web.conditional import etag
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
from service.platform.pointers import field_errors
from service.platform.types import Count, Shape

MEDIA = b"application/problem+json"


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
    """Return the headers an error brings along; a stale version tells the current one as an ETag."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in error.headers.items()]
    current = error.members.get("current_version")
    if isinstance(current, int):
        headers.append((b"etag", etag(current)))
    return headers


def from_http(error: HTTPException) -> KamError:
    """Return the framework's exception as one of ours."""
    kind = _BY_STATUS.get(error.status_code)
    if kind is None:
        kind = InternalError if error.status_code >= 500 else MalformedRequest
    made = kind.__new__(kind)
    phrase = http.HTTPStatus(error.status_code).phrase
    detail = None if error.detail == phrase else str(error.detail)
    KamError.__init__(made, detail, headers=error.headers)
    return made


def from_validation(error: RequestValidationError) -> KamError:
    """Return the framework's validation error as one of ours."""
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return MalformedRequest("The body is not JSON")
    body = [{**each, "loc": each["loc"][1:]} for each in found if each["loc"][:1] == ("body",)]
    others = [{**each, "loc": each["loc"][1:]} for each in found if each["loc"][:1] != ("body",)]
    return Invalid([*field_errors(others, parameter=True), *field_errors(body)])


def install(app: FastAPI) -> None:
    """Make the framework's own routes (documents, GraphQL) answer errors in the same way; the edge does the rest."""

    async def on_ours(request: Request, error: Exception) -> Response:
        return _respond(request, error if isinstance(error, KamError) else InternalError())

    async def on_http(request: Request, error: Exception) -> Response:
        return _respond(request, from_http(error) if isinstance(error, HTTPException) else InternalError())

    async def on_validation(request: Request, error: Exception) -> Response:
        known = from_validation(error) if isinstance(error, RequestValidationError) else InternalError()
        return _respond(request, known)

    app.add_exception_handler(KamError, on_ours)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_validation)


def _respond(request: Request, error: KamError) -> Response:
    """Return the framework's response object for an error."""
    response = Response(problem_body(error, request.scope.get("request_id")), error.status, media_type=MEDIA.decode())
    for name, value in problem_headers(error):
        response.headers[name.decode("latin-1")] = value.decode("latin-1")
    return response
