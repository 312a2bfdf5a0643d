"""Relationship stages: move an account, set its target stage, read the history."""

from datetime import date
from typing import Any

import orjson

from service.access.policy import Permission
from service.events.relationship import AccountStageChanged, AccountTargetStageChanged
from service.framework.database.database import Page, Reader, Resource, Row
from service.framework.database.listing import PageRequest
from service.models.relationship.stages import StageTransitionCreate, TargetStagePut
from service.platform.errors import NotFound, StageTransitionNotAllowed
from service.platform.ids import new_id
from service.queries.accounts.accounts import ACCOUNTS
from service.queries.relationship.stages import ACCOUNT_STAGE, STAGE_ENTRIES
from service.records.context import Context, Transaction, operation, refuse
from service.records.rows import Expected, change, insert_row, lock, require
from service.rules.relationship.stages import STAGES, allowed_movements, judge, judge_target, target_advice
from service.rules.vocabulary import Quadrant, Stage

KIND = "account"


async def list_stages(ctx: Context) -> list[dict[str, Any]]:
    """List the six stages with both names and the signs of each."""
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
    """Read an account's stage, since when and why it holds, the target stage, and the stages it may move to. Raises
    NotFound.
    """
    async with ctx.reading(Permission.STAGE_READ) as reader:
        return stage_document(identifier, await _stage_row(reader, identifier))


async def list_stage_transitions(ctx: Context, identifier: str, request: PageRequest) -> Page:
    """List a page of an account's stage history, newest first. The last entry is the account's creation. Raises
    NotFound.
    """
    async with ctx.reading(Permission.STAGE_READ) as reader:
        await require(reader, ACCOUNTS, identifier, KIND)
        return await STAGE_ENTRIES.page(reader, request, ctx.cursors, where={"account_id": identifier})


async def get_stage_transition(ctx: Context, identifier: str) -> Resource:
    """Read an entry of the stage history of an account that is not deleted. Raises NotFound."""
    async with ctx.reading(Permission.STAGE_READ) as reader:
        entry = await require(reader, STAGE_ENTRIES, identifier, "stage transition")
        await require(reader, ACCOUNTS, entry.data["account_id"], KIND)
        return entry


@operation
async def move_stage(ctx: Context, identifier: str, data: StageTransitionCreate, expected: Expected = None) -> Resource:
    """Move an account to another relationship stage and return the new entry of its history.

    Up one step at a time (more with `skip`), down any number, to uncoupling from any stage, from uncoupling back to a
    stage it had reached. Sends account.stage_changed. Raises NotFound, StaleVersion, StageTransitionNotAllowed with the
    allowed stages, and Invalid for an effective date in the future or before the previous entry's.
    """
    async with ctx.transaction(Permission.STAGE_WRITE) as tx:
        account = await lock(tx, ACCOUNTS, identifier, expected, KIND)
        row = await _stage_row(tx.reader, identifier)
        current, to = Stage(row["stage"]), Stage(data.to)
        verdict = judge(current, to, data.skip, uncoupled_from=_uncoupled_from(row))
        if not verdict.allowed:
            raise StageTransitionNotAllowed([stage.value for stage in verdict.allowed_stages], verdict.reason)
        effective_on = _effective_on(data.effective_on, row["effective_on"], tx)
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
        entered = await insert_row(tx, STAGE_ENTRIES, entry)
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
        return tx.answer(entered, "created")


