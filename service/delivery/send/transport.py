"""The recipe of an endpoint's calls: format, body template, headers, credentials, certificate; read once per row."""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from service.delivery.send.formats import Format
from service.framework.outbound.body_templates import Render, compiled
from service.framework.outbound.egress import ClientTls
from service.framework.outbound.success import Judge

_MOST_CACHED = 2_000


@dataclass(frozen=True, slots=True)
class Client:
    """An OAuth2 client and its token endpoint."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str | None
    audience: str | None
    basic: bool


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything in a call to an endpoint besides the event; `shape` is the text of the row that it was read from."""

    shape: str
    form: Format = "standard"
    fill: Render | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    client: Client | None = None
    tls: ClientTls | None = None
    judge: Judge | None = None


class Recipes:
    """The cached recipes of a process; `unseal` opens the endpoints' secrets. Endpoints with the consent handshake of
    CloudEvents get `origin` in a header.
    """

    def __init__(self, unseal: Callable[[str], bytes], origin: str) -> None:
        self._unseal = unseal
        self._origin = origin
        self._cached = functools.lru_cache(_MOST_CACHED)(self._read)

    def of(self, transport: str, sealed: str | None) -> Recipe:
        """Return the recipe of an endpoint. Raises what `unseal` raises."""
        return self._cached(transport, sealed)

    def _read(self, transport: str, sealed: str | None) -> Recipe:
        document = orjson.loads(transport)
        secrets = {} if sealed is None else orjson.loads(self._unseal(sealed))
        auth, body_map, certificate = document.get("auth"), document.get("body_map"), secrets.get("certificate")
        headers = dict(document.get("headers") or {})
        if document.get("handshake"):
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
            document.get("format", "standard"),
            None if body_map is None else compiled(body_map),
            headers,
            client,
            ClientTls(certificate["chain"].encode(), certificate["key"].encode()) if certificate else None,
            Judge.of(document["success"]) if document.get("success") else None,
        )


def _credentials(auth: Mapping[str, Any], private: Mapping[str, str]) -> dict[str, str]:
    if auth["kind"] == "bearer":
        return {"authorization": f"Bearer {private['token']}"}
    if auth["kind"] == "api_key":
        return {auth["header"]: private["token"]}
    return {"authorization": basic(auth["username"], private["password"])}


def basic(user: str, password: str) -> str:
    """Return the value of `Authorization` for HTTP basic (RFC 7617, UTF-8)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
