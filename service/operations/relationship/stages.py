"""Relationship stages: the movements between them with their reasons, the history, and the stage aimed at."""

from __future__ import annotations

from datetime import date
from typing import Any

import orjson
import sqlalchemy as sa

from service.access.policy import Permission
from service.events.relationship import AccountStageChanged, AccountTargetStageChanged
from service.framework.database.columns import bind
from service.framework.database.database import Page, Reader, Resource, Row
from service.framework.database.listing import PageRequest, as_resource
from service.framework.database.statements import WriteThenRead
from service.models.relationship.stages import StageTransitionCreate, TargetStagePut, stage_entries
from service.platform.errors import NotFound, StageTransitionNotAllowed
from service.platform.ids import new_id
from service.queries.accounts.accounts import ACCOUNTS
from service.queries.relationship.stages import ACCOUNT_STAGE, STAGE_ENTRIES
from service.records.context import Context, Transaction, operation, refuse
from service.records.rows import Expected, change, lock, require
from service.rules.relationship.stages import STAGES, allowed_movements, judge, judge_target, target_advice
from service.rules.vocabulary import Quadrant, Stage

KIND = "account"
_ADD_ENTRY = WriteThenRead(
    stage_entries,
    sa.insert(stage_entries).values({column.name: bind(f"v_{column.name}", column) for column in stage_entries.c}),
    STAGE_ENTRIES.by_id().clause,
)


async def list_stages(ctx: Context) -> list[dict[str, Any]]:
    """The catalogue of the six stages with both names and how to know each."""
    ctx.require(Permission.STAGE_READ)
    return [
        {
            "stage": stage.value,
            "ordinal": terms.ordinal,
            "name": terms.name,
            "cranfield_name": terms.cranfield_name,
            "definition": terms.definition,
            "state_of_business": terms.state_of_business,
            "contacts": terms.contacts,
            "aim": terms.aim,
            "customer_side": terms.customer_side,
        }
        for stage, terms in STAGES.items()
    ]


async def get_stage(ctx: Context, identifier: str) -> Resource:
    """An account's stage, its target and the movements open from here; raises NotFound."""
    async with ctx.reading(Permission.STAGE_READ) as reader:
        return stage_document(identifier, await _standing(reader, identifier))


async def list_stage_transitions(ctx: Context, identifier: str, request: PageRequest) -> Page:
    """A page of an account's stage history, newest first; the last entry is the account's creation. Raises NotFound."""
    async with ctx.reading(Permission.STAGE_READ) as reader:
        await require(reader, ACCOUNTS, identifier, KIND)
        return await STAGE_ENTRIES.page(reader, request, ctx.cursors, where={"account_id": identifier})


async def get_stage_transition(ctx: Context, identifier: str) -> Resource:
    """One entry of the stage history of a live account; raises NotFound."""
    async with ctx.reading(Permission.STAGE_READ) as reader:
        entry = await require(reader, STAGE_ENTRIES, identifier, "stage transition")
        await require(reader, ACCOUNTS, entry.data["account_id"], KIND)
        return entry


@operation
async def move_stage(ctx: Context, identifier: str, data: StageTransitionCreate, expected: Expected = None) -> Resource:
    """Move an account to another relationship stage; answers with the new entry of its history.

    Up one step at a time (more with `skip`), down any number, to uncoupling from anywhere, from uncoupling back to a
    stage it had reached. Raises NotFound, StaleVersion, StageTransitionNotAllowed with the stages that are open, and
    Invalid for an effective date in the future or before the previous entry's.
    """
    async with ctx.transaction(Permission.STAGE_WRITE) as tx:
        account = await lock(tx, ACCOUNTS, identifier, expected, KIND)
        standing = await _standing(tx.reader, identifier)
        current, to = Stage(standing["stage"]), Stage(data.to)
        verdict = judge(current, to, data.skip, uncoupled_from=_uncoupled_from(standing))
        if not verdict.allowed:
            raise StageTransitionNotAllowed([stage.value for stage in verdict.allowed_stages], verdict.reason)
        effective_on = _effective_on(data.effective_on, standing["effective_on"], tx)
        after = await change(tx, ACCOUNTS, account.id, {"stage": to.value})
        entry = {
            "id": new_id(tx.now),
            "account_id": account.id,
            "account_version": after.version,
            "previous": current.value,
            "stage": to.value,
            "reason": data.reason,
            "evidence": data.evidence,
            "effective_on": effective_on,
            "recorded_at": tx.now,
            "recorded_by": ctx.principal.id,
        }
        binds = {f"v_{name}": value for name, value in entry.items()}
        made = as_resource(await tx.one(_ADD_ENTRY, **binds, id=entry["id"]))
        if made is None:
            raise RuntimeError("an insert returned no row")
        tx.emit(
            AccountStageChanged.of(
                after.data,
                previous=_named(current),
                current=_named(to),
                changed=["stage"],
                reason=data.reason,
                evidence=data.evidence,
                effective_on=effective_on.isoformat(),
            )
        )
        return tx.answer(made, "created")


