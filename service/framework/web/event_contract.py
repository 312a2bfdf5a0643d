"""Events in the documents of the API: the `webhooks` of OpenAPI, and the AsyncAPI 3.0 document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Document = dict[str, Any]

HEADERS = {
    "webhook-id": "The event's id, the same in every attempt: a receiver that has it already can drop it",
    "webhook-timestamp": "When this attempt was made, in seconds since 1970",
    "webhook-signature": "One signature or more, separated by spaces: `v1,` and base64 of HMAC-SHA256, or `v1a,` and "
    "base64 of ed25519, of `{webhook-id}.{webhook-timestamp}.{body}`",
}


@dataclass(frozen=True, slots=True)
class Webhook:
    """An event as the documents show it: its type, a description, the JSON Schema of its body with its definitions
    (`$defs`), and examples.
    """

    type: str
    description: str
    schema: Mapping[str, Any]
    examples: list[Any] = field(default_factory=list)


def add_webhooks(document: Document, webhooks: Iterable[Webhook]) -> None:
    """Add the webhooks to an OpenAPI document; definitions become components."""
    operations: Document = {}
    components = document.setdefault("components", {}).setdefault("schemas", {})
    for each in webhooks:
        body, defined = _parted(each.schema)
        for name, schema in defined.items():
            components.setdefault(name, schema)
        operations[each.type] = {"post": _operation(each, body)}
    if operations:
        document["webhooks"] = operations


def _operation(event: Webhook, body: Document) -> Document:
    """Return the operation that a receiver implements."""
    content: Document = {"schema": body}
    if event.examples:
        content["examples"] = {f"example{number or ''}": {"value": one} for number, one in enumerate(event.examples)}
    return {
        "operationId": "on_" + re.sub(r"[^a-z0-9]+", "_", event.type.lower()),
        "summary": event.type,
        "description": event.description,
        "tags": ["webhooks"],
        "security": [],
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": True,
                "description": text,
                "schema": {"type": "string", "maxLength": 1000},
            }
            for name, text in HEADERS.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {
            "2XX": {"description": "Taken"},
            "4XX": {"description": "Refused; sent again later, except 410, which disables the endpoint"},
        },
    }


def asyncapi(title: str, version: str, description: str, webhooks: Iterable[Webhook]) -> Document:
    """Return the AsyncAPI 3.0 document: the messages that webhook endpoints receive."""
    messages, schemas = _messages(webhooks)
    schemas["StandardWebhooksHeaders"] = {
        "type": "object",
        "required": list(HEADERS),
        "properties": {name: {"type": "string", "description": text} for name, text in HEADERS.items()},
    }
    listed = {name: {"$ref": f"#/components/messages/{name}"} for name in messages}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": title,
            "version": version,
            "description": description,
            "license": {"name": "MIT"},
            "contact": {"name": "The maintainers of this service"},
            "tags": [{"name": "events", "description": "What happened, in order"}],
        },
        "defaultContentType": "application/json",
        "servers": {
            "receiver": {
                "host": "{host}",
                "protocol": "https",
                "description": "The host of a webhook endpoint",
                "variables": {"host": {"description": "As in the endpoint's url", "default": "example.com"}},
            }
        },
        "channels": {
            "webhooks": {
                "address": None,
                "title": "Webhook endpoints",
                "description": "The path of an endpoint's url; one POST per event, signed as Standard Webhooks 1.0.0",
                "servers": [{"$ref": "#/servers/receiver"}],
                "messages": listed,
            },
        },
        "operations": {
            "sendEvents": {
                "action": "send",
                "title": "Send events",
                "summary": "Every event that an endpoint subscribes to",
                "description": "In order per account and at least once: a repeated event has the same webhook-id.",
                "channel": {"$ref": "#/channels/webhooks"},
                "messages": [{"$ref": f"#/channels/webhooks/messages/{name}"} for name in messages],
            },
        },
        "components": {"messages": messages, "schemas": schemas},
    }


def _messages(webhooks: Iterable[Webhook]) -> tuple[Document, Document]:
    """Return the messages by their keys, and the definitions they refer to."""
    messages: Document = {}
    schemas: Document = {}
    for each in webhooks:
        body, defined = _parted(each.schema)
        schemas |= defined
        message: Document = {
            "name": each.type,
            "title": each.type,
            "summary": each.description.partition(". ")[0],
            "description": each.description,
            "contentType": "application/json",
            "headers": {"$ref": "#/components/schemas/StandardWebhooksHeaders"},
            "payload": body,
        }
        if each.examples:
            message["examples"] = [{"name": "example", "payload": one} for one in each.examples]
        messages[_key(each.type)] = message
    return messages, schemas


def _key(event_type: str) -> str:
    """Return an event type as a key for references: account.stage_changed becomes accountStageChanged."""
    first, *rest = re.split(r"[._]", event_type)
    return first + "".join(part.capitalize() for part in rest)


def _parted(schema: Mapping[str, Any]) -> tuple[Document, Document]:
    """Return the schema without its head and definitions, and the definitions; both refer to components."""
    body = {name: value for name, value in schema.items() if name not in ("$schema", "$id", "$defs")}
    return _referring(body), _referring(dict(schema.get("$defs", {})))


def _referring(node: Any) -> Any:
    if isinstance(node, list):
        return [_referring(part) for part in node]
    if not isinstance(node, dict):
        return node
    made = {name: _referring(value) for name, value in node.items()}
    if isinstance(node.get("$ref"), str):
        made["$ref"] = node["$ref"].replace("#/$defs/", "#/components/schemas/")
    return made
