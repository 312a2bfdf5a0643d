"""Queries of accounts beside their pages."""

from __future__ import annotations

from service.framework.graph.calls import Call, reference, shows
from service.models.accounts.accounts import AccountRead
from service.operations.accounts import accounts

QUERIES = (Call("accountByRef", accounts.get_account_by_ref, reference("account"), shows(AccountRead)),)
