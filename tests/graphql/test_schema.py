"""The schema: made of the models that REST uses, valid and the same as the committed one."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType, validate_schema

from service import operations
from service.framework.graph.edges import Document, One
from service.framework.graph.names import camel, snake
from service.framework.graph.schema import sdl
from service.graphql.graph import GRAPH
from service.graphql.plain import mutations_of
from service.platform import errors
from service.platform.errors import KamError
from service.records.plain import PlainRecord

COMMITTED = Path(__file__).resolve().parents[2] / "openapi" / "schema.graphql"


def test_it_is_valid(schema):
    assert validate_schema(schema) == []


def test_the_committed_schema_is_the_one_that_the_code_gives():
    assert COMMITTED.read_text(encoding="utf-8") == sdl(GRAPH), "run ./kam contract"


@pytest.mark.parametrize("name", sorted(GRAPH.types))
def test_every_member_of_a_read_model_is_a_field_and_the_other_way_round(schema, name):
    kind = schema.type_map[name]
    edges = {field for source, field in GRAPH.edges if source == name}
    assert set(kind.fields) - edges == {camel(member) for member in GRAPH.types[name].model.model_fields}
    assert {snake(field) for field in kind.fields} >= set(GRAPH.types[name].model.model_fields)


@pytest.mark.parametrize("name", sorted(GRAPH.types))
def test_every_member_is_read_from_the_listing_of_rest(name):
    kind = GRAPH.types[name]
    past = {} if kind.past is None else kind.past.members
    changes = {} if kind.listing.changes is None else kind.listing.changes.members
    assert set(kind.model.model_fields) <= {*kind.listing.members, *past, *changes}


@pytest.mark.parametrize("edge", GRAPH.edges.values(), ids=lambda edge: f"{edge.source}.{edge.field}")
def test_every_edge_has_its_column_and_says_what_it_is(edge):
    if not isinstance(edge, Document):
        owner = GRAPH.types[edge.source if isinstance(edge, One) else edge.target]
        assert edge.column in owner.listing.table.c
    assert edge.description


@pytest.mark.parametrize("call", [*GRAPH.mutations.values(), *GRAPH.calls.values()], ids=lambda call: call.name)
def test_every_operation_says_what_it_does(call):
    assert len(call.description) > 10


def test_null_is_possible_wherever_a_root_field_may_fail(schema):
    for root in (schema.query_type, schema.mutation_type):
        assert [name for name, field in root.fields.items() if str(field.type).endswith("!")] == []


def test_everything_a_reader_meets_is_described(schema):
    bare = []
    for name, kind in schema.type_map.items():
        if name.startswith("__") or not isinstance(
            kind, GraphQLObjectType | GraphQLInputObjectType | GraphQLInterfaceType
        ):
            continue
        bare += [name] * (not kind.description)
        bare += [f"{name}.{field}" for field, definition in kind.fields.items() if not definition.description]
    assert bare == []


def test_enum_values_are_the_words_of_rest(schema):
    stages = schema.type_map["Stage"]
    assert isinstance(stages, GraphQLEnumType)
    assert "early_kam" in stages.values


def test_every_write_of_the_middle_is_a_mutation():
    """One mutation per operation: a write that REST has and GraphQL lacks shows here."""
    writes: dict[str, Any] = {}
    records: list[PlainRecord] = []
    for module in pkgutil.walk_packages(operations.__path__, f"{operations.__name__}."):
        found = vars(importlib.import_module(module.name))
        records += [one for one in found.values() if isinstance(one, PlainRecord)]
        writes |= {
            name: one for name, one in found.items() if hasattr(one, "__wrapped__") and inspect.iscoroutinefunction(one)
        }
    assert len(writes) > 20
    mirrored = {call.run for call in GRAPH.mutations.values()}
    missing = {name for name, one in writes.items() if one not in mirrored and not name.startswith("_")}
    assert missing == {"import_accounts"}  # a file, which only the command line reads
    derived = {call.name for record in records for call in mutations_of(record)}
    assert len(derived) >= 25 and derived <= GRAPH.mutations.keys()


def test_no_description_names_a_class_of_python():
    """Clients see codes such as not_found; the class names of errors mean nothing to them."""
    classes = [name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, KamError)]
    found = re.findall(rf"\b(?:{'|'.join(classes)}|[Rr]aises)\b", sdl(GRAPH))
    assert found == []
