"""Kept connections: which requests are sent again, who shares a connection, how many there may be, how they end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from service.framework.outbound.egress import CallFailed
from tests.delivery.outgoing import failure, going_out
from tests.delivery.receivers import Handler, Received, answering, listening, read_request

OK = b"HTTP/1.1 200 OK\r\n"
SMALL = OK + b"content-length: 2\r\n\r\nok"

Writer = asyncio.StreamWriter


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": request.param}


Steps = list[Callable[[asyncio.StreamReader, Writer], Awaitable[None]]]


def one_after_another(steps: Steps, seen: list[bytes]) -> Handler:
    """Read and record each request, and hand it to the next step, across all connections."""

    async def handle(reader: asyncio.StreamReader, writer: Writer) -> None:
        while not writer.is_closing():
            seen.append((await read_request(reader)).body)
            await steps[min(len(seen), len(steps)) - 1](reader, writer)

    return handle


async def _answer(reader: asyncio.StreamReader, writer: Writer) -> None:
    writer.write(SMALL)


async def _close(reader: asyncio.StreamReader, writer: Writer) -> None:
    writer.close()


async def _half(reader: asyncio.StreamReader, writer: Writer) -> None:
    writer.write(b"HTTP/1.1 2")
    writer.close()


async def _hold(reader: asyncio.StreamReader, writer: Writer) -> None:
    await reader.read()


async def test_a_request_on_a_kept_connection_that_was_closed_is_sent_once_more() -> None:
    seen: list[bytes] = []
    async with listening(handle=one_after_another([_answer, _close, _answer], seen)) as receiver, going_out() as way:
        for body in (b"1", b"2"):
            assert (await way.post(receiver.url(), body, {})).status == 200
        assert (seen, receiver.connections) == ([b"1", b"2", b"2"], 2)


@pytest.mark.parametrize(("step", "kind", "sent"), [(_close, "connect", 2), (_half, "http", 1), (_hold, "timeout", 1)])
async def test_it_is_sent_again_once_only_and_only_if_nothing_came_back(
    step: Callable[..., Awaitable[None]], kind: str, sent: int
) -> None:
    seen: list[bytes] = []
    async with listening(handle=one_after_another([_answer, step], seen)) as receiver, going_out(deadline=0.3) as way:
        await way.post(receiver.url(), b"1", {})
        assert await failure(way, receiver.url(), b"2") == kind
        assert seen == [b"1"] + [b"2"] * sent


async def test_a_first_request_is_never_sent_again() -> None:
    seen: list[bytes] = []
    async with listening(handle=one_after_another([_close], seen)) as receiver, going_out() as way:
        assert await failure(way, receiver.url(), b"1") == "connect"
        assert seen == [b"1"]


@pytest.mark.parametrize("late", [SMALL, b"garbage", b""], ids=["an answer", "garbage", "the end"])
async def test_what_a_kept_connection_says_unasked_is_nobodys_answer(late: bytes) -> None:
    said = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: Writer) -> None:
        number = len(bodies)
        bodies.append((await read_request(reader)).body)
        writer.write(OK + b"content-length: 1\r\n\r\n%d" % number)
        await writer.drain()
        if number == 0:
            await asyncio.sleep(0.02)
            if late:
                writer.write(late)
                await writer.drain()
            else:
                writer.close()
            said.set()
        await reader.read()

    bodies: list[bytes] = []
    async with listening(handle=handle) as receiver, going_out() as way:
        assert (await way.post(receiver.url(), b"{}", {})).body == b"0"
        await said.wait()
        await asyncio.sleep(0.05)
        assert (await way.post(receiver.url(), b"{}", {})).body == b"1"
        assert receiver.connections == 2


async def test_a_hundred_calls_to_a_receiver_that_closes_at_random_all_end_well() -> None:
    async def closing(reader: asyncio.StreamReader, writer: Writer) -> None:
        for _ in range(3):  # it closes after the third answer without announcing that
            await read_request(reader)
            writer.write(SMALL)
        await writer.drain()
        writer.close()

    async with listening(handle=closing) as receiver, going_out() as way:
        for _ in range(5):
            answers = await asyncio.gather(*(way.post(receiver.url(), b"{}", {}) for _ in range(20)))
            assert [answer.status for answer in answers] == [200] * 20


async def test_calls_to_different_names_ports_and_schemes_share_no_connection() -> None:
    names = {"a.test": ["127.0.0.1"], "b.test": ["127.0.0.1"]}
    async with listening() as one, listening() as other, going_out(names=names) as way:
        for _ in range(2):
            for url in (one.url("a.test"), one.url("b.test"), one.url("A.Test"), other.url("a.test")):
                assert (await way.post(url, b"{}", {})).status == 200
        assert (one.connections, other.connections) == (2, 1)
        assert [request.headers["host"] for request in one.requests[:2]] == [
            f"a.test:{one.port}",
            f"b.test:{one.port}",
        ]


async def test_an_idle_connection_and_an_old_one_are_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IDLE", "AGE"):
        with monkeypatch.context() as patched:
            patched.setattr(f"service.framework.outbound.connections.{name}", -1.0)
            async with listening() as receiver, going_out() as way:
                for _ in range(3):
                    assert (await way.post(receiver.url(), b"{}", {})).status == 200
                assert receiver.connections == 3


async def test_idle_connections_are_closed_in_time_without_another_call(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: Writer) -> None:
        await read_request(reader)
        writer.write(SMALL)
        assert await reader.read() == b""
        ended.set()

    monkeypatch.setattr("service.framework.outbound.connections.IDLE", 0.1)
    async with listening(handle=handle) as receiver, going_out() as way:
        await way.post(receiver.url(), b"{}", {})
        await asyncio.wait_for(ended.wait(), 5)
        assert not way._connections._idle
        assert not way._connections._all


async def test_all_connections_together_are_bounded_and_idle_ones_make_room() -> None:
    async def slow(writer: Writer, _: Received) -> None:
        await asyncio.sleep(0.02)
        writer.write(SMALL)

    async with listening(slow) as one, listening(slow) as other, going_out(connections=3) as way:
        urls = [one.url(), other.url()] * 10
        answers = await asyncio.gather(*(way.post(url, b"{}", {}) for url in urls))
        assert [answer.status for answer in answers] == [200] * 20
        assert one.most_in_flight + other.most_in_flight <= 6
        assert len(way._connections._all) <= 3
        async with listening() as third:  # every place is taken by an idle connection or free
            assert (await way.post(third.url(), b"{}", {})).status == 200


async def test_a_call_that_finds_no_room_meets_its_deadline() -> None:
    async with listening(handle=one_after_another([_hold], [])) as receiver, going_out(connections=1) as way:
        first = asyncio.ensure_future(way.post(receiver.url(), b"1", {}))
        await asyncio.sleep(0.05)
        with pytest.raises(CallFailed) as caught:
            await way.post(receiver.url(), b"2", {}, deadline=0.1)
        assert caught.value.kind == "timeout"
        first.cancel()
        receiver.handle = None
        assert (await way.post(receiver.url(), b"3", {})).status == 200


@pytest.mark.parametrize("wait", [0.0, 0.0005, 0.001, 0.0015, 0.002, 0.05])
async def test_a_call_that_is_cancelled_leaves_nothing_behind(wait: float) -> None:
    async with listening(handle=one_after_another([_hold], [])) as receiver, going_out(connections=4) as way:
        for _ in range(10):  # more often than there is room for
            call = asyncio.ensure_future(way.post(receiver.url(), b"{}", {}))
            await asyncio.sleep(wait)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        receiver.handle = None
        assert (await way.post(receiver.url(), b"{}", {})).status == 200
        assert len(way._connections._all) == 1


async def test_failed_calls_leave_nothing_behind() -> None:
    async with listening() as receiver:
        closed = receiver.url()
    async with going_out(connections=2, names={"a.test": ["10.0.0.1"]}) as way:
        for _ in range(5):
            assert await failure(way, closed) == "connect"
            assert await failure(way, "https://a.test/") == "blocked"
            assert await failure(way, "https://b.test/") == "dns"
        assert not way._connections._all


async def test_a_name_is_looked_up_once_for_calls_that_wait_together(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    found = asyncio.Event()

    async def lookup(host: str) -> list[str]:
        asked.append(host)
        await found.wait()
        return ["127.0.0.1"]

    async with listening() as receiver, going_out() as way:
        way._connections._lookup = lookup
        calls = [asyncio.ensure_future(way.post(receiver.url("a.test"), b"{}", {})) for _ in range(20)]
        await asyncio.sleep(0.01)
        calls[0].cancel()  # the others still get their answer
        found.set()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(result).__name__ for result in results] == ["CancelledError"] + ["Answer"] * 19
        assert asked == ["a.test"]
        found.clear()
        monkeypatch.setattr("service.framework.outbound.connections.CONNECT", 0.1)
        began = time.perf_counter()
        assert await failure(way, receiver.url("b.test")) == "dns"
        assert time.perf_counter() - began < 1


async def test_an_address_that_does_not_answer_leaves_the_call_to_the_next() -> None:
    names = {"a.test": ["127.0.0.9", "127.0.0.1"]}
    async with listening() as receiver, going_out(names=names) as way:
        assert (await way.post(receiver.url("a.test"), b"{}", {})).status == 200


async def test_a_closed_way_out_works_again_when_it_is_used_again() -> None:
    async with listening() as receiver, going_out() as way:
        assert (await way.post(receiver.url(), b"{}", {})).status == 200
        await way.close()
        assert (await way.post(receiver.url("localhost"), b"{}", {})).status == 200
        assert receiver.connections == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"x": "a\r\nhost: other"}, {"x": "a\nb"}, {"x": "a\rb"}, {"x": "a\0b"}, {"x\r\ny": "z"}, {"x y": "z"},
        {"x:": "z"}, {"": "z"}, {"Host": "other"}, {"content-length": "1"}, {"Transfer-Encoding": "chunked"},
        {"connection": "close"}, {"x": "1", "X": "2"}, {"x": "\u4e2d"},
    ],
)  # fmt: skip
async def test_a_header_that_would_change_the_request_is_not_sent(headers: dict[str, str]) -> None:
    async with listening() as receiver, going_out() as way:
        with pytest.raises(CallFailed) as caught:
            await way.post(receiver.url(), b"{}", headers)
        assert (caught.value.kind, receiver.connections) == ("blocked", 0)


async def test_any_method_and_any_other_header_arrives() -> None:
    async with listening(answering(200, b"", webhook_allowed_origin="*")) as receiver, going_out() as way:
        sent = {"webhook-request-origin": "kam.example", "Accept": "text/plain", "x-100%": "50% %s {}", "x-empty": ""}
        answer = await way.request("OPTIONS", receiver.url(), b"", sent)
        assert answer.headers["webhook-allowed-origin"] == "*"
        (request,) = receiver.requests
        assert request.line == "OPTIONS /hook HTTP/1.1"
        assert request.headers.items() >= {name.lower(): value for name, value in sent.items()}.items()
