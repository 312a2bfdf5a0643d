"""Mutations of relationship stages."""

from __future__ import annotations

from service.framework.graph.calls import Call, Gives, RecordId, body, gives, identifier, if_version
from service.models.accounts.accounts import AccountRead
from service.models.relationship.stages import AccountStageRead, StageEntryRead, StageTransitionCreate, TargetStagePut
from service.operations.relationship import stages

ID = identifier("accountId", "The account")
ACCOUNT = Gives(
    "account", AccountRead | None, lambda result: RecordId(result.data["account_id"]), "The account as it is now"
)
STEP = body(StageTransitionCreate, "MoveStageInput")
TARGET = body(TargetStagePut, "PutTargetStageInput")

MUTATIONS = (
    Call("moveStage", stages.move_stage, (ID, STEP, if_version()), (*gives("entry", StageEntryRead), ACCOUNT)),
    Call(
        "putTargetStage",
        stages.put_target_stage,
        (ID, TARGET, if_version()),
        (*gives("stage", AccountStageRead), ACCOUNT),
    ),
)