@operation
async def put_target_stage(ctx: Context, identifier: str, data: TargetStagePut, expected: Expected = None) -> Resource:
    """Set the stage aimed at, by when and why; null takes the target away. Answers with the account's stage.

    Any of the five stages will do, the present one (hold) and lower ones too; uncoupling is a state and not an aim.
    Raises NotFound, StaleVersion, Invalid. Writing what is there already writes and sends nothing.
    """
    async with ctx.transaction(Permission.STAGE_WRITE) as tx:
        account = await lock(tx, ACCOUNTS, identifier, expected, KIND)
        standing = await _standing(tx.reader, identifier)
        if data.target_stage is None and data.target_stage_on is not None:
            raise refuse("/target_stage_on", "target_stage_needed", "A date needs a stage to be reached by then")
        if data.target_stage is not None:
            verdict = judge_target(Stage(standing["stage"]), Stage(data.target_stage))
            if not verdict.allowed:
                raise refuse("/target_stage", verdict.code, verdict.reason)
        wanted = {
            "target_stage": data.target_stage,
            "target_stage_on": data.target_stage_on,
            "target_stage_reason": data.reason,
        }
        changed = [name for name, value in wanted.items() if standing[name] != value]
        if not changed:
            return tx.answer(stage_document(identifier, standing), "unchanged")
        after = await change(tx, ACCOUNTS, account.id, wanted)
        document = stage_document(identifier, {**standing, **wanted, "version": after.version})
        tx.emit(
            AccountTargetStageChanged.of(
                after.data, previous=_target(standing), current=_target(wanted), changed=changed, reason=data.reason
            )
        )
        return tx.answer(document, "updated")


async def _standing(reader: Reader, identifier: str) -> Row:
    row = await reader.one(ACCOUNT_STAGE, id=identifier)
    if row is None:
        raise NotFound(KIND)
    return row


def _uncoupled_from(standing: Row) -> Stage | None:
    """The stage held before uncoupling, from the history."""
    uncoupled = standing["stage"] == Stage.UNCOUPLING_KAM and standing["previous"] is not None
    return Stage(standing["previous"]) if uncoupled else None


def _effective_on(wanted: date | None, before: date | None, tx: Transaction) -> date:
    """Since when a movement holds: never in the future, and never before the previous one."""
    pointer, effective_on = "/effective_on", wanted or tx.today
    if effective_on > tx.today:
        raise refuse(pointer, "in_the_future", "A movement can't hold from a day in the future")
    if before is not None and effective_on < before:
        message = f"The movement before holds since {before.isoformat()}; this one can't hold from an earlier day"
        raise refuse(pointer, "before_previous_entry", message)
    return effective_on


def _named(stage: Stage) -> dict[str, str]:
    terms = STAGES[stage]
    return {"stage": stage.value, "name": terms.name, "cranfield_name": terms.cranfield_name}


def _target(values: Row) -> dict[str, Any]:
    """The target as events tell it."""
    stage, day = values["target_stage"], values["target_stage_on"]
    return {
        "target_stage": stage,
        "target_stage_name": None if stage is None else STAGES[Stage(stage)].name,
        "target_stage_cranfield": None if stage is None else STAGES[Stage(stage)].cranfield_name,
        "target_stage_on": None if day is None else day.isoformat(),
        "target_stage_reason": values["target_stage_reason"],
    }


def stage_document(identifier: str, standing: Row) -> Resource:
    """An account's stage as it reads; the version is the account's."""
    stage, target = Stage(standing["stage"]), standing["target_stage"]
    since, by = standing["effective_on"], standing["target_stage_on"]
    document = {
        "account_id": identifier,
        "version": standing["version"],
        **_named(stage),
        "ordinal": STAGES[stage].ordinal,
        "previous": standing["previous"],
        "reason": standing["reason"],
        "evidence": standing["evidence"],
        "effective_on": None if since is None else since.isoformat(),
        "target_stage": target,
        "target_stage_on": None if by is None else by.isoformat(),
        "target_reason": standing["target_stage_reason"],
        "allowed": _movements(stage, _uncoupled_from(standing)),
        "advice": [] if target is None or standing["quadrant"] is None else _advice(standing),
    }
    return Resource(standing["version"], orjson.dumps(document))


def _movements(stage: Stage, uncoupled_from: Stage | None) -> list[dict[str, Any]]:
    """The movements open from a stage; those that need `skip` are marked."""
    plain = {movement.to for movement in allowed_movements(stage, uncoupled_from=uncoupled_from)}
    return [
        {
            "to": movement.to.value,
            "name": STAGES[movement.to].name,
            "cranfield_name": STAGES[movement.to].cranfield_name,
            "reason": movement.reason,
            "skip": movement.to not in plain,
        }
        for movement in allowed_movements(stage, skip=True, uncoupled_from=uncoupled_from)
    ]


def _advice(standing: Row) -> list[dict[str, str]]:
    verdicts = target_advice(Quadrant(standing["quadrant"]), Stage(standing["stage"]), Stage(standing["target_stage"]))
    return [{"code": verdict.code, "message": verdict.message} for verdict in verdicts]
