"""What we sign is what others verify: the Standard Webhooks packages of Python and npm judge our signature."""

import json
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from service.delivery.signing import Signer
from service.platform.standard_webhooks import new_secret, pack

pytestmark = pytest.mark.conformance
BODY = json.dumps({"type": "account.created", "data": {"name": "Müller & Søn 漢字"}}, ensure_ascii=False)


def signed(*secrets: str, at: int | None = None) -> dict[str, str]:
    """The headers of a delivery of BODY by an endpoint with these secrets."""
    signer = Signer(lambda _sealed: pack(secrets))
    return signer.headers("sealed", "msg_0194", int(time.time()) if at is None else at, BODY.encode())


@pytest.fixture(params=["python", "npm"])
def verify(request):
    """A receiver: takes a secret, headers and a body, answers whether the package accepts them."""
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
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


def test_a_receiver_accepts_our_signature(verify):
    secret = new_secret()
    assert verify(secret, signed(secret), BODY)


def test_while_secrets_rotate_the_old_and_the_new_one_verify(verify):
    new, old = new_secret(), new_secret()
    headers = signed(new, old)
    assert verify(new, headers, BODY)
    assert verify(old, headers, BODY)
    assert not verify(new_secret(), headers, BODY)


def test_a_changed_body_is_refused(verify):
    secret = new_secret()
    assert not verify(secret, signed(secret), BODY.replace("created", "deleted"))


def test_an_old_message_is_refused(verify):
    secret = new_secret()
    assert not verify(secret, signed(secret, at=int(time.time()) - 3600), BODY)
