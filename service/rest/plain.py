"""The routes of a plain record, derived from its declaration:

    part = plain_part("stakeholders", STAKEHOLDER)

gives these paths, where `{id}` under the parent's path is the parent's (a record without a parent stands alone):

    POST, GET    /v1/accounts/{id}/stakeholders
    GET, PUT     /v1/accounts/{id}/stakeholders/by-ref/{system}/{external_id}
    GET          /v1/stakeholders                 (of all accounts)
    POST         /v1/stakeholders/batch
    GET, PATCH, DELETE   /v1/stakeholders/{id}
    PUT, DELETE  /v1/stakeholders/{id}/refs/{system}
"""

import inspect
from collections.abc import Awaitable, Callable, Collection
from typing import Annotated, Any

from fastapi import Body, Path, Query
from pydantic import Field

from service.framework.web.answers import Answer, created, found, no_content, page, upserted
from service.framework.web.request import RequestInfo
from service.framework.web.router import Inquiry, Part, PathId
from service.models.shapes import ReferencePut
from service.platform.errors import Conflict, CursorExpired, RecordDeleted, ReferenceTaken
from service.platform.types import Shape
from service.records.batches import MOST_BYTES, ON_DELETED, BatchResult
from service.records.context import Context
from service.records.plain import PlainRecord
from service.rest.dependencies import (
    CHANGED_AFTER,
    INCLUDE_DELETED,
    Caller,
    ExternalId,
    System,
    list_query,
    page_of,
    page_request,
)
from service.rules.vocabulary import OnDeleted

UPSERT_RESULT = {"Upsert-Result": "created, restored, updated or unchanged"}
_REFERENCE = {"system": Annotated[System, Path()], "external_id": Annotated[ExternalId, Path()]}


class UpsertQuery(Shape):
    """Query of an upsert by reference."""

    on_deleted: OnDeleted = Field(default=OnDeleted.RESTORE, description=ON_DELETED)


Run = Callable[..., Awaitable[Answer]]


def plain_part(tag: str, record: PlainRecord, *, without: Collection[str] = ()) -> Part:
    """Return a part with the routes of a plain record, but not those `without` which the record has others, such as
    `read`; routes of its own are declared on it as usual.
    """
    routes = _Routes(Part(tag, reads=record.reads, writes=record.writes), record, without)
    routes.declare_list()
    routes.declare_batch()
    routes.declare_references()
    routes.declare_single()
    routes.declare_refs()
    return routes.part


