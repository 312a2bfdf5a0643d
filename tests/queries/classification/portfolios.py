"""Random portfolios and models, as hypothesis draws them, and a database full of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st

from service.framework.database.statements import Statement
from service.models.accounts.accounts import accounts
from service.models.classification.classification import business_strengths
from service.models.classification.ratings import ratings
from service.platform.ids import new_id
from service.records.classification.positions import success_factors
from service.records.context import Services
from service.rules.classification.fiocca import FioccaLimits, FioccaVerb
from service.rules.classification.quadrants import Cuts
from service.rules.classification.scoring import Factor, ScoreBand, ScoringModel
from service.rules.classification.strength import strength_points
from service.rules.vocabulary import Quadrant

KEYS = ("a", "b", "c", "d")
score = st.one_of(
    st.sampled_from(["0", "10", "5", "3.3", "6.7", "4.99999999999999999", "5.00000000000000001"]),
    st.integers(0, 100).map(lambda tenths: f"{Decimal(tenths) / 10}"),
).map(Decimal)
weight_sets = st.sampled_from(
    [
        ("25", "25", "25", "25"),
        ("33.34", "33.33", "33.33", None),
        ("70", "29.995", "0.01", None),
        ("100", None, None, None),
    ]
)


@st.composite
def models(draw: st.DrawFn) -> ScoringModel:
    """A model of up to four factors, some optional, the last read through bands."""
    weights = draw(weight_sets)
    bands = (
        ScoreBand(None, Decimal(10), Decimal(2)),
        ScoreBand(Decimal(10), Decimal("20.5"), Decimal(5)),
        ScoreBand(Decimal("20.5"), Decimal(40), Decimal("7.5")),
    )
    factors = tuple(
        Factor(key, key.upper(), Decimal(weight), required=draw(st.booleans()), bands=bands if key == "d" else ())
        for key, weight in zip(KEYS, weights, strict=True)
        if weight is not None
    )
    low, high = draw(st.sampled_from([("3.3", "6.7"), ("5", "5.5"), ("0", "10")]))
    return ScoringModel(
        "Drawn",
        factors,
        Cuts(draw(score), draw(st.sampled_from(["1", "0.97", "1.05", "0.5"]).map(Decimal))),
        FioccaLimits(Decimal(low), Decimal(high)),
        draw(st.sampled_from(["0", "0.5", "2"]).map(Decimal)),
    )


@st.composite
def inputs(draw: st.DrawFn) -> dict[str, Any]:
    """What is stored of one account: ratings of up to three raters, success factors, and its position before."""
    rated = []
    for key in KEYS:
        raters = draw(st.integers(0, 3))
        chosen = draw(st.integers(-1, 2))
        for rater in range(raters):
            metric = draw(st.one_of(st.none(), st.sampled_from(["-5", "10", "20.5", "39.999", "40", "40.01"])))
            rated.append(
                {"factor": key, "score": draw(score), "metric": metric, "chosen": rater == chosen, "rater": rater}
            )
    rivals = draw(st.sampled_from([(), ("Rival",), ("Rival", "Other")]))
    weights = draw(st.sampled_from([("100",), ("60", "40"), ("33.33", "66.67")]))
    strength = None
    if draw(st.integers(0, 4)):
        strength = [
            {
                "name": f"F{place}",
                "weight": float(weight),
                "ours": float(draw(score)),
                "competitors": {rival: float(draw(score)) for rival in rivals},
            }
            for place, weight in enumerate(weights)
        ]
    quadrant = draw(st.one_of(st.none(), st.sampled_from([each.value for each in Quadrant])))
    by_hand = draw(st.sampled_from([None, None, None, *[each.value for each in Quadrant]]))
    verb = draw(st.sampled_from([None, *[each.value for each in FioccaVerb]]))
    return {"ratings": rated, "strength": strength, "computed": quadrant, "by_hand": by_hand, "verb": verb}


async def fill(services: Services, drawn: list[dict[str, Any]]) -> None:
    """Put accounts with these inputs into the database, in place of all that was there."""
    now = services.clock.now()
    rows: dict[sa.Table, list[dict[str, Any]]] = {accounts: [], ratings: [], business_strengths: []}
    for number, one in enumerate(drawn):
        identifier = new_id(now)
        quadrant = one["by_hand"] or one["computed"]
        source = None if quadrant is None else "override" if one["by_hand"] else "computed"
        rows[accounts].append(
            {
                "id": identifier,
                "version": 1,
                "created_at": now,
                "updated_at": now,
                "name": f'A "{number}"\\ é',
                "status": "customer",
                "stage": "mid_kam",
                "classification_status": "incomplete",
                "quadrant": quadrant,
                "quadrant_source": source,
                "computed_quadrant": one["computed"],
                "leading_verb": one["verb"],
                "tags": ["x", "channel:emea"],
                "attributes": {},
                "industry": 'Food "& drink"',
            }
        )
        for rating in one["ratings"]:
            rows[ratings].append(
                {
                    "id": new_id(now),
                    "account_id": identifier,
                    "factor": rating["factor"],
                    "rater_key": str(rating["rater"]),
                    "score": rating["score"],
                    "metric": rating["metric"],
                    "scored_at": now,
                    "recorded_at": now,
                    "chosen": rating["chosen"],
                    "without_new_evidence": False,
                }
            )
        if one["strength"] is not None:
            points = strength_points(success_factors(one["strength"]))
            rows[business_strengths].append(
                {
                    "account_id": identifier,
                    "factors": one["strength"],
                    "no_known_competitor": points.best is None,
                    "ours_points": exactly(points.ours),
                    "weight_sum": exactly(points.weights),
                    "updated_at": now,
                    "best_points": None if points.best is None else exactly(points.best),
                }
            )
    async with services.database.transaction() as tx:
        for name in ("events", "classifications", "ratings", "business_strengths", "accounts"):
            await tx.execute(Statement(sa.delete(accounts.metadata.tables[name])))
        for table, listed in rows.items():
            if listed:
                names = listed[0]
                statement = sa.insert(table).values(
                    {name: sa.bindparam(name, type_=table.c[name].type) for name in names}
                )
                await tx.many(Statement(statement), listed)


def exactly(value: Any) -> Decimal:
    """A fraction of powers of ten as a decimal."""
    return Decimal(value.numerator * 10**30 // value.denominator).scaleb(-30)
