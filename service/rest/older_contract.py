"""The OpenAPI document for tools that know 3.0 only: the same operations, in the older dialect of JSON Schema."""

import copy
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
    made["info"].get("license", {}).pop("identifier", None)
    used = {tag for path in made["paths"].values() for each in path.values() for tag in each.get("tags", ())}
    made["tags"] = [tag for tag in made.get("tags", ()) if tag["name"] in used]
    schemas = made.get("components", {}).get("schemas", {})
    for name, schema in schemas.items():
        schemas[name] = _schema(schema)
    _walk(made["paths"])
    for section in ("headers", "parameters"):
        _walk(made.get("components", {}).get(section, {}))
    return made


def _walk(node: Any) -> None:
    """Convert every schema below a node, in place."""
    if isinstance(node, list):
        for inner in node:
            _walk(inner)
    elif isinstance(node, dict):
        for name, inner in node.items():
            if name == "schema" and isinstance(inner, dict):
                node[name] = _schema(inner)
            else:
                _walk(inner)


def _schema(schema: Any) -> Any:
    """Return one schema in the older dialect."""
    if not isinstance(schema, dict):
        return schema
    made = _without_null({name: value for name, value in schema.items() if name not in _UNKNOWN})
    made = {name: value for name, value in made.items() if name not in _UNKNOWN}
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
    for name in ("properties",):
        if isinstance(made.get(name), dict):
            made[name] = {member: _schema(inner) for member, inner in made[name].items()}
    for name in ("items", "additionalProperties", "not"):
        if isinstance(made.get(name), dict):
            made[name] = _schema(made[name])
    for name in ("anyOf", "oneOf", "allOf"):
        if name in made:
            made[name] = [_schema(inner) for inner in made[name]]
    return made


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that says `nullable` instead of naming a null type."""
    if isinstance(schema.get("type"), list):
        kinds = [kind for kind in schema["type"] if kind != "null"]
        if len(kinds) < len(schema["type"]):
            schema["nullable"] = True
        schema["type"] = kinds[0] if kinds else "string"
    elif schema.get("type") == "null":
        schema.update(type="string", nullable=True, enum=[None])
    for name in ("anyOf", "oneOf"):
        branches = schema.get(name)
        if branches and {"type": "null"} in branches:
            others = [branch for branch in branches if branch != {"type": "null"}]
            del schema[name]
            if len(others) == 1 and "$ref" not in others[0]:
                schema = {**others[0], **schema, "nullable": True}
            elif len(others) == 1:
                schema = {**schema, "allOf": others, "nullable": True}
            else:
                schema = {**schema, name: others, "nullable": True}
            return _without_null(schema)
    return schema
