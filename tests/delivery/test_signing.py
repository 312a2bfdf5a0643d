"""Signatures as the reference verifier sees them, with one secret and with two."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from service.delivery.signing import Signer
from service.platform import standard_webhooks as sw
from service.platform.secrets import Secrets

ID = "0193f1a2-7c1e-7d2a-9b1c-2f6c8f0c1a11"


def _now() -> int:
    return int(datetime.now(UTC).timestamp())


SEALING = Secrets("a key for tests")


def _signed(secrets: list[str], body: bytes, at: int) -> dict[str, str]:
    return Signer(SEALING.open).headers(SEALING.seal(sw.pack(secrets)), ID, at, body)


@given(body=st.text().map(str.encode))
def test_the_reference_verifier_accepts_what_we_sign(body: bytes) -> None:
    secret = sw.new_secret()
    Webhook(secret).verify(body, _signed([secret], body, _now()), json_parse=False)


def test_during_a_rotation_receivers_with_the_old_and_with_the_new_secret_accept() -> None:
    new, old = sw.new_secret(64), sw.new_secret(24)
    body = '{"type":"account.created","name":"Bäckerei"}'.encode()
    headers = _signed([new, old], body, _now())
    assert headers["webhook-signature"].count("v1,") == 2
    for secret in (new, old):
        assert Webhook(secret).verify(body, headers) == {"type": "account.created", "name": "Bäckerei"}
    with pytest.raises(WebhookVerificationError):
        Webhook(sw.new_secret()).verify(body, headers)


def test_a_changed_byte_and_an_old_timestamp_are_refused() -> None:
    secret = sw.new_secret()
    headers = _signed([secret], b'{"a":1}', _now())
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(b'{"a":2}', headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(b'{"a":1}', _signed([secret], b'{"a":1}', _now() - 600))


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "secret", "whsec_!!!!", "whpk_" + "A" * 44, "whsec_" + base64.b64encode(b"short").decode()]
)
def test_a_malformed_secret_is_a_value_error(secret: str) -> None:
    with pytest.raises(ValueError, match="webhook secret"):
        sw.key_of(secret)


@pytest.mark.parametrize("size", [23, 65])
def test_a_secret_outside_24_to_64_bytes_is_not_made(size: int) -> None:
    with pytest.raises(ValueError, match="24 to 64"):
        sw.new_secret(size)


def test_a_sealed_set_of_secrets_is_opened_once() -> None:
    opened: list[str] = []
    packed = sw.pack([sw.new_secret()])

    def unseal(text: str) -> bytes:
        opened.append(text)
        return packed

    signer = Signer(unseal)
    assert signer.headers("sealed", ID, 1, b"x") == signer.headers("sealed", ID, 1, b"x")
    assert opened == ["sealed"]
