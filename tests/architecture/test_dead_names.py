"""Names that nothing uses: every function, class, method and constant of `service` is read somewhere in it.

A test is no use: what only tests read belongs into the tests. A name counts as used when its identifier is read
anywhere in `service` or the migrations outside its own definition, also as an attribute, a keyword or a string. So the
check overlooks some dead names (two methods of one name, of which one is used), and reports no living ones.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("service", "migrations")
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
# Called by the packages that their classes extend, or by Python itself, never by our own code.
CALLED_FROM_OUTSIDE: dict[str, str] = {}
# Nothing of ours reads these; each line says what keeps it.
KEPT: dict[str, str] = {}


def definitions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """The functions, classes, methods and constants of a module, with the statement that defines each."""
    for node in ast.walk(tree):
        if isinstance(node, DEFINITIONS):
            yield node.name, node
    for statement in tree.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
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


def dead_names() -> set[str]:
    """`file:line name` of each definition that nothing reads."""
    sources = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sources}
    read: dict[str, int] = {}
    for tree in trees.values():
        for name in uses(tree):
            read[name] = read.get(name, 0) + 1
    dead = set()
    for path, tree in trees.items():
        if path.relative_to(ROOT).parts[0] != "service":
            continue
        for name, node in definitions(tree):
            special = name.startswith("__") or name in CALLED_FROM_OUTSIDE or name in KEPT or registered(node)
            if not special and read.get(name, 0) == sum(used == name for used in uses(node)):
                dead.add(f"{path.relative_to(ROOT)}:{node.lineno} {name}")
    return dead


def test_every_name_is_used():
    assert not dead_names()
