"""Many results are divided among transactions so that no two of them ever touch the same endpoint."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from service.delivery.claim.claim import Lease
from service.delivery.destinations.base import Delivery, Outcome
from service.delivery.settle.results import Results

_ONE = Delivery(
    id="d",
    attempt_id="a",
    number=1,
    probes=0,
    trigger="scheduled",
    event_id="e",
    event_type="account.created",
    endpoint_id="",
    order_key="k",
    blocks=False,
    is_ordered=True,
    url="https://example.com",
    sealed_secrets="",
    timeout=None,
    body=b"{}",
    created_at=datetime(2026, 11, 22, tzinfo=UTC),
)


def _result(endpoint: int) -> tuple[Lease, Outcome]:
    lease = Lease(replace(_ONE, endpoint_id=str(endpoint)), "token", datetime(2026, 11, 22, tzinfo=UTC))
    return lease, Outcome("ok", status=204)


@given(st.lists(st.integers(0, 9), max_size=20).map(lambda few: few * 15), st.integers(1, 4), st.integers(0, 3))
def test_every_result_is_in_one_share_and_every_endpoint_too(endpoints: list[int], writers: int, unsent: int) -> None:
    results = Results([_result(endpoint) for endpoint in endpoints], [_result(1)[0] for _ in range(unsent)])
    shares = results.shares(writers)
    assert len(shares) <= writers
    assert sum(len(share.unsent) for share in shares) == unsent
    found = [id(one) for share in shares for one in share.done]
    assert sorted(found) == sorted(id(one) for one in results.done)
    seen = [{one[0].delivery.endpoint_id for one in share.done} for share in shares]
    assert sum(map(len, seen)) == len(set(endpoints))
    place = {id(one): number for number, one in enumerate(results.done)}
    for share in shares:  # results keep their order
        order = [place[id(one)] for one in share.done]
        assert order == sorted(order)


def test_few_results_are_one_transaction() -> None:
    results = Results([_result(n) for n in range(20)])
    assert results.shares(2) == [results]
