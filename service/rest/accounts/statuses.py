"""An account's status over HTTP: the steps from customer to managed key account."""

from typing import Annotated

from fastapi import Query

from service.access.policy import Permission
from service.framework.database.listing import PageRequest
from service.framework.web.answers import Answer, page
from service.framework.web.router import Part, PathId
from service.models.accounts.statuses import AccountStatusRead, StatusEntryRead
from service.operations.accounts import statuses
from service.platform.errors import StaleVersion, StateTransitionNotAllowed
from service.rest.dependencies import Caller, PageQuery, page_of
from service.rest.operations import declare

part = Part("accounts", reads=Permission.ACCOUNT_READ, writes=Permission.ACCOUNT_WRITE)

StatusEntryPage = page_of("StatusEntryPage", StatusEntryRead)

declare(
    part, "get", "/accounts/{id}/status", statuses.get_status, "Read an account's status", name="read_status",
    response_model=AccountStatusRead,
)  # fmt: skip
declare(
    part, "post", "/accounts/{id}/status-transitions", statuses.move_status, "Move an account to another status",
    response_model=StatusEntryRead, location="/v1/status-transitions/{id}",
    errors=[StaleVersion, StateTransitionNotAllowed],
)  # fmt: skip
declare(
    part, "get", "/status-transitions/{id}", statuses.get_status_transition, "Read one step",
    response_model=StatusEntryRead,
)  # fmt: skip


@part.get(
    "/accounts/{id}/status-transitions", response_model=StatusEntryPage, summary="List an account's status history"
)
async def list_status_transitions(ctx: Caller, id: PathId, query: Annotated[PageQuery, Query()]) -> Answer:
    """Lists the account's steps, newest first. Before the first step an account is a customer."""
    return page(await statuses.list_status_transitions(ctx, id, PageRequest(limit=query.limit, after=query.after)))
