"""How a webhook endpoint is called: signatures, format, headers, credentials and the receiver's consent.

Secrets are never shown: they are encrypted in `transport_sealed` and `secret_encrypted`.
"""

from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import StringConstraints
from sqlmodel import Field

from service.framework.database.fields import WRITE_ONLY, Fields, read_of
from service.models.webhooks.success import WebhookSuccess
from service.platform.patterns import any_of, fitting
from service.platform.types import Count, Flag, GraceSeconds, Id, InstantText, Shape, Slug, Text, WebUrl

SignatureKind = Annotated[str, StringConstraints(strict=True, pattern=any_of(["v1", "v1a", "both"]))]
SymmetricSecret = Annotated[
    str,
    WRITE_ONLY,
    StringConstraints(
        strict=True,
        max_length=94,
        pattern=fitting(r"^whsec_[A-Za-z0-9+/]{32,86}={0,2}$", "Must be whsec_ and 24 to 64 bytes in Base64"),
    ),
]
PublicKey = Annotated[
    str,
    StringConstraints(
        max_length=49, pattern=fitting(r"^whpk_[A-Za-z0-9+/]{43}=$", "Must be whpk_ and 32 bytes in Base64")
    ),
]


class TransportColumns(Fields):
    """The columns that say how an endpoint is called."""

    signature_kind: str = Field(sa_column_kwargs={"server_default": "v1"})
    format: str = Field(sa_column_kwargs={"server_default": "standard"})
    body_map: dict[str, Any] | None
    success: dict[str, Any] | None
    headers: dict[str, str] | None
    auth: dict[str, Any] | None
    client_certificate: dict[str, Any] | None
    transport_sealed: str | None
    handshake: bool = Field(sa_column_kwargs={"server_default": sa.false()})
    consent: dict[str, Any] | None
    consent_due_at: InstantText | None
    awaits_consent: bool = Field(sa_column_kwargs={"server_default": sa.false()})
    allowed_per_minute: int | None


BodyMap = Annotated[dict[str, Any], Member(min_length=1, max_length=50)]
Visible = fitting(
    r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$", "Must be visible ASCII characters, with spaces only between them"
)
HeaderName = Annotated[
    str,
    StringConstraints(
        strict=True,
        pattern=fitting(
            r"^[A-Za-z][A-Za-z0-9_-]{0,63}$", "Must be a letter, followed by up to 63 letters, digits, `_` or `-`"
        ),
    ),
]
HeaderValue = Annotated[str, StringConstraints(strict=True, max_length=500, pattern=Visible)]
Token = Annotated[str, WRITE_ONLY, StringConstraints(strict=True, min_length=1, max_length=4000, pattern=Visible)]
UserName = Annotated[
    str,
    StringConstraints(
        strict=True,
        min_length=1,
        max_length=200,
        pattern=fitting(r"^[^\x00-\x1f\x7f:]+$", "Must not contain a colon or a control character"),
    ),
]
ClientId = Annotated[
    str,
    StringConstraints(
        strict=True,
        min_length=1,
        max_length=1000,
        pattern=fitting(r"^[^\x00-\x1f\x7f]+$", "Must not contain a control character"),
    ),
]
Password = Annotated[ClientId, WRITE_ONLY]
Pem = Annotated[
    str,
    StringConstraints(
        strict=True,
        min_length=1,
        max_length=30_000,
        pattern=fitting(r"^[\x09\x0a\x0d\x20-\x7e]+$", "Must be a PEM text: ASCII characters and line breaks"),
    ),
]
Format = Annotated[
    str, StringConstraints(strict=True, pattern=any_of(["standard", "cloudevents-structured", "cloudevents-binary"]))
]
AuthKind = Annotated[
    str,
    StringConstraints(
        strict=True,
        pattern=any_of(["none", "bearer", "basic", "api_key", "oauth2_client_credentials"]),
    ),
]
ClientAuthentication = Annotated[str, StringConstraints(strict=True, pattern=any_of(["basic", "form"]))]


