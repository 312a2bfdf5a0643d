"""Other implementations verify our signatures: the Standard Webhooks packages of Python and npm check `v1`,
cryptography and node's own ed25519 check `v1a`.
"""

import base64
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

from service.delivery.send.signing import Signer
from service.framework.outbound.signing_keys import fresh, pack, rotated

pytestmark = pytest.mark.conformance
BODY = json.dumps({"type": "account.created", "data": {"name": "Müller & Søn 漢字"}}, ensure_ascii=False)


def signed(ring, at: int | None = None) -> dict[str, str]:
    """The headers of a delivery of BODY by an endpoint with these keys."""
    signer = Signer(lambda _sealed: pack(ring))
    return signer.sign("sealed", "msg_0194", int(time.time()) if at is None else at, BODY.encode()).headers


def shown(key) -> str:
    """What a receiver verifies with."""
    return key.public_key or key.secret


@pytest.fixture(params=["v1", "v1a"])
def kind(request):
    return request.param


@pytest.fixture(params=["python", "npm"])
def verify(request):
    """A receiver: takes a secret or public key, headers and a body, answers whether the package accepts them."""
    if request.param == "python":
        return verify_in_python
    node = request.getfixturevalue("node")

    def verify_in_node(secret: str, headers: dict[str, str], body: str) -> bool:
        message = json.dumps({"secret": secret, "headers": headers, "body": body})
        result = node("verify_webhook.mjs", input=message)
        assert result.returncode == 0, result.stderr
        return result.stdout.strip() == "verified"

    return verify_in_node


def verify_in_python(secret: str, headers: dict[str, str], body: str) -> bool:
    if secret.startswith("whpk_"):
        return verify_asymmetric_in_python(secret, headers, body)
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


def verify_asymmetric_in_python(secret: str, headers: dict[str, str], body: str) -> bool:
    known = Ed25519PublicKey.from_public_bytes(base64.b64decode(secret.removeprefix("whpk_")))
    if abs(time.time() - int(headers["webhook-timestamp"])) > 300:
        return False
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    for part in headers["webhook-signature"].split():
        version, _, value = part.partition(",")
        try:
            if version == "v1a":
                known.verify(base64.b64decode(value), content)
                return True
        except InvalidSignature:
            pass
    return False


def test_a_receiver_accepts_our_signature(verify, kind):
    [key] = fresh(kind, datetime.now(UTC))
    assert verify(shown(key), signed([key]), BODY)


def test_while_keys_rotate_receivers_with_the_old_with_the_new_and_with_both_verify(verify, kind):
    now = datetime.now(UTC)
    old, new, stranger = (fresh(kind, now) for _ in range(3))
    headers = signed(rotated(old, new, now, timedelta(minutes=1)))
    assert verify(shown(new[0]), headers, BODY)
    assert verify(shown(old[0]), headers, BODY)
    assert not verify(shown(stranger[0]), headers, BODY)
    after = signed(rotated(old, new, now - timedelta(minutes=2), timedelta(minutes=1)))
    assert verify(shown(new[0]), after, BODY)
    assert not verify(shown(old[0]), after, BODY)


def test_a_change_from_one_kind_to_the_other_leaves_both_kinds_of_receivers_well(verify):
    now = datetime.now(UTC)
    old, new = fresh("v1", now), fresh("v1a", now)
    headers = signed(rotated(old, new, now, timedelta(days=1)))
    assert verify(shown(old[0]), headers, BODY)
    assert verify(shown(new[0]), headers, BODY)


def test_a_changed_body_is_refused(verify, kind):
    [key] = fresh(kind, datetime.now(UTC))
    assert not verify(shown(key), signed([key]), BODY.replace("created", "deleted"))


def test_an_old_message_is_refused(verify, kind):
    [key] = fresh(kind, datetime.now(UTC))
    assert not verify(shown(key), signed([key], at=int(time.time()) - 3600), BODY)
