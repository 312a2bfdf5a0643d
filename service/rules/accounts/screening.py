"""Candidate screening, the first of two steps of selection: simple criteria narrow many customers down before scoring.

How many criteria must hold is the programme's own decision; a criterion that can't be judged does not hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from service.rules.verdicts import Verdict

MOST_CRITERIA = 20


@dataclass(frozen=True, slots=True)
class Criterion:
    """A criterion by name; a required one must hold whatever the others say."""

    name: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Screened:
    """The result of a screening: whether the account passed, how many criteria hold, the required ones that do not, and
    the reason in words.
    """

    passed: bool
    held: int
    failed_required: tuple[str, ...]
    reason: str


def validate_criteria(criteria: Sequence[Criterion], at_least: int | None) -> list[Verdict]:
    """Judge a screening: names once each, and no more criteria asked for than there are."""
    verdicts, seen = [], set()
    for index, criterion in enumerate(criteria):
        if criterion.name in seen:
            message = f"The criterion {criterion.name} is there twice."
            verdicts.append(Verdict(f"/criteria/{index}/name", "criterion_repeated", message))
        seen.add(criterion.name)
    if at_least is not None and at_least > len(criteria):
        message = f"There are {len(criteria)} criteria; {at_least} of them can't hold."
        verdicts.append(Verdict("/at_least", "more_than_there_are", message))
    return verdicts


def needed(criteria: Sequence[Criterion], at_least: int | None) -> int:
    """The number of criteria that must hold: the given one; otherwise all, or the required ones where some are
    required.
    """
    if at_least is not None:
        return at_least
    required = sum(criterion.required for criterion in criteria)
    return required or len(criteria)


def screen(criteria: Sequence[Criterion], held: Sequence[bool], at_least: int) -> Screened:
    """Judge one account: it passes when every required criterion holds and at least `needed` hold in all."""
    failed = tuple(one.name for one, holds in zip(criteria, held, strict=True) if one.required and not holds)
    count = sum(held)
    reason = f"{count} of {len(criteria)} criteria hold, {at_least} must."
    if failed:
        reason += f" Required, and does not hold: {', '.join(failed)}."
    return Screened(not failed and count >= at_least, count, failed, reason)
