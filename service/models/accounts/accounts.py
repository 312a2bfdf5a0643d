"""Accounts: the customers, with where each stands on the method's models."""

from typing import Annotated

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import StringConstraints
from sqlmodel import Field

from service.framework.database.columns import Exact
from service.framework.database.fields import Fields, patch_of, read_of, table_of
from service.models.shapes import Referenced, Synced, SyncedRead
from service.platform.patterns import any_of
from service.platform.types import (
    COMPOSED,
    NO_COMMA,
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

Tag = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=50, pattern=NO_COMMA), COMPOSED]


class AccountFields(Fields):
    """The members of an account that clients write."""

    name: Name = Field(description="The customer's name", schema_extra={"examples": ["Aurelia Robotics"]})
    parent_id: Id | None = Field(
        default=None,
        foreign_key="accounts.id",
        description="The account this one belongs to: the parent in the customer's legal group",
    )
    scope: AccountScope | None = Field(
        default=None, description="The account scope ladder, from target_national to global_partner"
    )
    industry: Name | None = Field(default=None, description="The customer's industry")
    country: CountryCode | None = Field(
        default=None, description="ISO 3166-1 alpha-2 code of the main country, such as DE"
    )
    website: WebUrl | None = Field(default=None, description="The customer's website")
    currency: Currency | None = Field(default=None, description="ISO 4217 code of the account's money, such as EUR")
    revenue: Money | None = Field(
        default=None, description="Our revenue with the account over the last twelve months, in `currency`"
    )
    owner_id: Id | None = Field(default=None, foreign_key="people.id", description="The key account manager: a person")
    service_level: Rank5 | None = Field(
        default=None, description="What we deliver, 1 to 5, comparable with the stage's ordinal"
    )
    supplier_status: SupplierStatus | None = Field(
        default=None, description="Where we are on the buyer's list; evidence must be the customer's"
    )
    perception_level: Rank4 | None = Field(
        default=None,
        description="What we are in the customer's eyes, 1 (commodity broker) to 4 (business partner)",
    )
    benefit_to_us: Text | None = Field(
        default=None, description="What we gain when this is a key account; needed before the status agreed"
    )
    benefit_to_customer: Text | None = Field(
        default=None, description="What the customer gains by it; needed before the status agreed"
    )
    tags: Annotated[list[Tag], Member(max_length=50)] = Field(default_factory=list, description="Free labels")
    attributes: Attributes = Field(default_factory=dict, description="Free members of your own")


class AccountCreate(Referenced, AccountFields):
    """An account to create."""


AccountPatch = patch_of(AccountCreate, "AccountPatch")


class Account(Synced, AccountFields, table=True):
    """The table: the members that clients write, and those that operations compute.

    `raw_quadrant` is the box by the scores alone, `computed_quadrant` after the dead band, `quadrant` after an
    override. `leading_verb` is the one chosen for a compound Fiocca cell.
    """

    __tablename__ = "accounts"

    status: AccountStatus = Field(
        default=AccountStatus.CUSTOMER,
        description="Where the account is on the path from customer to managed key account",
    )
    quadrant: Quadrant | None = Field(
        description="The box of the four-box matrix, null while incomplete; "
        "a star has high attractiveness, LOW strength"
    )
    quadrant_source: Annotated[str, StringConstraints(pattern=any_of(["computed", "override"]))] | None = Field(
        description="Whether the quadrant was computed or set by hand"
    )
    raw_quadrant: Quadrant | None = Field()
    computed_quadrant: str | None = Field()
    attractiveness: Score | None = Field(sa_type=Exact(12, 6), description="Weighted account attractiveness, 0 to 10")
    business_strength: Score | None = Field(
        sa_type=Exact(12, 6), description="Our weighted score on the customer's success factors, 0 to 10"
    )
    relative_strength: Annotated[float, Member(ge=0)] | None = Field(
        sa_type=Exact(14, 6), description="Our strength divided by the best competitor's; above 1 we are stronger"
    )
    fiocca_attractiveness: FioccaAttractiveness | None = Field()
    fiocca_position: FioccaPosition | None = Field()
    leading_verb: str | None = Field()
    classification_status: Annotated[str, StringConstraints(pattern=any_of(["complete", "incomplete"]))] = Field(
        default="incomplete", description="Whether every required input is there"
    )
    general_portfolio: GeneralCell | None = Field(
        description="The cell of the general portfolio of all accounts: strategic importance (key or not) by difficulty"
    )
    stage: Stage = Field(default=Stage.PRE_KAM, description="Relationship stage (Millman & Wilson)")
    target_stage: Stage | None = Field(description="The stage aimed at; may equal the current one")
    target_stage_on: DayText | None = Field(description="When the target stage is to be reached")
    target_stage_reason: str | None = Field()


accounts = table_of(Account)
LOWEST = -(10**12)
"""Below every revenue and score: where an unknown value sorts."""

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


@read_of(
    AccountCreate,
    Account,
    order="name parent_id status scope industry country website currency revenue owner_id tags attributes refs "
    "quadrant quadrant_source fiocca attractiveness business_strength relative_strength classification_status "
    "general_portfolio stage stage_cranfield target_stage target_stage_on",
)
class AccountRead(SyncedRead):
    """An account."""

    fiocca: FioccaCell | None = Member(description="The cell of the nine-cell portfolio")
    stage_cranfield: Annotated[str, StringConstraints(max_length=30)] = Member(
        description="The Cranfield name of the same stage"
    )
    as_of: InstantText | None = Member(
        default=None, description="The instant of a look back; absent for the account as it is now"
    )
