"""Errors as GraphQL shows them: the same codes, status numbers and pointers as REST's problem+json, from the same
objects.

An error of the caller is shown in full; one of the service is logged with its traceback and shown as
`internal_error` with the request id only.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from graphql import GraphQLError

from service.platform.errors import GraphqlInvalid, GraphqlSyntax, InternalError, KamError

log = logging.getLogger("service.graphql")

Path = Sequence[str | int]

_CLASSIFICATIONS = {401: "UNAUTHENTICATED", 403: "FORBIDDEN", 404: "NOT_FOUND"}


class Refused(Exception):
    """A document that is not run at all: `errors` are the entries of the answer, which has no `data`.

    `well_formed`: HTTP was served well and only the document is at fault; older clients expect 200 then.
    """

    def __init__(
        self,
        errors: list[dict[str, Any]],
        status: int = 400,
        *,
        well_formed: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(errors[0]["message"] if errors else "")
        self.errors = errors
        self.status = status
        self.well_formed = well_formed
        self.headers = headers or {}

    def shown(self, request_id: str | None) -> list[dict[str, Any]]:
        """Return the entries of `errors` with the id of the request that they answer."""
        return [with_request_id(each, request_id) for each in self.errors]


def entry(error: Exception, path: Path | None = None, request_id: str | None = None) -> dict[str, Any]:
    """One entry of `errors` for anything that was raised while a field ran."""
    if isinstance(error, GraphQLError):
        error = GraphqlInvalid(error.message)
    elif not isinstance(error, KamError):
        fields = {"request_id": request_id, "path": list(path or ())}
        log.error("a GraphQL field failed", exc_info=error, extra={"fields": fields})
        error = InternalError()
    shown: dict[str, Any] = {"message": error.detail or error.title}
    if path is not None:
        shown["path"] = list(path)
    extensions = {**error.extensions(), "classification": classification(error.status)}
    return with_request_id({**shown, "extensions": extensions}, request_id)


def member(entries: list[dict[str, Any]]) -> bytes:
    """Return the member `errors` of an answer as it follows `data`; empty when there are none."""
    return b',"errors":' + orjson.dumps(entries) if entries else b""


def with_request_id(shown: dict[str, Any], request_id: str | None) -> dict[str, Any]:
    """Return an entry of `errors` with the request's id, and with the classification that a foreign one lacks."""
    extensions = {"classification": "BAD_REQUEST", **(shown.get("extensions") or {})}
    if request_id is not None:
        extensions["request_id"] = request_id
    return {**shown, "extensions": extensions}


def classification(status: int) -> str:
    """Return the word that GraphQL tools know, beside our codes, for an error of this status number."""
    return "INTERNAL_SERVER_ERROR" if status >= 500 else _CLASSIFICATIONS.get(status, "BAD_REQUEST")


def syntax(error: GraphQLError) -> Refused:
    """A document that does not parse."""
    return Refused([_located(error, GraphqlSyntax)], well_formed=True)


def invalid(errors: Sequence[GraphQLError]) -> Refused:
    """A document that does not fit the schema, or variables that do not fit the document."""
    return Refused([_located(error, GraphqlInvalid) for error in errors[:20]], well_formed=True)


def refused(error: KamError, *, well_formed: bool = False) -> Refused:
    """A request that one of our own errors ends before any field ran."""
    return Refused([entry(error)], error.status, well_formed=well_formed, headers=error.headers)


def _located(error: GraphQLError, kind: type[KamError]) -> dict[str, Any]:
    shown: dict[str, Any] = {"message": error.message}
    if error.locations:
        shown["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    extensions = {"code": kind.code, "status": kind.status, "classification": classification(kind.status)}
    return {**shown, "extensions": extensions}
