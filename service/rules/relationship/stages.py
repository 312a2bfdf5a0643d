"""The relationship stages (Millman & Wilson 1995, with the Cranfield names) and the movements between them."""

from dataclasses import dataclass

from service.rules.verdicts import Verdict
from service.rules.vocabulary import Quadrant, Stage


@dataclass(frozen=True, slots=True)
class StageTerms:
    """One stage of the catalogue: its ordinal (1-5 up the ladder, 0 = uncoupling), both names, and how to know it."""

    ordinal: int
    name: str
    cranfield_name: str
    definition: str
    state_of_business: str
    contacts: str
    aim: str
    customer_side: str


@dataclass(frozen=True, slots=True)
class Movement:
    """A movement that is open from a stage, and why."""

    to: Stage
    reason: str


@dataclass(frozen=True, slots=True)
class MovementVerdict:
    """The verdict on a movement: `code` and `reason` say why it is allowed or not, `allowed_stages` lists the allowed
    ones.
    """

    allowed: bool
    code: str
    reason: str
    allowed_stages: tuple[Stage, ...]


STAGES: dict[Stage, StageTerms] = {
    Stage.PRE_KAM: StageTerms(
        1,
        "Pre-KAM",
        "Exploratory",
        "We do not do business with this account yet.",
        "The need for the product is established.",
        "One to one, being made.",
        "Establish the relationship.",
        "Scrutinises price and other terms; looks for knowledge of the product and of its business.",
    ),
    Stage.EARLY_KAM: StageTerms(
        2,
        "Early KAM",
        "Basic",
        "Some transactional business.",
        "Transactions commence.",
        "The tie between the key account manager and the key contact strengthens.",
        "Increase volume.",
        "Still tests us; must be convinced of the benefits.",
    ),
    Stage.MID_KAM: StageTerms(
        3,
        "Mid KAM",
        "Cooperative",
        "Regular business, maybe preferred, but one of many suppliers, and price still matters.",
        "One of a few preferred suppliers; there is trust.",
        "Operational staff meet their opposite numbers.",
        "Build a distinctive advantage.",
        "Explores closer collaboration.",
    ),
    Stage.PARTNERSHIP_KAM: StageTerms(
        4,
        "Partnership KAM",
        "Interdependent",
        "Multi-function, multi-level relationships; the customer could still leave if needed.",
        "In partnership; we are seen as an important strategic resource.",
        "Contacts at all levels.",
        "Find process integration.",
        "Shares sensitive information; joint research and development.",
    ),
    Stage.SYNERGISTIC_KAM: StageTerms(
        5,
        "Synergistic KAM",
        "Integrated",
        "Multi-function, multi-level, systems interlinked; leaving would be hard for both.",
        "Quasi-integration: together we deliver value to the end customer; costing is transparent.",
        "Focus teams at all interfaces, independent of the key account manager and the key contact.",
        "Coordinate a large matrix team.",
        "Business processes are integrated.",
    ),
    Stage.UNCOUPLING_KAM: StageTerms(
        0,
        "Uncoupling KAM",
        "Disintegrating",
        "The relationship dissolves, or products fall behind the market.",
        "The relationship dissolves, or products lag the market.",
        "They shrink.",
        "Rescue or exit.",
        "Reduces commitment.",
    ),
}

LADDER: tuple[Stage, ...] = (
    Stage.PRE_KAM,
    Stage.EARLY_KAM,
    Stage.MID_KAM,
    Stage.PARTNERSHIP_KAM,
    Stage.SYNERGISTIC_KAM,
)
FIRST_STAGE = Stage.PRE_KAM


def ordinal(stage: Stage) -> int:
    """Give a stage's place on the ladder: 1 to 5, and 0 for uncoupling."""
    return STAGES[stage].ordinal


