"""Place the accounts of a matrix as bubbles: position, size, tooltip, and the forecast position."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from service.documents.labels import Disc
from service.documents.matrix_scales import RatioScale, ScoreScale, height_of
from service.documents.svg import content, number
from service.rules.classification.quadrants import ABSOLUTE_STRENGTH_CUT

SMALLEST = 3.5
_ARROW = 7.0


@dataclass(frozen=True, slots=True)
class Bubble:
    """One account on the picture."""

    name: str
    title: str
    tint: str
    x: float
    y: float
    radius: float
    known_revenue: bool
    own_score_only: bool
    target: tuple[float, float, str] | None = None
    """The forecast's place on the picture, and its tooltip."""

    def disc(self) -> Disc:
        """Areas that labels must not cover."""
        return Disc(self.x, self.y, self.radius, self.name)


@dataclass(frozen=True, slots=True)
class Drawn:
    """The bubbles, largest first, and the accounts that could not be drawn in their right place."""

    bubbles: tuple[Bubble, ...]
    largest: Decimal
    largest_radius: float
    beyond: int
    without_place: int
    currencies: int


def strength_of(account: Mapping[str, Any], view: str, cut: float) -> float | None:
    """Return an account's place on the horizontal axis.

    In the four boxes it is the relative strength. Where no competitor is known it is our own total divided by 5, on the
    same scale, so that the cut stays in its place.
    """
    if view == "fiocca":
        return _float(account["business_strength"])
    ratio = _float(account["relative_strength"])
    if ratio is None and account["business_strength"] is not None:
        return cut * float(account["business_strength"]) / float(ABSOLUTE_STRENGTH_CUT)
    return ratio


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def arrange(document: Mapping[str, Any], scale: RatioScale | ScoreScale, cut: float) -> Drawn:
    """Return the accounts of all boxes as bubbles."""
    listed = [(box["box"], account) for box in document["boxes"] for account in box["accounts"]]
    revenues = [Decimal(account["revenue"]) for _, account in listed if account["revenue"] is not None]
    largest = max(revenues, default=Decimal(0))
    most = min(46.0, max(15.0, 150 / math.sqrt(max(len(listed), 1))))
    bubbles, beyond, without_place = [], 0, 0
    for box, account in listed:
        strength = strength_of(account, document["view"], cut)
        if strength is None or account["attractiveness"] is None:
            without_place += 1
            continue
        beyond += scale.beyond(strength)
        revenue = None if account["revenue"] is None else Decimal(account["revenue"])
        share = float(revenue / largest) if revenue and largest else 0.0
        bubbles.append(
            Bubble(
                account["name"],
                _tooltip(account),
                box,
                scale.x(strength),
                height_of(float(account["attractiveness"])),
                max(SMALLEST, most * math.sqrt(share)),
                revenue is not None,
                document["view"] == "four_box" and account["relative_strength"] is None,
                _target(account, document["view"], scale, cut),
            )
        )
    bubbles.sort(key=lambda bubble: (-bubble.radius, bubble.name, bubble.x, bubble.y))
    currencies = len({account["currency"] for _, account in listed if account["revenue"] is not None})
    return Drawn(tuple(bubbles), largest, most, beyond, without_place, currencies)


def _tooltip(account: Mapping[str, Any]) -> str:
    """Return the text of an account's tooltip."""
    parts = [f"{account['name']}: attractiveness {account['attractiveness']:g}"]
    if account["relative_strength"] is not None:
        parts.append(f"relative strength {account['relative_strength']:g}")
    parts.append(f"our total {account['business_strength']:g}")
    if account["relative_strength"] is None:
        parts.append("no competitor known")
    if account["quadrant"] != account["raw_quadrant"]:
        by_hand = account["quadrant_source"] == "override"
        parts.append(
            f"{account['quadrant']} {'by hand' if by_hand else 'held'}, by its scores {account['raw_quadrant']}"
        )
    else:
        parts.append(str(account["quadrant"]))
    revenue = account["revenue"]
    parts.append("revenue unknown" if revenue is None else f"revenue {revenue} {account['currency'] or ''}".rstrip())
    return ", ".join(parts)


def _target(
    account: Mapping[str, Any], view: str, scale: RatioScale | ScoreScale, cut: float
) -> tuple[float, float, str] | None:
    forecast = account.get("forecast")
    strength = None if forecast is None else strength_of(forecast, view, cut)
    if forecast is None or strength is None:
        return None
    title = f"{account['name']}: forecast for {forecast['on']}, {forecast['quadrant']}"
    return scale.x(strength), height_of(float(forecast["attractiveness"])), title


def circles(bubbles: tuple[Bubble, ...]) -> Iterator[str]:
    """Draw the bubbles, the largest at the back."""
    for bubble in bubbles:
        style = f"b b-{bubble.tint}"
        if bubble.own_score_only:
            style += " own"
        if not bubble.known_revenue:
            style += " hollow"
        yield (
            f'<circle class="{style}" cx="{number(bubble.x)}" cy="{number(bubble.y)}" r="{number(bubble.radius)}">'
            f"<title>{content(bubble.title)}</title></circle>"
        )


def arrows(bubbles: tuple[Bubble, ...]) -> Iterator[str]:
    """Draw an arrow from each position to its forecast, or a ring where the forecast has the same place."""
    for bubble in bubbles:
        if bubble.target is None:
            continue
        x, y, title = bubble.target
        length = math.hypot(x - bubble.x, y - bubble.y)
        if length < _ARROW:
            yield (
                f'<circle class="aim" cx="{number(bubble.x)}" cy="{number(bubble.y)}" '
                f'r="{number(bubble.radius + 3)}"><title>{content(title)}</title></circle>'
            )
            continue
        along, across = (x - bubble.x) / length, (y - bubble.y) / length
        back = (x - along * _ARROW, y - across * _ARROW)
        wing = (-across * _ARROW * 0.5, along * _ARROW * 0.5)
        head = " ".join(
            f"{number(left)},{number(top)}"
            for left, top in ((x, y), (back[0] + wing[0], back[1] + wing[1]), (back[0] - wing[0], back[1] - wing[1]))
        )
        yield (
            f'<g><title>{content(title)}</title><line class="aim" x1="{number(bubble.x)}" y1="{number(bubble.y)}" '
            f'x2="{number(back[0])}" y2="{number(back[1])}"/><polygon class="tip" points="{head}"/></g>'
        )
