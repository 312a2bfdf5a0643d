"""How an endpoint is called (credentials, headers, client certificate, body): checked, and split into a readable part
and encrypted secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from service.framework.outbound.addresses import AddressPolicy, Blocked
from service.framework.outbound.body_templates import faults
from service.framework.outbound.certificates import Unusable, described
from service.framework.outbound.header_rules import is_reserved
from service.models.webhooks.transport import TransportShape, WebhookAuthRead
from service.platform.errors import FieldError, Invalid
from service.platform.pointers import pointer
from service.platform.secrets import Secrets, Unreadable
from service.platform.types import Shape
from service.records.context import refuse

MEMBERS = frozenset(TransportShape.model_fields)
_NEEDS: dict[str, tuple[str, ...]] = {
    "none": (),
    "bearer": ("token",),
    "basic": ("username", "password"),
    "api_key": ("header", "token"),
    "oauth2_client_credentials": ("token_url", "client_id", "client_secret"),
}
_MAY: dict[str, tuple[str, ...]] = {"oauth2_client_credentials": ("scope", "audience", "client_authentication")}
_SECRET = ("token", "password", "client_secret")


class Transport:
    """Turns the transport members of a request into columns."""

    def __init__(self, secrets: Secrets, policy: AddressPolicy, now: datetime) -> None:
        self._secrets = secrets
        self._policy = policy
        self._now = now

    def columns(
        self, given: Mapping[str, Any], shown: Mapping[str, Any] | None = None, sealed: str | None = None
    ) -> dict[str, Any]:
        """Return the columns that change for the given members; raises Invalid. `shown` are the endpoint's readable
        members so far, `sealed` its encrypted secrets.
        """
        before = dict(shown or {})
        kept = self._opened(sealed)
        private = dict(kept)
        wanted = {name: value for name, value in given.items() if name in MEMBERS}
        if "auth" in wanted:
            wanted["auth"], private["auth"] = self._auth(wanted["auth"])
        if "client_certificate" in wanted:
            wanted["client_certificate"], private["certificate"] = self._certificate(wanted["client_certificate"])
        as_given: dict[str, str] = {}
        if wanted.get("headers") is not None:
            as_given = {name.lower(): name for name in wanted["headers"]}
            wanted["headers"] = _lowered(wanted["headers"])
        _check_headers({**before, **wanted}, as_given)
        if wanted.get("body_map") is not None:
            _check_map(wanted["body_map"])
        if wanted.get("success") is not None:
            wanted["success"] = _success(wanted["success"])
        changed = {name: value for name, value in wanted.items() if name not in before or before[name] != value}
        private = {name: value for name, value in private.items() if value}
        if private != kept:
            changed["transport_sealed"] = self._secrets.seal(orjson.dumps(private)) if private else None
        return changed

    def _opened(self, sealed: str | None) -> dict[str, Any]:
        """Return the stored secrets, or none when they were encrypted with another service key: the caller must send
        them again.
        """
        if sealed is None:
            return {}
        try:
            return dict(orjson.loads(self._secrets.open(sealed)))
        except Unreadable:
            return {}

    def _auth(self, auth: Shape | None) -> tuple[dict[str, Any] | None, dict[str, str]]:
        given = {} if auth is None else {name: value for name, value in auth.model_dump().items() if value is not None}
        kind = given.get("kind", "none")
        if kind == "none" and len(given) <= 1:
            return None, {}
        allowed = {"kind", *_NEEDS[kind], *_MAY.get(kind, ())}
        errors = [
            FieldError(pointer=f"/auth/{name}", code="missing", message=f"auth of kind {kind} needs {name}")
            for name in _NEEDS[kind]
            if name not in given
        ]
        errors += [
            FieldError(pointer=f"/auth/{name}", code="not_taken", message=f"auth of kind {kind} takes no {name}")
            for name in given
            if name not in allowed
        ]
        if errors:
            raise Invalid(errors)
        if "header" in given:
            given["header"] = given["header"].lower()
            if is_reserved(given["header"]):
                raise refuse("/auth/header", "header_reserved", _reserved(given["header"]))
        if "token_url" in given:
            try:
                self._policy.check_url(given["token_url"])
            except Blocked as blocked:
                raise refuse("/auth/token_url", "url_not_allowed", str(blocked)) from None
            given.setdefault("client_authentication", "basic")
        public = {name: given.get(name) for name in WebhookAuthRead.model_fields}
        return public, {name: given[name] for name in _SECRET if name in given}

    def _certificate(self, given: Any) -> tuple[dict[str, Any] | None, dict[str, str]]:
        if given is None:
            return None, {}
        try:
            certificate = described(given.certificate, given.private_key, self._now)
        except Unusable as unusable:
            raise refuse(f"/client_certificate/{unusable.member}", unusable.code, str(unusable)) from None
        return certificate.document(), {"chain": given.certificate, "key": given.private_key}


def check_credentials_stay(before: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raise Invalid for a url with another host, port or scheme when stored `auth` or `headers` are not sent with it.
    Otherwise a caller who cannot read the stored credentials could have them sent to a host of their own.
    """
    missing = [name for name in ("auth", "headers") if before[name] and name not in given]
    if "url" in given and missing and _origin(before["url"]) != _origin(given["url"]):
        message = "The stored value belongs to another host. Send {} (or null) with the new url"
        raise Invalid(
            [FieldError(pointer=f"/{name}", code="needed_with_url", message=message.format(name)) for name in missing]
        )


