"""The README's walk to "why is it not charging?": each command as printed, each answer as told."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.proc

ROOT = Path(__file__).parents[2]
COMMAND = ".venv/bin/evse "
ANSWERS_WITHIN_S = 20
"""What a busy machine may take from an act to the answer that tells of it."""


def walk() -> list[tuple[list[str], str]]:
    """(words after `evse`, what the README says that it prints) of the section, in order."""
    section = (ROOT / "README.md").read_text("utf-8").split("### Why is it not charging?")[1]
    lines = [line for line in section.splitlines() if line.startswith(COMMAND)]
    parted = [line.removeprefix(COMMAND).partition("#") for line in lines]
    return [(shlex.split(words), promise.strip()) for words, _hash, promise in parted]


def evse(*words: str) -> list[str]:
    return [sys.executable, "-m", "evse", *words]


@pytest.fixture
def home() -> Iterator[Path]:
    """A short path, since sockets are made below it."""
    with tempfile.TemporaryDirectory(prefix="w-") as name:
        yield Path(name)


def told(words: list[str], pattern: str, environment: dict[str, str]) -> str:
    """What `evse` printed last: what was promised, or what it still said when time was up."""
    deadline_s = time.monotonic() + ANSWERS_WITHIN_S
    while True:
        done = subprocess.run(
            evse(*words), env=environment, capture_output=True, text=True, timeout=30, cwd=ROOT
        )
        said = (done.stdout + done.stderr).strip()
        if re.fullmatch(pattern, said) or time.monotonic() > deadline_s:
            return said


def test_each_command_answers_as_the_readme_says(home: Path) -> None:
    (start, _promise), *asked = walk()
    environment = {**os.environ, "PIEVSE_SOCKET": str(home / "run" / "door.sock")}
    with subprocess.Popen(
        evse(*start, "--state-dir", str(home)),
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    ) as station:
        try:
            for words, promise in asked:
                pattern = re.escape(promise).replace(r"\.\.\.", ".*")
                if words != ["why"]:
                    pattern = "(?s)true|{.*}"
                said = told(words, pattern, environment)
                assert re.fullmatch(pattern, said), (words, promise, said)
        finally:
            station.terminate()
            assert station.wait(30) == 0
