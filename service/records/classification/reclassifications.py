"""Reclassify the whole portfolio inside open transactions, a batch of accounts each.

One order goes through three phases: `range` reads the least and greatest attractiveness where the model's cut lies in
the middle of the portfolio's range, `begin` makes the model the active one, `classify` takes the accounts in the order
of their ids. A small portfolio goes through all of it in one transaction, a large one in the steps of a job.

MODEL_LOCK is held alone for `begin` only, and shared for a batch. A write to one account meanwhile classifies it by
the new model, and a batch leaves alone what was written while it was read: so an account's events stay in the order of
its changes, and no write waits for longer than a batch.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from service.events.classification import AccountQuadrantChanged, PortfolioReclassified, ScoringModelActivated
from service.events.feed.outbox import body_fragments
from service.framework.database.statements import inserting
from service.models.classification.scoring_models import ModelState
from service.models.events.changes import changed_ranges
from service.platform.ids import new_id
from service.queries.classification.positions import BATCH_END, COUNT_LIVE, NEXT_LIVE, RANGE, SET_BASED, model_binds
from service.queries.classification.reclassification import RECLASSIFY_FEW, RECLASSIFY_MANY
from service.queries.classification.scoring_models import ACTIVE_MODEL, SCORING_MODELS
from service.records.classification.position_sets import Why, place_all, write_all
from service.records.classification.positions import differing_inputs, plain_numbers
from service.records.classification.scoring_models import (
    MODEL_LOCK,
    ActiveModel,
    active_model,
    model_of,
    record_model_period,
    stored_model,
)
from service.records.context import Transaction
from service.records.rows import change, lock
from service.rules.classification.quadrants import CutRule
from service.rules.classification.scoring import ScoringModel
from service.rules.verdicts import exact, shown
from service.rules.vocabulary import QUADRANTS, ClassificationCause

BATCH = {"postgresql": 20_000, "sqlite": 250}
"""Accounts per transaction. Other writers of SQLite wait for a batch, so it is small there."""

RECLASSIFY_JOB = "reclassify"
"""The kind of job that carries out an order."""

AT_ONCE = 1_000
"""Accounts up to which a model is activated in the request itself."""

MOST_ROUNDS = 20
"""How often a batch is run again because accounts were written while it was read."""

MANY = 0.1
"""Share of accounts that differed so far from which on a batch gathers what the history keeps of each while it sums."""

_NAME_RANGE = inserting(changed_ranges)

BEFORE_ALL = "00000000-0000-0000-0000-000000000000"
NONE = "none"


@dataclass(frozen=True, slots=True)
class Order:
    """A request to reclassify the portfolio: the model, whether it is activated first, and the reason."""

    model_id: str
    activate: bool
    reason: str | None = None

    @property
    def cause(self) -> ClassificationCause:
        """The cause in the history and the events."""
        return ClassificationCause.SCORING_MODEL if self.activate else ClassificationCause.RECLASSIFICATION


@dataclass
class Progress:
    """The progress of an order, stored as JSON between batches; counts are of accounts.

    `moves` counts by `from>to`, those that stayed included; `held` says whether the dead band holds accounts where they
    are, which it does not when the model or its cuts changed. `superseded_by` is the model that took over meanwhile.
    """

    phase: str = "range"
    after: str = BEFORE_ALL
    low: str | None = None
    high: str | None = None
    held: bool = False
    previous: dict[str, Any] | None = None
    factors: list[dict[str, Any]] = field(default_factory=list)
    accounts: int = 0
    changed: int = 0
    moved: int = 0
    moves: dict[str, int] = field(default_factory=dict)
    superseded_by: str | None = None

    def state(self) -> dict[str, Any]:
        """Return the progress as a job's cursor."""
        return asdict(self)

    def summary(self, model: ActiveModel, order: Order) -> dict[str, Any]:
        """Return the counts of portfolio.reclassified: models, cause, accounts in each box, moves between boxes."""
        return {
            "model": model.reference(),
            "previous_model": self.previous,
            "cause": order.cause.value,
            "reason": order.reason,
            "attractiveness_cut": plain_numbers(shown(model.rules.cuts.attractiveness, 6)),
            "accounts": self.accounts,
            "written": self.changed,
            "moved": self.moved,
            **migration_of(self.moves),
            "superseded_by": self.superseded_by,
        }


def migration_of(moves: Mapping[str, int]) -> dict[str, Any]:
    """Return the accounts of each box before and after, and the migration table, of counts by `from>to`."""
    boxes = [*(quadrant.value for quadrant in QUADRANTS), NONE]
    counts = {(source, target): moves.get(f"{source}>{target}", 0) for source in boxes for target in boxes}
    return {
        "boxes": [
            {
                "box": box,
                "before": sum(counts[box, target] for target in boxes),
                "after": sum(counts[source, box] for source in boxes),
            }
            for box in boxes
        ],
        "migration": [
            {"from": source, "to": target, "accounts": number} for (source, target), number in counts.items() if number
        ],
    }


