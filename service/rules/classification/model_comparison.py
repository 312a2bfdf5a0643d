"""Two scoring models side by side: which factors came, went or changed, and which lines moved."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from service.rules.classification.scoring import Factor, ScoringModel
from service.rules.classification.scoring_documents import factor_to_dict

FACTOR_MEMBERS = ("name", "weight", "direction", "required", "bands", "unit", "group", "source")


@dataclass(frozen=True, slots=True)
class FactorChange:
    """A factor that both models have and that differs; `changed` names the members."""

    before: Factor
    after: Factor
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A line or width that differs, such as cuts.attractiveness."""

    setting: str
    before: Decimal
    after: Decimal


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences of another model. All parts are empty when both models give the same results (names aside)."""

    added: tuple[Factor, ...]
    removed: tuple[Factor, ...]
    changed: tuple[FactorChange, ...]
    unchanged: tuple[str, ...]
    settings: tuple[SettingChange, ...]
    rule_changed: bool

    @property
    def same(self) -> bool:
        """Return whether nothing differs."""
        return not (self.added or self.removed or self.changed or self.settings or self.rule_changed)


def compare(before: ScoringModel, after: ScoringModel) -> Comparison:
    """Compare two models factor by factor (by key; their order does not matter) and line by line."""
    old = {factor.key: factor for factor in before.factors}
    new = {factor.key: factor for factor in after.factors}
    both = [key for key in old if key in new]
    changes = [_factor_change(old[key], new[key]) for key in both]
    return Comparison(
        added=tuple(factor for key, factor in new.items() if key not in old),
        removed=tuple(factor for key, factor in old.items() if key not in new),
        changed=tuple(change for change in changes if change.changed),
        unchanged=tuple(key for key, change in zip(both, changes, strict=True) if not change.changed),
        settings=tuple(_settings(before, after)),
        rule_changed=before.cuts.attractiveness_rule is not after.cuts.attractiveness_rule,
    )


def _factor_change(before: Factor, after: Factor) -> FactorChange:
    differs = [name for name in FACTOR_MEMBERS if getattr(before, name) != getattr(after, name)]
    return FactorChange(before, after, tuple(differs))


def settings_of(model: ScoringModel) -> dict[str, Decimal]:
    """Return every line and width of a model by its name in the API."""
    cuts, limits, width = model.cuts, model.fiocca, model.border_width
    return {
        "cuts.attractiveness": cuts.attractiveness,
        "cuts.relative_strength": cuts.relative_strength,
        "fiocca.low": limits.low,
        "fiocca.high": limits.high,
        "dead_band": model.dead_band,
        "border_width.attractiveness": width.attractiveness,
        "border_width.relative_strength": width.relative_strength,
        "border_width.fiocca": width.fiocca,
    }


def _settings(before: ScoringModel, after: ScoringModel) -> Iterator[SettingChange]:
    new = settings_of(after)
    for setting, value in settings_of(before).items():
        if value != new[setting]:
            yield SettingChange(setting, value, new[setting])


def comparison_to_dict(comparison: Comparison, before: ScoringModel, after: ScoringModel) -> dict[str, Any]:
    """Write a comparison for JSON; a changed factor shows its old and its new values."""
    rules = (before.cuts.attractiveness_rule.value, after.cuts.attractiveness_rule.value)
    return {
        "same": comparison.same,
        "added": [factor_to_dict(factor) for factor in comparison.added],
        "removed": [factor_to_dict(factor) for factor in comparison.removed],
        "changed": [_change_dict(change) for change in comparison.changed],
        "unchanged": list(comparison.unchanged),
        "settings": [{"setting": one.setting, "before": one.before, "after": one.after} for one in comparison.settings],
        "attractiveness_rule": {"before": rules[0], "after": rules[1]} if comparison.rule_changed else None,
    }


def _change_dict(change: FactorChange) -> dict[str, Any]:
    return {
        "key": change.before.key,
        "changed": list(change.changed),
        "before": factor_to_dict(change.before),
        "after": factor_to_dict(change.after),
    }
