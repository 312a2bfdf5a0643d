"""The general portfolio of all accounts (Fiocca's step 1): set, replace and delete an account's scores."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from service.events.classification import AccountGeneralPortfolioChanged
from service.framework.database.database import Row
from service.models.classification.general_portfolios import (
    GeneralPortfolioPut,
    GeneralPortfolioRead,
    general_portfolios,
)
from service.queries.classification.general_portfolios import GENERAL_PORTFOLIO
from service.records.classification.judgements import JudgementKind, Judgements, recorded
from service.records.classification.positions import plain_numbers
from service.records.classification.scoring_models import refused
from service.records.words import OperationText
from service.rules.classification.factor_library import FactorAxis
from service.rules.classification.general_portfolio import (
    AXES,
    NAMES,
    AxisMean,
    GeneralCell,
    GeneralScore,
    axis_mean,
    general_cell,
    validate_axis,
)
from service.rules.verdicts import exact, shown


class GeneralPortfolios(Judgements):
    """The scores of accounts for the general portfolio; the cell is a column of the account too."""

    kind = JudgementKind(
        "general portfolio",
        general_portfolios,
        GENERAL_PORTFOLIO,
        ("strategic_importance", "difficulty", "reason", "author_id"),
        GeneralPortfolioPut,
        GeneralPortfolioRead,
        AccountGeneralPortfolioChanged,
        {
            "get": OperationText(
                "Read an account's importance and difficulty",
                "Reads the account's cell in the general portfolio with the scores behind it; not_found when it has "
                "none.",
            ),
            "put": OperationText(
                "Score an account's importance and difficulty",
                "Scores the account for the general portfolio of all accounts (Fiocca's step 1, which comes before "
                "the four boxes and the nine cells of key accounts): strategic importance and difficulty of managing, "
                "each the mean of its factors from 0 to 10, high from 5.0. While a factor is missing the account has "
                "no cell. The previous scores are kept in the history. Sends account.general_portfolio_changed when "
                "something changed. Refused are unknown or repeated factors, weights that do not sum to 100 within "
                "0.01 or are given for some factors only, and an unknown author.",
            ),
            "delete": OperationText(
                "Delete an account's importance and difficulty",
                "Deletes the scores: the account is in no cell, and the history keeps them. Sends "
                "account.general_portfolio_changed.",
            ),
        },
    )

    def judged(self, data: GeneralPortfolioPut, before: Row | None, today: date) -> dict[str, Any]:
        """Return the row of a request, with the cell. Raises Invalid for factors and weights that the rules refuse."""
        row: dict[str, Any] = plain_numbers(data.model_dump())
        verdicts = [one for axis in AXES for one in validate_axis(axis, _scores(row[axis.value]), f"/{axis.value}")]
        if verdicts:
            raise refused(verdicts)
        return {**row, "cell": _cell(_means(row))}

    def columns(self, row: Row | None) -> dict[str, Any]:
        """Return the cell of the account."""
        return {"general_portfolio": None if row is None else row["cell"]}

    def document(self, account_id: str, row: Mapping[str, Any], model: Any = None) -> dict[str, Any]:
        """Return scores as they read, with the cell."""
        means = _means(row)
        return {
            "account_id": account_id,
            "version": row["version"],
            "cell": _cell(means),
            **{axis.value: _axis(mean, row[axis.value]) for axis, mean in means.items()},
            **recorded(row),
        }

    def payload(self, row: Mapping[str, Any], model: Any) -> dict[str, Any]:
        """Return scores as events hold them."""
        read = self.document("", {"version": 0, **row})
        axes = {axis.value: {name: read[axis.value][name] for name in ("score", "level", "factors")} for axis in AXES}
        return {"general_portfolio": read["cell"], **axes, "author_id": read["author_id"]}

    def changed(self, previous: dict[str, Any] | None, current: dict[str, Any] | None) -> list[str]:
        """Return the members that differ; a missing payload counts as nulls."""
        either = previous or current or {}
        return [name for name in either if (previous or {}).get(name) != (current or {}).get(name)]


GENERAL_PORTFOLIOS = GeneralPortfolios()


def _means(row: Mapping[str, Any]) -> dict[FactorAxis, AxisMean]:
    return {axis: axis_mean(axis, _scores(row[axis.value])) for axis in AXES}


def _cell(means: Mapping[FactorAxis, AxisMean]) -> GeneralCell | None:
    return general_cell(*means.values())


def _scores(stored: list[Mapping[str, Any]]) -> list[GeneralScore]:
    def number(value: Any) -> Any:
        return None if value is None else exact(value)

    return [GeneralScore(one["factor"], number(one["score"]), number(one["weight"])) for one in stored]


def _axis(mean: AxisMean, stored: list[Mapping[str, Any]]) -> dict[str, Any]:
    given = {one["factor"]: one for one in stored}
    nothing = {"score": None, "evidence": None}
    return {
        "score": None if mean.score is None else plain_numbers(shown(mean.score)),
        "level": mean.level,
        "borderline": mean.borderline,
        "missing": list(mean.missing),
        "factors": [
            {
                "factor": factor,
                "name": NAMES[factor],
                "score": given.get(factor, nothing)["score"],
                "weight": plain_numbers(shown(weight)),
                "evidence": given.get(factor, nothing)["evidence"],
            }
            for factor, weight in mean.weights.items()
        ],
    }
