"""What a portfolio would look like by another yardstick: what is asked, and the answer."""

from __future__ import annotations

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
    """A score to suppose in place of an account's ratings of one factor."""

    account_id: Id = Member(description="The account")
    factor: Key = Member(description="The factor's key in the proposed model")
    score: ExactScore = Member(description="The score, 0 to 10")


class SimulationBase(Shape):
    """A yardstick to try: a stored model (the active one unless it is named), or one that is written out, with changes,
    and scores to suppose.
    """

    model_id: Id | None = Member(default=None, description="A stored scoring model; the active one when left out")
    definition: ScoringModelCreate | None = Member(
        default=None, description="A model written out, instead of a stored one"
    )
    changes: ScoringModelPatch | None = Member(  # type: ignore[valid-type]
        default=None, description="What shall differ from that model, as in a patch: weights, cuts, limits, dead band"
    )
    scores: Annotated[list[WhatIfScore], Member(max_length=1000)] = Member(
        default_factory=list, description="Scores to suppose, each in place of all ratings of its account and factor"
    )
    limit: Limit = Member(default=50, description="Moved accounts listed, 1 to 200")
    after: Id | None = Member(
        default=None, description="Only moved accounts after this one: `next_after` of the page before"
    )


class SimulatedModel(Shape):
    """The yardstick that was tried."""

    id: Id | None = Member(description="The stored model it is, or was made from; null for one written out")
    name: Name = Member(description="Its name")
    version: Count | None = Member(description="Its number; null unless it is a stored model as it is")
    cuts: MatrixCuts = Member(description="The lines between the four boxes, as they would lie")
    limits: MatrixLimits = Member(description="The limits of the nine cells")


class SimulatedBox(Shape):
    """How many accounts stand in a box now, and would."""

    box: Box = Member(description="A quadrant, or none")
    before: BigCount = Member(description="Accounts now")
    after: BigCount = Member(description="Accounts then")


class Migration(Shape):
    """How many accounts would go from one box to another, or stay."""

    from_: Box = Member(alias="from", description="The box now, or none")
    to: Box = Member(description="The box then, or none")
    accounts: BigCount = Member(description="How many")


class SimulatedPosition(Shape):
    """Where an account stands."""

    quadrant: Quadrant | None = Member(description="Its quadrant")
    attractiveness: Shown | None = Member(description="Its attractiveness, 0 to 10")
    business_strength: Shown | None = Member(description="Our total on its success factors, 0 to 10")
    relative_strength: Shown | None = Member(description="Our total divided by the best competitor's")


class SimulatedMove(Shape):
    """An account that would move to another box."""

    id: Id = Member(description="The account")
    name: Name = Member(description="Its name")
    before: SimulatedPosition = Member(description="Where it stands now")
    after: SimulatedPosition = Member(description="Where it would stand")


class SimulatedBorder(Shape):
    """An account near a border of the tried yardstick: distances from each cut, on the high side from 0 up."""

    id: Id = Member(description="The account")
    name: Name = Member(description="Its name")
    quadrant: Quadrant | None = Member(description="Where it would stand")
    attractiveness: float = Member(description="Its attractiveness minus the cut, in score points")
    relative_strength: float | None = Member(description="Its relative strength minus the cut, a ratio")
    absolute_strength: float | None = Member(
        description="Our own total minus 5, which decides where no competitor is known"
    )


class SimulationRead(Shape):
    """What would become of the portfolio."""

    model: SimulatedModel = Member(description="The yardstick that was tried")
    accounts: BigCount = Member(description="Accounts that were looked at")
    incomplete_before: BigCount = Member(description="Those that lack a score now")
    incomplete_after: BigCount = Member(description="Those that would lack a score")
    moved: BigCount = Member(description="Those that would stand in another box")
    boxes: Annotated[list[SimulatedBox], Member(max_length=5)] = Member(description="Each box now and then")
    migration: Annotated[list[Migration], Member(max_length=25)] = Member(
        description="From where to where, those that stay included"
    )
    moved_accounts: Annotated[list[SimulatedMove], Member(max_length=200)] = Member(
        description="Those that would move, in the order of their ids"
    )
    next_after: Id | None = Member(description="Pass as `after` for more moved accounts; null on the last page")
    nearest: Annotated[list[SimulatedBorder], Member(max_length=20)] = Member(
        description="The complete accounts that would lie nearest to a border, measured in border widths"
    )
