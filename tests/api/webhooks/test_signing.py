"""Signing keys end to end: made, imported, rotated with a grace, read without what is secret, named by attempts."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import standardwebhooks

from service.access.policy import Permission
from service.framework.database.statements import Statement
from service.framework.outbound.signing_keys import unpack
from service.framework.outbound.standard_webhooks import new_secret, verifying
from service.models.access.api_keys import idempotency_keys
from service.models.webhooks.endpoints import webhook_endpoints
from service.platform.clock import SetClock, instant_text
from service.platform.secrets import Secrets
from service.records.context import Services
from tests.api.records import NOBODY, make, make_account
from tests.api.subscribing import Sender, attempts, deliveries, subscribe, verified
from tests.delivery.receivers import Received, Receiver

_ALL_ENDPOINTS = Statement(sa.select(webhook_endpoints))
_ALL_KEYS = Statement(sa.select(idempotency_keys))


def accepted(request: Received, key: str) -> bool:
    """Whether a receiver that knows only this key takes a request."""
    content = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    return verifying(key)(content, request.headers["webhook-signature"])


async def keys(client: httpx.AsyncClient, endpoint: dict[str, Any]) -> list[dict[str, Any]]:
    """The live keys of an endpoint."""
    answer = await client.get(f"/v1/webhook-endpoints/{endpoint['id']}/secret")
    assert answer.status_code == 200, answer.text
    assert answer.json()["endpoint_id"] == endpoint["id"]
    return list(answer.json()["keys"])


async def rotate(client: httpx.AsyncClient, endpoint: dict[str, Any], **body: Any) -> dict[str, Any]:
    """Rotate the keys."""
    answer = await client.post(f"/v1/webhook-endpoints/{endpoint['id']}/secret/rotate", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_old_and_new_secret_sign_until_the_grace_is_over(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender, clock: SetClock
) -> None:
    endpoint = await subscribe(client, receiver)
    [first] = await keys(client, endpoint)
    assert (first["kind"], first["ends_at"], first["public_key"]) == ("v1", None, None)
    rotated = await rotate(client, endpoint, grace_seconds=200)
    assert rotated["version"] == 2 and rotated["secret"] != endpoint["secret"]
    shown = await keys(client, endpoint)
    ends = instant_text(clock.now() + timedelta(seconds=200))
    assert [(key["kind"], key["ends_at"] and key["ends_at"][:23]) for key in shown] == [("v1", None), ("v1", ends[:23])]
    assert shown[1]["id"] == first["id"]

    await make_account(client)
    await sender.send()
    for secret in (rotated["secret"], endpoint["secret"]):
        verified(receiver.requests[-1], secret)
    [delivery] = await deliveries(client, endpoint)
    [attempt] = await attempts(client, delivery)
    assert attempt["signing_key_ids"] == [key["id"] for key in shown]

    clock.advance(timedelta(seconds=200))
    assert await keys(client, endpoint) == shown[:1]
    await make_account(client, name="Other")
    await sender.send()
    assert accepted(receiver.requests[-1], rotated["secret"])
    assert not accepted(receiver.requests[-1], endpoint["secret"])
    [attempt] = await attempts(client, (await deliveries(client, endpoint))[0])
    assert attempt["signing_key_ids"] == [shown[0]["id"]]


async def test_without_a_grace_the_old_secret_ends_at_once(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender
) -> None:
    endpoint = await subscribe(client, receiver)
    await rotate(client, endpoint)
    last = await rotate(client, endpoint, grace_seconds=0)
    assert len(await keys(client, endpoint)) == 1
    await make_account(client)
    await sender.send()
    verified(receiver.requests[-1], last["secret"])
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        verified(receiver.requests[-1], endpoint["secret"])


async def test_rotation_takes_a_day_unless_told_keeps_earlier_ends_and_five_keys_at_most(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender, clock: SetClock
) -> None:
    endpoint = await subscribe(client, receiver)
    bare = await client.post(f"/v1/webhook-endpoints/{endpoint['id']}/secret/rotate")
    assert bare.status_code == 200
    [_, old] = await keys(client, endpoint)
    assert old["ends_at"][:19] == instant_text(clock.now() + timedelta(days=1))[:19]
    await rotate(client, endpoint, grace_seconds=604_800)
    ends = [key["ends_at"] for key in await keys(client, endpoint)]
    assert ends[0] is None and ends[2] == old["ends_at"] < ends[1]  # the longer grace stretches no earlier promise
    made = [(await rotate(client, endpoint))["secret"] for _ in range(6)]
    assert len({key["id"] for key in await keys(client, endpoint)}) == 5
    await make_account(client)
    await sender.send()
    assert [accepted(receiver.requests[-1], secret) for secret in made] == [False, *[True] * 5]


async def test_an_asymmetric_endpoint_shows_its_public_key_and_nothing_secret(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender
) -> None:
    endpoint = await subscribe(client, receiver, signature_kind="v1a")
    assert endpoint["secret"] is None and endpoint["public_key"].startswith("whpk_")
    [key] = await keys(client, endpoint)
    assert (key["kind"], key["public_key"]) == ("v1a", endpoint["public_key"])
    await make_account(client)
    await sender.send()
    assert receiver.requests[-1].headers["webhook-signature"].startswith("v1a,")
    assert accepted(receiver.requests[-1], endpoint["public_key"])


async def test_a_receiver_goes_over_from_a_shared_secret_to_a_public_key_without_a_gap(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender, clock: SetClock
) -> None:
    endpoint = await subscribe(client, receiver)
    rotated = await rotate(client, endpoint, signature_kind="v1a", grace_seconds=60)
    assert (rotated["signature_kind"], rotated["secret"]) == ("v1a", None)
    await make_account(client)
    await sender.send()
    assert accepted(receiver.requests[-1], rotated["public_key"])
    verified(receiver.requests[-1], endpoint["secret"])
    clock.advance(timedelta(seconds=60))
    both = await rotate(client, endpoint, signature_kind="both", grace_seconds=0)
    await make_account(client, name="Other")
    await sender.send()
    header = receiver.requests[-1].headers["webhook-signature"]
    assert [part.partition(",")[0] for part in header.split()] == ["v1", "v1a"]
    assert accepted(receiver.requests[-1], both["secret"]) and accepted(receiver.requests[-1], both["public_key"])
    assert not accepted(receiver.requests[-1], rotated["public_key"])


@pytest.mark.parametrize("size", [24, 64])
async def test_a_secret_of_ones_own_is_taken(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender, size: int
) -> None:
    first, second = new_secret(size), new_secret(size)
    endpoint = await subscribe(client, receiver, secret=first)
    assert endpoint["secret"] == first
    assert (await rotate(client, endpoint, secret=second))["secret"] == second
    await make_account(client)
    await sender.send()
    for secret in (first, second):
        verified(receiver.requests[-1], secret)


def _of(size: int) -> str:
    return "whsec_" + base64.b64encode(b"x" * size).decode()


@pytest.mark.parametrize("secret", [_of(23), _of(65), "whsec_" + "A" * 33, "whsk_" + "A" * 86 + "==", "", "secret", 7])
async def test_a_secret_that_is_none_is_refused(client: httpx.AsyncClient, receiver: Receiver, secret: Any) -> None:
    endpoint = await subscribe(client, receiver)
    body = {"url": receiver.url(), "event_types": ["*"], "secret": secret}
    for answer in (
        await client.post("/v1/webhook-endpoints", json=body),
        await client.post(f"/v1/webhook-endpoints/{endpoint['id']}/secret/rotate", json={"secret": secret}),
    ):
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"] == "/secret"
        assert len(str(secret)) < 20 or str(secret) not in answer.text


async def test_what_contradicts_itself_is_refused(client: httpx.AsyncClient, receiver: Receiver) -> None:
    endpoint = await subscribe(client, receiver, signature_kind="v1a")
    rotation = f"/v1/webhook-endpoints/{endpoint['id']}/secret/rotate"
    for body, pointer in (
        ({"secret": new_secret()}, "/secret"),  # the endpoint signs with v1a only
        ({"grace_seconds": -1}, "/grace_seconds"),
        ({"grace_seconds": 604_801}, "/grace_seconds"),
        ({"grace_seconds": "60"}, "/grace_seconds"),
        ({"signature_kind": "v2"}, "/signature_kind"),
        ({"grace": 1}, "/grace"),
    ):
        answer = await client.post(rotation, json=body)
        assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == pointer, answer.text
    for body in ({"signature_kind": "v1"}, {"secret": new_secret()}):  # changed by rotating only
        assert (await client.patch(f"/v1/webhook-endpoints/{endpoint['id']}", json=body)).status_code == 422
    answer = await client.post(rotation, json={}, headers={"If-Match": '"v7"'})
    assert answer.status_code == 412
    assert (await client.post(f"/v1/webhook-endpoints/{NOBODY}/secret/rotate")).status_code == 404
    assert (await client.get(f"/v1/webhook-endpoints/{NOBODY}/secret")).status_code == 404
    assert len(await keys(client, endpoint)) == 1


async def test_no_key_stands_anywhere_in_the_clear(
    client: httpx.AsyncClient, receiver: Receiver, services: Services, make_client: Callable[..., Any]
) -> None:
    head = {"Idempotency-Key": "rotation-1"}
    endpoint = await make(
        client, "webhook-endpoints", url=receiver.url(), event_types=["*"], signature_kind="both", secret=new_secret()
    )
    path = f"/v1/webhook-endpoints/{endpoint['id']}/secret"
    first = await client.post(f"{path}/rotate", json={"grace_seconds": 5}, headers=head)
    again = await client.post(f"{path}/rotate", json={"grace_seconds": 5}, headers=head)
    assert first.content == again.content and again.headers["idempotent-replayed"] == "true"
    secrets = {endpoint["secret"], first.json()["secret"]}
    assert len(secrets) == 2
    async with services.database.reading() as reader:
        rows = [*await reader.all(_ALL_ENDPOINTS), *await reader.all(_ALL_KEYS)]
    held = " ".join(str(value) for row in rows for value in row.values())
    shown = (await client.get(path)).text + (await client.get(path.removesuffix("/secret"))).text
    for text in (held, shown):
        assert "whsk_" not in text and not [secret for secret in secrets if secret[6:] in text]
    everything = [each.value for each in Permission if each.value.endswith(":read")]
    assert (await (await make_client(*everything)).get(path)).status_code == 200
    assert (await (await make_client("webhooks:read")).get(path)).status_code == 403


async def test_keys_sealed_with_another_key_are_replaced_by_a_rotation(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender, services: Services
) -> None:
    endpoint = await subscribe(client, receiver)
    services.secrets = Secrets("another key")
    assert await keys(client, endpoint) == []
    fresh = Sender(services)
    await make_account(client)
    assert await fresh.send() == 1 and receiver.requests == []
    [delivery] = await deliveries(client, endpoint)
    [attempt] = await attempts(client, delivery)
    assert (attempt["outcome"], attempt["signing_key_ids"]) == ("unknown", None)
    rotated = await rotate(client, endpoint)
    await client.post(f"/v1/webhook-deliveries/{delivery['id']}/retry")
    await fresh.send()
    verified(receiver.requests[-1], rotated["secret"])
    await fresh.worker._egress.close()


async def test_a_key_that_has_ended_goes_with_the_next_change_of_its_endpoint(
    client: httpx.AsyncClient, services: Services, receiver: Receiver, clock: SetClock
) -> None:
    endpoint = await subscribe(client, receiver)
    await rotate(client, endpoint, grace_seconds=100)

    async def kept() -> int:
        async with services.database.reading(fresh=True) as reader:
            [row] = await reader.all(_ALL_ENDPOINTS)
        return len(unpack(services.secrets.open(row["secret_encrypted"])))

    path = f"/v1/webhook-endpoints/{endpoint['id']}"
    assert (await client.patch(path, json={"description": "In its grace"})).status_code == 200
    assert await kept() == 2
    clock.advance(timedelta(seconds=101))
    assert (await client.patch(path, json={"description": "After it"})).status_code == 200
    assert await kept() == 1 and len(await keys(client, endpoint)) == 1
