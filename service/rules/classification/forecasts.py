"""Forecast positions: where an account is expected to stand some years ahead, boxed by the same lines as the present.

The vertical axis is about potential over the planning period, normally three years, so a portfolio is drawn twice:
today's positions, and those that are expected. A forecast is a statement of its own and never changes the present.
"""

from datetime import date
from decimal import Decimal

from service.rules.classification.quadrants import (
    Cuts,
    absolute_strength_border,
    attractiveness_border,
    four_box,
    raw_quadrant,
)
from service.rules.verdicts import Verdict
from service.rules.vocabulary import Quadrant

USUAL_YEARS = 3
MOST_YEARS = 10


def forecast_quadrant(
    attractiveness: Decimal, relative_strength: Decimal | None, business_strength: Decimal | None, cuts: Cuts
) -> Quadrant | None:
    """Place a forecast: attractiveness 0-10 and relative strength (a ratio), or without one our own total 0-10
    against 5, the rule when no competitor is known. None when neither strength is there. No dead band: a forecast has
    no box before it.
    """
    if relative_strength is not None:
        return four_box(attractiveness, relative_strength, cuts)
    if business_strength is None:
        return None
    return raw_quadrant(attractiveness_border(attractiveness, cuts), absolute_strength_border(business_strength))


def usual_day(today: date) -> date:
    """The day three years ahead; the 29th of February leads to the 28th."""
    return _years_on(today, USUAL_YEARS)


def validate_day(on: date, today: date) -> list[Verdict]:
    """Refuse a day that is not ahead, or more than ten years ahead."""
    if on <= today:
        return [Verdict("/on", "not_ahead", "A forecast is for a day ahead of today.")]
    if on > _years_on(today, MOST_YEARS):
        return [Verdict("/on", "too_far_ahead", f"A forecast looks at most {MOST_YEARS} years ahead.")]
    return []


def _years_on(day: date, years: int) -> date:
    last = 28 if (day.month, day.day) == (2, 29) else day.day
    return day.replace(year=day.year + years, day=last)
