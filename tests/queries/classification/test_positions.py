"""PostgreSQL computes for sets of accounts the same positions as the rules, to the last digit, and writes the same."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.access.policy import Permission
from service.framework.database.columns import Exact, Uuid
from service.framework.database.statements import Statement
from service.models.classification.classification import classifications
from service.models.events.events import events
from service.operations.classification.scoring_models import ensure_default_model
from service.platform.clock import SetClock
from service.platform.settings import Settings
from service.queries.classification.classification import COLUMNS
from service.queries.classification.positions import (
    BINDS,
    FACTORS,
    NEXT_LIVE,
    RANGE,
    RANGE_OF_ACCOUNTS,
    RANGE_OF_RATINGS,
    judged,
    model_binds,
    sql,
)
from service.queries.classification.scoring_models import ACTIVE_MODEL
from service.records.classification.position_sets import Why, place_all, write_all
from service.records.classification.positions import plain_numbers
from service.records.classification.reclassifications import BEFORE_ALL, Order, Progress, _classify_by_sets
from service.records.classification.scoring_models import ActiveModel
from service.records.context import Services, system_context
from service.records.services import make_services
from service.rules.classification.scoring import ScoringModel
from service.rules.vocabulary import ClassificationCause
from tests import postgres
from tests.conftest import _SERVER, NOW
from tests.queries.classification.portfolios import fill, inputs, models

LAST = "ffffffff-ffff-ffff-ffff-ffffffffffff"
_NUMBERS = ("attractiveness", "business_strength", "relative_strength")
_POSITIONS = sql(
    f"""
WITH {FACTORS},
{judged(RANGE_OF_ACCOUNTS, RANGE_OF_RATINGS)}
SELECT id, {", ".join(COLUMNS)} FROM judged ORDER BY id
""",
    BINDS,
    sa.column("id", Uuid()),
    *(sa.column(name, Exact(14, 6) if name in _NUMBERS else sa.Text()) for name in COLUMNS),
)
"""The columns of the accounts from `after` (exclusive) to `upto` by a model."""
_HISTORY = Statement(sa.select(*[column for column in classifications.c if column.name != "id"]))
_TOLD = Statement(
    sa.select(
        events.c.type,
        events.c.subject_id,
        events.c.subject_version,
        events.c.occurred_at,
        events.c.content,
        events.c.body,
    ).where(events.c.type == "account.quadrant_changed")
)
DRAWN = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def run(request: pytest.FixtureRequest) -> Iterator[Any]:
    """An open PostgreSQL database and a loop to use it in, for all examples of this module."""
    template = request.getfixturevalue("postgres_template")
    server, name = os.environ[_SERVER], f"positions_{os.getpid()}"
    url = postgres.create_database(server, name, template)
    made = Settings(_env_file=None, database_url=url, secret_key="a key of 32 characters for tests", worker=False)
    with asyncio.Runner() as runner:
        services = make_services(made, SetClock(NOW))
        runner.run(services.database.open())
        runner.run(ensure_default_model(services))
        yield lambda work: runner.run(work(services))
        runner.run(services.database.close())
    postgres.drop_database(server, name)


@DRAWN
@given(models(), st.lists(inputs(), min_size=1, max_size=12), st.booleans())
def test_sets_are_decided_as_single_accounts(run: Any, model: ScoringModel, drawn: Any, held: bool) -> None:
    async def both(services: Services) -> None:
        await fill(services, drawn)
        binds = {**model_binds(model, held=held), "after": BEFORE_ALL, "upto": LAST}
        async with services.database.reading() as reader:
            ids = await reader.column(NEXT_LIVE, after=BEFORE_ALL, limit=100)
            by_rules = await place_all(reader, model, ids, held=held)
            by_sql = await reader.all(_POSITIONS, **binds)
            ends = await reader.one(RANGE, **binds)
        expected = [{"id": each.row["id"], **each.position.columns} for each in by_rules]
        assert by_sql == expected
        complete = [
            each.position.columns["attractiveness"] for each in by_rules if each.position.outcome.quadrant is not None
        ]
        assert ends == {"low": min(complete, default=None), "high": max(complete, default=None)}

    run(both)


@settings(DRAWN, max_examples=25)
@given(models(), st.lists(inputs(), min_size=1, max_size=8), st.booleans(), st.sampled_from([None, 'A "reason"']))
def test_sets_write_and_tell_what_single_accounts_would(
    run: Any, model: ScoringModel, drawn: Any, held: bool, reason: str | None
) -> None:
    async def both(services: Services) -> None:
        await fill(services, drawn)
        async with services.database.reading() as reader:
            stored = await reader.one(ACTIVE_MODEL)
        assert stored is not None
        active = ActiveModel(stored["id"], 'The "model"', 7, model)
        factors = [{"axis": "attractiveness", "factor": "a", "previous": None, "current": {"weight": 25}}]
        order, ctx, found, counts = Order(active.id, True, reason), system_context(services, "job"), [], []
        few, many = (Progress("classify", held=held, factors=factors, accounts=before) for before in (1, 0))
        for progress in (None, few, many):
            with pytest.raises(RuntimeError, match="as it was"):
                async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
                    if progress is not None:
                        await _classify_by_sets(tx, order, progress, active)
                        counts.append((progress.changed, progress.moved))
                    else:
                        ids = await tx.column(NEXT_LIVE, after=BEFORE_ALL, limit=100)
                        placed = await place_all(tx.reader, model, ids, held=held)
                        why = Why(active, ClassificationCause.SCORING_MODEL, reason, factors)
                        changed = [each for each in placed if each.differs]
                        counts.append((len(changed), await write_all(tx, changed, why)))
                    found.append((await _written(tx), await _accounts(tx)))
                    raise RuntimeError("as it was")
        assert found[0] == found[1] == found[2]
        assert counts[0] == counts[1] == counts[2]
        assert sum(many.moves.values()) == many.accounts == len(drawn) == few.accounts - 1

    run(both)


async def _accounts(tx: Any) -> list[Any]:
    table = sa.table("accounts", *[sa.column(name) for name in ("id", "version", *COLUMNS)])
    return sorted(map(plain_numbers, await tx.all(Statement(sa.select(table)))), key=lambda row: str(row["id"]))


async def _written(tx: Any) -> list[Any]:
    """History and events without their own ids; bodies as their exact bytes, contents as values."""
    history = [
        {**row, "inputs": orjson.dumps(row["inputs"], option=orjson.OPT_SORT_KEYS)} for row in await tx.all(_HISTORY)
    ]
    told = []
    for row in await tx.all(_TOLD):
        body = row.pop("body")
        own_id = orjson.loads(body)["id"]
        assert own_id[14] == "7"
        told.append({**row, "content": orjson.loads(row["content"]), "body": body.replace(own_id, "", 1)})
    return [
        sorted(history, key=lambda row: str(row["account_id"])),
        sorted(told, key=lambda row: str(row["subject_id"])),
    ]
