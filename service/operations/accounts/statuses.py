"""An account's status: the steps with their requirements, the history, and the events."""

from collections.abc import Mapping
from typing import Any

import orjson

from service.access.policy import Permission
from service.framework.database.database import Page, Resource
from service.framework.database.listing import PageRequest
from service.models.accounts.statuses import Agreement, StatusTransitionCreate
from service.platform.clock import instant_text
from service.platform.errors import NotFound, StateTransitionNotAllowed
from service.queries.accounts.accounts import ACCOUNTS
from service.queries.accounts.stakeholders import STAKEHOLDERS
from service.queries.accounts.statuses import STATUS_ENTRIES, STATUS_FACTS
from service.records.accounts.statuses import NO_AGREEMENT, step_entry, step_event
from service.records.context import Context, Transaction, operation, refuse
from service.records.rows import Expected, change, insert_row, lock, require, require_reference
from service.rules.accounts.status_path import REQUIREMENTS, STEPS, Requirement, judge_step
from service.rules.vocabulary import AccountStatus, ClassificationStatus

KIND = "account"


async def get_status(ctx: Context, identifier: str) -> Resource:
    """Read an account's status, the steps that can follow, and which requirements of each are met and which are
    missing. Raises NotFound.
    """
    async with ctx.reading(Permission.ACCOUNT_READ) as reader:
        row = await reader.one(STATUS_FACTS, id=identifier)
    if row is None:
        raise NotFound(KIND)
    since = row["since"]
    facts = {**row, "since": None if since is None else instant_text(since)}
    return Resource(row["version"], orjson.dumps(status_document(facts)))


async def list_status_transitions(ctx: Context, identifier: str, request: PageRequest) -> Page:
    """List a page of an account's steps, newest first. Raises NotFound."""
    async with ctx.reading(Permission.ACCOUNT_READ) as reader:
        await require(reader, ACCOUNTS, identifier, KIND)
        return await STATUS_ENTRIES.page(reader, request, ctx.cursors, where={"account_id": identifier})


async def get_status_transition(ctx: Context, identifier: str) -> Resource:
    """Read a step of an account that is not deleted. Raises NotFound."""
    async with ctx.reading(Permission.ACCOUNT_READ) as reader:
        entry = await require(reader, STATUS_ENTRIES, identifier, "status transition")
        await require(reader, ACCOUNTS, entry.data["account_id"], KIND)
        return entry


@operation
async def move_status(
    ctx: Context, identifier: str, data: StatusTransitionCreate, expected: Expected = None
) -> Resource:
    """Move an account one step along customer, candidate, selected, agreed, planned, managed, one step back, or to
    deselected, and return the new entry of its history. A deselected account may become selected or candidate again.

    Selected needs a complete classification; agreed needs both benefits and who at the customer agreed when; planned
    needs an approved plan; managed needs an active plan and an owner. Sends account.status_changed. Raises NotFound,
    StaleVersion, StateTransitionNotAllowed with the allowed steps and the missing requirements, Invalid for an
    agreement that is in the future or belongs to another step.
    """
    async with ctx.transaction(Permission.ACCOUNT_WRITE) as tx:
        account = await lock(tx, ACCOUNTS, identifier, expected, KIND)
        facts = await tx.one(STATUS_FACTS, id=identifier)
        if facts is None:
            raise NotFound(KIND)
        to = AccountStatus(data.to)
        await _check_agreement(tx, account.id, to, data.agreement)
        met = requirements_met(facts)
        if data.agreement is not None:
            met.add(Requirement.AGREEMENT)
        verdict = judge_step(AccountStatus(facts["status"]), to, met)
        if not verdict.allowed:
            missing = [{"code": one.value, "message": REQUIREMENTS[one]} for one in verdict.missing]
            allowed = [status.value for status in verdict.open_steps]
            raise StateTransitionNotAllowed(allowed, verdict.reason, missing=missing)
        return tx.answer(await _take(tx, account, to, data), "created")


async def _take(tx: Transaction, account: Resource, to: AccountStatus, data: StatusTransitionCreate) -> Resource:
    """Set the status of a locked account, add the step to the history, and emit its event."""
    before = account.data["status"]
    after = await change(tx, ACCOUNTS, account.id, {"status": to.value})
    agreed: Mapping[str, Any] = NO_AGREEMENT
    if data.agreement is not None:
        agreed = {name: getattr(data.agreement, name) for name in agreed}
    made = await insert_row(tx, STATUS_ENTRIES, step_entry(tx, after, before, data.reason, data.evidence, agreed))
    agreement = {name: made.data[name] for name in NO_AGREEMENT}
    tx.emit(step_event(after, before, data.reason, data.evidence, None if data.agreement is None else agreement))
    return made


async def _check_agreement(tx: Transaction, account_id: str, to: AccountStatus, agreement: Agreement | None) -> None:
    """Raise Invalid unless the agreement belongs to the step to agreed, is not in the future, and names a stakeholder
    of this account.
    """
    if agreement is None:
        return
    if to is not AccountStatus.AGREED:
        raise refuse("/agreement", "agreement_not_expected", "Only the step to agreed takes an agreement. Leave it out")
    if agreement.agreed_on > tx.today:
        raise refuse(
            "/agreement/agreed_on",
            "in_the_future",
            f"{agreement.agreed_on} is in the future. Give today or an earlier day",
        )
    pointer = "/agreement/stakeholder_id"
    found = await require_reference(tx, STAKEHOLDERS, agreement.stakeholder_id, pointer, "stakeholder")
    if found is not None and found.data["account_id"] != account_id:
        raise refuse(pointer, "unknown_reference", "This account has no stakeholder with this id")


def requirements_met(facts: Mapping[str, Any]) -> set[Requirement]:
    """Return the requirements that an account meets. An agreement is not among them: it is given with the step."""
    fulfilled = {
        Requirement.CLASSIFICATION_COMPLETE: facts["classification_status"] == ClassificationStatus.COMPLETE,
        Requirement.BENEFIT_TO_US: facts["benefit_to_us"] is not None,
        Requirement.BENEFIT_TO_CUSTOMER: facts["benefit_to_customer"] is not None,
        Requirement.PLAN_APPROVED: bool(facts["plan_approved"]),
        Requirement.PLAN_ACTIVE: bool(facts["plan_active"]),
        Requirement.OWNER: facts["owner_id"] is not None,
    }
    return {requirement for requirement, holds in fulfilled.items() if holds}


def status_document(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of an account's status."""
    met = requirements_met(facts)
    steps = [
        {
            "to": step.to.value,
            "meaning": step.meaning,
            "requires": [{"code": one.value, "message": REQUIREMENTS[one], "met": one in met} for one in step.requires],
            "ready": all(one in met or one is Requirement.AGREEMENT for one in step.requires),
        }
        for step in STEPS[AccountStatus(facts["status"])]
    ]
    return {**{name: facts[name] for name in ("account_id", "version", "status", "since", "reason")}, "steps": steps}