class _Routes:
    """Declares the routes of one plain record."""

    def __init__(self, part: Part, record: PlainRecord, without: Collection[str]) -> None:
        self.part, self.record, self.without = part, record, without
        parent = record.parent
        self.path = f"/{record.path}" if parent is None else f"/{parent.path}/{{id}}/{record.path}"
        """The path under which records are created and listed."""
        self.place: dict[str, Any] = {} if parent is None else {"id": PathId}
        """The parent's id, as an argument."""
        self.location = f"/v1/{record.path}/{{id}}"

    def declare_list(self) -> None:
        """Declare creating and listing."""
        record, parent = self.record, self.record.parent

        async def create(ctx: Context, data: Any, id: str | None = None) -> Answer:
            return created(await record.add(ctx, data, id))

        self._declare(
            "post", self.path, "create", f"create_{record.name}", create, {**self.place, "data": _body(record.create)},
            response_model=record.read, location=self.location,
            errors=[ReferenceTaken, *record.creating.errors],
        )  # fmt: skip
        shown, whole_list = page_of(f"{record.type_name}Page", record.read), f"list_{record.names}"
        if parent is None:
            self._declare_pages(self.path, "list", whole_list, shown)
            return
        nested_list = whole_list
        if record.whole_list_first:
            nested_list = f"list_{parent.name}_{record.names}"
        else:
            whole_list = f"list_all_{record.names}"
        self._declare_pages(self.path, "list", nested_list, shown, ("account_id", parent.column))
        self._declare_pages(f"/{record.path}", "list_all", whole_list, shown)

    def _declare_pages(self, path: str, verb: str, name: str, shown: Any, fixed: tuple[str, ...] = ()) -> None:
        """Declare one list; the path gives the values of the `fixed` members."""
        record = self.record
        more = INCLUDE_DELETED if fixed else {**CHANGED_AFTER, **INCLUDE_DELETED}
        query: Any = list_query(f"{record.type_name}ListQuery", record.listing, without=fixed, more=more)

        async def list_records(ctx: Context, query: Any, id: str | None = None) -> Answer:
            return page(await record.list(ctx, page_request(query, record.listing), id))

        takes = {**(self.place if fixed else {}), "query": Annotated[query, Query()]}
        errors = [] if fixed else [CursorExpired]
        self._declare("get", path, verb, name, list_records, takes, response_model=shown, errors=errors)

    def declare_batch(self) -> None:
        """Declare the batch of upserts."""
        record = self.record

        async def batch_upsert(ctx: Context, batch: Any) -> Answer:
            return found(await record.batch_upsert(ctx, batch))

        self._declare(
            "post", f"/{record.path}/batch", "batch", f"batch_upsert_{record.names}", batch_upsert,
            {"batch": _body(record.batch.body)}, response_model=BatchResult, max_body=MOST_BYTES, errors=[Conflict],
        )  # fmt: skip

    def declare_references(self) -> None:
        """Declare reading and upserting by reference."""
        record, path = self.record, f"{self.path}/by-ref/{{system}}/{{external_id}}"

        async def read_by_ref(ctx: Context, system: str, external_id: str, id: str | None = None) -> Answer:
            return found(await record.get_by_ref(ctx, system, external_id, id))

        async def upsert(
            ctx: Context,
            system: str,
            external_id: str,
            data: Any,
            query: UpsertQuery,
            info: RequestInfo,
            id: str | None = None,
        ) -> Answer:
            done = await record.upsert(ctx, system, external_id, data, id, info.upserted, query.on_deleted)
            return upserted(done)

        takes = {**self.place, **_REFERENCE}
        name = f"read_{record.name}_by_ref"
        self._declare("get", path, "read_by_ref", name, read_by_ref, takes, response_model=record.read)
        self._declare(
            "put", path, "upsert", f"upsert_{record.name}", upsert,
            {**takes, "data": _body(record.create), "query": Annotated[UpsertQuery, Query()], "info": Inquiry},
            response_model=record.read, location=self.location, answer_headers=UPSERT_RESULT,
            responses={201: {"model": record.read, "description": "Created"}},
            errors=[ReferenceTaken, RecordDeleted, *record.creating.errors, *record.changing.errors],
        )  # fmt: skip

    def declare_refs(self) -> None:
        """Declare setting and removing one reference."""
        record, path = self.record, f"/{self.record.path}/{{id}}/refs/{{system}}"

        async def put_ref(ctx: Context, id: str, system: str, data: ReferencePut, info: RequestInfo) -> Answer:
            return found(await record.put_ref(ctx, id, system, data.external_id, info.expected))

        async def remove_ref(ctx: Context, id: str, system: str, info: RequestInfo) -> Answer:
            return no_content(await record.remove_ref(ctx, id, system, info.expected))

        takes = {"id": PathId, "system": _REFERENCE["system"], "info": Inquiry}
        self._declare(
            "put", path, "put_ref", f"put_{record.name}_ref", put_ref, {**takes, "data": _body(ReferencePut)},
            response_model=record.read, errors=[ReferenceTaken],
        )  # fmt: skip
        self._declare("delete", path, "remove_ref", f"remove_{record.name}_ref", remove_ref, takes)

    def declare_single(self) -> None:
        """Declare reading, changing and deleting one record."""
        record, path = self.record, f"/{self.record.path}/{{id}}"

        async def read(ctx: Context, id: str) -> Answer:
            return found(await record.get(ctx, id))

        async def update(ctx: Context, id: str, patch: Any, info: RequestInfo) -> Answer:
            return found(await record.change(ctx, id, patch, info.expected))

        async def delete(ctx: Context, id: str, info: RequestInfo) -> Answer:
            return no_content(await record.delete(ctx, id, info.expected))

        takes = {"id": PathId}
        self._declare("get", path, "read", f"read_{record.name}", read, takes, response_model=record.read)
        self._declare(
            "patch", path, "update", f"update_{record.name}", update,
            {**takes, "patch": _body(record.patch), "info": Inquiry},
            response_model=record.read, errors=[ReferenceTaken, *record.changing.errors],
        )  # fmt: skip
        self._declare(
            "delete", path, "delete", f"delete_{record.name}", delete, {**takes, "info": Inquiry},
            errors=record.deleting.errors,
        )  # fmt: skip

    def _declare(
        self, method: str, path: str, verb: str, name: str, run: Run, takes: dict[str, Any], **options: Any
    ) -> None:
        """Declare a route that runs `run` with the context and the arguments that it `takes`, by name."""
        if verb in self.without:
            return
        words = self.record.words[verb]
        declare = getattr(self.part, method)(path, summary=words.summary, **options)
        declare(endpoint(name, words.text, run, {"ctx": Caller, **takes}))


def _body(model: Any) -> Any:
    return Annotated[model, Body()]


def endpoint(name: str, description: str, run: Run, takes: dict[str, Any]) -> Run:
    """Return an endpoint with a name, a description and a signature."""

    async def serve(**given: Any) -> Answer:
        return await run(**given)

    serve.__name__ = serve.__qualname__ = name
    serve.__doc__ = description
    serve.__annotations__ = {**takes, "return": Answer}
    named = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(each, named, annotation=kind) for each, kind in takes.items()]
    setattr(serve, "__signature__", inspect.Signature(parameters, return_annotation=Answer))  # noqa: B010
    return serve
