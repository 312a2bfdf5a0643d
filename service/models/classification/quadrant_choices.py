"""Decisions of a manager beside the scores, with their reasons: a quadrant, the raw quadrant, the leading verb."""

from typing import Annotated

from pydantic import Field as Member

from service.framework.database.fields import read_of
from service.models.classification.quadrant_overrides import QuadrantOverrideRow
from service.platform.types import InstantText, Name, Shape, Text, Version
from service.rules.classification.factor_library import FactorSource
from service.rules.classification.fiocca import FioccaVerb
from service.rules.vocabulary import Quadrant


class QuadrantOverridePut(Shape):
    """A quadrant to set by hand."""

    quadrant: Quadrant = Member(description="The quadrant that holds instead of the computed one")
    reason: Text = Member(description="Why it is set by hand")
    expires_at: InstantText = Member(description="When it expires: in the future, at most a year ahead")


@read_of(QuadrantOverrideRow, order="account_id version")
class QuadrantOverrideRead(Shape):
    """A quadrant set by hand, beside the quadrant by the scores."""

    version: Version = Member(description="The account's version; the ETag is made of it")
    computed_quadrant: Quadrant | None = Member(description="The box by the scores after the dead band")
    raw_quadrant: Quadrant | None = Member(description="The box by the scores alone")


class ClassificationConfirm(Shape):
    """A manager's confirmation that the raw quadrant is the right one."""

    reason: Text = Member(description="Why the account moves although it is still inside the dead band")


class LeadingVerbPut(Shape):
    """The leading verb of the two verbs of a compound Fiocca cell."""

    verb: FioccaVerb = Member(description="One of the two permitted verbs of the account's cell")
    reason: Text = Member(description="Why this one leads")


class SuccessFactorTemplateRead(Shape):
    """A reusable success factor."""

    name: Name = Member(description="A thing that a supplier must do well to win a customer")
    description: Text = Member(description="Its meaning")
    weight: Annotated[float, Member(gt=0, le=100)] | None = Member(
        description="Its weight in the default set, which sums to 100; null if it is not in that set"
    )
    source: Text = Member(description="The publication that names it")
    source_key: FactorSource = Member(description="The publication, for programs")


class SuccessFactorLibrary(Shape):
    """Success factors to start from; the customer should name, weigh or confirm its own."""

    items: list[SuccessFactorTemplateRead] = Member(max_length=50, description="The success factors")
