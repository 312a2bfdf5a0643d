"""When accounts were away: deleted at one time, perhaps restored at another. What a look into the past asks."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from service.framework.database.columns import Instant, Uuid


class AccountDeletion(SQLModel, table=True):
    """One time that an account was deleted; open while it was not restored. (The mark on the account itself tells of
    the present only.)
    """

    __tablename__ = "account_deletions"

    id: str = Field(primary_key=True, sa_type=Uuid)
    account_id: str = Field(sa_type=Uuid, foreign_key="accounts.id")
    deleted_at: datetime = Field(sa_type=Instant)
    restored_at: datetime | None = Field(default=None, sa_type=Instant)


account_deletions: sa.Table = AccountDeletion.__table__  # type: ignore[attr-defined]
sa.Index("ix_account_deletions_account", account_deletions.c.account_id, account_deletions.c.deleted_at)
