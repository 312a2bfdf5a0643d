"""What a classification answers: the explained result, the stored inputs, the entries of its history."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field as Member
from pydantic import StringConstraints

from service.platform.types import Count, ExactMeasure, ExactScore, Flag, Id, InstantText, Name, Shape, Text, Version
from service.rules.fiocca import FioccaVerb
from service.rules.quadrants import Axis
from service.rules.strength import StrengthRule
from service.rules.vocabulary import (
    ClassificationStatus,
    FioccaAttractiveness,
    FioccaPosition,
    Quadrant,
    QuadrantSource,
)

FactorKey = Annotated[str, StringConstraints(max_length=64)]
Number = Annotated[float, Member(allow_inf_nan=False)]
Shown = Annotated[float, Member(ge=0, le=10)]
ShownWeight = Annotated[float, Member(ge=0)]


class Contribution(Shape):
    """What one factor adds to the attractiveness: points = weight x score / weight used."""

    factor: FactorKey = Member(description="The factor's key")
    weight: ShownWeight = Member(description="Its weight in the model")
    score: Shown = Member(description="The account's score, 0 to 10")
    points: Shown = Member(description="What it adds; the points of a complete account sum to the score")


class AttractivenessResult(Shape):
    """The account's attractiveness, explained."""

    score: Shown | None = Member(description="Weighted attractiveness, 0 to 10; null while a required score is missing")
    weight_used: ShownWeight = Member(description="The weight that was divided by: that of the scored factors")
    left_out: Annotated[list[FactorKey], Member(max_length=8)] = Member(description="Optional factors without a score")
    contributions: Annotated[list[Contribution], Member(max_length=8)] = Member(description="What each factor adds")


class CompetitorTotal(Shape):
    """A competitor's weighted total."""

    name: Name = Member(description="The competitor")
    total: Shown = Member(description="Its weighted total, 0 to 10")


class StrengthResult(Shape):
    """Our strength with this customer beside the competitors, explained."""

    ours: Shown | None = Member(description="Our weighted total, 0 to 10")
    competitors: Annotated[list[CompetitorTotal], Member(max_length=200)] = Member(
        description="Each competitor's total"
    )
    best_competitor: Name | None = Member(description="The competitor with the highest total, not the biggest company")
    relative_strength: ShownWeight | None = Member(
        description="Our total divided by the best competitor's; null when none is known, or when the best total is 0"
    )
    rule: StrengthRule = Member(
        description="relative: the ratio decides; absolute: our own total of at least 5 does, as no competitor is known"
    )
    no_known_competitor: Flag = Member(description="Whether somebody said outright that no competitor is known")


class FioccaResult(Shape):
    """The cell of the nine-cell account portfolio (Fiocca 1982, as adapted in the source slides)."""

    attractiveness: FioccaAttractiveness = Member(description="Attractiveness band of the account")
    position: FioccaPosition = Member(description="Our competitive position band at the account")
    verbs: Annotated[list[FioccaVerb], Member(max_length=2)] = Member(
        description="The permitted verbs of the cell; compound cells have two"
    )
    attractiveness_near_limit: Flag = Member(description="Whether the attractiveness lies within 0.3 of a limit")
    position_near_limit: Flag = Member(description="Whether our total lies within 0.3 of a limit")


class BorderResult(Shape):
    """One axis of the four boxes: where the account lies, and how far from the cut."""

    axis: Axis = Member(description="What is measured")
    value: Number = Member(description="Where the account lies")
    cut: Number = Member(description="High from here on")
    distance: Number = Member(description="Value minus cut, in the axis's own unit; at 0 and above the side is high")
    borderline: Flag = Member(description="Whether a small change would move the account over the border")


class ModelReference(Shape):
    """The scoring model that a classification rests on."""

    id: Id = Member(description="The model")
    name: Name = Member(description="Its name")
    version: Count = Member(description="Its number, which grows with each model")


