"""Mutations of classification inputs and scoring models."""

from typing import Any

from service.framework.graph.calls import Call, Gives, RecordId, body, gives, identifier, if_version, optional_body
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


def _model(result: Any) -> Any:
    job = result.outcome == "accepted"
    return RecordId(result.data["params"]["model_id"]) if job else result.data


def _job(result: Any) -> Any:
    return result.data if result.outcome == "accepted" else None


OUTCOME = Gives("outcome", str, lambda result: result.outcome, "What was done: activated, accepted or unchanged")
ACCOUNT = identifier("accountId", "The account")
MODEL = gives("scoringModel", ScoringModelRead)
CLASSIFICATION = (
    *gives("classification", ClassificationRead),
    Gives(
        "account",
        AccountRead | None,
        lambda result: RecordId(result.data["account_id"]),
        "The account as it is now",
    ),
)
SCORES = body(AttractivenessPut, "PutAttractivenessInput")
STRENGTH = body(BusinessStrengthPut, "PutBusinessStrengthInput")

SHEET = body(RatingSheet, "AddRatingSheetInput")
CHOICE = body(RatingChoice, "ChooseRatingInput")
OVERRIDE = body(QuadrantOverridePut, "PutQuadrantOverrideInput")
CONFIRM = body(ClassificationConfirm, "ConfirmQuadrantInput")
VERB = body(LeadingVerbPut, "PutLeadingVerbInput")

MUTATIONS = (
    Call("addRatingSheet", ratings.add_rating_sheet, (ACCOUNT, SHEET, if_version()), CLASSIFICATION),
    Call("withdrawRating", ratings.withdraw_rating, (identifier(),), CLASSIFICATION),
    Call("chooseRating", ratings.choose_rating, (ACCOUNT, CHOICE, if_version()), CLASSIFICATION),
    Call(
        "putQuadrantOverride",
        quadrant_choices.put_quadrant_override,
        (ACCOUNT, OVERRIDE, if_version()),
        CLASSIFICATION,
    ),
    Call("removeQuadrantOverride", quadrant_choices.remove_quadrant_override, (ACCOUNT, if_version()), CLASSIFICATION),
    Call("confirmQuadrant", quadrant_choices.confirm_quadrant, (ACCOUNT, CONFIRM, if_version()), CLASSIFICATION),
    Call("putLeadingVerb", quadrant_choices.put_leading_verb, (ACCOUNT, VERB, if_version()), CLASSIFICATION),
    Call("removeLeadingVerb", quadrant_choices.remove_leading_verb, (ACCOUNT, if_version()), CLASSIFICATION),
    Call("putAttractiveness", ratings.put_attractiveness, (ACCOUNT, SCORES, if_version()), CLASSIFICATION),
    Call(
        "putBusinessStrength", classification.put_business_strength, (ACCOUNT, STRENGTH, if_version()), CLASSIFICATION
    ),
    Call(
        "createScoringModel",
        scoring_models.create_scoring_model,
        (body(ScoringModelCreate, "CreateScoringModelInput"),),
        MODEL,
    ),
    Call(
        "updateScoringModel",
        scoring_models.update_scoring_model,
        (identifier(), body(ScoringModelPatch, "UpdateScoringModelInput"), if_version()),
        MODEL,
    ),
    Call("deleteScoringModel", scoring_models.delete_scoring_model, (identifier(), if_version()), MODEL),
    Call(
        "cloneScoringModel",
        scoring_models.clone_scoring_model,
        (identifier(), body(ScoringModelClone, "CloneScoringModelInput")),
        MODEL,
    ),
    Call(
        "activateScoringModel",
        reclassifications.activate_scoring_model,
        (identifier(), optional_body(ReclassificationCreate, "ReclassifyPortfolioInput"), if_version()),
        (
            Gives("scoringModel", ScoringModelRead, _model, "The model as it is now"),
            Gives("job", JobRead | None, _job, "The job that classifies a large portfolio"),
            OUTCOME,
        ),
    ),
    Call(
        "reclassifyPortfolio",
        reclassifications.reclassify_portfolio,
        (body(ReclassificationCreate, "ReclassifyPortfolioInput"),),
        gives("job", JobRead),
    ),
)
