"""Every word has its meaning, and the rules use nothing but the standard library."""

import ast
import sys
from pathlib import Path

from service.rules import vocabulary as words

RULES = Path(words.__file__).parent


def test_every_word_is_explained() -> None:
    assert set(words.QUADRANTS) == set(words.Quadrant)
    assert set(words.SUPPLIER_STATUSES) == set(words.SupplierStatus)
    assert set(words.ROLES) == set(words.StakeholderRole)
    assert set(words.PERCEPTION_NAMES) == set(words.PerceptionLevel)
    assert words.STANCE_NAMES[words.Stance.ANTI_SPONSOR] == "anti_sponsor"
    assert list(words.SCOPE_LEVELS.values()) == [1, 2, 3, 4, 5, 6]
    assert [terms.level for terms in words.SUPPLIER_STATUSES.values()] == [1, 2, 3, 4]


def test_the_rules_import_only_the_standard_library_and_know_no_clock() -> None:
    for path in RULES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            for name in names:
                root = name.split(".")[0]
                assert name.startswith("service.rules.") or root in sys.stdlib_module_names, (path.name, name)
                assert root not in {"time", "os", "random", "socket"}, (path.name, name)
                if root == "datetime":  # days are values; asking what day it is would be a clock
                    assert isinstance(node, ast.ImportFrom), path.name
                    assert {alias.name for alias in node.names} <= {"date", "timedelta"}, path.name
            assert not (isinstance(node, ast.Attribute) and node.attr in {"today", "now", "utcnow"}), path.name
            assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), (path.name, node.lineno)