def allowed_movements(current: Stage, *, skip: bool = False, uncoupled_from: Stage | None = None) -> list[Movement]:
    """List the movements that are allowed from a stage, in the order of the ladder, with reasons.

    Allowed are: up one step at a time (`skip` allows every step above, for a relationship that verifiably leapt), down
    any number of steps, and to uncoupling from any stage. From uncoupling the account may return to any earlier stage;
    `uncoupled_from`, when known, is the highest of them unless `skip`.
    """
    if current is Stage.UNCOUPLING_KAM:
        highest = 5 if skip or uncoupled_from is None else max(ordinal(uncoupled_from), 1)
        return [
            Movement(stage, "Retrieved: the relationship returns to an earlier stage.")
            for stage in LADDER
            if ordinal(stage) <= highest
        ]
    here, movements = ordinal(current), []
    for stage in LADDER:
        step = ordinal(stage) - here
        if step < 0:
            movements.append(Movement(stage, "A relationship can fall back any number of steps."))
        elif step == 1:
            movements.append(Movement(stage, "A relationship grows one step at a time."))
        elif step > 1 and skip:
            movements.append(Movement(stage, f"An exception: {step} steps up at once, skipping what lies between."))
    movements.append(Movement(Stage.UNCOUPLING_KAM, "A relationship can begin to dissolve from any stage."))
    return movements


def judge(current: Stage, to: Stage, skip: bool = False, *, uncoupled_from: Stage | None = None) -> MovementVerdict:
    """Judge a movement between stages; codes: allowed, stage_unchanged, stage_skipped, stage_never_reached.

    Staying is legitimate but is not a movement. Every movement needs a reason from the person who makes it; the
    operation asks for it.
    """
    movements = allowed_movements(current, skip=skip, uncoupled_from=uncoupled_from)
    stages = tuple(movement.to for movement in movements)
    for movement in movements:
        if movement.to is to:
            return MovementVerdict(True, "allowed", movement.reason, stages)
    if to is current:
        return MovementVerdict(False, "stage_unchanged", f"The account is in {STAGES[to].name} already.", stages)
    if current is Stage.UNCOUPLING_KAM:
        reason = f"From uncoupling an account returns to an earlier stage; it had not reached {STAGES[to].name}."
        return MovementVerdict(False, "stage_never_reached", reason, stages)
    reason = (
        f"From {STAGES[current].name} a relationship grows one step at a time; {STAGES[to].name} is "
        f"{ordinal(to) - ordinal(current)} steps up. Say skip: true if it really leapt."
    )
    return MovementVerdict(False, "stage_skipped", reason, stages)


def judge_target(current: Stage, target: Stage) -> MovementVerdict:
    """Judge a target stage: any of the five, also the current one (holding is legitimate) or a lower one.

    A target may be several steps away. Uncoupling is a state and not an aim: a planned exit is a movement to it.
    """
    if target is Stage.UNCOUPLING_KAM:
        reason = "Uncoupling is not a target; move the account there when the exit is decided."
        return MovementVerdict(False, "target_is_uncoupling", reason, LADDER)
    if target is current:
        return MovementVerdict(True, "hold", "The relationship is to be kept where it is.", LADDER)
    direction = "develop" if ordinal(target) > ordinal(current) else "reduce"
    return MovementVerdict(True, direction, f"The relationship is to reach {STAGES[target].name}.", LADDER)


def target_advice(quadrant: Quadrant, current: Stage, target: Stage) -> list[Verdict]:
    """Advise, never refuse: strategic aims at stage 4-5, a star one step up, status holds, streamline stops at 3."""
    here, aim = ordinal(current), ordinal(target)
    advice = {
        Quadrant.STRATEGIC: (aim >= 4, "A strategic account normally aims at Partnership or Synergistic KAM."),
        Quadrant.STAR: (aim == min(here + 1, 5), "A star account normally aims one step above today's stage."),
        Quadrant.STATUS: (aim == here, "A status account is normally held at today's stage."),
        Quadrant.STREAMLINE: (aim <= 3, "A streamline account normally aims at Mid KAM at most."),
    }
    fits, message = advice[quadrant]
    return [] if fits else [Verdict("/target_stage", f"target_unusual_for_{quadrant.value}", message)]
