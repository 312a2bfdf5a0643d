"""The OpenAPI document: FastAPI's, completed with what compiled routes and the edge do.

FastAPI knows parameters, bodies and answers; this module adds the errors, conditions, limits and ids of every route.
Checked by openapi-spec-validator, redocly recommended-strict, spectral:oas, schemathesis.
"""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel, Field
from pydantic.warnings import UnsupportedFieldAttributeWarning

from service.framework.web.answers import Answer, plain
from service.framework.web.binding import JSON, CompiledRoute
from service.framework.web.event_contract import Webhook, add_webhooks
from service.framework.web.older_contract import openapi_30
from service.framework.web.problems import Problem, ProblemError
from service.framework.web.router import LeanRoute, Part
from service.platform.errors import (
    BodyTooLarge,
    CursorInvalid,
    Forbidden,
    IdempotencyKeyInProgress,
    IdempotencyKeyReused,
    InternalError,
    Invalid,
    KamError,
    MalformedRequest,
    NotAcceptable,
    NotFound,
    RateLimited,
    StaleVersion,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
    catalogue,
)
from service.platform.types import Count, Shape

Document = dict[str, Any]

_WRITES = ("post", "put", "patch", "delete")
_HEADERS: dict[str, tuple[str, Document]] = {
    "ETag": ("Version of the resource, for If-Match and If-None-Match", {"type": "string", "maxLength": 40}),
    "Location": ("Where the new resource is", {"type": "string", "format": "uri-reference", "maxLength": 500}),
    "Link": ('The next page, as `<...>; rel="next"`; absent on the last one', {"type": "string", "maxLength": 4000}),
    "RateLimit": ("Requests left for this key and seconds until all are back", {"type": "string", "maxLength": 100}),
    "RateLimit-Policy": (
        "How many requests this key may send in how many seconds",
        {"type": "string", "maxLength": 100},
    ),
    "Retry-After": ("Seconds to wait", {"type": "string", "maxLength": 10}),
    "X-Request-Id": (
        "Finds this request in the log; the caller's own when it sent one",
        {"type": "string", "maxLength": 128},
    ),
    "Upsert-Result": (
        "What the upsert did",
        {"type": "string", "enum": ["created", "restored", "updated", "unchanged"]},
    ),
    "Idempotent-Replayed": (
        "Present when this is the stored answer to an earlier request with this key",
        {"type": "string", "enum": ["true"]},
    ),
    "WWW-Authenticate": ("How to authenticate", {"type": "string", "maxLength": 200}),
}
_PARAMETERS: dict[str, tuple[str, Document]] = {
    "If-Match": (
        "ETag of the version that may be changed, or `*` for any; 412 for another one, for a weak tag and for a record "
        "that an upsert would create. Without it the last writer wins",
        {"type": "string", "maxLength": 500, "examples": ['"v3"']},
    ),
    "If-None-Match": (
        "ETag of the version at hand; 304 when it is still the current one",
        {"type": "string", "maxLength": 500, "examples": ['"v3"']},
    ),
    "Create-Only": ("`*` only creates: 412 when the record exists", {"type": "string", "enum": ["*"]}),
    "Idempotency-Key": (
        "Makes a retry safe: within 24 hours the same key with the same request gets the stored answer",
        {
            "type": "string",
            "minLength": 1,
            "maxLength": 255,
            "pattern": "^[\\x21-\\x7e]+$",
            "examples": ["import-2026-11-21-0001"],
        },
    ),
}
_ON_THE_WIRE = {"Create-Only": "If-None-Match"}
"""The header of a parameter whose component has another name, because the header has another use elsewhere."""
_ERROR_HEADERS = {
    401: ("WWW-Authenticate",),
    412: ("ETag",),
    429: ("Retry-After", "RateLimit", "RateLimit-Policy"),
    503: ("Retry-After",),
}


class ErrorCode(Shape):
    """One error code."""

    code: str = Field(max_length=100, description="The code, in problems and in GraphQL's extensions")
    status: Count = Field(description="The HTTP status it comes with")
    title: str = Field(max_length=200, description="The code in words")
    description: str = Field(max_length=2000, description="When it happens")


class ErrorCodes(Shape):
    """All error codes."""

    items: list[ErrorCode] = Field(max_length=100, description="Sorted by status and code")


