"""The habits that no linter checks: where imports stand, what files are called, what the repository must not hold."""

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {"service", "migrations", "openapi", "tests"}
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "base_service"}
FILE_LINES = 400
FUNCTION_LINES = 60
REGISTRIES = re.compile("|".join(re.escape(".".join(host)) for host in [
    ("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"), ("yarnpkg", "com"),
    ("deb", "debian", "org"), ("proxy", "golang", "org"),
]))  # fmt: skip
MACHINE_PATHS = re.compile(r"/(?:root|work)/\w|/(?:home|Users)/\w")

SUBJECTS = (
    "accounts", "classification", "relationship", "plans", "figures", "programme", "crm", "events", "webhooks", "access",
    "system",
)  # fmt: skip
SUBJECT_FILES = 15
# Words of before, with how often service/ may still use each. A number may only fall.
WORDS_OF_BEFORE = {
    "told": 9, "tells?": 13, "anew": 1, "yardsticks?": 0, "whoever": 4, "overtaken?": 0, "so many": 0,
    "lets? go": 0, "gives? back|given back": 0,
}  # fmt: skip

SOURCES = sorted((ROOT / "service").rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def tracked() -> tuple[Path, ...]:
    """What git knows of. Without git (an unpacked archive) there is nothing to check."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("no git repository here")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(Path(name) for name in names.split("\0") if name and (ROOT / name).is_file())


def place(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def own_imports(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.walk(node):
        if isinstance(child, ast.ImportFrom) and (child.level or (child.module or "").split(".")[0] == "service"):
            yield child
        if isinstance(child, ast.Import) and any(name.name.split(".")[0] == "service" for name in child.names):
            yield child


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_own_modules_are_imported_at_the_top():
    hidden = {place(path, found) for path in SOURCES for node in functions(path) for found in own_imports(node)}
    assert not hidden, f"an import inside a function hides a circle: {sorted(hidden)}"


def test_there_are_no_type_checking_blocks():
    names = {
        place(path, node)
        for path in SOURCES
        for node in ast.walk(tree(path))
        if getattr(node, "id", getattr(node, "attr", None)) == "TYPE_CHECKING"
    }
    assert not names, f"TYPE_CHECKING hides a circle: {sorted(names)}"


def test_every_file_says_at_its_head_what_it_holds():
    silent = [
        str(path.relative_to(ROOT)) for path in SOURCES if path.stat().st_size and not ast.get_docstring(tree(path))
    ]
    assert not silent


def test_every_operation_and_rule_says_what_it_does():
    silent = [
        f"{place(path, node)} {node.name}"
        for path in SOURCES
        if path.relative_to(ROOT / "service").parts[0] in {"operations", "rules"}
        for node in tree(path).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert not silent


def test_names_say_something():
    vague = [str(path.relative_to(ROOT)) for path in SOURCES if {path.stem, path.parent.name} & VAGUE]
    assert not vague


@pytest.mark.parametrize("words", WORDS_OF_BEFORE)
def test_words_that_were_replaced_do_not_come_back(words: str):
    pattern = re.compile(rf"(?<![A-Za-z])(?:{words})(?![A-Za-z])", re.IGNORECASE)
    found = sum(len(pattern.findall(path.read_text(encoding="utf-8"))) for path in SOURCES)
    assert found <= WORDS_OF_BEFORE[words], f"{words!r} stands {found} times in service: take the field's own noun"


def test_the_folder_of_a_subject_holds_few_files():
    folders = {path.parent for path in SOURCES if set(path.relative_to(ROOT / "service").parent.parts) & set(SUBJECTS)}
    counts = {str(folder.relative_to(ROOT)): len(list(folder.glob("*.py"))) for folder in folders}
    assert not {folder: count for folder, count in counts.items() if count > SUBJECT_FILES}


def test_files_and_functions_stay_readable():
    long = [
        f"{path.relative_to(ROOT)} has {count} lines"
        for path in SOURCES
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > FILE_LINES
    ]
    long += [
        f"{place(path, node)} {node.name} has {count} lines"
        for path in SOURCES
        for node in functions(path)
        if (count := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
    ]
    assert not long


def test_the_top_level_holds_only_the_agreed_folders():
    folders = {path.parts[0] for path in tracked() if len(path.parts) > 1}
    assert {name for name in folders if not name.startswith(".")} <= FOLDERS


def test_nothing_tracked_names_a_registry_or_a_place_on_a_machine():
    found = []
    for path in tracked():
        try:
            text = (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path}: {match.group()}" for what in (REGISTRIES, MACHINE_PATHS) for match in what.finditer(text)]
    assert not found


def test_the_wrapper_is_executable():
    listed = subprocess.run(
        ["git", "ls-files", "--stage", "kam"], cwd=ROOT, capture_output=True, text=True, check=bool(tracked())
    )
    assert listed.stdout.startswith("100755")


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_pins_by_hash_and_names_no_place(name: str):
    lines = (ROOT / name).read_text().splitlines()
    pins = [line for line in lines if not line.startswith(" ")]
    assert pins
    assert all(re.match(r"[a-z0-9][\w.\-]*(\[[\w,\-]+\])?==\S+( ;.*)? \\$", line) for line in pins)
    assert all(re.match(r"    --hash=sha256:[0-9a-f]{64}( \\)?$", line) for line in lines if line.startswith(" "))


def test_the_development_lock_repeats_the_pins_of_the_other():
    pins, more = (
        set(re.findall(r"^(\S+==\S+)", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("requirements.lock", "requirements-dev.lock")
    )
    assert pins <= more
