"""The OpenAPI document for tools that know 3.0 only: the same operations, in the older dialect of JSON Schema."""

import copy
from collections.abc import Mapping
from typing import Any

_UNKNOWN = (
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "dependentRequired",
    "if",
    "propertyNames",
    "then",
    "unevaluatedProperties",
)


def openapi_30(document: dict[str, Any]) -> dict[str, Any]:
    """Return a 3.1 document as 3.0.3: null types become `nullable`, examples one example, webhooks are left out."""
    made = copy.deepcopy(document)
    made["openapi"] = "3.0.3"
    for member in ("webhooks", "jsonSchemaDialect"):
        made.pop(member, None)
    made["info"].pop("summary", None)
    license_info = made["info"].get("license", {})
    if identifier := license_info.pop("identifier", None):
        license_info["url"] = f"https://spdx.org/licenses/{identifier}.html"
    used = {tag for path in made["paths"].values() for each in path.values() for tag in each.get("tags", ())}
    made["tags"] = [tag for tag in made.get("tags", ()) if tag["name"] in used]
    schemas = made.get("components", {}).get("schemas", {})
    kinds = {f"#/components/schemas/{name}": schema.get("type", "object") for name, schema in schemas.items()}
    for name, schema in schemas.items():
        schemas[name] = _schema(schema, kinds)
    _walk(made["paths"], kinds)
    for section in ("headers", "parameters"):
        _walk(made.get("components", {}).get(section, {}), kinds)
    return made


def _walk(node: Any, kinds: Mapping[str, str]) -> None:
    """Convert every schema below a node, in place."""
    if isinstance(node, list):
        for inner in node:
            _walk(inner, kinds)
    elif isinstance(node, dict):
        for name, inner in node.items():
            if name == "schema" and isinstance(inner, dict):
                node[name] = _schema(inner, kinds)
            else:
                _walk(inner, kinds)


def _schema(schema: Any, kinds: Mapping[str, str]) -> Any:
    """Return one schema in the older dialect; `kinds` are the types of the shared schemas by reference."""
    if not isinstance(schema, dict):
        return schema
    made = _without_null({name: value for name, value in schema.items() if name not in _UNKNOWN}, kinds)
    if "$ref" in made and len(made) > 1:
        made["allOf"] = [{"$ref": made.pop("$ref")}]
    if "examples" in made:
        examples = made.pop("examples")
        if isinstance(examples, list) and examples:
            made.setdefault("example", examples[0])
    if "const" in made:
        made["enum"] = [made.pop("const")]
    for bound, flag in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(made.get(flag), int | float) and not isinstance(made.get(flag), bool):
            made[bound], made[flag] = made[flag], True
    if "patternProperties" in made:
        patterns = list(made.pop("patternProperties").values())
        made.setdefault("additionalProperties", patterns[0] if patterns else True)
    if "prefixItems" in made:
        made.pop("prefixItems")
        made.setdefault("items", {})
    if isinstance(made.get("properties"), dict):
        made["properties"] = {member: _schema(inner, kinds) for member, inner in made["properties"].items()}
    for name in ("items", "additionalProperties", "not"):
        made.update({name: _schema(made[name], kinds)} if name in made else {})
    for name in ("anyOf", "oneOf", "allOf"):
        if name in made:
            made[name] = [_schema(inner, kinds) for inner in made[name]]
    return made


def _without_null(schema: dict[str, Any], kinds: Mapping[str, str]) -> dict[str, Any]:
    """Return a schema that says `nullable`, beside a type as it must be, instead of naming a null type."""
    if isinstance(schema.get("type"), list):
        named = [kind for kind in schema["type"] if kind != "null"]
        nullable = {"nullable": True} if len(named) < len(schema["type"]) else {}
        return {**schema, "type": named[0] if named else "string", **nullable}
    if schema.get("type") == "null":
        return {**schema, "type": "string", "nullable": True, "enum": [None]}
    for name in ("anyOf", "oneOf"):
        branches = schema.get(name, [])
        others = [branch for branch in branches if branch != {"type": "null"}]
        if len(others) == len(branches):
            continue
        rest = {member: value for member, value in schema.items() if member != name}
        if len(others) > 1:
            first = next((at for at, branch in enumerate(others) if "type" in branch), 0)
            others[first] = {**others[first], "nullable": True}
            return {**rest, name: others}
        only = others[0]
        if "$ref" in only:
            return {**rest, "type": kinds.get(only["$ref"], "object"), "nullable": True, "allOf": [only]}
        inner = {member: value for member, value in only.items() if member not in _UNKNOWN}
        return _without_null({**inner, **rest, "nullable": True}, kinds)
    return schema
