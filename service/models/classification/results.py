"""Classifications as they are read: the explained result, the stored inputs, the entries of the history."""

from typing import Annotated

from pydantic import Field as Member
from pydantic import StringConstraints

from service.framework.database.fields import read_of
from service.models.classification.classification import (
    BusinessStrengthPut,
    ClassificationRow,
    FactorKey,
    Shown,
    ShownWeight,
)
from service.models.classification.explanation import Explanation, LimitDistance, VerbMeaningRead
from service.models.classification.quadrant_overrides import QuadrantOverrideRow
from service.platform.types import Count, ExactMeasure, ExactScore, Flag, Id, InstantText, Name, Shape, Text, Version
from service.rules.classification.fiocca import FioccaVerb
from service.rules.classification.quadrants import Axis
from service.rules.classification.ratings import ValueRule
from service.rules.classification.strength import StrengthRule
from service.rules.vocabulary import (
    ClassificationStatus,
    FioccaAttractiveness,
    FioccaPosition,
    Quadrant,
    QuadrantSource,
)

Number = Annotated[float, Member(allow_inf_nan=False)]


class Contribution(Shape):
    """The contribution of one factor to the attractiveness: points = weight x score / weight used."""

    factor: FactorKey = Member(description="The factor's key")
    name: Name = Member(description="Its name")
    weight: ShownWeight = Member(description="Its weight in the model")
    score: Shown = Member(description="The account's score, 0 to 10: total divided by ratings, rounded for display")
    total: ShownWeight = Member(description="The sum of the ratings in use, as they were given")
    ratings: Count = Member(description="The number of ratings in use: 1 unless the score is a mean")
    points: Shown = Member(description="Its contribution; the points of a complete account sum to the score")
    share: Annotated[float, Member(ge=0, le=1)] | None = Member(
        description="Its part of the score, 0 to 1; null while there is no score, or when it is 0"
    )


class AttractivenessResult(Shape):
    """The account's attractiveness, explained."""

    score: Shown | None = Member(description="Weighted attractiveness, 0 to 10; null while a required score is missing")
    weight_used: ShownWeight = Member(description="The divisor: the weight of the scored factors")
    left_out: list[FactorKey] = Member(max_length=8, description="Optional factors without a score")
    contributions: list[Contribution] = Member(max_length=8, description="The contribution of each factor")


class CompetitorTotal(Shape):
    """A competitor's weighted total."""

    name: Name = Member(description="The competitor")
    total: Shown = Member(description="Its weighted total, 0 to 10")


class StoredSuccessFactor(Shape):
    """A success factor of the customer as it is stored."""

    name: Name = Member(description="A thing that a supplier must do well to win this customer")
    weight: ShownWeight = Member(description="Its weight")
    ours: ExactScore = Member(description="Our score")
    competitors: dict[str, ExactScore] = Member(max_length=10, description="Each competitor's score")


class StrengthFactor(StoredSuccessFactor):
    """A success factor with all scores, and its contribution."""

    points: Shown = Member(description="Its contribution to our total: weight x ours / weight used")
    lead: Number | None = Member(
        description="Its contribution to our lead over the best competitor; null when none is known"
    )


class StrengthResult(Shape):
    """Our strength with this customer and the competitors' strength, explained."""

    ours: Shown | None = Member(description="Our weighted total, 0 to 10")
    competitors: list[CompetitorTotal] = Member(max_length=200, description="Each competitor's total")
    best_competitor: Name | None = Member(description="The competitor with the highest total, not the biggest company")
    relative_strength: ShownWeight | None = Member(
        description="Our total divided by the best competitor's; null when none is known, or when the best total is 0"
    )
    rule: StrengthRule = Member(
        description="relative: the ratio decides; absolute: our own total of at least 5 does, as no competitor is known"
    )
    no_known_competitor: Flag = Member(description="Whether it was stated that no competitor is known")
    weight_used: ShownWeight = Member(description="The divisor of the totals: the sum of the weights")
    factors: list[StrengthFactor] = Member(
        max_length=20, description="The success factors of the totals; empty for an old entry that has only totals"
    )


class LeadingChoice(Shape):
    """Why a verb leads in a cell that permits two."""

    reason: Text | None = Member(description="Why this verb leads")
    recorded_by: Text | None = Member(description="The API key that chose it")
    recorded_at: InstantText = Member(description="When it was chosen")


@read_of(QuadrantOverrideRow, omit="account_id")
class OverrideRead(Shape):
    """A quadrant that was set by hand, for a time."""

    expires_at: InstantText | None = Member(
        description="When it expires and the account is reclassified; null in a look back"
    )


class FioccaResult(Shape):
    """The cell of the nine-cell account portfolio (Fiocca 1982, as adapted in the source slides)."""

    attractiveness: FioccaAttractiveness = Member(description="Attractiveness band of the account")
    position: FioccaPosition = Member(description="Our competitive position band at the account")
    verbs: list[FioccaVerb] = Member(
        max_length=2, description="The permitted verbs of the cell; compound cells have two"
    )
    leading_verb: FioccaVerb | None = Member(
        description="The verb that leads: the only one, or of two the chosen one; null until one is chosen"
    )
    choice: LeadingChoice | None = Member(
        description="The choice of the leading verb; null where the cell has one verb"
    )
    meanings: list[VerbMeaningRead] = Member(max_length=2, description="The meaning of each permitted verb")
    attractiveness_near_limit: Flag = Member(
        description="Whether the attractiveness lies within the border width (0.3) of a limit"
    )
    position_near_limit: Flag = Member(description="Whether our total lies within the border width of a limit")
    limits: list[LimitDistance] = Member(max_length=4, description="The distance of each axis from each limit")


