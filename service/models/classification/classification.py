"""Business strength: success factors as they are scored. The history of classifications."""

from decimal import Decimal
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import StringConstraints, WithJsonSchema
from sqlmodel import Field

from service.framework.database.columns import Exact, Precise
from service.framework.database.fields import Fields, table_of
from service.platform.types import (
    COMPOSED,
    NO_NUL,
    ExactScore,
    Flag,
    Id,
    InstantText,
    Name,
    Shape,
    Text,
    Version,
    Weight,
)
from service.rules.classification.fiocca import FioccaVerb
from service.rules.vocabulary import (
    ClassificationCause,
    ClassificationStatus,
    FioccaAttractiveness,
    FioccaPosition,
    Quadrant,
    QuadrantSource,
)


class SuccessFactorShape(Shape):
    """One critical success factor of this customer, with our score and each named competitor's."""

    name: Name = Member(description="A thing that a supplier must do well to win this customer")
    weight: Weight = Member(description="Weight; those of an account sum to 100 within 0.01")
    ours: ExactScore = Member(description="Our score, 0 to 10")
    competitors: Annotated[
        dict[Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=NO_NUL), COMPOSED], ExactScore],
        Member(max_length=10),
    ] = Member(
        default_factory=dict,
        description="Score of each competitor by name, 0 to 10; the same competitors on every factor",
    )


class BusinessStrengthPut(Shape):
    """Our strength on the customer's own success factors; replaces the stored factors."""

    factors: Annotated[list[SuccessFactorShape], Member(min_length=1, max_length=20)] = Member(
        description="The customer's success factors"
    )
    no_known_competitor: Flag = Member(
        default=False,
        description="True states that no competitor is known; our own total of 5 and above is then high",
    )
    confirmed_by_id: Id | None = Member(default=None, description="The stakeholder who confirmed factors and weights")


class BusinessStrengthRow(Fields, table=True):
    """One account's success factors with all scores, and their exact totals (the sum of weight x score).

    `best_points` is the best competitor's total, null when no competitor is known. Exact and not divided by the
    weights, so that a database can decide by them.
    """

    __tablename__ = "business_strengths"

    account_id: Id = Field(primary_key=True, foreign_key="accounts.id")
    factors: list[dict[str, Any]]
    no_known_competitor: bool = False
    confirmed_by_id: Id | None = Field(foreign_key="stakeholders.id")
    ours_points: Decimal = Field(sa_type=Precise)
    best_points: Decimal | None = Field(sa_type=Precise)
    weight_sum: Decimal = Field(sa_type=Precise)
    updated_at: InstantText


business_strengths = table_of(BusinessStrengthRow)

FactorKey = Annotated[str, StringConstraints(max_length=64)]
Shown = Annotated[float, Member(ge=0, le=10)]
ShownWeight = Annotated[float, Member(ge=0)]
ClassificationInputs = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "description": "`scores`: by factor key the exact value as `total` (decimal text) divided by `ratings`; "
            "`strength`: null, or the success `factors` with `no_known_competitor` (in the oldest entries, instead of "
            "the factors, the totals `ours_points`, `best_points`, `weight_sum` as decimal text and `best_competitor`)",
        }
    ),
]


class ClassificationRow(Fields, table=True):
    """One entry of an account's classification history, with the inputs from which its model computes it again.

    `account_version` is the account's version after the classification; the history is ordered by it. The totals in
    `inputs` are text because they are exact.

    Neither the account nor the model is a foreign key: their rows are never removed, and the two checks of each entry
    (the account's also locks the row that was just written) are a fifth of the time that a reclassification takes.
    """

    __tablename__ = "classifications"

    id: Id = Field(primary_key=True, description="UUIDv7 of this entry")
    account_id: Id = Field(description="The account")
    account_version: Version = Field(description="The account's version after the classification")
    model_id: Id = Field(description="The scoring model that classified the account")
    classified_at: InstantText = Field(description="When the account was classified")
    cause: ClassificationCause = Field(description="The cause of the classification")
    reason: Text | None = Field(description="The reason given for an override, a confirmation or a leading verb")
    recorded_by: Text | None = Field(description="The API key that caused it")
    quadrant: Quadrant | None = Field(description="The quadrant after the classification")
    quadrant_source: QuadrantSource | None = Field(description="Whether the quadrant was computed or set by hand")
    computed_quadrant: Quadrant | None = Field(description="The box by the scores after the dead band")
    raw_quadrant: Quadrant | None = Field(description="The box by the scores alone")
    attractiveness: Shown | None = Field(sa_type=Exact(12, 6), description="Weighted attractiveness, 0 to 10")
    business_strength: Shown | None = Field(sa_type=Exact(12, 6), description="Our weighted total, 0 to 10")
    relative_strength: ShownWeight | None = Field(
        sa_type=Exact(14, 6), description="Our total divided by the best competitor's"
    )
    fiocca_attractiveness: FioccaAttractiveness | None = Field(description="Attractiveness band of the Fiocca cell")
    fiocca_position: FioccaPosition | None = Field(description="Position band of the Fiocca cell")
    leading_verb: FioccaVerb | None = Field(description="The verb chosen of the two of a compound cell")
    classification_status: ClassificationStatus = Field(description="Whether every required input was present")
    missing: Annotated[list[FactorKey], Member(max_length=10)] = Field(description="Required inputs without a value")
    inputs: ClassificationInputs = Field(
        description="The inputs: `scores` by factor key, each an exact `total` (text) divided by `ratings`, and "
        "`strength`, the success factors or null; with the model they give the same position again"
    )


classifications = table_of(
    ClassificationRow,
    unchecked=(
        "cause", "computed_quadrant", "raw_quadrant", "fiocca_attractiveness", "fiocca_position", "leading_verb",
        "classification_status",
    ),
)  # fmt: skip
sa.Index(
    "uq_classifications_account_version", classifications.c.account_id, classifications.c.account_version, unique=True
)
