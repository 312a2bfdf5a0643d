"""Accounts: the customers, with where each stands on the method's models."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import StringConstraints
from sqlmodel import Field

from service.framework.database.columns import Day, Exact, Json, Uuid
from service.framework.database.columns import Money as MoneyColumn
from service.models.shapes import Fields, Living, ReadBase, Reference, References, check_in, references_field
from service.platform.types import (
    Attributes,
    CountryCode,
    Currency,
    DayText,
    Id,
    InstantText,
    Money,
    Name,
    Rank4,
    Rank5,
    Score,
    Shape,
    Text,
    WebUrl,
    patch_of,
)
from service.rules.classification.general_portfolio import GeneralCell
from service.rules.vocabulary import (
    AccountScope,
    AccountStatus,
    FioccaAttractiveness,
    FioccaPosition,
    Quadrant,
    Stage,
    SupplierStatus,
)

Tag = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=50, pattern=r"^[^\u0000,]*$")]


class AccountFields(Fields):
    """What callers say of an account."""

    name: Name = Field(
        sa_type=sa.Text, description="The customer's name", schema_extra={"examples": ["Aurelia Robotics"]}
    )
    parent_id: Id | None = Field(
        default=None,
        sa_type=Uuid,
        foreign_key="accounts.id",
        description="The account this one belongs to (a legal group's parent)",
    )
    scope: AccountScope | None = Field(
        default=None, sa_type=sa.Text, description="The account scope ladder, from target_national to global_partner"
    )
    industry: Name | None = Field(default=None, sa_type=sa.Text, description="The customer's industry")
    country: CountryCode | None = Field(
        default=None, sa_type=sa.Text, description="ISO 3166-1 alpha-2 code of the main country"
    )
    website: WebUrl | None = Field(default=None, sa_type=sa.Text, description="The customer's website")
    currency: Currency | None = Field(default=None, sa_type=sa.Text, description="ISO 4217 code of the account's money")
    revenue: Money | None = Field(
        default=None,
        sa_type=MoneyColumn,
        description="Our revenue with the account over the last twelve months, in `currency`",
    )
    owner_id: Id | None = Field(
        default=None, sa_type=Uuid, foreign_key="people.id", description="The key account manager: a person"
    )
    service_level: Rank5 | None = Field(
        default=None, sa_type=sa.BigInteger, description="What we deliver, 1 to 5, comparable with the stage's ordinal"
    )
    supplier_status: SupplierStatus | None = Field(
        default=None, sa_type=sa.Text, description="Where we are on the buyer's list; evidence must be the customer's"
    )
    perception_level: Rank4 | None = Field(
        default=None,
        sa_type=sa.BigInteger,
        description="What we are in the customer's eyes: 1 commodity broker to 4 business partner",
    )
    benefit_to_us: Text | None = Field(
        default=None, sa_type=sa.Text, description="What we gain when this is a key account; needed before agreed"
    )
    benefit_to_customer: Text | None = Field(
        default=None, sa_type=sa.Text, description="What the customer gains by it; needed before agreed"
    )
    tags: Annotated[list[Tag], Member(max_length=50)] = Field(
        default_factory=list, sa_type=Json, description="Free labels"
    )
    attributes: Attributes = Field(default_factory=dict, sa_type=Json, description="Free members of the caller's own")


class AccountCreate(AccountFields):
    """A customer to take in."""

    refs: References = references_field()


AccountPatch = patch_of(AccountCreate, "AccountPatch")


class Account(Living, AccountFields, table=True):
    """The table: the caller's fields, and what the operations compute.

    `raw_quadrant` is the box by the scores alone, `computed_quadrant` after the dead band, `quadrant` after an
    override. `leading_verb` is the chosen one of a compound Fiocca cell.
    """

    __tablename__ = "accounts"

    status: str = Field(default="customer", sa_type=sa.Text)
    quadrant: str | None = Field(default=None, sa_type=sa.Text)
    quadrant_source: str | None = Field(default=None, sa_type=sa.Text)
    raw_quadrant: str | None = Field(default=None, sa_type=sa.Text)
    computed_quadrant: str | None = Field(default=None, sa_type=sa.Text)
    attractiveness: Decimal | None = Field(default=None, sa_type=Exact(12, 6))
    business_strength: Decimal | None = Field(default=None, sa_type=Exact(12, 6))
    relative_strength: Decimal | None = Field(default=None, sa_type=Exact(14, 6))
    fiocca_attractiveness: str | None = Field(default=None, sa_type=sa.Text)
    fiocca_position: str | None = Field(default=None, sa_type=sa.Text)
    leading_verb: str | None = Field(default=None, sa_type=sa.Text)
    classification_status: str = Field(default="incomplete", sa_type=sa.Text)
    general_portfolio: str | None = Field(default=None, sa_type=sa.Text)
    stage: str = Field(default="pre_kam", sa_type=sa.Text)
    target_stage: str | None = Field(default=None, sa_type=sa.Text)
    target_stage_on: Any = Field(default=None, sa_type=Day, nullable=True)
    target_stage_reason: str | None = Field(default=None, sa_type=sa.Text)


accounts: sa.Table = Account.__table__  # type: ignore[attr-defined]
LOWEST = -(10**12)
"""Below every revenue and score: where an unknown value sorts."""

for _constraint in (
    check_in("scope", AccountScope, nullable=True),
    check_in("status", AccountStatus),
    check_in("quadrant", Quadrant, nullable=True),
    check_in("raw_quadrant", Quadrant, nullable=True),
    check_in("general_portfolio", GeneralCell, nullable=True),
    check_in("stage", Stage),
    check_in("target_stage", Stage, nullable=True),
    check_in("supplier_status", SupplierStatus, nullable=True),
    check_in("fiocca_attractiveness", FioccaAttractiveness, nullable=True),
    check_in("fiocca_position", FioccaPosition, nullable=True),
):
    accounts.append_constraint(_constraint)

sa.Index("ix_accounts_revenue", sa.func.coalesce(accounts.c.revenue, sa.literal_column(str(LOWEST))), accounts.c.id)
sa.Index(
    "ix_accounts_quadrant_revenue",
    accounts.c.quadrant,
    sa.func.coalesce(accounts.c.revenue, sa.literal_column(str(LOWEST))),
    accounts.c.id,
)
sa.Index("ix_accounts_name", accounts.c.name, accounts.c.id)
sa.Index("ix_accounts_updated", accounts.c.updated_at, accounts.c.id)
sa.Index("ix_accounts_owner", accounts.c.owner_id, accounts.c.id)
sa.Index("ix_accounts_parent", accounts.c.parent_id, accounts.c.id)
sa.Index("ix_accounts_stage", accounts.c.stage, accounts.c.id)


class FioccaCell(Shape):
    """The cell of the nine-cell account portfolio (Fiocca 1982, as adapted in the source slides)."""

    attractiveness: FioccaAttractiveness = Member(description="Attractiveness band of the account")
    position: FioccaPosition = Member(description="Our competitive position band at the account")
    verbs: Annotated[list[str], Member(max_length=2)] = Member(
        description="The permitted verbs of the cell; compound cells have two"
    )
    leading_verb: Annotated[str, StringConstraints(max_length=30)] | None = Member(
        description="The verb that leads: the only one, or of two the chosen one; null until somebody chooses"
    )


class AccountRead(ReadBase):
    """An account."""

    name: Name = Member(description="The customer's name")
    parent_id: Id | None = Member(description="The account this one belongs to")
    status: AccountStatus = Member(description="Where the account is on the path from customer to managed key account")
    scope: AccountScope | None = Member(description="The account scope ladder")
    industry: Name | None = Member(description="The customer's industry")
    country: CountryCode | None = Member(description="ISO 3166-1 alpha-2 code")
    website: WebUrl | None = Member(description="The customer's website")
    currency: Currency | None = Member(description="ISO 4217 code of the account's money")
    revenue: Money | None = Member(
        description="Our revenue with the account over the last twelve months, in `currency`"
    )
    owner_id: Id | None = Member(description="The key account manager: a person")
    tags: Annotated[list[Tag], Member(max_length=50)] = Member(description="Free labels")
    attributes: Attributes = Member(description="Free members of the caller's own")
    refs: Annotated[list[Reference], Member(max_length=20)] = Member(
        description="Ids of the same record in other systems"
    )
    quadrant: Quadrant | None = Member(
        description="The box of the four-box matrix, null while incomplete; "
        "a star has high attractiveness, LOW strength"
    )
    quadrant_source: Annotated[str, StringConstraints(pattern="^(computed|override)$")] | None = Member(
        description="Whether the quadrant was computed or set by hand"
    )
    fiocca: FioccaCell | None = Member(description="The cell of the nine-cell portfolio")
    attractiveness: Score | None = Member(description="Weighted account attractiveness, 0 to 10")
    business_strength: Score | None = Member(
        description="Our weighted score on the customer's success factors, 0 to 10"
    )
    relative_strength: Annotated[float, Member(ge=0)] | None = Member(
        description="Our strength divided by the best competitor's; above 1 we are stronger"
    )
    classification_status: Annotated[str, StringConstraints(pattern="^(complete|incomplete)$")] = Member(
        description="Whether every required input is there"
    )
    general_portfolio: GeneralCell | None = Member(
        description="The cell of the general portfolio of all accounts: strategic importance (key or not) by difficulty"
    )
    stage: Stage = Member(description="Relationship stage (Millman & Wilson)")
    stage_cranfield: Annotated[str, StringConstraints(max_length=30)] = Member(
        description="The Cranfield name of the same stage"
    )
    target_stage: Stage | None = Member(description="The stage aimed at; may equal the present one")
    target_stage_on: DayText | None = Member(description="When the target stage is to be reached")
    service_level: Rank5 | None = Member(description="What we deliver, 1 to 5")
    supplier_status: SupplierStatus | None = Member(description="Where we are on the buyer's list")
    perception_level: Rank4 | None = Member(description="What we are in the customer's eyes, 1 to 4")
    benefit_to_us: Text | None = Member(description="What we gain when this is a key account")
    benefit_to_customer: Text | None = Member(description="What the customer gains by it")
    as_of: InstantText | None = Member(
        default=None, description="The instant looked back to, when that was asked; absent of the present account"
    )