class Reason(Shape):
    """Why an account is incomplete."""

    pointer: Annotated[str, StringConstraints(max_length=500)] = Member(description="What is meant")
    code: Annotated[str, StringConstraints(max_length=100)] = Member(description="For programs")
    message: Text = Member(description="For people")


class ClassificationResult(Shape):
    """Where an account stands, and everything that led there."""

    status: ClassificationStatus = Member(description="Whether every required input is there")
    missing: Annotated[list[FactorKey], Member(max_length=10)] = Member(
        description="What is missing: factor keys, business_strength, relative_strength"
    )
    reasons: Annotated[list[Reason], Member(max_length=50)] = Member(description="The same in words")
    attractiveness: AttractivenessResult = Member(description="The vertical axis")
    business_strength: StrengthResult | None = Member(description="The horizontal axis; null when nobody scored it")
    quadrant: Quadrant | None = Member(description="The box of the four-box matrix, null while incomplete")
    raw_quadrant: Quadrant | None = Member(description="The box by the scores alone, without the dead band")
    investment_strategy: Name | None = Member(description="How much to invest, by the quadrant")
    fiocca: FioccaResult | None = Member(description="The cell of the nine-cell portfolio")
    borders: Annotated[list[BorderResult], Member(max_length=2)] = Member(description="Where the account lies per axis")
    model: ModelReference = Member(description="The scoring model")
    classified_at: InstantText | None = Member(description="When this result came about; null if nothing was scored")


class ClassificationRead(ClassificationResult):
    """An account's classification."""

    account_id: Id = Member(description="The account")
    version: Version = Member(description="The account's version; the ETag is made of it")


class ClassificationEntry(Shape):
    """One entry of an account's classification history."""

    id: Id = Member(description="UUIDv7 of this entry")
    account_id: Id = Member(description="The account")
    account_version: Version = Member(description="The account's version that came with it")
    classified_at: InstantText = Member(description="When the account was classified")
    cause: Annotated[str, StringConstraints(max_length=50)] = Member(
        description="What led to it: attractiveness, business_strength or scoring_model"
    )
    quadrant: Quadrant | None = Member(description="The quadrant it then had")
    quadrant_source: QuadrantSource | None = Member(description="Whether that was computed or set by hand")
    result: ClassificationResult = Member(description="The whole result as it was told")


class StoredScore(Shape):
    """A factor's score as it is stored."""

    factor: FactorKey = Member(description="The factor's key")
    score: ExactScore = Member(description="The score, 0 to 10")
    metric: ExactMeasure | None = Member(description="The raw metric that the model's bands turned into the score")
    evidence: Text | None = Member(description="What the score rests on")
    rater_id: Id | None = Member(description="Who scored")
    scored_at: InstantText = Member(description="When it was given")


class AttractivenessRead(Shape):
    """An account's stored attractiveness scores; those of factors that the active model lacks are kept but ignored."""

    account_id: Id = Member(description="The account")
    version: Version = Member(description="The account's version; the ETag is made of it")
    scores: Annotated[list[StoredScore], Member(max_length=1000)] = Member(description="The scores by factor key")


class StoredSuccessFactor(Shape):
    """A success factor of the customer as it is stored."""

    name: Name = Member(description="What a supplier must do well to win this customer")
    weight: ShownWeight = Member(description="Its weight")
    ours: ExactScore = Member(description="Our score")
    competitors: Annotated[dict[str, ExactScore], Member(max_length=10)] = Member(description="Each competitor's score")


class BusinessStrengthRead(Shape):
    """An account's stored success factors."""

    account_id: Id = Member(description="The account")
    version: Version = Member(description="The account's version; the ETag is made of it")
    factors: Annotated[list[StoredSuccessFactor], Member(max_length=20)] = Member(description="The success factors")
    no_known_competitor: Flag = Member(description="Whether somebody said outright that no competitor is known")
    confirmed_by_id: Id | None = Member(description="The stakeholder who confirmed factors and weights")
    updated_at: InstantText | None = Member(description="When they were last written; null if never")
