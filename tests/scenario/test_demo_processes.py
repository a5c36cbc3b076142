"""The demonstration with real processes: it ends in a bill, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.proc

SCHEDULING_S = 1.5
"""What a busy machine may add."""


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A short path, since sockets are made below it."""
    with tempfile.TemporaryDirectory(prefix="d-") as name:
        yield Path(name)


def start(temporary: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "evse", "demo", "--brief", "--out", str(temporary / "out")],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def left_behind(temporary: Path) -> list[str]:
    """Processes that were started with a path below `temporary`, and directories."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # it has just ended
        if str(temporary) in line:
            lines.append(line)
    return lines + [str(path) for path in temporary.glob("pievse-demo-*")]


def test_it_ends_in_a_bill_and_leaves_nothing_behind(temporary: Path) -> None:
    process = start(temporary)
    said, complained = process.communicate(timeout=55)
    assert (process.returncode, complained) == (0, "")
    for step in ("BootNotification", "waits for", "contactor  closed", "the line is back", "price"):
        assert step in said
    assert "<h2>Bill</h2>" in (temporary / "out" / "index.html").read_text("utf-8")
    assert left_behind(temporary) == []


def test_sigterm_ends_it_within_3_s_and_leaves_nothing_behind(temporary: Path) -> None:
    process = start(temporary)
    assert process.stdout is not None
    for line in process.stdout:
        if "BootNotification" in line:
            break
    begin_s = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, complained = process.communicate(timeout=30)
    assert time.monotonic() - begin_s < 3 + SCHEDULING_S
    assert (process.returncode, complained) == (130, "stopped\n")
    assert left_behind(temporary) == []
