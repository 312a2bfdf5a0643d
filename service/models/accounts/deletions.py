"""Deletions of accounts: from when until when each one was away, for looks into the past."""

import sqlalchemy as sa
from sqlmodel import Field

from service.framework.database.fields import Fields, table_of
from service.platform.types import Id, InstantText


class AccountDeletion(Fields, table=True):
    """One deletion of an account, open until the account is restored. The account's own mark shows the present only."""

    __tablename__ = "account_deletions"

    id: Id = Field(primary_key=True)
    account_id: Id = Field(foreign_key="accounts.id")
    deleted_at: InstantText
    restored_at: InstantText | None


account_deletions = table_of(AccountDeletion)
sa.Index("ix_account_deletions_account", account_deletions.c.account_id, account_deletions.c.deleted_at)
