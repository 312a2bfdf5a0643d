"""What the image and the compose file promise, as far as it can be read without running them."""

import re
from pathlib import Path

import yaml

from service.platform.settings import Settings

ROOT = Path(__file__).parents[2]


def test_compose_sets_only_settings_that_exist():
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    known = {f"KAM_{name.upper()}" for name in Settings.model_fields}
    for name in ("api", "worker"):
        assert set(services[name]["environment"]) <= known


def test_compose_holds_no_secret():
    text = (ROOT / "compose.yaml").read_text()
    for name in ("KAM_SECRET_KEY", "POSTGRES_PASSWORD"):
        assert re.search(rf"^ +{name}: \$\{{\w+:\?", text, re.MULTILINE)


def test_the_image_runs_as_a_user_and_is_watched():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if re.match(r"USER (?!root|0)", line)]
    assert [line for line in lines if line.startswith("HEALTHCHECK ")]
    assert [line for line in lines if line.startswith("ARG BASE=")]
