"""API keys (only a hash is kept) and the answers kept for Idempotency-Keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import StringConstraints
from sqlmodel import Field, SQLModel

from service.framework.database.columns import Instant, Json, Uuid
from service.models.shapes import Living, ReadBase
from service.platform.types import Flag, InstantText, Name, Shape

Scope = Annotated[str, StringConstraints(strict=True, max_length=50, pattern=r"^(\*|[a-z_]+:(read|write|\*))$")]


class ApiKeyCreate(Shape):
    """An API key to create; it can't have more than the key that creates it."""

    name: Name = Member(description="What the key is for")
    scopes: Annotated[list[Scope], Member(min_length=1, max_length=50)] = Member(
        description="`resource:read`, `resource:write`, `resource:*` or `*` for all",
        examples=[["accounts:read", "events:read"]],
    )
    expires_at: InstantText | None = Member(default=None, description="When it stops working; never when left out")


class ApiKey(Living, SQLModel, table=True):
    """The table."""

    __tablename__ = "api_keys"

    name: str = Field(sa_type=sa.Text)
    prefix: str = Field(sa_type=sa.Text)
    hash: str = Field(sa_type=sa.Text, unique=True)
    scopes: Any = Field(sa_type=Json)
    expires_at: datetime | None = Field(default=None, sa_type=Instant)
    last_used_at: datetime | None = Field(default=None, sa_type=Instant)
    revoked_at: datetime | None = Field(default=None, sa_type=Instant)
    created_by: str | None = Field(default=None, sa_type=Uuid)


api_keys: sa.Table = ApiKey.__table__  # type: ignore[attr-defined]


class ApiKeyRead(ReadBase):
    """An API key, without its value."""

    name: Name = Member(description="What the key is for")
    prefix: Name = Member(description="The first characters of its value, to recognise it by")
    scopes: Annotated[list[Scope], Member(max_length=50)] = Member(description="What it may do")
    expires_at: InstantText | None = Member(description="When it stops working")
    last_used_at: InstantText | None = Member(description="When it was last used, to the minute")
    revoked: Flag = Member(description="Whether it was revoked")


class ApiKeyCreated(ApiKeyRead):
    """A new API key with its value."""

    key: Annotated[str, StringConstraints(pattern=r"^kam_[A-Za-z0-9_-]{43}$")] = Member(
        description="The key's value, shown this once"
    )


class Me(Shape):
    """The caller."""

    id: Name = Member(description="The key's id")
    name: Name = Member(description="What the key is for")
    scopes: Annotated[list[Scope], Member(max_length=50)] = Member(description="Its scopes, as they were given")
    permissions: Annotated[list[Scope], Member(max_length=50)] = Member(description="What they let it do")
    expires_at: InstantText | None = Member(description="When it stops working")


class IdempotencyKey(SQLModel, table=True):
    """The stored answer of a write, written in the write's own transaction; kept 24 hours."""

    __tablename__ = "idempotency_keys"

    owner: str = Field(primary_key=True, sa_type=sa.Text)
    key: str = Field(primary_key=True, sa_type=sa.Text)
    fingerprint: str = Field(sa_type=sa.Text)
    version: int = Field(sa_type=sa.BigInteger)
    outcome: str = Field(sa_type=sa.Text)
    body: str = Field(sa_type=sa.Text)
    created_at: datetime = Field(sa_type=Instant)


idempotency_keys: sa.Table = IdempotencyKey.__table__  # type: ignore[attr-defined]
sa.Index("ix_idempotency_keys_created", idempotency_keys.c.created_at)