@operation
async def put_target_stage(ctx: Context, identifier: str, data: TargetStagePut, expected: Expected = None) -> Resource:
    """Set the target stage with a day and a reason, or remove it with null, and return the account's stage.

    Any of the five stages may be the target, also the present one (hold) and lower ones; uncoupling is a state and not
    an aim. Sends account.target_stage_changed; writing what is stored already writes and sends nothing. Raises
    NotFound, StaleVersion, Invalid.
    """
    async with ctx.transaction(Permission.STAGE_WRITE) as tx:
        account = await lock(tx, ACCOUNTS, identifier, expected, KIND)
        row = await _stage_row(tx.reader, identifier)
        if data.target_stage is None and data.target_stage_on is not None:
            raise refuse("/target_stage_on", "target_stage_needed", "Give target_stage with target_stage_on")
        if data.target_stage is not None:
            verdict = judge_target(Stage(row["stage"]), Stage(data.target_stage))
            if not verdict.allowed:
                raise refuse("/target_stage", verdict.code, verdict.reason)
        wanted = {
            "target_stage": data.target_stage,
            "target_stage_on": data.target_stage_on,
            "target_stage_reason": data.reason,
        }
        changed = [name for name, value in wanted.items() if row[name] != value]
        if not changed:
            return tx.answer(stage_document(identifier, row), "unchanged")
        after = await change(tx, ACCOUNTS, account.id, wanted)
        document = stage_document(identifier, {**row, **wanted, "version": after.version})
        tx.emit(
            AccountTargetStageChanged.of(
                after.data, previous=_target(row), current=_target(wanted), changed=changed, reason=data.reason
            )
        )
        return tx.answer(document, "updated")


async def _stage_row(reader: Reader, identifier: str) -> Row:
    row = await reader.one(ACCOUNT_STAGE, id=identifier)
    if row is None:
        raise NotFound(KIND)
    return row


def _uncoupled_from(row: Row) -> Stage | None:
    """Return the stage before uncoupling, from the history."""
    uncoupled = row["stage"] == Stage.UNCOUPLING_KAM and row["previous"] is not None
    return Stage(row["previous"]) if uncoupled else None


def _effective_on(wanted: date | None, before: date | None, tx: Transaction) -> date:
    """Return the day from which a move holds. Raises Invalid for one in the future or before the previous entry's."""
    pointer, effective_on = "/effective_on", wanted or tx.today
    if effective_on > tx.today:
        raise refuse(pointer, "in_the_future", f"{effective_on} is in the future. Give today or an earlier day")
    if before is not None and effective_on < before:
        message = f"The previous entry holds from {before}. Give that day or a later one"
        raise refuse(pointer, "before_previous_entry", message)
    return effective_on


def _named(stage: Stage) -> dict[str, str]:
    terms = STAGES[stage]
    return {"stage": stage.value, "name": terms.name, "cranfield_name": terms.cranfield_name}


def _target(values: Row) -> dict[str, Any]:
    """Return the target as events hold it."""
    stage, day = values["target_stage"], values["target_stage_on"]
    return {
        "target_stage": stage,
        "target_stage_name": None if stage is None else STAGES[Stage(stage)].name,
        "target_stage_cranfield": None if stage is None else STAGES[Stage(stage)].cranfield_name,
        "target_stage_on": None if day is None else day.isoformat(),
        "target_stage_reason": values["target_stage_reason"],
    }


def stage_document(identifier: str, row: Row) -> Resource:
    """Return the document of an account's stage; its version is the account's."""
    stage, target = Stage(row["stage"]), row["target_stage"]
    since, by = row["effective_on"], row["target_stage_on"]
    document = {
        "account_id": identifier,
        "version": row["version"],
        **_named(stage),
        "ordinal": STAGES[stage].ordinal,
        "previous": row["previous"],
        "reason": row["reason"],
        "evidence": row["evidence"],
        "effective_on": None if since is None else since.isoformat(),
        "target_stage": target,
        "target_stage_on": None if by is None else by.isoformat(),
        "target_reason": row["target_stage_reason"],
        "allowed": _movements(stage, _uncoupled_from(row)),
        "advice": [] if target is None or row["quadrant"] is None else _advice(row),
    }
    return Resource(row["version"], orjson.dumps(document))


def _movements(stage: Stage, uncoupled_from: Stage | None) -> list[dict[str, Any]]:
    """Return the stages that an account may move to; those that need `skip` are marked."""
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


def _advice(row: Row) -> list[dict[str, str]]:
    verdicts = target_advice(Quadrant(row["quadrant"]), Stage(row["stage"]), Stage(row["target_stage"]))
    return [{"code": verdict.code, "message": verdict.message} for verdict in verdicts]
