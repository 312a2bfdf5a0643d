"""Every command and answer printed in README.md, run against a real server: what a newcomer types is what works.

A `console` block is a session of one shell: `$ ` begins a command (`> ` goes on), the lines after it are its output. The
blocks of the page are run in their order in one shell, so that variables stay. What differs from run to run (ids,
times, keys, secrets, signatures) is compared as such; `...` stands for any text. `./kam serve` in the first block is
started by the test on a free port, and its key put where the page says so.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.live import serve
from tests.postgres import free_port

ROOT = Path(__file__).resolve().parents[1]
END = "--- end of command"
VARIABLE = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"\d{4}-\d\d-\d\d", "DAY"),
    (r"kam_[A-Za-z0-9_-]{20,}", "KEY"),
    (r"whsec_[A-Za-z0-9+/=]+", "SECRET"),
    (r'"cursor":"[^"]+"', '"cursor":"CURSOR"'),
    (r'"next_cursor":"[^"]+"', '"next_cursor":"CURSOR"'),
    (r'"request_id":"[^"]+"', '"request_id":"REQUEST"'),
)


@dataclass
class Command:
    """One command of the page and the output printed below it."""

    text: str
    output: list[str] = field(default_factory=list)


def commands(page: str) -> Iterator[Command]:
    """The commands of all console blocks, in order."""
    for block in re.findall(r"^```console\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        found: list[Command] = []
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Command(line[2:]))
            elif line.startswith("> ") and found and not found[-1].output:
                found[-1].text += "\n" + line[2:]
            else:
                found[-1].output.append(line)
        yield from found


def plain(text: str) -> str:
    """A text with what differs from run to run replaced by its name."""
    for pattern, name in VARIABLE:
        text = re.sub(pattern, name, text)
    return text.strip()


def matches(expected: str, got: str) -> bool:
    """Whether an output is as printed, where `...` stands for any text."""
    parts = [re.escape(part) for part in plain(expected).split("...")]
    return re.fullmatch(".*?".join(parts), plain(got), re.DOTALL) is not None


class Shell:
    """A shell that stays."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str) -> str:
        """Run a command and return what it printed."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{command}\necho '{END}'\n")
        self._process.stdin.flush()
        lines = []
        for line in self._process.stdout:
            if line.strip() == END:
                break
            lines.append(line)
        return "".join(lines)

    def close(self) -> None:
        """End the shell."""
        self._process.kill()
        self._process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="the page is written for a POSIX shell")
def test_the_readme_does_what_it_says(tmp_path: Path) -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    first, *rest = commands(page)
    assert first.text.endswith("./kam serve"), "the first command of the page starts the service"
    receiver = free_port()
    with serve(tmp_path, environment={"KAM_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8"}) as live:
        for line in first.output[-1:]:
            assert line.startswith("Serving http://127.0.0.1:8000") and "Serving http://127.0.0.1:" in live.logged()
        shell = Shell(tmp_path)
        try:
            for command in rest:
                text = command.text.replace("http://127.0.0.1:8000", live.url).replace("9000", str(receiver))
                text = re.sub(r"kam_[A-Za-z0-9_.-]{3,}", live.key, text)
                got = shell.run(text.replace("./kam", f"{sys.executable} -m service"))
                expected = "\n".join(command.output).replace("http://127.0.0.1:8000", live.url)
                expected = expected.replace("9000", str(receiver))
                assert matches(expected, got), f"$ {command.text}\nprinted:\n{plain(expected)}\ngot:\n{plain(got)}"
        finally:
            shell.close()
    assert len(rest) >= 10
