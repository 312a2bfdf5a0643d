"""The nine-cell account portfolio: how effort should move at an account (Fiocca 1982, as adapted in the source slides).

Both axes are absolute scores 0-10: the account's attractiveness and our own weighted total on the customer's success
factors. That total is not the relative strength of the four boxes; neither is ever converted into the other.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from service.rules.verdicts import Verdict, fraction, is_score
from service.rules.vocabulary import FioccaAttractiveness, FioccaPosition

NEAR_LIMIT = Decimal("0.3")


class FioccaVerb(StrEnum):
    """The verbs of the nine cells: how the effort at an account should change."""

    DEVELOP = "develop"
    DEFEND = "defend"
    MAINTAIN = "maintain"
    MAINTAIN_SELECTIVELY = "maintain_selectively"
    MAINTAIN_MINIMALLY = "maintain_minimally"
    DEFEND_SELECTIVELY = "defend_selectively"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class VerbMeaning:
    """What a verb demands in the next period, and what would contradict it."""

    resources: str
    typical_action: str
    wrong_action: str


@dataclass(frozen=True, slots=True)
class FioccaLimits:
    """The limits between the bands, on the 0-10 scale: above `high` is high or strong, below `low` is low or weak."""

    low: Decimal = Decimal("3.3")
    high: Decimal = Decimal("6.7")


@dataclass(frozen=True, slots=True)
class FioccaCell:
    """An account's cell: both bands, the permitted verbs (a compound cell has two), and which axes lie near a limit."""

    attractiveness: FioccaAttractiveness
    position: FioccaPosition
    verbs: tuple[FioccaVerb, ...]
    attractiveness_near_limit: bool
    position_near_limit: bool


_A, _P, _V = FioccaAttractiveness, FioccaPosition, FioccaVerb

# Compound cells list two permitted verbs; the leading one is the account team's choice, with a reason.
VERBS: dict[tuple[FioccaAttractiveness, FioccaPosition], tuple[FioccaVerb, ...]] = {
    (_A.HIGH, _P.STRONG): (_V.DEVELOP, _V.DEFEND),
    (_A.HIGH, _P.AVERAGE): (_V.DEVELOP,),
    (_A.HIGH, _P.WEAK): (_V.DEVELOP,),
    (_A.MEDIUM, _P.STRONG): (_V.DEFEND, _V.MAINTAIN),
    (_A.MEDIUM, _P.AVERAGE): (_V.MAINTAIN_SELECTIVELY,),
    (_A.MEDIUM, _P.WEAK): (_V.MAINTAIN_MINIMALLY,),
    (_A.LOW, _P.STRONG): (_V.DEFEND_SELECTIVELY,),
    (_A.LOW, _P.AVERAGE): (_V.MAINTAIN_MINIMALLY,),
    (_A.LOW, _P.WEAK): (_V.WITHDRAW,),
}

VERB_MEANINGS: dict[FioccaVerb, VerbMeaning] = {
    _V.DEVELOP: VerbMeaning("up", "new contacts, new products, joint projects", "price cuts to hold volume"),
    _V.DEFEND: VerbMeaning(
        "same, targeted at threats", "retention agreements, senior contacts, switching costs", "broad new investment"
    ),
    _V.MAINTAIN: VerbMeaning("same", "keep the service level, watch profit", "new one-off customising"),
    _V.MAINTAIN_SELECTIVELY: VerbMeaning(
        "same on profitable lines, less elsewhere", "keep what pays", "full-service package"
    ),
    _V.MAINTAIN_MINIMALLY: VerbMeaning("down", "inside sales, web, distributor", "field visits"),
    _V.DEFEND_SELECTIVELY: VerbMeaning(
        "low, only for profitable business", "respond to attack when it pays", "growth targets"
    ),
    _V.WITHDRAW: VerbMeaning("to zero, planned", "exit plan, transfer to a distributor", "silent neglect"),
}


def leading_verb(verbs: Sequence[FioccaVerb], chosen: FioccaVerb | None) -> FioccaVerb | None:
    """Return the leading verb of a cell: its only verb, or the chosen one of two; None before a choice."""
    return verbs[0] if len(verbs) == 1 else kept_choice(verbs, chosen)


def kept_choice(verbs: Sequence[FioccaVerb], chosen: FioccaVerb | None) -> FioccaVerb | None:
    """Return the chosen verb if the cell lists two verbs and it is one of them; otherwise the choice ends: None."""
    return chosen if len(verbs) > 1 and chosen in verbs else None


def validate_limits(limits: FioccaLimits, pointer: str = "/fiocca") -> list[Verdict]:
    """Refuse limits outside 0 to 10 and a low limit that is not below the high one."""
    verdicts = [
        Verdict(f"{pointer}/{name}", "limit_out_of_range", f"A limit lies between 0 and 10, not at {value}.")
        for name, value in asdict(limits).items()
        if not is_score(value)
    ]
    if not verdicts and limits.low >= limits.high:
        verdicts.append(Verdict(pointer, "limits_not_ascending", "The low limit must be below the high limit."))
    return verdicts


def attractiveness_band(score: Fraction | Decimal, limits: FioccaLimits) -> FioccaAttractiveness:
    """Band an attractiveness score 0-10: high above the high limit, low below the low one, else medium."""
    if score > limits.high:
        return FioccaAttractiveness.HIGH
    return FioccaAttractiveness.LOW if score < limits.low else FioccaAttractiveness.MEDIUM


def position_band(score: Fraction | Decimal, limits: FioccaLimits) -> FioccaPosition:
    """Band our own total 0-10: strong above the high limit, weak below the low one, else average."""
    if score > limits.high:
        return FioccaPosition.STRONG
    return FioccaPosition.WEAK if score < limits.low else FioccaPosition.AVERAGE


def near_limit(score: Fraction | Decimal, limits: FioccaLimits, width: Decimal = NEAR_LIMIT) -> bool:
    """Return whether a score lies within the border width (0.3) of either limit: a small change of opinion moves it."""
    exactly = fraction(score)
    return any(abs(exactly - fraction(limit)) <= fraction(width) for limit in (limits.low, limits.high))


def cell(
    attractiveness: Fraction | Decimal,
    ours: Fraction | Decimal,
    limits: FioccaLimits,
    width: Decimal = NEAR_LIMIT,
) -> FioccaCell:
    """Place an account by its attractiveness and our own total on the customer's success factors, both 0-10."""
    vertical, horizontal = fraction(attractiveness), fraction(ours)
    band, position = attractiveness_band(vertical, limits), position_band(horizontal, limits)
    return FioccaCell(
        attractiveness=band,
        position=position,
        verbs=VERBS[band, position],
        attractiveness_near_limit=near_limit(vertical, limits, width),
        position_near_limit=near_limit(horizontal, limits, width),
    )