class WebhookAuth(Shape):
    """How calls authenticate. Each kind needs its own members and takes no others; a patch replaces all members."""

    kind: AuthKind = Member(
        description="none; bearer: token; basic: username, password; api_key: header, token; "
        "oauth2_client_credentials: token_url, client_id, client_secret and, optionally, scope, audience, "
        "client_authentication"
    )
    token: Token | None = Member(default=None, description="The bearer token, or the value of the header; never shown")
    header: HeaderName | None = Member(default=None, description="The header that carries the token of an api_key")
    username: UserName | None = Member(default=None, description="For basic; without a colon")
    password: Password | None = Member(default=None, description="For basic; never shown")
    token_url: WebUrl | None = Member(
        default=None, description="The URL that issues tokens; the rules of the endpoint's url apply"
    )
    client_id: ClientId | None = Member(default=None, description="The client id at the token URL")
    client_secret: Password | None = Member(default=None, description="The client secret at the token URL; never shown")
    scope: HeaderValue | None = Member(default=None, description="The scope to request, as the token server spells it")
    audience: HeaderValue | None = Member(
        default=None, description="The audience to request, where the token server needs one"
    )
    client_authentication: ClientAuthentication | None = Member(
        default=None, description="How client_id and client_secret are sent: basic (HTTP basic, the default) or form"
    )


@read_of(WebhookAuth)
class WebhookAuthRead(Shape):
    """How calls authenticate, without secrets."""


class ClientCertificate(Shape):
    """The client certificate of calls (mutual TLS)."""

    certificate: Pem = Member(description="The chain in PEM, the client's own certificate first; at most five")
    private_key: Pem = Member(description="Its private key in PEM, without a passphrase; never shown")


class ClientCertificateRead(Shape):
    """A client certificate, without its key."""

    subject: Text = Member(description="The subject (RFC 4514)")
    issuer: Text = Member(description="The issuer (RFC 4514)")
    serial_number: Slug = Member(description="Its serial number, hexadecimal")
    not_before: InstantText = Member(description="Valid from")
    not_after: InstantText = Member(description="Valid until")
    fingerprint_sha256: Slug = Member(description="SHA-256 of the certificate, hexadecimal")


Headers = Annotated[dict[HeaderName, HeaderValue], Member(max_length=20)]


class TransportShape(Shape):
    """How to call an endpoint."""

    format: Format = Member(
        default="standard",
        description="standard: the event as in the feed; cloudevents-structured or cloudevents-binary: "
        "CloudEvents 1.0 (of the binary form the signature covers the data only)",
    )
    body_map: BodyMap | None = Member(
        default=None,
        description="The body (of CloudEvents: the data) to send instead, as JSON with placeholders that are paths "
        "into the event: `{data.account.name}`. A text that is one placeholder becomes the value itself, and is left "
        "out with its member where the event lacks it; inside a longer text it stays empty then; `{{` and `}}` are "
        "braces. A path that no event of `event_types` can have is refused. At most 8 levels, 200 values and 50 "
        "placeholders",
        examples=[{"text": "{data.account.name} is now {data.current.quadrant}"}],
    )
    success: WebhookSuccess | None = Member(
        default=None,
        description="What an answer must be to mean success; null for any 2xx. A patch replaces all of it",
        examples=[{"items": "", "item": [{"path": "/success", "is": True}]}],
    )
    headers: Headers | None = Member(
        default=None,
        description="Additional headers, at most 20; no headers of the message, its signature or the connection, and "
        "no credentials, since they are shown (see `auth`)",
        examples=[{"x-source": "kam"}],
    )
    auth: WebhookAuth | None = Member(default=None, description="How calls authenticate; null for not at all")
    client_certificate: ClientCertificate | None = Member(
        default=None, description="The client certificate, for a receiver that asks for one (mutual TLS)"
    )
    handshake: Flag = Member(
        default=False,
        description="Ask the receiver for its consent before the first delivery (CloudEvents web hooks: OPTIONS with "
        "WebHook-Request-Origin) and send nothing before it consents; a change of the url asks again. Needs the "
        "setting KAM_PUBLIC_URL, whose host is the origin",
    )


