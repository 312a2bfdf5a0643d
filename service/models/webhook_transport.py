"""How a webhook endpoint is called: what signs, in which format, with which headers and credentials, on whose consent.

Secret members are taken and never shown: they are sealed beside the row (`transport_sealed`, `secret_encrypted`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import StringConstraints
from sqlmodel import Field, SQLModel

from service.platform.columns import Instant, Json
from service.platform.types import GraceSeconds, Id, InstantText, Shape

SignatureKind = Annotated[str, StringConstraints(strict=True, pattern=r"^(v1|v1a|both)$")]
SymmetricSecret = Annotated[
    str, StringConstraints(strict=True, pattern=r"^whsec_[A-Za-z0-9+/]{32,86}={0,2}$", max_length=94)
]
PublicKey = Annotated[str, StringConstraints(pattern=r"^whpk_[A-Za-z0-9+/]{43}=$", max_length=49)]


class TransportColumns(SQLModel):
    """The columns that say how an endpoint is called."""

    signature_kind: str = Field(sa_type=sa.Text, sa_column_kwargs={"server_default": "v1"})
    format: str = Field(sa_type=sa.Text, sa_column_kwargs={"server_default": "standard"})
    body_map: Any = Field(default=None, sa_type=Json, nullable=True)
    headers: Any = Field(default=None, sa_type=Json, nullable=True)
    auth: Any = Field(default=None, sa_type=Json, nullable=True)
    client_certificate: Any = Field(default=None, sa_type=Json, nullable=True)
    transport_sealed: str | None = Field(default=None, sa_type=sa.Text)
    handshake: bool = Field(sa_type=sa.Boolean, sa_column_kwargs={"server_default": sa.false()})
    consent: Any = Field(default=None, sa_type=Json, nullable=True)
    consent_due_at: datetime | None = Field(default=None, sa_type=Instant)
    awaits_consent: bool = Field(sa_type=sa.Boolean, sa_column_kwargs={"server_default": sa.false()})
    allowed_per_minute: int | None = Field(default=None, sa_type=sa.BigInteger)


class SigningShape(Shape):
    """What an endpoint is to sign with; changed by rotating, not by a patch."""

    signature_kind: SignatureKind = Member(
        default="v1",
        description="v1 signs with HMAC-SHA256 and a shared secret, v1a with an ed25519 key whose public half "
        "receivers verify with, both with both; changed by rotating",
    )
    secret: SymmetricSecret | None = Member(
        default=None,
        description="A symmetric secret of your own: whsec_ and the base64 of 24 to 64 random bytes; made when "
        "left out",
    )


class SigningRead(Shape):
    """What an endpoint signs with."""

    signature_kind: SignatureKind = Member(description="v1, v1a or both: which keys the last rotation made")


class SigningShown(Shape):
    """New keys, shown in this answer only as far as they are secret."""

    secret: SymmetricSecret | None = Member(
        description="The new symmetric secret, shown this once; null when the endpoint signs with v1a only"
    )
    public_key: PublicKey | None = Member(
        description="The public half of the new ed25519 key; null when the endpoint signs with v1 only"
    )


class WebhookSecretRotation(Shape):
    """How to rotate the signing keys."""

    grace_seconds: GraceSeconds = Member(
        default=86_400,
        description="How long the keys before sign beside the new ones: 0 (they end at once) to 604,800; a day when "
        "left out",
    )
    signature_kind: SignatureKind | None = Member(
        default=None, description="Which keys to make; those of the kind the endpoint has when left out"
    )
    secret: SymmetricSecret | None = Member(default=None, description="A symmetric secret of your own, as on creation")


class WebhookKeyRead(Shape):
    """A key that deliveries are signed with. A symmetric secret is not shown again."""

    id: Id = Member(description="UUID of the key; attempts name the keys that signed them")
    kind: Annotated[str, StringConstraints(pattern=r"^(v1|v1a)$")] = Member(
        description="v1 (HMAC-SHA256) or v1a (ed25519)"
    )
    created_at: InstantText | None = Member(description="When it was made; null for keys from before this was kept")
    ends_at: InstantText | None = Member(description="When it stops signing; null for the keys in force")
    public_key: PublicKey | None = Member(description="What receivers verify v1a with; null for v1")


class WebhookKeysRead(Shape):
    """The live signing keys of an endpoint, newest first."""

    endpoint_id: Id = Member(description="The endpoint")
    signature_kind: SignatureKind = Member(description="v1, v1a or both")
    keys: Annotated[list[WebhookKeyRead], Member(max_length=5)] = Member(description="At most five; each signs")
