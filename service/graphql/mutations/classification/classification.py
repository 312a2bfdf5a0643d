"""Mutations of classification inputs, of people's judgements and of scoring models."""

from collections.abc import Awaitable, Callable
from typing import Any

from service.framework.graph.calls import Call, Gives, RecordId, body, gives, identifier, if_version, optional_body
from service.framework.graph.names import camel
from service.models.accounts.accounts import AccountRead
from service.models.classification.classification import BusinessStrengthPut
from service.models.classification.quadrant_choices import ClassificationConfirm, LeadingVerbPut, QuadrantOverridePut
from service.models.classification.ratings import AttractivenessPut, RatingChoice, RatingSheet
from service.models.classification.reclassifications import ReclassificationCreate
from service.models.classification.results import ClassificationRead
from service.models.classification.scoring_models import (
    ScoringModelClone,
    ScoringModelCreate,
    ScoringModelPatch,
    ScoringModelRead,
)
from service.models.shapes import JobRead
from service.operations.classification import (
    classification,
    quadrant_choices,
    ratings,
    reclassifications,
    scoring_models,
)
from service.operations.classification.forecasts import FORECAST_POSITIONS
from service.operations.classification.general_portfolios import GENERAL_PORTFOLIOS
from service.records.classification.judgements import Judgements
from service.records.context import Context


def _model(result: Any) -> Any:
    job = result.outcome == "accepted"
    return RecordId(result.data["params"]["model_id"]) if job else result.data


def _job(result: Any) -> Any:
    return result.data if result.outcome == "accepted" else None


ON_ACCOUNT = identifier("accountId", "The account")
ACCOUNT = Gives(
    "account", AccountRead | None, lambda result: RecordId(result.data["account_id"]), "The account as it is now"
)
MODEL = gives("scoringModel", ScoringModelRead)
CLASSIFICATION = (*gives("classification", ClassificationRead), ACCOUNT)
OUTCOME = Gives("outcome", str, lambda result: result.outcome, "What was done: activated, accepted or unchanged")


def _classifies(run: Callable[..., Awaitable[Any]], shape: Any = None) -> Call:
    """Return the mutation of an operation on an account that answers with its classification."""
    name = camel(run.__name__)
    sent = () if shape is None else (body(shape, f"{name[:1].upper()}{name[1:]}Input"),)
    return Call(name, run, (ON_ACCOUNT, *sent, if_version()), CLASSIFICATION)


def _judges(judgements: Judgements) -> tuple[Call, Call]:
    """Return the mutations that set and delete a judgement of an account."""
    kind = judgements.kind
    name = camel(f"put_{kind.name}").removeprefix("put")

    async def put(ctx: Context, *given: Any) -> Any:
        return await judgements.put(ctx, *given)

    async def delete(ctx: Context, *given: Any) -> Any:
        return await judgements.delete(ctx, *given)

    put.__doc__, delete.__doc__ = kind.says["put"].text, kind.says["delete"].text
    shown = (*gives(camel(kind.name), kind.read), ACCOUNT)
    return (
        Call(f"put{name}", put, (ON_ACCOUNT, body(kind.put, f"Put{name}Input"), if_version()), shown),
        Call(f"delete{name}", delete, (ON_ACCOUNT, if_version()), shown),
    )


MUTATIONS = (
    _classifies(ratings.add_rating_sheet, RatingSheet),
    Call("withdrawRating", ratings.withdraw_rating, (identifier(), if_version()), CLASSIFICATION),
    _classifies(ratings.choose_rating, RatingChoice),
    _classifies(quadrant_choices.put_quadrant_override, QuadrantOverridePut),
    _classifies(quadrant_choices.remove_quadrant_override),
    _classifies(quadrant_choices.confirm_quadrant, ClassificationConfirm),
    _classifies(quadrant_choices.put_leading_verb, LeadingVerbPut),
    _classifies(quadrant_choices.remove_leading_verb),
    _classifies(ratings.put_attractiveness, AttractivenessPut),
    _classifies(classification.put_business_strength, BusinessStrengthPut),
    *_judges(FORECAST_POSITIONS),
    *_judges(GENERAL_PORTFOLIOS),
    Call(
        "createScoringModel", scoring_models.create_scoring_model,
        (body(ScoringModelCreate, "CreateScoringModelInput"),), MODEL,
    ),
    Call(
        "updateScoringModel", scoring_models.update_scoring_model,
        (identifier(), body(ScoringModelPatch, "UpdateScoringModelInput"), if_version()), MODEL,
    ),
    Call("deleteScoringModel", scoring_models.delete_scoring_model, (identifier(), if_version()), MODEL),
    Call(
        "cloneScoringModel", scoring_models.clone_scoring_model,
        (identifier(), body(ScoringModelClone, "CloneScoringModelInput")), MODEL,
    ),
    Call(
        "activateScoringModel", reclassifications.activate_scoring_model,
        (identifier(), optional_body(ReclassificationCreate, "ReclassifyPortfolioInput"), if_version()),
        (
            Gives("scoringModel", ScoringModelRead, _model, "The model as it is now"),
            Gives("job", JobRead | None, _job, "The job that classifies a large portfolio"),
            OUTCOME,
        ),
    ),
    Call(
        "reclassifyPortfolio", reclassifications.reclassify_portfolio,
        (body(ReclassificationCreate, "ReclassifyPortfolioInput"),), gives("job", JobRead),
    ),
)  # fmt: skip