class BorderResult(Shape):
    """One axis of the four boxes: the account's value and its distance from the cut."""

    axis: Axis = Member(description="The axis")
    value: Number = Member(description="The account's value")
    cut: Number = Member(description="High from here on")
    distance: Number = Member(description="Value minus cut, in the axis's own unit; at 0 and above the side is high")
    points: Number = Member(
        description="The same in score points, the unit of a dead band: for relative strength our total minus cut x "
        "the best competitor's"
    )
    high: Flag = Member(description="Whether the account is on the high side; the cut itself is high")
    width: ShownWeight = Member(description="The border width of the model: an account nearer than this is borderline")
    borderline: Flag = Member(description="Whether a small change would move the account over the border")


class ModelReference(Shape):
    """The scoring model of a classification."""

    id: Id = Member(description="The model")
    name: Name = Member(description="Its name")
    version: Count = Member(description="Its number, which grows with each model")


class Reason(Shape):
    """A reason why an account is incomplete, or a warning."""

    pointer: Annotated[str, StringConstraints(max_length=500)] = Member(description="The member that it concerns")
    code: Annotated[str, StringConstraints(max_length=100)] = Member(description="The reason, for programs")
    message: Text = Member(description="The reason in words")


class ClassificationResult(Explanation):
    """The position of an account, and everything that led to it."""

    status: ClassificationStatus = Member(description="Whether every required input is present")
    missing: list[FactorKey] = Member(
        max_length=10, description="The missing inputs: factor keys, business_strength, relative_strength"
    )
    reasons: list[Reason] = Member(max_length=50, description="The reasons why they are missing")
    attractiveness: AttractivenessResult = Member(description="The vertical axis")
    business_strength: StrengthResult | None = Member(description="The horizontal axis; null when it is not scored")
    quadrant: Quadrant | None = Member(
        description="The box of the four-box matrix: the one set by hand, else the computed one; null while incomplete"
    )
    quadrant_source: QuadrantSource | None = Member(description="Whether the quadrant was computed or set by hand")
    computed_quadrant: Quadrant | None = Member(
        description="The box by the scores after the dead band, also while another one is set by hand"
    )
    raw_quadrant: Quadrant | None = Member(description="The box by the scores alone, without the dead band")
    override: OverrideRead | None = Member(description="The quadrant that is set by hand")
    investment_strategy: Name | None = Member(description="How much to invest, by the quadrant")
    fiocca: FioccaResult | None = Member(description="The cell of the nine-cell portfolio")
    borders: list[BorderResult] = Member(max_length=2, description="The distance from the cut on each axis")
    model: ModelReference = Member(description="The scoring model")
    classified_at: InstantText | None = Member(
        description="When the account was classified; null if it was never scored"
    )


class ClassificationRead(ClassificationResult):
    """An account's classification."""

    account_id: Id = Member(description="The account")
    version: Version = Member(description="The account's version; the ETag is made of it")
    as_of: InstantText | None = Member(
        default=None, description="The instant of a look back; absent for the classification as it is now"
    )


@read_of(ClassificationRow)
class ClassificationEntry(Shape):
    """One entry of an account's classification history: the position, and the inputs that it was computed from."""


class StoredScore(Shape):
    """A current rating of a factor."""

    id: Id = Member(description="The rating")
    factor: FactorKey = Member(description="The factor's key")
    score: ExactScore = Member(description="The score, 0 to 10")
    metric: ExactMeasure | None = Member(description="The raw metric that the model's bands turned into the score")
    evidence: Text | None = Member(description="The evidence for the score")
    rater_id: Id | None = Member(description="The person who scored")
    scored_at: InstantText = Member(description="When the account was rated")
    chosen: Flag = Member(description="Whether it was chosen as the factor's value, instead of the mean")


class FactorState(Shape):
    """The value of a factor of the active model, and the disagreement of its raters."""

    factor: FactorKey = Member(description="The factor's key")
    name: Name = Member(description="Its name")
    required: Flag = Member(description="Whether an account without it is incomplete")
    value: Shown | None = Member(description="The factor's value, 0 to 10; null if it has none")
    rule: ValueRule | None = Member(
        description="single: the only rating; mean: the mean of each rater's latest; chosen: the one that was chosen"
    )
    ratings: Count = Member(description="The number of its current ratings")
    spread: Shown | None = Member(description="The highest minus the lowest of them, in score points")
    disagreement: Flag = Member(description="Whether the raters are 3 points or more apart: a whole written band")


class AttractivenessRead(Shape):
    """An account's current ratings; ratings of factors that the active model lacks are kept and ignored."""

    account_id: Id = Member(description="The account")
    version: Version = Member(description="The account's version; the ETag is made of it")
    scores: list[StoredScore] = Member(max_length=1000, description="The current ratings by factor key and rater")
    factors: list[FactorState] = Member(max_length=8, description="The value of each factor of the active model")
    missing: list[FactorKey] = Member(
        max_length=8, description="Required factors without a value: while there are any, the account has no quadrant"
    )
    warnings: list[Reason] = Member(
        max_length=1000, description="Scores that were changed without new evidence, and raters who disagree"
    )


@read_of(BusinessStrengthPut, order="account_id version factors")
class BusinessStrengthRead(Shape):
    """An account's stored success factors."""

    account_id: Id = Member(description="The account")
    version: Version = Member(description="The account's version; the ETag is made of it")
    factors: Annotated[list[StoredSuccessFactor], Member(max_length=20)] = Member(description="The success factors")
    updated_at: InstantText | None = Member(description="When they were last written; null if never")
