"""Queries of scoring models and of the criteria they can use."""

from service.framework.graph.calls import Call, identifier, itself, scalar, shows
from service.models.classification.quadrant_choices import SuccessFactorTemplateRead
from service.models.classification.scoring_models import LibraryFactorRead, ScoringModelComparison
from service.operations.classification import classification, scoring_models
from service.rules.classification.factor_library import FactorAxis

QUERIES = (
    Call(
        "scoringModelComparison",
        scoring_models.compare_scoring_models,
        (identifier(), identifier("with", "The model to compare with: the answer lists what it changes")),
        shows(ScoringModelComparison, itself),
    ),
    Call(
        "attractivenessFactors",
        scoring_models.list_attractiveness_factors,
        (scalar(FactorAxis, FactorAxis | None, "axis", "Only criteria of this axis"),),
        shows(list[LibraryFactorRead], itself),
    ),
    Call(
        "successFactors",
        classification.list_success_factors,
        (),
        shows(list[SuccessFactorTemplateRead], itself),
    ),
)
