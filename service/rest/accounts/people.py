"""People over HTTP: add, read, list, patch, delete, upsert by reference."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Path, Query

from service.framework.web.answers import Answer, created, found, no_content, page, upserted
from service.framework.web.router import Inquiry, Part, PathId
from service.models.accounts.people import PersonCreate, PersonPatch, PersonRead
from service.operations.accounts import people
from service.platform.errors import Conflict, CursorInvalid, NotFound, ReferenceTaken, StaleVersion
from service.queries.accounts.people import PEOPLE
from service.rest.dependencies import Caller, ExternalId, System, list_query, page_of, page_request

part = Part("people")

PersonListQuery = list_query("PersonListQuery", PEOPLE)
PersonPage = page_of("PersonPage", PersonRead)


@part.post(
    "/people",
    status_code=201,
    response_model=PersonRead,
    summary="Add a person",
    location="/v1/people/{id}",
    errors=[ReferenceTaken],
)
async def create_person(ctx: Caller, data: Annotated[PersonCreate, Body()]) -> Answer:
    """Adds a person on our side, who can then own accounts, plans and actions. Sends person.created."""
    return created(await people.create_person(ctx, data))


@part.get("/people", response_model=PersonPage, summary="List people", errors=[CursorInvalid])
async def list_people(ctx: Caller, query: Annotated[PersonListQuery, Query()]) -> Answer:  # type: ignore[valid-type]
    """Lists people by keyset."""
    return page(await people.list_people(ctx, page_request(query, PEOPLE)))


@part.get(
    "/people/by-ref/{system}/{external_id}",
    response_model=PersonRead,
    summary="Read a person by reference",
    errors=[NotFound],
)
async def read_person_by_ref(
    ctx: Caller, system: Annotated[System, Path()], external_id: Annotated[ExternalId, Path()]
) -> Answer:
    """Reads the person that has this id in that system."""
    return found(await people.get_person_by_ref(ctx, system, external_id))


@part.put(
    "/people/by-ref/{system}/{external_id}", response_model=PersonRead, summary="Upsert a person by reference",
    location="/v1/people/{id}", answer_headers={"Upsert-Result": "created, updated or unchanged"},
    errors=[ReferenceTaken], responses={201: {"model": PersonRead, "description": "Created"}},
)  # fmt: skip
async def upsert_person(
    ctx: Caller,
    system: Annotated[System, Path()],
    external_id: Annotated[ExternalId, Path()],
    data: Annotated[PersonCreate, Body()],
) -> Answer:
    """Adds the person, or brings the entry up to date: members that are not sent stay as they are. An unchanged person
    is not written and sends nothing.
    """
    return upserted(await people.upsert_person(ctx, system, external_id, data))


@part.get("/people/{id}", response_model=PersonRead, summary="Read a person", errors=[NotFound])
async def read_person(ctx: Caller, id: PathId) -> Answer:
    """Reads one person."""
    return found(await people.get_person(ctx, id))


@part.patch(
    "/people/{id}",
    response_model=PersonRead,
    summary="Change a person",
    errors=[NotFound, StaleVersion, ReferenceTaken],
)
async def update_person(ctx: Caller, id: PathId, patch: Annotated[PersonPatch, Body()], asked: Inquiry) -> Answer:  # type: ignore[valid-type]
    """Changes the members that are sent; null clears. Sends person.updated when something changed."""
    return found(await people.update_person(ctx, id, patch, asked.expected))


@part.delete("/people/{id}", summary="Delete a person", errors=[NotFound, StaleVersion, Conflict])
async def delete_person(ctx: Caller, id: PathId, asked: Inquiry) -> Answer:
    """Marks the person as deleted. Refused, with the numbers in `owned`, while the person owns accounts, plans that are
    not closed, or actions that are not done; to keep somebody who left, set `active` to false.
    """
    return no_content(await people.delete_person(ctx, id, asked.expected))
