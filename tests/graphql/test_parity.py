"""REST and GraphQL agree: for every kind of record, and for the documents about an account, member by member."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLObjectType, get_named_type

from service.framework.graph.edges import Document
from service.framework.graph.names import camel
from service.graphql.graph import GRAPH
from service.models.accounts.accounts import AccountCreate
from service.models.accounts.statuses import StatusTransitionCreate
from service.models.classification.classification import BusinessStrengthPut
from service.models.classification.forecasts import ForecastPositionPut
from service.models.classification.general_portfolios import GeneralPortfolioPut
from service.models.classification.ratings import AttractivenessPut
from service.models.relationship.stages import StageTransitionCreate, TargetStagePut
from service.operations.accounts import accounts
from service.operations.accounts import statuses as account_statuses
from service.operations.classification import classification, ratings
from service.operations.classification.forecasts import FORECAST_POSITIONS
from service.operations.classification.general_portfolios import GENERAL_PORTFOLIOS
from service.operations.relationship import stages
from service.records.context import system_context

CREATE = """mutation {
  createPerson(input: {name: "Kim", email: "kim@example.com", refs: [{system: "hr", externalId: "7"}]}) { person { id } }
  createAccount(input: {name: "A", revenue: "12.50", currency: "EUR", country: "DE", tags: ["x"], attributes: {camelCase: true, n: 1.5},
    refs: [{system: "erp", externalId: "1"}, {system: "crm", externalId: "2"}]}) { account { id } } }"""
SCORED = {
    "factors": [{"name": "Price", "weight": 100, "ours": 8, "competitors": {"Rival": 5}}],
}


def everything(schema, name, levels=6):
    """A selection of all members of a type, without its edges."""
    parts = []
    for field, definition in schema.type_map[name].fields.items():
        target = get_named_type(definition.type)
        if (name, field) in GRAPH.edges:
            continue
        inner = f" {{ {everything(schema, target.name, levels - 1)} }}" if isinstance(target, GraphQLObjectType) else ""
        parts.append(field + inner)
    return " ".join(parts)


def camelled(value: Any, shape: Any) -> Any:
    """A document of REST in GraphQL's spelling, cut to the members of the shape; free JSON stays as it is."""
    shape = get_named_type(shape)
    if isinstance(value, list):
        return [camelled(part, shape) for part in value]
    if isinstance(value, dict) and isinstance(shape, GraphQLObjectType):
        return {camel(key): camelled(part, shape.fields[camel(key)].type) for key, part in value.items()}
    return value


@pytest.fixture
async def portfolio(ask):
    """One record of each kind, by type name."""
    made = await ask.data(CREATE)
    ids = {"Person": made["createPerson"]["person"]["id"], "Account": made["createAccount"]["account"]["id"]}
    made = await ask.data(
        """mutation($a: ID!, $p: ID!) {
          updateAccount(id: $a, input: {ownerId: $p}) { outcome }
          createStakeholder(accountId: $a, input: {name: "Sam", influence: 7.25, stance: -2, roles: [decider, user]}) { stakeholder { id } }
          createPlan(accountId: $a, input: {title: "P", periodStart: "2026-01-01", periodEnd: "2026-12-31", ownerId: $p}) { plan { id } }
          createApiKey(input: {name: "k", scopes: ["*"], expiresAt: "2030-01-01T01:00:00+01:00"}) { apiKey { id } } }""",
        {"a": ids["Account"], "p": ids["Person"]},
    )
    ids["Stakeholder"] = made["createStakeholder"]["stakeholder"]["id"]
    ids["Plan"] = made["createPlan"]["plan"]["id"]
    ids["ApiKey"] = made["createApiKey"]["apiKey"]["id"]
    made = await ask.data(
        """mutation($p: ID!) { createObjective(planId: $p, input: {title: "O", metric: "share", unit: "percent", baseline: 0.1, target: 12.5, dueOn: "2026-12-01"})
          { objective { id } } }""",
        {"p": ids["Plan"]},
    )
    ids["Objective"] = made["createObjective"]["objective"]["id"]
    made = await ask.data(
        """mutation($o: ID!, $w: ID!) { createAction(objectiveId: $o, input: {title: "T", ownerId: $w, dueOn: "2026-11-30", expectedResult: "A date"})
          { action { id } } }""",
        {"o": ids["Objective"], "w": ids["Person"]},
    )
    ids["Action"] = made["createAction"]["action"]["id"]
    return ids