async def count_accounts(tx: Transaction, most: int | None = None) -> int:
    """Return the number of live accounts, counted up to `most`."""
    return int(await tx.value(COUNT_LIVE, limit=most if most is not None else 2**53))


async def all_at_once(tx: Transaction, order: Order) -> dict[str, Any]:
    """Carry out an order in one transaction and return its summary."""
    await tx.serialize([MODEL_LOCK])
    progress = Progress()
    result: dict[str, Any] | None = None
    while result is None:
        _, result = await advance(tx, order, progress)
    return result


async def advance(tx: Transaction, order: Order, progress: Progress) -> tuple[int, dict[str, Any] | None]:
    """Do the next batch of an order. Return the number of classified accounts, and the summary after the last batch."""
    if progress.phase == "range":
        await _read_range(tx, order, progress)
        return 0, None
    if progress.phase == "begin":
        await _begin(tx, order, progress)
        return 0, None
    await tx.serialize([MODEL_LOCK], shared=True)
    model = await active_model(tx.reader)
    if model.id != order.model_id:
        progress.superseded_by = model.id
        ordered = await stored_model(tx.reader, order.model_id, 0)
        return 0, _finish(tx, order, progress, ordered)
    number = await _classify(tx, order, progress, model)
    if number < BATCH[tx.database_kind]:
        return number, _finish(tx, order, progress, model)
    return number, None


def _finish(tx: Transaction, order: Order, progress: Progress, model: ActiveModel) -> dict[str, Any]:
    result = progress.summary(model, order)
    version = model.version
    tx.emit(PortfolioReclassified(model.id, version, {**result, "factors": progress.factors}))
    return result


# range


async def _read_range(tx: Transaction, order: Order, progress: Progress) -> None:
    model = await stored_model(tx.reader, order.model_id, 0)
    if model.rules.cuts.attractiveness_rule is CutRule.FIXED:
        progress.phase = "begin"
        return
    number, low, high = await _range_of_batch(tx, model, progress)
    lows = [exact(value) for value in (progress.low, low) if value is not None]
    highs = [exact(value) for value in (progress.high, high) if value is not None]
    progress.low, progress.high = (f"{min(lows):f}", f"{max(highs):f}") if lows else (None, None)
    if number < BATCH[tx.database_kind]:
        progress.phase, progress.after = "begin", BEFORE_ALL


async def _range_of_batch(
    tx: Transaction, model: ActiveModel, progress: Progress
) -> tuple[int, Decimal | None, Decimal | None]:
    """Return the next batch's number of accounts, and the range of attractiveness of its complete accounts."""
    if tx.database_kind == "postgresql":
        last, number = await _next_end(tx, progress)
        if number == 0:
            return 0, None, None
        await tx.value(SET_BASED)
        binds = {**model_binds(model.rules, held=False), "now": tx.now, "after": progress.after, "upto": last}
        row = await tx.one(RANGE, **binds) or {"low": None, "high": None}
        progress.after = last
        return number, row["low"], row["high"]
    ids = await _next_ids(tx, progress)
    placed = await place_all(tx.reader, model.rules, ids, held=False) if ids else []
    complete = [each.position for each in placed if each.position.outcome.quadrant is not None]
    ends = [position.columns["attractiveness"] for position in complete]
    return len(ids), min(ends, default=None), max(ends, default=None)


# begin


async def _begin(tx: Transaction, order: Order, progress: Progress) -> None:
    """Activate the model with the range that was read. The lock keeps other transactions from classifying meanwhile."""
    await tx.serialize([MODEL_LOCK])
    row = await tx.one(ACTIVE_MODEL)
    before = None if row is None else model_of(row)
    if not order.activate and before is not None and before.id != order.model_id:
        progress.phase = "classify"  # another model took over while this waited: its cut stays
        return
    target = await lock(tx, SCORING_MODELS, order.model_id, None, "scoring model")
    values: dict[str, Any] = {}
    if target.data["cuts"].get("attractiveness_rule") == CutRule.RANGE_MIDDLE:
        values |= {"range_low": progress.low, "range_high": progress.high, "range_at": tx.now}
        values |= {name: None if values[name] is None else exact(values[name]) for name in ("range_low", "range_high")}
    activating = order.activate and (before is None or before.id != order.model_id)
    if activating:
        if before is not None:
            await change(tx, SCORING_MODELS, before.id, {"state": ModelState.RETIRED.value})
        values |= {"state": ModelState.ACTIVE.value, "activated_at": tx.now}
    if values:
        after = await change(tx, SCORING_MODELS, order.model_id, values)
        await record_model_period(tx, order.model_id, values.get("range_low"), values.get("range_high"))
        if activating:
            named = before and {"id": before.id, "name": before.name, "number": before.number}
            tx.emit(ScoringModelActivated.of(after.data, previous=named))
    model = await active_model(tx.reader)
    if before is not None:
        progress.previous = before.reference()
        progress.held = before.id == model.id and before.rules.cuts == model.rules.cuts
        progress.factors = changed_factors(before.rules, model.rules)
    progress.phase = "classify"


