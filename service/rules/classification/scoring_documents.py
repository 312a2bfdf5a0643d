"""A scoring model as a plain document and back: the form in which it is sent and stored; numbers stay exact."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from service.rules.classification.fiocca import FioccaLimits
from service.rules.classification.quadrants import BorderWidth, CutRule, Cuts
from service.rules.classification.scoring import Factor, FactorGroup, ScoreBand, ScoringModel
from service.rules.verdicts import exact
from service.rules.vocabulary import Direction


def model_to_dict(model: ScoringModel) -> dict[str, Any]:
    """Write a model with the names of the API; an unbounded band end is null, numbers are Decimal."""
    return {
        "name": model.name,
        "factors": [factor_to_dict(factor) for factor in model.factors],
        "cuts": {
            "attractiveness": model.cuts.attractiveness,
            "relative_strength": model.cuts.relative_strength,
            "attractiveness_rule": model.cuts.attractiveness_rule.value,
        },
        "fiocca": asdict(model.fiocca),
        "dead_band": model.dead_band,
        "border_width": asdict(model.border_width),
    }


def bands_to_list(bands: Iterable[ScoreBand]) -> list[dict[str, Any]]:
    """Write score bands; an unbounded end is null."""
    return [{"from": band.lower, "to": band.upper, "score": band.score} for band in bands]


def factor_to_dict(factor: Factor) -> dict[str, Any]:
    """Write a factor with the names of the API."""
    return {
        "key": factor.key,
        "name": factor.name,
        "weight": factor.weight,
        "direction": factor.direction.value,
        "required": factor.required,
        "bands": bands_to_list(factor.bands),
        "unit": factor.unit,
        "group": None if factor.group is None else factor.group.value,
        "source": factor.source,
    }


def with_changes(document: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model's document with changes: single members of cuts, limits and widths, other members as a whole."""
    return {
        **document,
        **{
            name: {**(document.get(name) or {}), **value} if isinstance(value, Mapping) else value
            for name, value in changes.items()
        },
    }


def model_from_dict(document: Mapping[str, Any]) -> ScoringModel:
    """Read a well-formed document; what it leaves out takes its default. validate_model judges its values."""
    limits, width = document.get("fiocca") or {}, document.get("border_width") or {}
    return ScoringModel(
        name=document["name"],
        factors=tuple(_factor(factor) for factor in document["factors"]),
        cuts=_cuts(document.get("cuts") or {}),
        fiocca=FioccaLimits(**{name: exact(value) for name, value in limits.items()}),
        dead_band=exact(document.get("dead_band") or 0),
        border_width=BorderWidth(**{name: exact(value) for name, value in width.items()}),
    )


def _cuts(document: Mapping[str, Any]) -> Cuts:
    default = Cuts()
    return Cuts(
        exact(document.get("attractiveness", default.attractiveness)),
        exact(document.get("relative_strength", default.relative_strength)),
        CutRule(document.get("attractiveness_rule", default.attractiveness_rule)),
    )


def _factor(document: Mapping[str, Any]) -> Factor:
    return Factor(
        key=document["key"],
        name=document["name"],
        weight=exact(document["weight"]),
        direction=Direction(document.get("direction", Direction.HIGHER_IS_BETTER)),
        required=document.get("required", True),
        bands=tuple(
            ScoreBand(_end(band.get("from")), _end(band.get("to")), exact(band["score"]))
            for band in document.get("bands") or ()
        ),
        unit=document.get("unit"),
        group=None if document.get("group") is None else FactorGroup(document["group"]),
        source=document.get("source"),
    )


def _end(value: Decimal | int | float | str | None) -> Decimal | None:
    return None if value is None else exact(value)
