"""The path from customer to managed key account over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Query

from service.framework.database.listing import PageRequest
from service.framework.web.answers import Answer, created, found, page
from service.framework.web.router import Inquiry, Part, PathId
from service.models.accounts.statuses import AccountStatusRead, StatusEntryRead, StatusTransitionCreate
from service.operations.accounts import statuses as account_statuses
from service.platform.errors import StaleVersion, StateTransitionNotAllowed
from service.rest.dependencies import Caller, PageQuery, page_of

part = Part("accounts")

StatusEntryPage = page_of("StatusEntryPage", StatusEntryRead)


@part.get("/accounts/{id}/status", response_model=AccountStatusRead, summary="Read an account's place on the path")
async def read_status(ctx: Caller, id: PathId) -> Answer:
    """Reads where the account stands between customer and managed key account, which steps can follow, and what each
    asks for: what is there and what is missing.
    """
    return found(await account_statuses.get_status(ctx, id))


@part.post(
    "/accounts/{id}/status-transitions",
    response_model=StatusEntryRead,
    summary="Take an account one step on the path",
    location="/v1/status-transitions/{id}",
    errors=[StaleVersion, StateTransitionNotAllowed],
)
async def move_status(
    ctx: Caller, id: PathId, data: Annotated[StatusTransitionCreate, Body()], asked: Inquiry
) -> Answer:
    """Takes one step: candidate, selected (needs a complete classification), agreed (both benefits, and who at the
    customer agreed when), planned (an approved plan), managed (an active plan and an owner), deselected, and in again.
    A step that is not open or asks for more is 409 with `allowed` and `missing`. Sends account.status_changed.
    """
    return created(await account_statuses.move_status(ctx, id, data, asked.expected))


@part.get(
    "/accounts/{id}/status-transitions", response_model=StatusEntryPage, summary="List an account's steps on the path"
)
async def list_status_transitions(ctx: Caller, id: PathId, query: Annotated[PageQuery, Query()]) -> Answer:
    """Lists the steps, newest first; before the first one an account is a customer."""
    request = PageRequest(limit=query.limit, after=query.after)
    return page(await account_statuses.list_status_transitions(ctx, id, request))


@part.get("/status-transitions/{id}", response_model=StatusEntryRead, summary="Read one step")
async def read_status_transition(ctx: Caller, id: PathId) -> Answer:
    """Reads one step of an account on its path."""
    return found(await account_statuses.get_status_transition(ctx, id))