async def classify(services, ask, identifier):
    """Score an account on every factor of the active model, and move it."""
    ctx = system_context(services)
    models = (await ask.data("{ scoringModels(first: 1) { nodes { factors { key } } } }"))["scoringModels"]["nodes"]
    scores = [{"factor": factor["key"], "score": 7.5, "evidence": "seen"} for factor in models[0]["factors"]]
    await ratings.put_attractiveness(ctx, identifier, AttractivenessPut.model_validate({"scores": scores}))
    await classification.put_business_strength(ctx, identifier, BusinessStrengthPut.model_validate(SCORED))
    await stages.move_stage(
        ctx, identifier, StageTransitionCreate.model_validate({"to": "early_kam", "reason": "A contract"})
    )
    target = {"target_stage": "mid_kam", "target_stage_on": "2027-06-30", "reason": "Potential"}
    await stages.put_target_stage(ctx, identifier, TargetStagePut.model_validate(target))
    step = StatusTransitionCreate.model_validate({"to": "candidate", "reason": "Potential"})
    await account_statuses.move_status(ctx, identifier, step)
    forecast = {"attractiveness": 8.5, "relative_strength": 1.25, "reason": "A second plant"}
    await FORECAST_POSITIONS.put(ctx, identifier, ForecastPositionPut.model_validate(forecast))
    judged = {"strategic_importance": [{"factor": "purchase_value", "score": 8.25, "weight": 100}],
              "difficulty": [{"factor": "buying_behaviour", "score": 2}]}  # fmt: skip
    await GENERAL_PORTFOLIOS.put(ctx, identifier, GeneralPortfolioPut.model_validate(judged))


async def test_every_kind_of_record_reads_the_same(ask, services, portfolio, schema):
    await classify(services, ask, portfolio["Account"])
    pages = await ask.data(
        "{ scoringModels { nodes { id } } accounts { nodes { classificationHistory { nodes { id } } "
        "ratings { nodes { id } } stageHistory { nodes { id } } statusHistory { nodes { id } } } } }"
    )
    account = pages["accounts"]["nodes"][0]
    ids = {
        **portfolio,
        "ScoringModel": pages["scoringModels"]["nodes"][0]["id"],
        "ClassificationEntry": account["classificationHistory"]["nodes"][0]["id"],
        "Rating": account["ratings"]["nodes"][0]["id"],
        "StageEntry": account["stageHistory"]["nodes"][0]["id"],
        "StatusEntry": account["statusHistory"]["nodes"][0]["id"],
    }
    for name, identifier in ids.items():
        async with services.database.reading() as reader:
            rest = await GRAPH.types[name].listing.find(reader, identifier)
        query = f"query($id: ID!) {{ node(id: $id) {{ ... on {name} {{ {everything(schema, name)} }} }} }}"
        shown = (await ask.data(query, {"id": identifier}))["node"]
        assert rest
        expected = camelled(rest.data, schema.type_map[name])
        assert {key: expected.get(key, shown[key] if shown[key] is None else ...) for key in shown} == shown, name
        assert set(expected) <= set(shown), name


@pytest.mark.parametrize("scored", [False, True])
async def test_the_documents_about_an_account_read_the_same(ask, services, portfolio, schema, scored):
    identifier = portfolio["Account"]
    if scored:
        await classify(services, ask, identifier)
    ctx = system_context(services)
    rest = {
        "classification": await classification.get_classification(ctx, identifier),
        "attractivenessScores": await ratings.get_attractiveness(ctx, identifier),
        "businessStrengthFactors": await classification.get_business_strength(ctx, identifier),
        "stageDetail": await stages.get_stage(ctx, identifier),
        "statusDetail": await account_statuses.get_status(ctx, identifier),
        "forecastPosition": await FORECAST_POSITIONS.get(ctx, identifier) if scored else None,
        "generalPortfolioDetail": await GENERAL_PORTFOLIOS.get(ctx, identifier) if scored else None,
    }
    edges = {edge.field: edge.target for edge in GRAPH.edges.values() if isinstance(edge, Document)}
    asked = " ".join(f"{field} {{ {everything(schema, target)} }}" for field, target in edges.items())
    shown = (await ask.data(f"query($id: ID!) {{ account(id: $id) {{ {asked} }} }}", {"id": identifier}))["account"]
    assert ask.statements == 1
    assert set(shown) == set(rest)
    for field, document in rest.items():
        if document is None:
            assert shown[field] is None
            continue
        told = camelled(document.data, schema.type_map[edges[field]])
        assert shown[field] == {key: told.get(key) for key in shown[field]}, field


async def test_many_documents_cost_one_statement(ask, services):
    for name in ("A", "B", "C"):
        await accounts.ACCOUNT_RECORD.add(system_context(services), AccountCreate(name=name))
    data = await ask.data(
        "{ accounts { nodes { name classification { status missing } stageDetail { allowed { to skip } } } } }"
    )
    assert ask.statements == 1
    assert [node["classification"]["status"] for node in data["accounts"]["nodes"]] == ["incomplete"] * 3


async def test_documents_have_permissions_of_their_own(ask, portfolio):
    query = "query($id: ID!) { account(id: $id) { name classification { status } } }"
    answer = await ask(query, {"id": portfolio["Account"]}, scopes=["accounts:read"])
    assert answer["errors"][0]["extensions"]["required_scope"] == "classification:read"


