"""Mutations of stakeholders."""

from __future__ import annotations

from service.framework.graph.calls import Call, body, gives, identifier, if_version, reference
from service.models.accounts.stakeholders import StakeholderCreate, StakeholderPatch, StakeholderRead
from service.operations.accounts import stakeholders

STAKEHOLDER = gives("stakeholder", StakeholderRead)
ACCOUNT = identifier("accountId", "The account")
BODY = body(StakeholderCreate, "CreateStakeholderInput")
PATCH = body(StakeholderPatch, "UpdateStakeholderInput")

MUTATIONS = (
    Call("createStakeholder", stakeholders.create_stakeholder, (ACCOUNT, BODY), STAKEHOLDER),
    Call("updateStakeholder", stakeholders.update_stakeholder, (identifier(), PATCH, if_version()), STAKEHOLDER),
    Call(
        "upsertStakeholder",
        stakeholders.upsert_stakeholder,
        (ACCOUNT, *reference("stakeholder"), BODY),
        STAKEHOLDER,
    ),
    Call("deleteStakeholder", stakeholders.delete_stakeholder, (identifier(), if_version()), STAKEHOLDER),
)
