"""A receiver on the loopback interface, and a worker that sends to it when a test calls it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from service.platform.clock import SetClock
from service.records.context import Services
from tests.api.subscribing import Sender
from tests.delivery.receivers import Receiver, listening


@pytest.fixture
async def sender(services: Services, clock: SetClock) -> AsyncIterator[Sender]:
    """A sender whose clock begins at the present: receivers look at the time of a signature."""
    clock.set(datetime.now(UTC))
    made = Sender(services)
    yield made
    await made.worker._egress.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with listening() as listener:
        yield listener
