"""Forecast positions and scores for the general portfolio over HTTP: one valid judgement of each account."""

from service.access.policy import Permission
from service.framework.web.router import Part
from service.operations.classification.forecasts import FORECAST_POSITIONS
from service.operations.classification.general_portfolios import GENERAL_PORTFOLIOS
from service.records.classification.judgements import Judgements
from service.rest.operations import declare

part = Part("classification", reads=Permission.CLASSIFICATION_READ, writes=Permission.CLASSIFICATION_WRITE)


def _declare(judgements: Judgements) -> None:
    """Declare replacing, reading and deleting the judgement of an account."""
    kind = judgements.kind
    path = "/accounts/{id}/" + kind.singular.replace(" ", "-")
    shown = {"response_model": kind.read}
    for method, run, name, options in (
        ("put", judgements.put, f"put_{kind.name}", {**shown, "body": kind.put}),
        ("get", judgements.get, f"read_{kind.name}", shown),
        ("delete", judgements.delete, f"delete_{kind.name}", {}),
    ):
        says = kind.says[method]
        declare(part, method, path, run, says.summary, name=name, description=says.text, **options)


_declare(FORECAST_POSITIONS)
_declare(GENERAL_PORTFOLIOS)