def contract_part(document: Callable[[], Document], events: Callable[[], Document]) -> Part:
    """Return the routes of /openapi.json, /openapi-3.0.json, /asyncapi.json and /v1/errors; the documents are made at
    the first request.
    """
    part = Part("service", prefix="")

    @lru_cache(maxsize=1)
    def newest() -> bytes:
        return orjson.dumps(document())

    @lru_cache(maxsize=1)
    def older() -> bytes:
        return orjson.dumps(openapi_30(document()))

    @lru_cache(maxsize=1)
    def messages() -> bytes:
        return orjson.dumps(events())

    @part.get("/asyncapi.json", include_in_schema=False)
    async def read_asyncapi() -> Answer:
        """Answer with the AsyncAPI 3.0 document of the events."""
        return plain(messages())

    @part.get("/openapi.json", include_in_schema=False)
    async def read_openapi() -> Answer:
        """Answer with the OpenAPI 3.1 document."""
        return plain(newest())

    @part.get("/openapi-3.0.json", include_in_schema=False)
    async def read_openapi_30() -> Answer:
        """Answer with the same document for tools that know 3.0 only."""
        return plain(older())

    @part.get("/v1/errors", response_model=ErrorCodes, summary="List the error codes")
    async def list_errors() -> Answer:
        """Lists every error code with its HTTP status and when it happens; REST and GraphQL share the list."""
        return plain({"items": catalogue()})

    return part


def openapi(app: FastAPI, *, tags: Mapping[str, str], webhooks: Iterable[Webhook] = ()) -> Document:
    """Return the OpenAPI 3.1 document of an application.

    `tags` gives each part its description, in the order shown. Title, version, servers, contact and license are those
    of the application; a path's first sentence comes from its endpoint's docstring.
    """
    with warnings.catch_warnings():
        # FastAPI puts its own parameter objects into a union with null, of which pydantic says that their alias has no
        # effect there: right, and of no consequence
        warnings.simplefilter("ignore", UnsupportedFieldAttributeWarning)
        document: Document = get_openapi(
            title=app.title,
            version=app.version,
            openapi_version="3.1.0",
            description=app.description,
            routes=app.routes,
            contact=app.contact,
            license_info=app.license_info,
            servers=app.servers or [{"url": "/", "description": "This server"}],
            separate_input_output_schemas=False,
        )
    for context in iter_route_contexts(app.router.routes):
        route, path = context.original_route, context.path_format
        if isinstance(route, APIRoute) and path is not None and path in document["paths"]:
            for method in context.methods or ():
                operation = document["paths"][path].get(method.lower())
                if operation is not None:
                    operation["operationId"] = context.name
                    compiled = route.compiled if isinstance(route, LeanRoute) else None
                    _complete_operation(operation, method.lower(), route, compiled)
    _complete_components(document)
    add_webhooks(document, webhooks)
    _tidy(document)
    used = {tag for path in document["paths"].values() for each in path.values() for tag in each.get("tags", ())}
    document["tags"] = [{"name": name, "description": text} for name, text in tags.items() if name in used]
    document["tags"] += [{"name": name, "description": name.capitalize()} for name in sorted(used - tags.keys())]
    return document


def _complete_operation(operation: Document, method: str, route: APIRoute, compiled: CompiledRoute | None) -> None:
    """Add the parameters, media types, headers and errors of one operation that FastAPI does not know."""
    if compiled is None:
        return
    declared = compiled.declared
    if compiled.public:
        operation["security"] = []
    versioned = _has(route.response_model, "version") or "ETag" in declared.answer_headers
    conditional = method in _WRITES and compiled.info is not None
    upserts = conditional and method == "put" and declared.location is not None
    names = [
        *(["If-None-Match"] if method == "get" and versioned else []),
        *(["If-Match"] if conditional else []),
        *(["Create-Only"] if upserts else []),
        *(["Idempotency-Key"] if method in _WRITES and not compiled.public else []),
    ]
    if names:
        operation["parameters"] = [*operation.get("parameters", ()), *(_ref("parameters", name) for name in names)]
    for parameter in operation.get("parameters", ()):
        if parameter.get("in") == "query":
            parameter["schema"] = _never_null(parameter["schema"])
            if parameter["schema"].get("type") == "array":
                parameter.update(style="form", explode=False)
                parameter["schema"].setdefault("minItems", 1)
    _complete_body(operation, declared.takes)
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            _complete_answer(answer, method, int(status), route, compiled)
    if method == "get" and versioned:
        operation["responses"]["304"] = {
            "description": "Not modified",
            "headers": {name: _ref("headers", name) for name in ("ETag", "X-Request-Id")},
        }
    operation["responses"].pop("422", None)
    paged = _has(route.response_model, "next_cursor")
    _add_errors(operation, [*_implied(method, compiled, conditional, paged), *declared.errors])
    operation["responses"] = dict(sorted(operation["responses"].items()))


def _complete_body(operation: Document, takes: Sequence[str]) -> None:
    """Add the media types that a body may have."""
    body = operation.get("requestBody")
    if body is not None:
        content = next(iter(body["content"].values()))
        body["content"] = dict.fromkeys(takes, content)


