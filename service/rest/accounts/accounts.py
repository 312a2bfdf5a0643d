"""Accounts over HTTP: create, read, list, search, patch, delete and restore, upsert by reference, batch upsert,
hierarchy.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Path, Query

from service.framework.web.answers import Answer, created, found, no_content, page
from service.framework.web.router import Inquiry, Part, PathId
from service.models.accounts.accounts import AccountCreate, AccountPatch, AccountRead
from service.operations.accounts import accounts
from service.operations.accounts import batches as account_batches
from service.platform.errors import Conflict, ReferenceTaken, StaleVersion
from service.queries.accounts.accounts import ACCOUNTS, AccountFilter
from service.records.batches import MOST_BYTES, BatchResult
from service.rest.dependencies import (
    AS_OF,
    AsOfQuery,
    Caller,
    ExternalId,
    System,
    list_query,
    looked_back,
    page_of,
    page_request,
    search_request,
    search_shape,
)

part = Part("accounts")

AccountListQuery = list_query("AccountListQuery", ACCOUNTS, more=AS_OF)
AccountSearch = search_shape("AccountSearch", ACCOUNTS, AccountFilter, more=AS_OF)
AccountPage = page_of("AccountPage", AccountRead)
UPSERT_RESULT = {"Upsert-Result": "created, updated or unchanged"}


@part.post(
    "/accounts",
    response_model=AccountRead,
    summary="Create an account",
    location="/v1/accounts/{id}",
    errors=[ReferenceTaken],
)
async def create_account(ctx: Caller, data: Annotated[AccountCreate, Body()]) -> Answer:
    """Creates an account. It starts in stage pre_kam, unclassified. Sends account.created."""
    return created(await accounts.create_account(ctx, data))


@part.get("/accounts", response_model=AccountPage, summary="List accounts")
async def list_accounts(ctx: Caller, query: Annotated[AccountListQuery, Query()]) -> Answer:  # type: ignore[valid-type]
    """Lists accounts page by page; pages are stable at any depth. Filters are parameters; several values are
    comma-separated. With `as_of` it lists the accounts that existed then, with their position and stage as of then.
    """
    return page(await accounts.list_accounts(ctx, page_request(query, ACCOUNTS), looked_back(query)))


@part.post("/accounts/search", response_model=AccountPage, summary="Search accounts")
async def search_accounts(ctx: Caller, query: Annotated[AccountSearch, Body()]) -> Answer:  # type: ignore[valid-type]
    """Lists the accounts that match a nested filter of `and`, `or` and `not`; the grammar is that of GraphQL's
    `filter`.
    """
    return page(await accounts.list_accounts(ctx, search_request(query, ACCOUNTS), looked_back(query)))


@part.post(
    "/accounts/batch",
    response_model=BatchResult,
    summary="Upsert many accounts",
    max_body=MOST_BYTES,
    errors=[Conflict],
)
async def batch_upsert_accounts(ctx: Caller, batch: Annotated[account_batches.SHAPES.body, Body()]) -> Answer:  # type: ignore[name-defined]
    """Upserts up to 1,000 accounts by their references in one transaction. Each row has its own result; a row with
    errors fails alone.
    """
    return found(await account_batches.batch_upsert_accounts(ctx, batch))


@part.get("/accounts/by-ref/{system}/{external_id}", response_model=AccountRead, summary="Read an account by reference")
async def read_account_by_ref(
    ctx: Caller, system: Annotated[System, Path()], external_id: Annotated[ExternalId, Path()]
) -> Answer:
    """Reads the account that has this id in that system."""
    return found(await accounts.get_account_by_ref(ctx, system, external_id))


@part.put(
    "/accounts/by-ref/{system}/{external_id}", response_model=AccountRead, summary="Upsert an account by reference",
    location="/v1/accounts/{id}", answer_headers=UPSERT_RESULT, errors=[ReferenceTaken],
    responses={201: {"model": AccountRead, "description": "Created"}},
)  # fmt: skip
async def upsert_account(
    ctx: Caller,
    system: Annotated[System, Path()],
    external_id: Annotated[ExternalId, Path()],
    data: Annotated[AccountCreate, Body()],
) -> Answer:
    """Creates the account or updates it: members that are not sent stay as they are. An unchanged account is not
    written and sends no event.
    """
    account = await accounts.upsert_account(ctx, system, external_id, data)
    headers = {"Upsert-Result": account.outcome}
    return created(account, headers) if account.outcome == "created" else found(account, headers)


@part.get("/accounts/{id}", response_model=AccountRead, summary="Read an account")
async def read_account(ctx: Caller, id: PathId, query: Annotated[AsOfQuery, Query()]) -> Answer:
    """Reads an account. With `as_of` it reads the account as of then, also if it was deleted since."""
    return found(await accounts.get_account(ctx, id, query.as_of))


@part.patch("/accounts/{id}", response_model=AccountRead, summary="Change an account", errors=[ReferenceTaken])
async def update_account(ctx: Caller, id: PathId, patch: Annotated[AccountPatch, Body()], info: Inquiry) -> Answer:  # type: ignore[valid-type]
    """Changes the given members; null clears. With If-Match it changes the account only if it is still at that version.
    Sends account.updated when something changed.
    """
    return found(await accounts.update_account(ctx, id, patch, info.expected))


@part.delete("/accounts/{id}", summary="Delete an account")
async def delete_account(ctx: Caller, id: PathId, info: Inquiry) -> Answer:
    """Deletes an account with its stakeholders, plans, objectives and actions. Restoring it restores them too."""
    return no_content(await accounts.delete_account(ctx, id, info.expected))


@part.post(
    "/accounts/{id}/restore",
    response_model=AccountRead,
    summary="Restore a deleted account",
    errors=[StaleVersion, ReferenceTaken],
)
async def restore_account(ctx: Caller, id: PathId, info: Inquiry) -> Answer:
    """Restores a deleted account with everything that was deleted with it. An account that is not deleted stays as it
    is.
    """
    return found(await accounts.restore_account(ctx, id, info.expected))


@part.get("/accounts/{id}/hierarchy", response_model=AccountPage, summary="List the accounts below an account")
async def list_child_accounts(ctx: Caller, id: PathId, query: Annotated[AccountListQuery, Query()]) -> Answer:  # type: ignore[valid-type]
    """Lists the accounts whose parent is this account."""
    return page(await accounts.list_children(ctx, id, page_request(query, ACCOUNTS), looked_back(query)))
