"""Stakeholders over HTTP: below their account, by id, and upserted by reference."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Path, Query

from service.framework.web.answers import Answer, created, found, no_content, page, upserted
from service.framework.web.router import Inquiry, Part, PathId
from service.models.accounts.stakeholders import StakeholderCreate, StakeholderPatch, StakeholderRead
from service.operations.accounts import stakeholders
from service.platform.errors import CursorInvalid, NotFound, ReferenceTaken, StaleVersion
from service.queries.accounts.stakeholders import STAKEHOLDERS
from service.rest.dependencies import Caller, ExternalId, System, list_query, page_of, page_request

part = Part("stakeholders")

StakeholderListQuery = list_query("StakeholderListQuery", STAKEHOLDERS, without=("account_id",))
StakeholderPage = page_of("StakeholderPage", StakeholderRead)


@part.post(
    "/accounts/{id}/stakeholders",
    status_code=201,
    response_model=StakeholderRead,
    summary="Add a stakeholder to an account",
    location="/v1/stakeholders/{id}",
    errors=[NotFound, ReferenceTaken],
)
async def create_stakeholder(ctx: Caller, id: PathId, data: Annotated[StakeholderCreate, Body()]) -> Answer:
    """Adds one of the customer's people. `reports_to_id` names a stakeholder of the same account, and nobody reports to
    themselves, however far up. Sends stakeholder.created.
    """
    return created(await stakeholders.create_stakeholder(ctx, id, data))


@part.get(
    "/accounts/{id}/stakeholders",
    response_model=StakeholderPage,
    summary="List the stakeholders of an account",
    errors=[NotFound, CursorInvalid],
)
async def list_stakeholders(
    ctx: Caller,
    id: PathId,
    query: Annotated[StakeholderListQuery, Query()],  # type: ignore[valid-type]
) -> Answer:
    """Lists an account's stakeholders by keyset."""
    return page(await stakeholders.list_stakeholders(ctx, id, page_request(query, STAKEHOLDERS)))


@part.get(
    "/accounts/{id}/stakeholders/by-ref/{system}/{external_id}",
    response_model=StakeholderRead,
    summary="Read a stakeholder by reference",
    errors=[NotFound],
)
async def read_stakeholder_by_ref(
    ctx: Caller, id: PathId, system: Annotated[System, Path()], external_id: Annotated[ExternalId, Path()]
) -> Answer:
    """Reads the account's stakeholder that has this id in that system."""
    return found(await stakeholders.get_stakeholder_by_ref(ctx, id, system, external_id))


@part.put(
    "/accounts/{id}/stakeholders/by-ref/{system}/{external_id}", response_model=StakeholderRead,
    summary="Upsert a stakeholder by reference", location="/v1/stakeholders/{id}",
    answer_headers={"Upsert-Result": "created, updated or unchanged"}, errors=[NotFound, ReferenceTaken],
    responses={201: {"model": StakeholderRead, "description": "Created"}},
)  # fmt: skip
async def upsert_stakeholder(
    ctx: Caller,
    id: PathId,
    system: Annotated[System, Path()],
    external_id: Annotated[ExternalId, Path()],
    data: Annotated[StakeholderCreate, Body()],
) -> Answer:
    """Adds the stakeholder to the account, or brings it up to date: members that are not sent stay as they are. Refused
    when a stakeholder of another account has the reference.
    """
    return upserted(await stakeholders.upsert_stakeholder(ctx, id, system, external_id, data))


@part.get("/stakeholders/{id}", response_model=StakeholderRead, summary="Read a stakeholder", errors=[NotFound])
async def read_stakeholder(ctx: Caller, id: PathId) -> Answer:
    """Reads one stakeholder."""
    return found(await stakeholders.get_stakeholder(ctx, id))


@part.patch(
    "/stakeholders/{id}",
    response_model=StakeholderRead,
    summary="Change a stakeholder",
    errors=[NotFound, StaleVersion, ReferenceTaken],
)
async def update_stakeholder(
    ctx: Caller,
    id: PathId,
    patch: Annotated[StakeholderPatch, Body()],  # type: ignore[valid-type]
    asked: Inquiry,
) -> Answer:
    """Changes the members that are sent; null clears. Sends stakeholder.updated when something changed."""
    return found(await stakeholders.update_stakeholder(ctx, id, patch, asked.expected))


@part.delete("/stakeholders/{id}", summary="Delete a stakeholder", errors=[NotFound, StaleVersion])
async def delete_stakeholder(ctx: Caller, id: PathId, asked: Inquiry) -> Answer:
    """Marks the stakeholder as deleted. Those who reported to them report to the one above from now on (each sends
    stakeholder.updated), then stakeholder.deleted is sent.
    """
    return no_content(await stakeholders.delete_stakeholder(ctx, id, asked.expected))