def _complete_answer(answer: Document, method: str, status: int, route: APIRoute, compiled: CompiledRoute) -> None:
    """Add the media type and the headers of a successful answer."""
    declared = compiled.declared
    model = route.response_model
    if declared.produces and declared.produces != JSON and "content" in answer:
        plain_text: Document = {"schema": {"type": "string"}}
        answer["content"] = {
            media: plain_text if media not in JSON or model is None else answer["content"].get(media, plain_text)
            for media in declared.produces
        }
    headers = [
        "X-Request-Id",
        *(["ETag"] if _has(model, "version") and "ETag" not in declared.answer_headers else []),
        *(["Location"] if status == 201 and declared.location else []),
        *(["Link"] if method == "get" and _has(model, "next_cursor") else []),
        *([] if compiled.public else ["RateLimit", "RateLimit-Policy"]),
        *(["Idempotent-Replayed"] if method in _WRITES and not compiled.public else []),
    ]
    answer["headers"] = {name: _ref("headers", name) for name in headers}
    for name, text in declared.answer_headers.items():
        known = name in _HEADERS
        answer["headers"][name] = (
            _ref("headers", name) if known else {"description": text, "schema": {"type": "string"}}
        )


def _implied(method: str, compiled: CompiledRoute, conditional: bool, paged: bool) -> list[type[KamError]]:
    """Return the errors that a request may get before its endpoint runs."""
    errors: list[type[KamError]] = [MalformedRequest, Invalid, InternalError]
    if compiled.declared.produces:
        errors.append(NotAcceptable)
    if not compiled.public:
        errors += [Unauthenticated, Forbidden, RateLimited, Unavailable]
        if method in _WRITES:
            errors += [IdempotencyKeyInProgress, IdempotencyKeyReused]
    if compiled.path:
        errors.append(NotFound)
    if compiled.body is not None:
        errors += [BodyTooLarge, UnsupportedMediaType]
    if conditional:
        errors.append(StaleVersion)
    if paged:
        errors.append(CursorInvalid)
    return errors


def _add_errors(operation: Document, errors: Iterable[type[KamError]]) -> None:
    """Add one response per status, naming its codes."""
    by_status: dict[int, dict[str, type[KamError]]] = {}
    for kind in errors:
        by_status.setdefault(kind.status, {})[kind.code] = kind
    for status, kinds in by_status.items():
        headers = ("X-Request-Id", *_ERROR_HEADERS.get(status, ()))
        operation["responses"][str(status)] = {
            "description": "; ".join(f"{kind.title} (`{code}`)" for code, kind in sorted(kinds.items())),
            "headers": {name: _ref("headers", name) for name in headers},
            "content": {"application/problem+json": {"schema": _ref("schemas", "Problem")}},
        }


def _complete_components(document: Document) -> None:
    """Add the shared problem, headers and parameters; drop the framework's own error shapes."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for model in (Problem, ProblemError):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schema.pop("$defs", None)
        schemas[model.__name__] = schema
    schemas["Problem"].pop("additionalProperties", None)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    components["schemas"] = dict(sorted(schemas.items()))
    text = orjson.dumps(document["paths"]).decode()
    components["headers"] = {
        name: {"description": description, "schema": schema}
        for name, (description, schema) in _HEADERS.items()
        if f"#/components/headers/{name}" in text
    }
    components["parameters"] = {
        name: {
            "name": _ON_THE_WIRE.get(name, name),
            "in": "header",
            "required": False,
            "description": description,
            "schema": schema,
        }
        for name, (description, schema) in _PARAMETERS.items()
        if f"#/components/parameters/{name}" in text
    }


def _tidy(node: Any, key: str = "") -> None:
    """Turn whole bounds back into integers and default decimals into numbers, drop generated titles, and write 3.2's
    `itemSchema` as 3.1 can.
    """
    if isinstance(node, list):
        for inner in node:
            _tidy(inner)
        return
    if not isinstance(node, dict):
        return
    if "itemSchema" in node and "schema" not in node:
        node["schema"] = node.pop("itemSchema")
    if node.get("type") == "number" and isinstance(node.get("default"), str):
        node["default"] = float(node["default"])  # a Decimal, which pydantic writes as text
    for name, inner in node.items():
        if isinstance(inner, float) and inner.is_integer():
            node[name] = int(inner)
        elif key == "properties" and isinstance(inner, dict) and isinstance(inner.get("title"), str):
            inner.pop("title", None)
        _tidy(inner, name)
    if key == "schema":
        node.pop("title", None)


def _never_null(schema: Document) -> Document:
    """Return the schema of a query parameter, which may be absent but never null."""
    branches = schema.get("anyOf", [])
    others = [branch for branch in branches if branch != {"type": "null"}]
    if len(others) == len(branches):
        return schema
    kept = {
        name: value for name, value in schema.items() if name != "anyOf" and not (name == "default" and value is None)
    }
    return {**others[0], **kept} if len(others) == 1 else {**kept, "anyOf": others}


def _has(model: Any, member: str) -> bool:
    """Return whether an answer's model has a member."""
    return isinstance(model, type) and issubclass(model, BaseModel) and member in model.model_fields


def _ref(section: str, name: str) -> Document:
    """Return a reference to a shared component."""
    return {"$ref": f"#/components/{section}/{name}"}