def _origin(url: str) -> tuple[str, str | None, int]:
    """Return scheme, host and port of a URL; the port of the scheme where it has none."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers by their names in lower case; raises Invalid for a name that is given twice."""
    lowered: dict[str, str] = {}
    for name, value in headers.items():
        if name.lower() in lowered:
            raise refuse(
                pointer(("headers", name)),
                "duplicate_header",
                f"{name} is given twice in different case",
            )
        lowered[name.lower()] = value
    return lowered


def _check_headers(members: Mapping[str, Any], as_given: Mapping[str, str]) -> None:
    """Raise Invalid for a reserved header and for one that `auth` sets. `as_given` maps names in lower case to the
    request's spelling.
    """
    auth = members.get("auth") or {"kind": "none"}
    taken = auth.get("header") if auth["kind"] == "api_key" else None if auth["kind"] == "none" else "authorization"
    for name in members.get("headers") or {}:
        place = pointer(("headers", as_given.get(name, name)))
        if is_reserved(name):
            raise refuse(place, "header_reserved", _reserved(name))
        if name == taken:
            raise refuse(place, "header_reserved", f"{name} is set by auth. Leave it out")


def _success(given: Shape) -> dict[str, Any]:
    """Return the members that were given of `success`; raises Invalid for one that says nothing."""
    members: dict[str, Any] = {
        name: value for name, value in given.model_dump(exclude_unset=True).items() if value is not None
    }
    if not members:
        raise refuse("/success", "missing", "Needs statuses, body, or items with item")
    for name, other in (("items", "item"), ("item", "items")):
        if name in members and other not in members:
            raise refuse(f"/success/{other}", "missing", f"{name} needs {other}")
    for name in ("body", "item"):
        for index, condition in enumerate(members.get(name, ())):
            for operator in ("in", "lt"):
                if condition.get(operator, condition) is None:
                    del condition[operator]
            if len(condition) == 1:
                raise refuse(f"/success/{name}/{index}", "missing", "Needs is, in or lt")
    return members


def _reserved(name: str) -> str:
    return f"{name} is set by the service. Leave it out"


def _check_map(template: Any) -> None:
    found = faults(template)
    if found:
        raise Invalid(
            [
                FieldError(pointer=pointer(("body_map", *each.place)), code=each.code, message=each.message)
                for each in found
            ]
        )
