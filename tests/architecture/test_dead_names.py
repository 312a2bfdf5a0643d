"""No dead names: every function, class, method and constant of `service` is read somewhere in it.

A test does not count as use: a name that only tests read belongs into the tests. A name counts as used when its
identifier is read in `service` or the migrations outside its definition, also as an attribute, a keyword or a string.
So the check overlooks some dead names (two methods of one name, of which one is used), and never reports a used one.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("service", "migrations")
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
# What keeps a name that nothing of ours reads.
KEPT = {
    **dict.fromkeys(["do_POST", "log_message"], "http.server calls it"),
    **dict.fromkeys(["list_commands", "resolve_command"], "typer calls it"),
    **dict.fromkeys(["startup", "handle_websocket_upgrade", "send_400_response", "handle_connect"], "uvicorn calls it"),
    **dict.fromkeys(["build_middleware_stack"], "FastAPI calls it"),
    **dict.fromkeys(["execute_fields", "execute_fields_serially", "complete_object_value"], "graphql-core calls it"),
    **dict.fromkeys(
        ["handle_async_request", "has_redirect_location", "extract_cookies", "build_request"], "httpx calls it"
    ),
    **dict.fromkeys(
        ["load_dialect_impl", "process_bind_param", "process_result_value", "bind_processor"], "SQLAlchemy calls it"
    ),
    **dict.fromkeys(["connection_made", "data_received", "eof_received"], "asyncio calls it"),
    **dict.fromkeys(
        ["on_message_begin", "on_header", "on_headers_complete", "on_body", "on_message_complete"], "httptools calls it"
    ),
    **dict.fromkeys(
        ["SUPPLIER_STATUSES", "SCOPE_LEVELS", "PERCEPTION_NAMES", "STANCE_NAMES", "ROLES"],
        "the method's vocabulary, whole whether or not something shows it yet",
    ),
    "run_due": "one round of the loop that runs jobs, for tests that run it when they want it",
}


def definitions(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """The functions, classes, methods and constants of a module, with the statement that defines each."""
    for node in ast.walk(tree):
        if isinstance(node, DEFINITIONS):
            yield node.name, node
    for statement in tree.body:
        if not isinstance(statement, ast.Assign | ast.AnnAssign):
            continue
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for target in targets:
            if isinstance(target, ast.Name):
                yield target.id, statement


def uses(node: ast.AST) -> Iterator[str]:
    """Every identifier that the code below `node` reads."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
            yield part.id
        elif isinstance(part, ast.Attribute):
            yield part.attr
        elif isinstance(part, ast.keyword) and part.arg:
            yield part.arg
        elif isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.isidentifier():
            yield part.value


def registered(node: ast.AST) -> bool:
    """Whether a decorator that is a call, as `@router.get(...)`, hands the function to what calls it."""
    return any(isinstance(decorator, ast.Call) for decorator in getattr(node, "decorator_list", []))


def dead_names() -> dict[str, str]:
    """The definitions that nothing reads, each with its place."""
    sources = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sources}
    read = Counter(name for tree in trees.values() for name in uses(tree))
    return {
        name: f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, tree in trees.items()
        if path.is_relative_to(ROOT / "service")
        for name, node in definitions(tree)
        if not name.startswith("__") and not registered(node)
        if read[name] == sum(used == name for used in uses(node))
    }


def test_every_name_is_used():
    dead = {name: place for name, place in dead_names().items() if name not in KEPT}
    assert not dead


def test_what_is_kept_without_a_use_is_still_there():
    assert KEPT.keys() <= dead_names().keys()