def changed_factors(before: ScoringModel, after: ScoringModel) -> list[dict[str, Any]]:
    """Return the factors that differ between two models, each with the weight it had and has."""
    old = {factor.key: {"weight": plain_numbers(shown(factor.weight))} for factor in before.factors}
    new = {factor.key: {"weight": plain_numbers(shown(factor.weight))} for factor in after.factors}
    return differing_inputs("attractiveness", old, new)


# classify


async def _classify(tx: Transaction, order: Order, progress: Progress, model: ActiveModel) -> int:
    if tx.database_kind == "postgresql":
        return await _classify_by_sets(tx, order, progress, model)
    return await _classify_by_rules(tx, order, progress, model)


async def _next_end(tx: Transaction, progress: Progress) -> tuple[str, int]:
    row = await tx.one(BATCH_END, after=progress.after, limit=BATCH["postgresql"])
    return (progress.after, 0) if row is None else (row["id"], row["number"])


async def _classify_by_sets(tx: Transaction, order: Order, progress: Progress, model: ActiveModel) -> int:
    last, number = await _next_end(tx, progress)
    if number == 0:
        return 0
    await tx.value(SET_BASED)
    await tx.flush()
    binds = {**model_binds(model.rules, held=progress.held), **_shared_values(tx, order, progress, model)}
    statement = RECLASSIFY_MANY if progress.changed >= MANY * progress.accounts else RECLASSIFY_FEW
    for again in range(MOST_ROUNDS):
        rows = await tx.all(statement, after=progress.after, upto=last, **binds)
        for row in rows:
            moved = row["previous"] != row["current"]
            _count(
                progress,
                row["previous"],
                row["current"],
                row["written"] if moved else (0 if again else row["accounts"]),
            )
            progress.changed += row["written"]
            progress.moved += row["written"] if moved else 0
        if all(row["written"] == row["differing"] for row in rows):
            break
    else:
        raise RuntimeError("accounts were written faster than they could be classified")
    progress.after = last
    progress.accounts += number
    return number


def _shared_values(tx: Transaction, order: Order, progress: Progress, model: ActiveModel) -> dict[str, Any]:
    """Return the values that the rows of the history and the events of a batch share."""
    why = Why(model, order.cause, order.reason, progress.factors).payload()
    gaps = ("account", "previous", "current", "changed")
    pieces = body_fragments(AccountQuadrantChanged, gaps, why, tx.cause)
    return {
        "now": tx.now,
        "live": tx.live,
        "model_id": model.id,
        "why": order.cause.value,
        "reason": order.reason,
        "recorded_by": tx.cause["key_id"],
        "id_head": new_id(tx.now)[:15],
        "range_id": new_id(tx.now),
        "event_type": AccountQuadrantChanged.type,
        "event_version": AccountQuadrantChanged.version,
        "event_cause": tx.cause,
        **{f"fragment_{index}": piece for index, piece in enumerate(pieces)},
    }


async def _classify_by_rules(tx: Transaction, order: Order, progress: Progress, model: ActiveModel) -> int:
    first = progress.after
    ids = await _next_ids(tx, progress)
    placed = await place_all(tx.reader, model.rules, ids, held=progress.held) if ids else []
    changed = [each for each in placed if each.differs]
    progress.moved += await write_all(tx, changed, Why(model, order.cause, order.reason, progress.factors))
    if changed:
        await tx.execute(_NAME_RANGE, id=new_id(tx.now), first_id=first, last_id=progress.after)
    for each in placed:
        _count(progress, each.row["quadrant"], each.position.columns["quadrant"], 1)
    progress.changed += len(changed)
    progress.accounts += len(ids)
    return len(ids)


async def _next_ids(tx: Transaction, progress: Progress) -> list[str]:
    ids = await tx.column(NEXT_LIVE, after=progress.after, limit=BATCH[tx.database_kind])
    if ids:
        progress.after = ids[-1]
    return ids


def _count(progress: Progress, previous: str | None, current: str | None, number: int) -> None:
    if number:
        key = f"{previous or NONE}>{current or NONE}"
        progress.moves[key] = progress.moves.get(key, 0) + number
