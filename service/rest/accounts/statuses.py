"""An account's status over HTTP: the steps from customer to managed key account."""

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


@part.get("/accounts/{id}/status", response_model=AccountStatusRead, summary="Read an account's status")
async def read_status(ctx: Caller, id: PathId) -> Answer:
    """Reads the account's status, the steps that can follow, and what each step requires: which requirements are met
    and which are missing.
    """
    return found(await account_statuses.get_status(ctx, id))


@part.post(
    "/accounts/{id}/status-transitions",
    response_model=StatusEntryRead,
    summary="Move an account to another status",
    location="/v1/status-transitions/{id}",
    errors=[StaleVersion, StateTransitionNotAllowed],
)
async def move_status(
    ctx: Caller, id: PathId, data: Annotated[StatusTransitionCreate, Body()], info: Inquiry
) -> Answer:
    """Moves the account one step: candidate, selected (needs a complete classification), agreed (both benefits, and who
    at the customer agreed when), planned (an approved plan), managed (an active plan and an owner), one step back, or
    deselected. A deselected account may become selected or candidate again. A step that is not allowed or lacks a
    requirement gives 409 with `allowed` and `missing`. Sends account.status_changed.
    """
    return created(await account_statuses.move_status(ctx, id, data, info.expected))


@part.get(
    "/accounts/{id}/status-transitions", response_model=StatusEntryPage, summary="List an account's status history"
)
async def list_status_transitions(ctx: Caller, id: PathId, query: Annotated[PageQuery, Query()]) -> Answer:
    """Lists the account's steps, newest first. Before the first step an account is a customer."""
    request = PageRequest(limit=query.limit, after=query.after)
    return page(await account_statuses.list_status_transitions(ctx, id, request))


@part.get("/status-transitions/{id}", response_model=StatusEntryRead, summary="Read one step")
async def read_status_transition(ctx: Caller, id: PathId) -> Answer:
    """Reads one step of an account."""
    return found(await account_statuses.get_status_transition(ctx, id))
