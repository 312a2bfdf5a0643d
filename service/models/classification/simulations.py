"""Simulations: the portfolio as another scoring model would classify it."""

from typing import Annotated

from pydantic import Field as Member

from service.models.classification.portfolio import MatrixCuts, MatrixLimits
from service.models.classification.scoring_models import ScoringModelCreate, ScoringModelPatch
from service.models.shapes import Key
from service.platform.types import BigCount, Count, ExactScore, Id, Limit, Name, Shape
from service.rules.vocabulary import Quadrant

Shown = Annotated[float, Member(ge=0)]
Box = Annotated[str, Member(max_length=20)]


class WhatIfScore(Shape):
    """A score to assume in place of an account's ratings of one factor."""

    account_id: Id = Member(description="The account")
    factor: Key = Member(description="The factor's key in the proposed model")
    score: ExactScore = Member(description="The score, 0 to 10")


class SimulationBase(Shape):
    """A scoring model to try, stored (the active one when left out) or as a definition, with changes and assumed
    scores.
    """

    model_id: Id | None = Member(default=None, description="A stored scoring model; the active one when left out")
    definition: ScoringModelCreate | None = Member(
        default=None, description="The definition of a model, instead of a stored one"
    )
    changes: ScoringModelPatch | None = Member(  # type: ignore[valid-type]
        default=None, description="Changes to that model, as in a patch: weights, cuts, limits, dead band"
    )
    scores: list[WhatIfScore] = Member(
        max_length=1000,
        default_factory=list,
        description="Scores to assume, each in place of all ratings of its account and factor",
    )
    limit: Limit = Member(default=50, description="The highest number of moved accounts to list, 1 to 200")
    after: Id | None = Member(
        default=None, description="Only moved accounts after this one: `next_after` of the previous page"
    )


class SimulatedModel(Shape):
    """The scoring model that was tried."""

    id: Id | None = Member(description="The stored model that was tried or changed; null for a definition")
    name: Name = Member(description="Its name")
    version: Count | None = Member(description="The number of a stored model without changes, else null")
    cuts: MatrixCuts = Member(description="The lines between the four boxes, as they would lie")
    limits: MatrixLimits = Member(description="The limits of the nine cells")


class SimulatedBox(Shape):
    """How many accounts stand in a box now, and would."""

    box: Box = Member(description="A quadrant, or none")
    before: BigCount = Member(description="Accounts now")
    after: BigCount = Member(description="Accounts by the tried model")


class Migration(Shape):
    """The number of accounts that would move from one box to another, or stay."""

    from_: Box = Member(alias="from", description="The box now, or none")
    to: Box = Member(description="The box by the tried model, or none")
    accounts: BigCount = Member(description="The number of accounts")


class SimulatedPosition(Shape):
    """The position of an account."""

    quadrant: Quadrant | None = Member(description="Its quadrant")
    attractiveness: Shown | None = Member(description="Its attractiveness, 0 to 10")
    business_strength: Shown | None = Member(description="Our total on its success factors, 0 to 10")
    relative_strength: Shown | None = Member(description="Our total divided by the best competitor's")


class SimulatedMove(Shape):
    """An account that would move to another box."""

    id: Id = Member(description="The account")
    name: Name = Member(description="Its name")
    before: SimulatedPosition = Member(description="Its position now")
    after: SimulatedPosition = Member(description="Its position by the tried model")


class SimulatedBorder(Shape):
    """An account near a border of the tried model: its distance from each cut; 0 and above is the high side."""

    id: Id = Member(description="The account")
    name: Name = Member(description="Its name")
    quadrant: Quadrant | None = Member(description="Its quadrant by the tried model")
    attractiveness: float = Member(description="Its attractiveness minus the cut, in score points")
    relative_strength: float | None = Member(description="Its relative strength minus the cut, a ratio")
    absolute_strength: float | None = Member(
        description="Our own total minus 5, which decides where no competitor is known"
    )


class SimulationRead(Shape):
    """The portfolio by the tried model."""

    model: SimulatedModel = Member(description="The scoring model that was tried")
    accounts: BigCount = Member(description="Accounts in the simulation")
    incomplete_before: BigCount = Member(description="Accounts that lack a score now")
    incomplete_after: BigCount = Member(description="Accounts that would lack a score")
    moved: BigCount = Member(description="Accounts that would move to another box")
    boxes: list[SimulatedBox] = Member(max_length=5, description="Each box, now and by the tried model")
    migration: list[Migration] = Member(
        max_length=25, description="Accounts by the box now and by the tried model, those that stay included"
    )
    moved_accounts: list[SimulatedMove] = Member(
        max_length=200, description="Accounts that would move, in the order of their ids"
    )
    next_after: Id | None = Member(description="Pass as `after` for the next page; null on the last page")
    nearest: list[SimulatedBorder] = Member(
        max_length=20, description="The complete accounts that would lie nearest to a border, measured in border widths"
    )