class ConsentRead(Shape):
    """The receiver's answer to the handshake."""

    state: Annotated[str, StringConstraints(pattern=any_of(["asked", "given", "refused"]))] = Member(
        description="asked (no answer yet: deliveries wait), given, or refused (deliveries wait until the "
        "receiver is asked again)"
    )
    rate_per_minute: Count | None = Member(
        description="The number of calls per minute that the receiver allows; null for any number"
    )
    asked_at: InstantText | None = Member(description="When the receiver was last asked")
    answered_at: InstantText | None = Member(description="When the receiver last answered")
    tries: Count = Member(
        description="The number of requests without an answer since the last one; the wait between requests grows"
    )
    detail: Text | None = Member(description="Why there is no consent, or why the last request got no answer")


@read_of(TransportShape, order="format body_map success headers auth client_certificate")
class TransportRead(Shape):
    """How an endpoint is called."""

    auth: WebhookAuthRead | None = Member(description="How calls authenticate, without secrets; null for not at all")
    client_certificate: ClientCertificateRead | None = Member(description="The client certificate, without its key")
    consent: ConsentRead | None = Member(description="The receiver's answer to the handshake; null without a handshake")


class SigningShape(Shape):
    """The signing keys to make; changed by rotating them, not by a patch."""

    signature_kind: SignatureKind = Member(
        default="v1",
        description="v1 signs with HMAC-SHA256 and a shared secret, v1a with an ed25519 key that "
        "receivers verify with its public half; both makes both kinds of keys. Changed by rotating the keys",
    )
    secret: SymmetricSecret | None = Member(
        default=None,
        description="Your own symmetric secret: whsec_ and the base64 of 24 to 64 random bytes; made when left out",
    )


@read_of(SigningShape)
class SigningRead(Shape):
    """The signatures of an endpoint."""


class SigningShown(Shape):
    """New signing keys; the secret is shown only in this answer."""

    secret: SymmetricSecret | None = Member(
        description="The new symmetric secret, shown only here; null when the endpoint signs with v1a only"
    )
    public_key: PublicKey | None = Member(
        description="The public half of the new ed25519 key; null when the endpoint signs with v1 only"
    )


class WebhookSecretRotation(Shape):
    """How to rotate the signing keys."""

    grace_seconds: GraceSeconds = Member(
        default=86_400,
        description="For how many seconds the previous keys sign beside the new ones: 0 (they end at once) to 604,800 "
        "(a week); a day when left out",
    )
    signature_kind: SignatureKind | None = Member(
        default=None, description="The kind of keys to make; the endpoint's current kind when left out"
    )
    secret: SymmetricSecret | None = Member(default=None, description="Your own symmetric secret, as on creation")


class WebhookKeyRead(Shape):
    """A key that deliveries are signed with. A symmetric secret is not shown again."""

    id: Id = Member(description="UUID of the key; attempts name the keys that signed them")
    kind: Annotated[str, StringConstraints(pattern=any_of(["v1", "v1a"]))] = Member(
        description="v1 (HMAC-SHA256) or v1a (ed25519)"
    )
    created_at: InstantText | None = Member(description="When it was made; null for keys from before this was recorded")
    ends_at: InstantText | None = Member(description="When it stops signing; null for current keys")
    public_key: PublicKey | None = Member(description="The public key that verifies v1a signatures; null for v1")


class WebhookKeysRead(Shape):
    """The live signing keys of an endpoint, newest first."""

    endpoint_id: Id = Member(description="The endpoint")
    signature_kind: SignatureKind = Member(description="v1, v1a or both")
    keys: Annotated[list[WebhookKeyRead], Member(max_length=5)] = Member(
        description="The keys, at most five; each of them signs"
    )