async def test_classifying_and_moving_through_graphql(ask, portfolio):
    factors = (
        await ask.data("{ scoringModels(first: 1) { nodes { id factors { key weight bands { from to score } } } } }")
    )["scoringModels"]["nodes"][0]["factors"]
    scores = [{"factor": factor["key"], "score": 9} for factor in factors]
    made = await ask.data(
        """mutation($a: ID!, $scores: PutAttractivenessInput!, $strength: PutBusinessStrengthInput!) {
          putAttractiveness(accountId: $a, input: $scores) { outcome classification { status missing } }
          putBusinessStrength(accountId: $a, input: $strength) { classification { quadrant fiocca { verbs } } account { quadrant } }
          moveStage(accountId: $a, input: {to: early_kam, reason: "Contract"}) { entry { stage previous } account { stage } }
          putTargetStage(accountId: $a, input: {targetStage: mid_kam}) { stage { targetStage allowed { to } } account { targetStage } } }""",
        {"a": portfolio["Account"], "scores": {"scores": scores}, "strength": SCORED},
    )
    assert (
        made["putBusinessStrength"]["classification"]["quadrant"]
        == made["putBusinessStrength"]["account"]["quadrant"]
        == "strategic"
    )
    assert made["moveStage"] == {
        "entry": {"stage": "early_kam", "previous": "pre_kam"},
        "account": {"stage": "early_kam"},
    }
    assert made["putTargetStage"]["account"] == {"targetStage": "mid_kam"}
    query = 'mutation($a: ID!) { moveStage(accountId: $a, input: {to: synergistic_kam, reason: "x"}) { outcome } }'
    answer = await ask(query, {"a": portfolio["Account"]})
    assert answer["errors"][0]["extensions"]["code"] == "stage_transition_not_allowed"
    assert "mid_kam" in answer["errors"][0]["extensions"]["allowed"]


async def test_the_catalogue_of_stages(ask):
    data = await ask.data("{ stages { stage name cranfieldName ordinal } }")
    assert len(data["stages"]) == 6
    assert data["stages"][0]["stage"] == "pre_kam"


async def test_the_general_portfolio_through_graphql(ask, portfolio):
    judged = {
        "strategicImportance": [{"factor": "purchase_value", "score": 8, "weight": 100}],
        "difficulty": [{"factor": "buying_behaviour", "score": 7.5, "weight": 100, "evidence": "Tenders"}],
    }
    made = await ask.data(
        """mutation($a: ID!, $judged: PutGeneralPortfolioInput!) { putGeneralPortfolio(accountId: $a, input: $judged) {
          outcome generalPortfolio { cell difficulty { score factors { evidence } } } account { generalPortfolio } } }""",
        {"a": portfolio["Account"], "judged": judged},
    )
    assert made["putGeneralPortfolio"] == {
        "outcome": "created",
        "generalPortfolio": {
            "cell": "key_difficult",
            "difficulty": {"score": 7.5, "factors": [{"evidence": "Tenders"}]},
        },
        "account": {"generalPortfolio": "key_difficult"},
    }
    data = await ask.data(
        """{ portfolioMatrix(view: general) { boxes { box count } }
          accounts(filter: {generalPortfolio: {eq: key_difficult}}) { nodes { id generalPortfolioDetail { cell } } } }"""
    )
    assert [box["count"] for box in data["portfolioMatrix"]["boxes"]] == [1, 0, 0, 0]
    assert data["accounts"]["nodes"] == [
        {"id": portfolio["Account"], "generalPortfolioDetail": {"cell": "key_difficult"}}
    ]
    gone = await ask.data(
        "mutation($a: ID!) { deleteGeneralPortfolio(accountId: $a) { outcome account { generalPortfolio } } }",
        {"a": portfolio["Account"]},
    )
    assert gone["deleteGeneralPortfolio"] == {"outcome": "deleted", "account": {"generalPortfolio": None}}


async def test_screening_through_graphql(ask, portfolio):
    screening = {"criteria": [{"name": "Named", "filter": {"name": {"isNull": False}}, "required": True}]}
    shown = "total passed moved items { id status moved criteria { name holds } }"
    looked = await ask.data(
        f"query($s: ScreenPortfolioInput!) {{ portfolioScreening(input: $s) {{ {shown} }} }}", {"s": screening}
    )
    found = looked["portfolioScreening"]
    assert (found["total"], found["passed"], found["moved"]) == (1, 1, 0)
    assert found["items"][0]["criteria"] == [{"name": "Named", "holds": True}]
    made = await ask.data(
        f"mutation($s: ScreenPortfolioInput!) {{ screenPortfolio(input: $s) {{ screening {{ {shown} }} }} }}",
        {"s": {**screening, "moveToCandidate": True, "reason": "Potential"}},
    )
    item = made["screenPortfolio"]["screening"]["items"][0]
    assert (item["id"], item["status"], item["moved"]) == (portfolio["Account"], "candidate", True)
    answer = await ask(
        f"query($s: ScreenPortfolioInput!) {{ portfolioScreening(input: $s) {{ {shown} }} }}",
        {"s": {**screening, "moveToCandidate": True}},
    )
    assert answer["errors"][0]["extensions"]["errors"][0]["code"] == "would_write"
