"""What an order history says of a customer: the metrics of its attractiveness, and our strength there.

An illustration: orders tell how a customer buys, not what it could buy, and nobody asked it about us or our rivals. A
real programme takes the metrics from its planning and lets the customer confirm factors, weights and scores. What is
here is deterministic, so that a second run sends the same values.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from statistics import fmean, median
from typing import Any

from tests.real_input.source import CENT, Company, Order

MODEL_NAME = "Northwind"
CATEGORIES = 8
NEW_BUSINESS = 100.0
"""Percent of growth where there is revenue now and was none before."""


def _bands(*steps: tuple[float | None, int]) -> list[dict[str, Any]]:
    """Bands from (lower end, score); each ends where the next begins, the outer ends are open."""
    ends = [*(lower for lower, _ in steps[1:]), None]
    return [{"from": lower, "to": to, "score": score} for (lower, score), to in zip(steps, ends, strict=True)]


SCORING_MODEL: dict[str, Any] = {
    "name": MODEL_NAME,
    "factors": [
        {
            "key": "revenue",
            "name": "Revenue of the last twelve months, USD",
            "weight": 35,
            "bands": _bands((None, 1), (1000, 2), (3000, 4), (6000, 6), (12_000, 8), (25_000, 10)),
        },
        {
            "key": "growth",
            "name": "Growth over the twelve months before, percent",
            "weight": 30,
            "bands": _bands((None, 0), (-20, 2), (0, 4), (50, 5), (100, 6), (200, 8)),
        },
        {
            "key": "regularity",
            "name": "Months with an order, of the last twelve",
            "weight": 20,
            "bands": _bands((None, 1), (2, 3), (4, 5), (6, 7), (8, 9)),
        },
        {
            "key": "breadth",
            "name": f"Product categories bought in the last twelve months, of {CATEGORIES}",
            "weight": 15,
            "bands": _bands((None, 1), (3, 3), (5, 6), (7, 9)),
        },
    ],
}

FACTOR_WEIGHTS = {"On-time delivery": 35, "Speed of delivery": 25, "Price": 20, "Range": 20}
RIVALS: dict[str, dict[str, float]] = {
    "Contoso Foods": {},
    "Fabrikam Imports": {"Price": 2.0, "On-time delivery": -1.0, "Range": -2.0},
}
"""Invented competitors: each does everywhere what we do at our median customer, but for these score points."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One customer as its orders show it; one without orders has revenue, growth and our own scores of 0."""

    revenue: Decimal
    """USD over the last twelve months, discounts taken off."""
    metrics: Mapping[str, float]
    """The raw metric of every factor of SCORING_MODEL."""
    ours: Mapping[str, float]
    """Our score, 0 to 10, on every success factor."""
    rivals: Mapping[str, Mapping[str, float]]
    """Each competitor's score, 0 to 10, on every success factor."""
    orders: int
    seller: str | None
    """The employee with most revenue there; None without orders."""

    def attractiveness(self) -> dict[str, Any]:
        """The body of `PUT /v1/accounts/{id}/attractiveness`."""
        evidence = f"{self.orders} orders in the order history"
        return {
            "scores": [{"factor": key, "metric": value, "evidence": evidence} for key, value in self.metrics.items()]
        }

    def business_strength(self) -> dict[str, Any]:
        """The body of `PUT /v1/accounts/{id}/business-strength`."""
        return {
            "factors": [
                {
                    "name": name,
                    "weight": weight,
                    "ours": self.ours[name],
                    "competitors": {rival: scores[name] for rival, scores in self.rivals.items()},
                }
                for name, weight in FACTOR_WEIGHTS.items()
            ]
        }


def judge(company: Company) -> dict[str, Judgement]:
    """Judge every customer, by its id."""
    ordered: dict[str, list[Order]] = {customer.id: [] for customer in company.customers}
    for order in company.orders:
        ordered[order.customer].append(order)
    ours = {customer: _our_scores(orders) for customer, orders in ordered.items()}
    rivals = _rival_scores([ours[customer] for customer, orders in ordered.items() if orders])
    return {
        customer: Judgement(
            revenue=_revenue(_between(orders, _years_before(company.today, 1), company.today)),
            metrics=_metrics(orders, company.today),
            ours=ours[customer],
            rivals=rivals,
            orders=len(orders),
            seller=_seller(orders),
        )
        for customer, orders in ordered.items()
    }


def _metrics(orders: Sequence[Order], today: date) -> dict[str, float]:
    """The files begin 22 months before `today`, so the twelve months before the last hold ten: growth is flattered,
    everybody's alike.
    """
    last = _between(orders, _years_before(today, 1), today)
    before = _between(orders, _years_before(today, 2), _years_before(today, 1))
    return {
        "revenue": float(_revenue(last)),
        "growth": _growth(float(_revenue(last)), float(_revenue(before))),
        "regularity": float(len({(order.ordered.year, order.ordered.month) for order in last})),
        "breadth": float(_breadth(last)),
    }


def _growth(now: float, before: float) -> float:
    if before == 0:
        return NEW_BUSINESS if now else 0.0
    return round((now - before) / before * 100, 2)


def _our_scores(orders: Sequence[Order]) -> dict[str, float]:
    """Half of the shipments late, 20 days to ship, no discount and no category are the low ends of the scales."""
    waits = [
        ((order.shipped - order.ordered).days, order.shipped <= order.required) for order in orders if order.shipped
    ]
    if not waits:
        return dict.fromkeys(FACTOR_WEIGHTS, 0.0)
    lines = [line for order in orders for line in order.lines]
    listed = sum((line.list_value for line in lines), Decimal(0))
    discount = float(1 - sum((line.revenue for line in lines), Decimal(0)) / listed)
    return {
        "On-time delivery": _score(20 * fmean(on_time for _, on_time in waits) - 10),
        "Speed of delivery": _score(10 - fmean(days for days, _ in waits) / 2),
        "Price": _score(4 + 30 * discount),
        "Range": _score(10 * _breadth(orders) / CATEGORIES),
    }


def _rival_scores(ours: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    usual = {name: median(scores[name] for scores in ours) for name in FACTOR_WEIGHTS}
    return {
        rival: {name: _score(usual[name] + different.get(name, 0.0)) for name in FACTOR_WEIGHTS}
        for rival, different in RIVALS.items()
    }


def _seller(orders: Iterable[Order]) -> str | None:
    sold: defaultdict[str, Decimal] = defaultdict(Decimal)
    for order in orders:
        sold[order.employee] += order.revenue
    return max(sorted(sold), key=lambda employee: sold[employee], default=None)


def _between(orders: Iterable[Order], after: date, until: date) -> list[Order]:
    return [order for order in orders if after < order.ordered <= until]


def _revenue(orders: Iterable[Order]) -> Decimal:
    return sum((order.revenue for order in orders), Decimal(0)).quantize(CENT)


def _breadth(orders: Iterable[Order]) -> int:
    return len({line.category for order in orders for line in order.lines})


def _score(value: float) -> float:
    return round(min(max(value, 0.0), 10.0), 1)


def _years_before(day: date, years: int) -> date:
    return day.replace(year=day.year - years)
