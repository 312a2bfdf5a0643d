"""Mutations of classification inputs and scoring models."""

from __future__ import annotations

from service.graphql.calls import Call, Gives, Reread, body, gives, identifier, if_version
from service.models.classification import BusinessStrengthPut
from service.models.ratings import AttractivenessPut
from service.models.scoring_models import ScoringModelClone, ScoringModelCreate, ScoringModelPatch
from service.operations import classification, ratings, scoring_models

ACCOUNT = identifier("accountId", "The account")
MODEL = gives("scoringModel", "ScoringModel")
CLASSIFICATION = (
    *gives("classification", "Classification"),
    Gives("account", "Optional[Account]", lambda result: Reread(result.data["account_id"]), "The account as it is now"),
)
SCORES = body(AttractivenessPut, "PutAttractivenessInput")
STRENGTH = body(BusinessStrengthPut, "PutBusinessStrengthInput")

MUTATIONS = (
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
    Call("activateScoringModel", scoring_models.activate_scoring_model, (identifier(), if_version()), MODEL),
)
