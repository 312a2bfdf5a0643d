"""Accounts over HTTP: the routes of a plain record; lists and reads of the past, search, restoring, hierarchy."""

from typing import Annotated

from fastapi import Body, Query

from service.access.policy import Permission
from service.framework.web.answers import Answer, found, page
from service.framework.web.router import PathId
from service.models.accounts.accounts import AccountRead
from service.operations.accounts import accounts
from service.platform.errors import CursorExpired, ReferenceTaken, StaleVersion
from service.queries.accounts.accounts import ACCOUNTS, AccountFilter
from service.rest.dependencies import (
    AS_OF,
    CHANGED_AFTER,
    INCLUDE_DELETED,
    AsOfQuery,
    Caller,
    list_query,
    looked_back,
    page_of,
    page_request,
    search_request,
    search_shape,
)
from service.rest.operations import declare
from service.rest.plain import plain_part

AccountListQuery = list_query("AccountListQuery", ACCOUNTS, more={**AS_OF, **CHANGED_AFTER, **INCLUDE_DELETED})
ChildAccountListQuery = list_query("ChildAccountListQuery", ACCOUNTS, more={**AS_OF, **INCLUDE_DELETED})
AccountSearch = search_shape("AccountSearch", ACCOUNTS, AccountFilter, more=AS_OF)
AccountPage = page_of("AccountPage", AccountRead)

part = plain_part("accounts", accounts.ACCOUNT_RECORD, without=("list", "read"))
declare(
    part, "post", "/accounts/{id}/restore", accounts.restore_account, "Restore a deleted account",
    response_model=AccountRead, errors=[StaleVersion, ReferenceTaken],
)  # fmt: skip


@part.get("/accounts", response_model=AccountPage, summary="List accounts", errors=[CursorExpired])
async def list_accounts(ctx: Caller, query: Annotated[AccountListQuery, Query()]) -> Answer:  # type: ignore[valid-type]
    """Lists accounts page by page; pages are stable at any depth. Filters are parameters; several values are
    comma-separated. With `as_of` it lists the accounts that existed then, with their position and stage as of then;
    with `changed_after` those that changed after a position, in the order of their changes, deleted ones too.
    """
    return page(await accounts.list_accounts(ctx, page_request(query, ACCOUNTS), looked_back(query)))


@part.post(
    "/accounts/search", response_model=AccountPage, summary="Search accounts", permission=Permission.ACCOUNT_READ
)
async def search_accounts(ctx: Caller, query: Annotated[AccountSearch, Body()]) -> Answer:  # type: ignore[valid-type]
    """Lists the accounts that match a nested filter of `and`, `or` and `not`; the grammar is that of GraphQL's
    `filter`.
    """
    return page(await accounts.list_accounts(ctx, search_request(query, ACCOUNTS), looked_back(query)))


@part.get("/accounts/{id}", response_model=AccountRead, summary="Read an account")
async def read_account(ctx: Caller, id: PathId, query: Annotated[AsOfQuery, Query()]) -> Answer:
    """Reads an account. With `as_of` it reads the account as of then, also if it was deleted since."""
    return found(await accounts.get_account(ctx, id, query.as_of))


@part.get("/accounts/{id}/hierarchy", response_model=AccountPage, summary="List the accounts below an account")
async def list_child_accounts(ctx: Caller, id: PathId, query: Annotated[ChildAccountListQuery, Query()]) -> Answer:  # type: ignore[valid-type]
    """Lists the accounts whose parent is this account."""
    return page(await accounts.list_children(ctx, id, page_request(query, ACCOUNTS), looked_back(query)))
