"""Print every difference between two versions of the committed contract that is more than a description.

    python -m tests.contract_difference OLD [NEW]

OLD and NEW are folders that hold `openapi.json`, or revisions of git, whose `openapi/` is read; without NEW it is the
folder `openapi` of this checkout. Compared are openapi.json, openapi-3.0.json, asyncapi.json, schema.graphql and
events/*.json. The exit code is 0, whatever is found.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graphql import GraphQLSchema, build_schema
from graphql.type import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    is_specified_scalar_type,
)
from graphql.utilities import value_from_ast_untyped

ROOT = Path(__file__).parent.parent
IN_GIT = "openapi"
# Text for a reader. Where one of these is the name of a member of a resource, it is a key of `properties` and stays.
PROSE = {"description", "summary", "title", "externalDocs", "x-docs"}
MAPS_OF_NAMES = {
    "properties",
    "schemas",
    "paths",
    "parameters",
    "responses",
    "headers",
    "channels",
    "messages",
    "$defs",
}
# Lists that are sets: their order says nothing.
SETS = {"required", "enum", "tags", "oneOf", "anyOf", "allOf", "type", "security", "parameters", "messages"}
Place = tuple[str, ...]
Flat = dict[Place, str]


def read(version: str) -> dict[str, str]:
    """Return the documents of a version by file name. Raises SystemExit when it holds none."""
    folder = Path(version)
    if folder.is_dir():
        folder = folder if (folder / "openapi.json").exists() else folder / IN_GIT
        paths = [*folder.glob("*.json"), *folder.glob("*.graphql"), *folder.glob("events/*.json")]
        documents = {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in paths}
    else:
        listed = _git("ls-tree", "-r", "--name-only", version, f"{IN_GIT}/").split()
        names = [name for name in listed if name.endswith((".json", ".graphql"))]
        documents = {name.removeprefix(f"{IN_GIT}/"): _git("show", f"{version}:{name}") for name in names}
    if "openapi.json" not in documents:
        raise SystemExit(f"{version} has no openapi.json")
    return documents


def _git(*arguments: str) -> str:
    result = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(result.stderr.strip())
    return result.stdout


def flat(name: str, text: str) -> Flat:
    """Return a document as places and their values, without what is only prose."""
    if name.endswith(".graphql"):
        return dict(_schema(build_schema(text)))
    return dict(_json(json.loads(text), ()))


def _json(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    names_follow = bool(place) and place[-1] in MAPS_OF_NAMES and not (len(place) > 1 and place[-2] in MAPS_OF_NAMES)
    if isinstance(value, dict):
        if not value:
            yield place, "{}"
        for key, member in value.items():
            if names_follow or key not in PROSE:
                yield from _json(member, (*place, str(key)))
    elif isinstance(value, list):
        as_set = bool(place) and place[-1] in SETS
        for number, member in enumerate(value):
            if as_set:
                yield (*place, _identity(member)), "present"
            if not as_set or (isinstance(member, dict) and "name" in member):
                key = str(member["name"]) if as_set else f"[{number}]"
                yield from _json(member, (*place, key))
    else:
        yield place, json.dumps(value)


def _identity(member: Any) -> str:
    """What tells a member of a set from the others: its name, or all of it but the prose."""
    if isinstance(member, dict) and "name" in member:
        return f"{member.get('in', '')} {member['name']}".strip()
    if isinstance(member, dict | list):
        return ", ".join(sorted(f"{' '.join(place)}: {value}" for place, value in _json(member, ())))
    return json.dumps(member)


def _schema(schema: GraphQLSchema) -> Iterator[tuple[Place, str]]:
    for name, kind in schema.type_map.items():
        if not name.startswith("__") and not is_specified_scalar_type(kind):
            yield ("type", name), type(kind).__name__.removeprefix("GraphQL").removesuffix("Type")
            yield from _members(name, kind)
    for directive in schema.directives:
        yield ("directive", directive.name), ", ".join(f"{name}: {a.type}" for name, a in directive.args.items())


def _members(name: str, kind: GraphQLNamedType) -> Iterator[tuple[Place, str]]:
    place = ("type", name)
    if isinstance(kind, GraphQLEnumType):
        yield from (((*place, "value", value), "present") for value in kind.values)
    elif isinstance(kind, GraphQLUnionType):
        yield from (((*place, "member", member.name), "present") for member in kind.types)
    elif isinstance(kind, GraphQLInputObjectType):
        yield from (((*place, "field", field), _argument(given)) for field, given in kind.fields.items())
    elif isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        yield from (((*place, "implements", each.name), "present") for each in kind.interfaces)
        for field, given in kind.fields.items():
            yield (*place, "field", field), str(given.type)
            for argument, its in given.args.items():
                yield (*place, "field", field, "argument", argument), _argument(its)


def _argument(given: Any) -> str:
    if given.ast_node is not None and given.ast_node.default_value is not None:
        return f"{given.type} = {json.dumps(value_from_ast_untyped(given.ast_node.default_value))}"
    return str(given.type)


def difference(old: Flat, new: Flat) -> dict[str, list[str]]:
    """Return what was removed, added and changed. Of an object that came or went, only its first place is named."""
    found: dict[str, list[str]] = defaultdict(list)
    for title, ours, theirs in (("removed", old, new), ("added", new, old)):
        known = {place[:count] for place in theirs for count in range(1, len(place) + 1)}
        missing = {_first_missing(place, known) for place in ours.keys() - theirs.keys()}
        found[title] = sorted(" ".join(place) for place in missing)
    for place in sorted(old.keys() & new.keys()):
        if old[place] != new[place]:
            found["changed"].append(f"{' '.join(place)}: {old[place]} -> {new[place]}")
    return {title: lines for title, lines in found.items() if lines}


def _first_missing(place: Place, known: set[Place]) -> Place:
    return next((place[:count] for count in range(1, len(place)) if place[:count] not in known), place)


def main(arguments: list[str]) -> None:
    """Compare and print, grouped by document and kind of difference."""
    if len(arguments) not in {1, 2}:
        raise SystemExit((__doc__ or "").strip())
    old, new = read(arguments[0]), read(arguments[1] if len(arguments) == 2 else str(ROOT / IN_GIT))
    total = 0
    for name in sorted(old.keys() | new.keys()):
        if name not in old or name not in new:
            print(f"{name}: the document was {'added' if name in new else 'removed'}")
            total += 1
            continue
        for title, lines in difference(flat(name, old[name]), flat(name, new[name])).items():
            print(f"{name}: {title} ({len(lines)})", *(f"  {line}" for line in lines), sep="\n")
            total += len(lines)
    print(f"{total} differences" if total else "no difference but descriptions")


if __name__ == "__main__":
    main(sys.argv[1:])
