"""Signatures as independent verifiers see them: one key and several, symmetric and asymmetric, until each key's end."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from service.delivery.send.signing import Signer, Unsigned
from service.framework.outbound import standard_webhooks as sw
from service.framework.outbound.signing_keys import KINDS, MOST_LIVE, SigningKey, fresh, pack, rotated, unpack
from service.platform.secrets import Secrets

ID = "0193f1a2-7c1e-7d2a-9b1c-2f6c8f0c1a11"
NOW = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)
SEALING = Secrets("a key of 32 characters for tests")


def _now() -> int:
    return int(datetime.now(UTC).timestamp())


def _ring(*secrets: str) -> list[SigningKey]:
    return [
        SigningKey(f"key-{n}", "v1a" if secret.startswith("whsk_") else "v1", secret, NOW)
        for n, secret in enumerate(secrets)
    ]


def _signed(ring: Sequence[SigningKey], body: bytes, at: int) -> dict[str, str]:
    return Signer(SEALING.open).sign(SEALING.seal(pack(ring)), ID, at, body).headers


def _verifies(public_key: str, headers: dict[str, str], body: bytes) -> bool:
    """Verify as a receiver with a v1a key, written from the specification."""
    known = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    for part in headers["webhook-signature"].split(" "):
        version, _, value = part.partition(",")
        if version == "v1a":
            try:
                known.verify(base64.b64decode(value), content)
            except InvalidSignature:
                continue
            return True
    return False


@given(body=st.text().map(str.encode))
def test_the_reference_verifier_accepts_what_we_sign(body: bytes) -> None:
    secret = sw.new_secret()
    Webhook(secret).verify(body, _signed(_ring(secret), body, _now()), json_parse=False)


@given(body=st.binary())
def test_an_ed25519_verifier_accepts_what_we_sign_and_nothing_else(body: bytes) -> None:
    key, other = sw.new_private_key(), sw.new_private_key()
    headers = _signed(_ring(key), body, 1)
    assert _verifies(sw.public_key_of(key), headers, body)
    assert not _verifies(sw.public_key_of(other), headers, body)
    assert not _verifies(sw.public_key_of(key), headers, body + b" ")


def test_during_a_rotation_receivers_with_the_old_and_with_the_new_secret_accept() -> None:
    new, old = sw.new_secret(64), sw.new_secret(24)
    body = '{"type":"account.created","name":"Bäckerei"}'.encode()
    headers = _signed(_ring(new, old), body, _now())
    assert headers["webhook-signature"].count("v1,") == 2
    for secret in (new, old):
        assert Webhook(secret).verify(body, headers) == {"type": "account.created", "name": "Bäckerei"}
    with pytest.raises(WebhookVerificationError):
        Webhook(sw.new_secret()).verify(body, headers)


def test_both_kinds_stand_in_one_header_and_a_verifier_of_v1_skips_v1a() -> None:
    ring = fresh("both", datetime.now(UTC))
    headers = _signed(ring, b"{}", _now())
    assert [part.partition(",")[0] for part in headers["webhook-signature"].split()] == ["v1", "v1a"]
    assert Webhook(ring[0].secret).verify(b"{}", headers) == {}
    assert _verifies(str(ring[1].public_key), headers, b"{}")
    assert ring[0].public_key is None


def test_a_key_signs_until_its_end_and_not_at_it() -> None:
    new, old = fresh("v1", NOW), fresh("v1a", NOW)
    ring = rotated(old, new, NOW, timedelta(seconds=60))
    signer, sealed = Signer(SEALING.open), SEALING.seal(pack(ring))
    at = int(NOW.timestamp())
    for moment, signs in ((at, [*new, *old]), (at + 59, [*new, *old]), (at + 60, new), (at + 10_000, new)):
        assert signer.sign(sealed, ID, moment, b"x").key_ids == tuple(key.id for key in signs)


def test_an_endpoint_without_a_live_key_sends_nothing() -> None:
    ended = [replace(key, ends_at=NOW) for key in fresh("both", NOW)]
    for ring in (ended, []):
        with pytest.raises(Unsigned):
            _signed(ring, b"x", int(NOW.timestamp()))


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(KINDS)), st.integers(0, 604_800), st.integers(0, 100_000)),
        min_size=1,
        max_size=12,
    )
)
def test_whatever_the_rotations_the_newest_keys_sign_no_grace_is_stretched_and_at_most_five_live(
    steps: list[tuple[str, int, int]],
) -> None:
    now, ring = NOW, fresh("v1", NOW)
    promised: dict[str, datetime] = {}
    for kind, grace, passes in steps:
        new = fresh(kind, now)
        for key in ring:
            promised[key.id] = min(promised.get(key.id, datetime.max.replace(tzinfo=UTC)), now + timedelta(0, grace))
        before = [key.id for key in ring if promised[key.id] > now]
        ring = rotated(ring, new, now, timedelta(seconds=grace))
        assert [key.id for key in ring] == [*(key.id for key in new), *before][:MOST_LIVE]
        assert all(key.ends_at is None for key in ring[: len(new)])
        assert all(key.ends_at == promised[key.id] for key in ring[len(new) :])
        assert unpack(pack(ring)) == tuple(ring)
        now += timedelta(seconds=passes)


def test_secrets_from_before_keys_had_ids_still_sign() -> None:
    old = [sw.new_secret(), sw.new_secret()]
    ring = unpack(" ".join(old).encode())
    assert [key.secret for key in ring] == old and len({key.id for key in ring}) == 2
    assert unpack(" ".join(old).encode()) == ring
    assert Webhook(old[1]).verify(b"{}", _signed(ring, b"{}", _now())) == {}


def test_a_changed_byte_and_an_old_timestamp_are_refused() -> None:
    secret = sw.new_secret()
    headers = _signed(_ring(secret), b'{"a":1}', _now())
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(b'{"a":2}', headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(b'{"a":1}', _signed(_ring(secret), b'{"a":1}', _now() - 600))


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "secret", "whsec_!!!!", "whpk_" + "A" * 44, "whsec_" + base64.b64encode(b"short").decode()]
)
def test_a_malformed_secret_is_a_value_error(secret: str) -> None:
    with pytest.raises(ValueError, match="webhook secret"):
        sw.key_of(secret)


def test_a_private_key_whose_halves_do_not_belong_together_is_a_value_error() -> None:
    one, other = (base64.b64decode(sw.new_private_key().removeprefix("whsk_")) for _ in range(2))
    for raw in (one[:32] + other[32:], one[:32], one + b"x", b""):
        with pytest.raises(ValueError, match=r"webhook private key|seed"):
            sw.public_key_of("whsk_" + base64.b64encode(raw).decode())
    for text in ("whsk_!!", "whsec_AAAA"):
        with pytest.raises(ValueError, match="webhook private key"):
            sw.public_key_of(text)


def test_a_receiver_of_ours_checks_with_a_secret_or_a_public_key() -> None:
    ring = fresh("both", datetime.now(UTC))
    headers = _signed(ring, b"{}", 7)
    content = f"{ID}.7.".encode() + b"{}"
    for key in (ring[0].secret, str(ring[1].public_key)):
        assert sw.verifying(key)(content, headers["webhook-signature"])
        assert not sw.verifying(key)(content + b" ", headers["webhook-signature"])
        assert not sw.verifying(key)(content, "v1a,!!! v1, nonsense v1a,AAAA")
    for malformed in ("whpk_", "whpk_!!", "whpk_AAAA", "whsec_AAAA", "x"):
        with pytest.raises(ValueError, match="webhook"):
            sw.verifying(malformed)


@pytest.mark.parametrize("size", [23, 65])
def test_a_secret_outside_24_to_64_bytes_is_not_made(size: int) -> None:
    with pytest.raises(ValueError, match="24 to 64"):
        sw.new_secret(size)


def test_a_sealed_set_of_secrets_is_opened_once() -> None:
    opened: list[str] = []
    packed = pack(_ring(sw.new_secret()))

    def unseal(text: str) -> bytes:
        opened.append(text)
        return packed

    signer = Signer(unseal)
    assert signer.sign("sealed", ID, 1, b"x") == signer.sign("sealed", ID, 1, b"x")
    assert opened == ["sealed"]
