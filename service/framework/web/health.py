"""Liveness, readiness and metrics of the process: public and cheap."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from pydantic import Field

from service.framework.web.answers import Answer, plain
from service.framework.web.router import Part
from service.platform.errors import Unavailable
from service.platform.telemetry import Metrics
from service.platform.types import Shape

Checks = Callable[[], Awaitable[Mapping[str, str]]]
"""Name of each dependency -> "ok", or the fault in words for the operator."""


class Health(Shape):
    """Whether the service can work."""

    status: Literal["ok"] = Field(description="Always ok; otherwise the answer is a problem")
    checks: dict[str, str] = Field(default={}, max_length=20, description="Each part that was looked at")


def health_part(checks: Checks, metrics: Metrics) -> Part:
    """Return /livez, /readyz and /metrics; `checks` look at the database and other dependencies."""
    part = Part("service", prefix="")

    @part.get("/livez", response_model=Health, summary="Is the process alive?")
    async def read_liveness() -> Answer:
        """Answers as long as the process runs; it looks at nothing else, so that a slow database restarts nothing."""
        return plain(b'{"status":"ok","checks":{}}')

    @part.get("/readyz", response_model=Health, summary="Can the service work?", errors=(Unavailable,))
    async def read_readiness() -> Answer:
        """Looks at the database; 503 names what does not work, and no requests should be sent here meanwhile."""
        found = dict(await checks())
        broken = {name: state for name, state in found.items() if state != "ok"}
        if broken:
            error = Unavailable(f"Not ready: {', '.join(sorted(broken))}")
            error.members["checks"] = found
            raise error
        return plain({"status": "ok", "checks": found})

    @part.get("/metrics", summary="Counters for Prometheus", produces=("text/plain",))
    async def read_metrics() -> Answer:
        """Answers in Prometheus' text format 0.0.4: requests by route and status, and the counters of this process."""
        return Answer(metrics.render(), media=b"text/plain; version=0.0.4; charset=utf-8")

    return part
