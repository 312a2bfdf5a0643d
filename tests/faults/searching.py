"""One key asks for forty slow searches at once: do the others wait?

    python -m tests.faults.searching                                100,000 accounts, 40 searches, 20 seconds
    python -m tests.faults.searching --accounts 300000 --seconds 60

On PostgreSQL. Each search looks for ten texts in every account's name and counts what it finds; another key reads one
account after the other meanwhile. Prints the figures as JSON. Exits with 1 when the 95th percentile of the reads is
100 ms or more, or when an answer is neither 200 nor 503.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections import Counter
from typing import Any

import httpx

from tests.bench.data import fill, identifier
from tests.faults.processes import a_database, program
from tests.live import new_key, serve

ALLOWED_MS = 100.0


async def run(accounts: int, searches: int, seconds: int) -> dict[str, Any]:
    """Fill a database, search and read for some seconds."""
    answers: Counter[str] = Counter()
    took: list[float] = []
    words = [{"name": {"contains": f"no account is called {number}"}} for number in range(10)]
    body = {"filter": {"or": words}, "count": "exact", "sort": ["-name"]}
    with a_database("postgresql") as url:
        await fill(url, accounts)
        server = serve(url, "--no-worker", key=new_key(), environment={"KAM_RATE_LIMIT": "0"})
        live = await asyncio.to_thread(server.__enter__)
        try:
            async with httpx.AsyncClient(base_url=live.url, headers=live.headers, timeout=120) as client:
                scopes = {"name": "other", "scopes": ["accounts:read"]}
                key = (await client.post("/v1/api-keys", json=scopes)).json()["key"]
                other = httpx.AsyncClient(base_url=live.url, headers={"Authorization": f"Bearer {key}"}, timeout=120)
                end = time.monotonic() + seconds

                async def search() -> None:
                    while time.monotonic() < end:
                        answer = await client.post("/v1/accounts/search", json=body)
                        answers[str(answer.status_code)] += 1

                async def read() -> None:
                    number = 0
                    while time.monotonic() < end:
                        number = number % accounts + 1
                        begun = time.perf_counter()
                        (await other.get(f"/v1/accounts/{identifier('accounts', number)}")).raise_for_status()
                        took.append((time.perf_counter() - begun) * 1000)
                        await asyncio.sleep(0.01)

                async with other:
                    await asyncio.gather(read(), *(search() for _ in range(searches)))
        finally:
            await asyncio.to_thread(server.__exit__, None, None, None)
    cut = statistics.quantiles(took, n=100)
    return {
        "accounts": accounts,
        "searches": searches,
        "seconds": seconds,
        "answers_to_searches": dict(answers),
        "reads": len(took),
        "reads_p50_ms": round(cut[49], 1),
        "reads_p95_ms": round(cut[94], 1),
    }


def is_well(result: dict[str, Any]) -> bool:
    """Whether the others were served in time, and every search was answered."""
    return result["reads_p95_ms"] < ALLOWED_MS and result["answers_to_searches"].keys() <= {"200", "503"}


if __name__ == "__main__":
    sys.exit(program(__doc__, run, is_well, accounts=100_000, searches=40, seconds=20))
