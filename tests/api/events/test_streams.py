"""Server-sent events of a running service, on both databases."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from tests.live import Live, serve
from tests.postgres import create_database, drop_database

DATABASES = ["sqlite", "postgresql"]


@pytest.fixture(scope="module", params=DATABASES)
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    if request.param == "sqlite":
        with serve(tmp_path_factory.mktemp("live")) as running:
            yield running
        return
    server = os.environ.get("KAM_TEST_POSTGRES_URL")
    if server is None:
        pytest.skip("no PostgreSQL")
    name = f"streams_{uuid.uuid4().hex}"
    try:
        with serve(create_database(server, name)) as running:
            yield running
    finally:
        drop_database(server, name)


class Stream:
    """A reader of server-sent events, as the standard says: fields by line, an empty line ends an event."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.iter_lines()

    def next(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        for line in self._lines:
            if not line:
                if "data" in fields:
                    return fields
                fields = {}
            elif not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value
        raise EOFError

    def event(self) -> dict[str, Any]:
        return dict(orjson.loads(self.next()["data"]))


def opened(client: httpx.Client, **options: Any) -> Any:
    return client.stream("GET", "/v1/events/stream", timeout=30, **options)


def make(client: httpx.Client, name: str) -> dict[str, Any]:
    answer = client.post("/v1/accounts", json={"name": name})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


@pytest.fixture
def client(live: Live) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=live.url, headers=live.headers, trust_env=False) as made:
        yield made


def test_a_stream_begins_now_and_tells_what_happens_as_the_feed_shows_it(client: httpx.Client) -> None:
    make(client, "Before")
    with opened(client) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store" and "content-length" not in answer.headers
        stream = Stream(answer)
        account = make(client, "Now")
        fields = stream.next()
    event = orjson.loads(fields["data"])
    assert (fields["event"], event["type"]) == ("account.created", "account.created")
    assert event["data"]["account"]["id"] == account["id"]
    assert fields["id"] == event["cursor"]
    assert event == client.get(f"/v1/events/{event['id']}").json()


def test_who_comes_back_with_the_last_id_misses_nothing_and_is_told_nothing_twice(client: httpx.Client) -> None:
    with opened(client) as answer:
        make(client, "First")
        last = Stream(answer).next()["id"]
    names = [f"Meanwhile {number}" for number in range(5)]
    for name in names:
        make(client, name)
    for options in ({"headers": {"Last-Event-ID": last}}, {"params": {"after": last}}):
        with opened(client, **options) as answer:
            stream = Stream(answer)
            make(client, "After")
            told = [stream.event()["data"]["account"]["name"] for _ in range(len(names) + 1)]
        assert told[: len(names)] == names
        names = [*names, "After"]


def test_types_and_account_narrow_a_stream(client: httpx.Client) -> None:
    account = make(client, "Narrow")
    with opened(client, params={"types": "account.updated", "account_id": account["id"]}) as answer:
        stream = Stream(answer)
        other = make(client, "Other")
        client.patch(f"/v1/accounts/{other['id']}", json={"name": "Another"})
        client.patch(f"/v1/accounts/{account['id']}", json={"name": "Narrower"})
        event = stream.event()
    assert (event["type"], event["data"]["account"]["id"]) == ("account.updated", account["id"])


def test_what_is_wrong_is_told_before_a_stream_begins(client: httpx.Client) -> None:
    assert client.get("/v1/events/stream?types=nothing.like").json()["code"] == "invalid_request"
    bad = client.get("/v1/events/stream", headers={"Last-Event-ID": "abc"})
    assert (bad.status_code, bad.json()["code"]) == (400, "cursor_invalid")
    assert client.get("/v1/events/stream", headers={"Authorization": ""}).status_code == 401
    assert client.get("/v1/events/stream", headers={"Accept": "application/json"}).status_code == 406
    head = client.head("/v1/events/stream")
    assert head.status_code == 200 and head.headers["content-type"].startswith("text/event-stream")


def test_many_streams_are_told_the_same_in_the_same_order(client: httpx.Client) -> None:
    with opened(client) as one, opened(client) as other:
        streams = [Stream(one), Stream(other)]
        for number in range(20):
            make(client, f"Many {number}")
        told = [[stream.event()["position"] for _ in range(20)] for stream in streams]
    assert told[0] == told[1] == sorted(told[0])


def test_a_service_that_stops_ends_its_streams_at_once(tmp_path: Path) -> None:
    with (
        serve(tmp_path) as live,
        httpx.Client(base_url=live.url, headers=live.headers, trust_env=False) as client,
        opened(client) as answer,
    ):
        stream = Stream(answer)
        make(client, "Last")
        stream.next()
        begun = time.monotonic()
        live.process.send_signal(signal.SIGTERM)
        with pytest.raises(EOFError):
            stream.next()
        assert live.process.wait(20) == 0
        assert time.monotonic() - begun < 5


@pytest.mark.parametrize("database", DATABASES)
def test_a_stream_hears_at_once_of_what_another_process_commits(database: str, tmp_path: Path) -> None:
    server = os.environ.get("KAM_TEST_POSTGRES_URL")
    if database == "postgresql" and server is None:
        pytest.skip("no PostgreSQL")
    name = f"streams_{uuid.uuid4().hex}"
    url = create_database(server, name) if database == "postgresql" and server else f"sqlite:///{tmp_path / 'kam.db'}"
    rare = {"KAM_DELIVERY_POLL_SECONDS": "30"}  # whoever hears of it by polling is far too late
    try:
        with (
            serve(url, "--no-worker", environment=rare) as writing,
            serve(url, "--no-worker", key=writing.key, environment=rare) as telling,
            httpx.Client(base_url=writing.url, headers=writing.headers, trust_env=False) as writer,
            httpx.Client(base_url=telling.url, headers=telling.headers, trust_env=False) as reader,
            opened(reader) as answer,
        ):
            stream = Stream(answer)
            make(reader, "Its own")  # from here on the stream waits at the end of the feed
            assert stream.event()["type"] == "account.created"
            took = []
            for number in range(20):
                time.sleep(0.05)
                account = make(writer, f"Of another process {number}")
                begun = time.monotonic()
                assert stream.event()["data"]["account"]["id"] == account["id"]
                took.append(time.monotonic() - begun)
            print(f"{database}: median {sorted(took)[10] * 1000:.1f} ms, longest {max(took) * 1000:.1f} ms")
            assert sorted(took)[10] < 0.25 and max(took) < 5
    finally:
        if database == "postgresql" and server:
            drop_database(server, name)
