"""Receive webhooks on this machine, check their signatures and print them (`kam listen`)."""

import json
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Annotated

import typer

from service.cli.console import Problem, say
from service.framework.outbound.standard_webhooks import Verify, verifying

TOLERANCE_SECONDS = 300
LARGEST = 1_000_000


def listen(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on. 0 takes a free one.")] = 9000,
    secret: Annotated[
        str | None,
        typer.Option(
            help="The endpoint's secret (whsec_...) or public key (whpk_...). Without it no signature is checked."
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=0, help="Stop after this many valid webhooks. 0 never stops.")] = 0,
) -> None:
    """Receive webhooks on 127.0.0.1, check their signatures and print them."""
    try:
        verify = verifying(secret) if secret else None
    except ValueError as error:
        raise Problem(str(error)) from None
    try:
        server = Receiver(port, verify, count)
    except OSError as error:
        raise Problem(f"can't listen on port {port}: {error.strerror}") from None
    say(f"Listening on http://127.0.0.1:{server.server_port}; stop with Ctrl-C")
    server.serve_forever(poll_interval=0.1)


class Receiver(ThreadingHTTPServer):
    """Answer 204 to a webhook with a valid signature and 401 to any other. Stop after `count` valid ones."""

    daemon_threads = True

    def __init__(self, port: int, verify: Verify | None, count: int) -> None:
        super().__init__(("127.0.0.1", port), _Webhook)
        self.verify = verify
        self._count = count
        self._seen = 0
        self._lock = threading.Lock()

    def received(self) -> None:
        """Receive one webhook, print it and answer it."""
        with self._lock:
            self._seen += 1
            if self._seen == self._count:
                threading.Thread(target=self.shutdown).start()


class _Webhook(BaseHTTPRequestHandler):
    """One call."""

    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("content-length") or 0), LARGEST))
        verdict = judge(self.server.verify, dict(self.headers.items()), body, time.time())
        kind = _type_of(body)
        self.send_response(401 if verdict == "signature wrong" else 204)
        self.end_headers()
        say(f"{kind}: {verdict}")
        say(body.decode(errors="replace"))
        if verdict != "signature wrong":
            self.server.received()

    def log_message(self, format: str, *args: object) -> None:
        """Keep the server's own log lines out of the output."""


def judge(verify: Verify | None, headers: Mapping[str, str], body: bytes, now: float) -> str:
    """Return the result of the signature check: `signature valid`, `signature wrong` or `signature not checked`."""
    if verify is None:
        return "signature not checked"
    named = {name.lower(): value for name, value in headers.items()}
    message, stamp, given = (named.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not stamp.isdigit() or abs(now - int(stamp)) > TOLERANCE_SECONDS:
        return "signature wrong"
    valid = verify(f"{message}.{stamp}.".encode() + body, given)
    return "signature valid" if valid else "signature wrong"


def _type_of(body: bytes) -> str:
    try:
        event = json.loads(body)
    except ValueError:
        return "not JSON"
    return str(event.get("type", "no type")) if isinstance(event, dict) else "not an event"
