"""API keys, of which only a hash is kept, and the stored answers of writes with an Idempotency-Key."""

from typing import Annotated

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import StringConstraints
from sqlmodel import Field

from service.framework.database.fields import Fields, read_of, table_of
from service.models.shapes import Living, ReadBase
from service.platform.patterns import fitting
from service.platform.types import Flag, Id, InstantText, Name, Shape

_SCOPE = fitting(
    r"^(\*|[a-z_]+:(read|write|\*))$",
    "Must be a scope such as accounts:read, accounts:write or accounts:*, or *",
)
Scope = Annotated[str, StringConstraints(strict=True, max_length=50, pattern=_SCOPE)]


class ApiKeyCreate(Fields):
    """An API key to create; it gets no scope that the key which creates it lacks."""

    name: Name = Field(description="The purpose of the key")
    scopes: Annotated[list[Scope], Member(min_length=1, max_length=50)] = Field(
        description="`resource:read`, `resource:write`, `resource:*`, or `*` for everything",
        schema_extra={"examples": [["accounts:read", "events:read"]]},
    )
    expires_at: InstantText | None = Field(
        default=None,
        description="When it expires; null for never. Not later than the key which creates it, whose end it takes over "
        "when it is left out",
    )


class ApiKey(Living, ApiKeyCreate, table=True):
    """The table; `hash` is the SHA-256 of the key's value, which is not kept."""

    __tablename__ = "api_keys"

    prefix: Name = Field(description="The first characters of its value, to recognise it by")
    hash: str = Field(unique=True)
    last_used_at: InstantText | None = Field(description="When it was last used, to the minute")
    revoked_at: InstantText | None
    created_by: Id | None = Field(
        description="The id of the key that created it; `00000000-0000-7000-8000-000000000000` for the command line"
    )


api_keys = table_of(ApiKey)


@read_of(ApiKeyCreate, ApiKey, order="name prefix scopes expires_at")
class ApiKeyRead(ReadBase):
    """An API key, without its value."""

    scopes: Annotated[list[Scope], Member(max_length=50)] = Member(description="What the key may read and write")
    expires_at: InstantText | None = Member(description="When it expires; null for never")
    revoked: Flag = Member(description="Whether it was revoked")


class ApiKeyCreated(ApiKeyRead):
    """A new API key with its value."""

    key: Annotated[str, StringConstraints(pattern=fitting(r"^kam_[A-Za-z0-9_-]{43}$", "Must be an API key"))] = Member(
        description="The key's value, shown only in this answer"
    )


class Me(Shape):
    """The caller."""

    id: Name = Member(description="The key's id")
    name: Name = Member(description="The purpose of the key")
    scopes: Annotated[list[Scope], Member(max_length=50)] = Member(description="Its scopes, as they were given")
    permissions: Annotated[list[Scope], Member(max_length=50)] = Member(description="The permissions in these scopes")
    expires_at: InstantText | None = Member(description="When the key expires; null for never")


class IdempotencyKey(Fields, table=True):
    """The stored answer of a write, inserted by the write's own transaction; kept for 24 hours."""

    __tablename__ = "idempotency_keys"

    owner: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    fingerprint: str
    version: int
    outcome: str
    body: str
    created_at: InstantText


idempotency_keys = table_of(IdempotencyKey)
sa.Index("ix_idempotency_keys_created", idempotency_keys.c.created_at)
