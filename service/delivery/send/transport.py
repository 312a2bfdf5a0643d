"""How one endpoint is called, read from its row once and kept: format, map of fields, headers, credentials,
certificate.
"""

from __future__ import annotations

import base64
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from service.delivery.send.formats import Format
from service.framework.outbound.body_templates import Render, compiled
from service.framework.outbound.egress import ClientTls

_MOST_KEPT = 2_000


@dataclass(frozen=True, slots=True)
class Client:
    """An OAuth2 client and where it gets its tokens."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str | None
    audience: str | None
    basic: bool


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a call to an endpoint is made of besides the event; `shape` is the row's text that it was made from."""

    shape: str
    form: Format = "standard"
    fill: Render | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    client: Client | None = None
    tls: ClientTls | None = None


class Recipes:
    """The recipes of a process; `unseal` opens what stands sealed beside an endpoint. `origin` is sent along by
    endpoints that gave their consent to it (CloudEvents web hooks).
    """

    def __init__(self, unseal: Callable[[str], bytes], origin: str) -> None:
        self._unseal = unseal
        self._origin = origin
        self._kept: OrderedDict[tuple[str, str | None], Recipe] = OrderedDict()

    def of(self, transport: str, sealed: str | None) -> Recipe:
        """The recipe of an endpoint; raises what `unseal` raises."""
        key = (transport, sealed)
        recipe = self._kept.get(key)
        if recipe is None:
            recipe = self._read(transport, {} if sealed is None else orjson.loads(self._unseal(sealed)))
            if len(self._kept) >= _MOST_KEPT:
                self._kept.popitem(last=False)
            self._kept[key] = recipe
        return recipe

    def _read(self, transport: str, secrets: Mapping[str, Any]) -> Recipe:
        told = orjson.loads(transport)
        auth, body_map, certificate = told.get("auth"), told.get("body_map"), secrets.get("certificate")
        headers = dict(told.get("headers") or {})
        if told.get("handshake"):
            headers["webhook-request-origin"] = self._origin
        client = None
        if auth is not None:
            private = secrets.get("auth") or {}
            if auth["kind"] == "oauth2_client_credentials":
                client = Client(
                    auth["token_url"],
                    auth["client_id"],
                    private["client_secret"],
                    auth["scope"],
                    auth["audience"],
                    auth["client_authentication"] == "basic",
                )
            else:
                headers |= _credentials(auth, private)
        return Recipe(
            transport,
            told.get("format", "standard"),
            None if body_map is None else compiled(body_map),
            headers,
            client,
            ClientTls(certificate["chain"].encode(), certificate["key"].encode()) if certificate else None,
        )


def _credentials(auth: Mapping[str, Any], private: Mapping[str, str]) -> dict[str, str]:
    if auth["kind"] == "bearer":
        return {"authorization": f"Bearer {private['token']}"}
    if auth["kind"] == "api_key":
        return {auth["header"]: private["token"]}
    return {"authorization": basic(auth["username"], private["password"])}


def basic(user: str, password: str) -> str:
    """The value of `Authorization` for HTTP basic (RFC 7617, UTF-8)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
