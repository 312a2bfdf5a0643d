"""What a manager decides beside the scores: a quadrant for a time, the raw quadrant, the leading verb; and why."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field as Member

from service.platform.types import Id, InstantText, Name, Shape, Text, Version
from service.rules.classification.factor_library import FactorSource
from service.rules.classification.fiocca import FioccaVerb
from service.rules.vocabulary import Quadrant


class QuadrantOverridePut(Shape):
    """A quadrant set by hand."""

    quadrant: Quadrant = Member(description="The quadrant that holds instead of the computed one")
    reason: Text = Member(description="Why")
    expires_at: InstantText = Member(description="Until when: in the future, and at most a year ahead")


class QuadrantOverrideRead(Shape):
    """A quadrant set by hand, and what the scores say meanwhile."""

    account_id: Id = Member(description="The account")
    version: Version = Member(description="The account's version; the ETag is made of it")
    quadrant: Quadrant = Member(description="The quadrant that holds")
    reason: Text = Member(description="Why")
    recorded_by: Text = Member(description="The key that set it")
    recorded_at: InstantText = Member(description="When it was set")
    expires_at: InstantText = Member(description="Until when; the worker then classifies the account anew and tells")
    computed_quadrant: Quadrant | None = Member(description="The box by the scores after the dead band")
    raw_quadrant: Quadrant | None = Member(description="The box by the scores alone")


class ClassificationConfirm(Shape):
    """A manager's word that the raw quadrant is the right one."""

    reason: Text = Member(description="Why the account moves although it is still inside the dead band")


class LeadingVerbPut(Shape):
    """Which of the two verbs of a compound Fiocca cell leads."""

    verb: FioccaVerb = Member(description="One of the two permitted verbs of the account's cell")
    reason: Text = Member(description="Why this one leads")


class SuccessFactorTemplateRead(Shape):
    """A reusable success factor."""

    name: Name = Member(description="What a supplier must do well to win a customer")
    description: Text = Member(description="What is meant")
    weight: Annotated[float, Member(gt=0, le=100)] | None = Member(
        description="Its weight in the default set, which sums to 100; null if it is not in that set"
    )
    source: Text = Member(description="Where it is named")
    source_key: FactorSource = Member(description="The same for programs")


class SuccessFactorLibrary(Shape):
    """Success factors to begin with; the customer should name, weigh or confirm its own."""

    items: Annotated[list[SuccessFactorTemplateRead], Member(max_length=50)] = Member(description="The success factors")
