"""The import contracts of pyproject.toml: the service keeps them, and each contract catches a violation."""

import graphlib
import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter with the project's contracts on the package `service` that stands in `folder`."""
    command: list[str | Path] = [
        Path(sys.executable).with_name("lint-imports"),
        "--config",
        ROOT / "pyproject.toml",
        "--no-cache",
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.fixture
def house(tmp_path: Path):
    """A function that builds a small `service` package out of {module path: source}."""

    def build(**sources: str) -> Path:
        for dotted, source in sources.items():
            path = tmp_path.joinpath("service", *dotted.split("__")).with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        for container in {name for contract in CONTRACTS for name in contract["containers"]}:
            tmp_path.joinpath(*container.split(".")).mkdir(parents=True, exist_ok=True)
        for folder in [tmp_path / "service", *(tmp_path / "service").rglob("*/")]:
            (folder / "__init__.py").touch()
        return tmp_path

    return build


def test_the_service_keeps_its_contracts():
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_no_contract_has_an_exception():
    excused = {contract["id"] for contract in CONTRACTS if any("ignore" in option for option in contract)}
    assert not excused, "what needs an exception stands on the wrong floor"


def test_modules_do_not_import_each_other_in_a_circle():
    graph = grimp.build_graph("service", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    order = list(graphlib.TopologicalSorter(imports).static_order())  # raises CycleError with the circle
    assert graph.modules <= set(order) and len(graph.modules) > 300


def test_imports_downwards_are_kept(house):
    result = lint(
        house(
            rest__accounts__people="from service.operations.accounts import people\n",
            operations__accounts__people="from service.records import rows\nfrom service.models.accounts import people\n",
            records__rows="",
            models__accounts__people="from service.platform import ids\n",
            platform__ids="",
        )
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("modules", "named"),
    [
        ({"models__accounts": "from service.operations import x\n", "operations__x": ""}, "service.operations"),
        ({"rest__a": "import service.graphql.b\n", "graphql__b": ""}, "service.graphql"),
        (
            {"operations__plans__a": "from service.operations.accounts import b\n", "operations__accounts__b": ""},
            "service.operations.accounts",
        ),
        (
            {"models__plans__a": "from service.models.accounts.b import x\n", "models__accounts__b": "x = 1\n"},
            "service.models.accounts",
        ),
        ({"rest__plans__a": "import service.rest.accounts.b\n", "rest__accounts__b": ""}, "service.rest.accounts"),
        ({"framework__a": "import service.models.b\n", "models__b": ""}, "service.models"),
        ({"framework__database__a": "import service.framework.web.b\n", "framework__web__b": ""}, "framework.web"),
        ({"leftovers__x": ""}, "leftovers"),
    ],
    ids=["upwards", "neighbours", "operations", "models", "rest", "framework", "rooms", "undeclared"],
)
def test_a_forbidden_import_is_named(house, modules, named):
    result = lint(house(**modules))
    assert result.returncode != 0, result.stdout
    assert named in result.stdout
