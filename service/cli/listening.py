"""`kam listen`: a receiver on this machine that checks signatures and prints what arrives, to try webhooks with."""

from __future__ import annotations

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
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 9000,
    secret: Annotated[
        str | None,
        typer.Option(help="The endpoint's secret (whsec_...) or public key (whpk_...); without it nothing is checked."),
    ] = None,
    count: Annotated[int, typer.Option(min=0, help="Stop after so many webhooks; 0 goes on.")] = 0,
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
    """Answers 204 to a webhook whose signature is right, 401 to any other, and stops after `count` good ones."""

    daemon_threads = True

    def __init__(self, port: int, verify: Verify | None, count: int) -> None:
        super().__init__(("127.0.0.1", port), _Webhook)
        self.verify = verify
        self._count = count
        self._seen = 0
        self._lock = threading.Lock()

    def received(self) -> None:
        """Count a webhook."""
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
        """Print nothing besides the webhooks."""


def judge(verify: Verify | None, headers: Mapping[str, str], body: bytes, now: float) -> str:
    """What a receiver says of a call: `signature valid`, `signature wrong` or `signature not checked`."""
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
        told = json.loads(body)
    except ValueError:
        return "not JSON"
    return str(told.get("type", "no type")) if isinstance(told, dict) else "not an event"
