"""What Strawberry's own public API promises holds for the compiled graph: extensions, added fields, resolvers."""

from __future__ import annotations

import pytest
import strawberry
from strawberry.extensions import SchemaExtension

from service.access.principal import SYSTEM
from service.framework.graph.execute import Engine
from service.framework.graph.schema import schema_of
from service.framework.graph.shapes import Field
from service.graphql.graph import GRAPH
from service.records.context import Context

SEEN: list[str] = []


class Recording(SchemaExtension):
    """Records the phases that Strawberry runs."""

    def on_operation(self):
        SEEN.append("operation")
        yield

    def on_execute(self):
        SEEN.append("execute")
        yield

    def get_results(self):
        return {"seen": len(SEEN)}


async def greet(info, arguments):
    return f"hello {arguments.get('name')}"


@pytest.fixture(scope="module")
def extended():
    added = Field("greeting", str | None, "A field with a resolver of its own", (), greet)
    return schema_of(GRAPH, extensions=[Recording], queries=[added])


@pytest.fixture
def ask_extended(services, ask, extended):
    ask.engine = Engine(extended, GRAPH, services.cursors)
    return ask


async def test_an_extension_runs_around_a_compiled_read(ask_extended, accounts):
    SEEN.clear()
    answer = await ask_extended("{ accounts(first: 2) { nodes { name } } }")
    assert answer["data"] == {"accounts": {"nodes": [{"name": "Alpha"}, {"name": "Bravo"}]}}
    assert SEEN == ["operation", "execute"]
    assert answer["extensions"] == {"seen": 2}


async def test_a_mutation_runs_through_strawberry_too(ask_extended):
    answer = await ask_extended('mutation { createAccount(input: {name: "A"}) { account { name } outcome } }')
    assert answer["data"] == {"createAccount": {"account": {"name": "A"}, "outcome": "created"}}


async def test_an_added_field_runs_its_resolver_beside_compiled_ones(ask_extended, accounts):
    answer = await ask_extended("{ greeting all: accounts(first: 1) { nodes { name } } __typename }")
    assert answer["data"] == {
        "greeting": "hello None", "all": {"nodes": [{"name": "Alpha"}]}, "__typename": "Query"
    }  # fmt: skip


async def test_an_error_of_a_compiled_field_keeps_its_code_and_path(ask_extended):
    answer = await ask_extended('{ account(id: "none") { name } accounts { nodes { id } } }')
    assert answer["data"] == {"account": None, "accounts": {"nodes": []}}
    (error,) = answer["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["account"], "not_found")


async def test_strawberrys_execute_answers_from_sql_and_never_calls_a_compiled_resolver(services, served, accounts):
    Engine(served, GRAPH, services.cursors)
    result = await served.execute(
        "{ accounts(first: 1) { nodes { name parent { name } stakeholders { nodes { id } } } } }",
        context_value=Context(services, SYSTEM),
    )
    assert result.errors is None
    assert result.data == {"accounts": {"nodes": [{"name": "Alpha", "parent": None, "stakeholders": {"nodes": []}}]}}


def test_a_compiled_field_has_a_resolver_that_raises(schema):
    for kind, name in (("Query", "accounts"), ("Query", "node"), ("Account", "parent"), ("Account", "stakeholders")):
        with pytest.raises(AssertionError, match="answered from SQL"):
            schema.type_map[kind].fields[name].resolve(None, type("Info", (), {"field_name": name})())


def test_every_operation_is_a_field_of_strawberry(served):
    kind = served.get_type_by_name("Mutation")
    assert {served.config.name_converter.get_graphql_name(field) for field in kind.fields} == set(GRAPH.mutations)
    assert all(field.base_resolver is not None for field in kind.fields)
    assert strawberry.Schema in type(served).__mro__
