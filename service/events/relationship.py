"""Events about the relationship stage of an account."""

from service.access.policy import Permission
from service.events.event import AccountEvent
from service.events.payload import CHANGED, REASON, Payload, obj, text

_STAGE = obj(
    "A relationship stage by all of its names",
    {"stage": text("The stage"), "name": text("Its name"), "cranfield_name": text("Cranfield's name for it")},
)
_TARGET = obj(
    "A target stage",
    {
        "target_stage": text("The stage", null=True),
        "target_stage_name": text("Its name", null=True),
        "target_stage_cranfield": text("Cranfield's name for it", null=True),
        "target_stage_on": text("By when", null=True),
        "target_stage_reason": text("Why", null=True),
    },
)


class AccountStageChanged(AccountEvent):
    """An account moved to another relationship stage. Carries all names of both stages, reason, evidence and the day
    it took effect.
    """

    type = "account.stage_changed"
    permission = Permission.STAGE_READ
    payload = Payload(
        more={
            "previous": _STAGE,
            "current": _STAGE,
            "changed": CHANGED,
            "reason": REASON,
            "evidence": text("What it rests on", null=True),
            "effective_on": text("The day it took effect, YYYY-MM-DD"),
        }
    )


class AccountTargetStageChanged(AccountEvent):
    """The target stage of an account, or the day by which it is to be reached, changed."""

    type = "account.target_stage_changed"
    permission = Permission.STAGE_READ
    payload = Payload(more={"previous": _TARGET, "current": _TARGET, "changed": CHANGED, "reason": REASON})
