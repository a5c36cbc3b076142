"""What every process does at its start: it ends with its supervisor, and knows its boot."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from evse.run.process import BOOT_ID_VARIABLE, SUPERVISOR_VARIABLE, boot_id, die_with_parent

CHILD = "import signal; from evse.run.process import die_with_parent as d; d()"
CHILD += "; print(1, flush=True); signal.pause()"
SUPERVISOR = f"""
import os, signal, subprocess, sys
environment = {{**os.environ, "{SUPERVISOR_VARIABLE}": str(os.getpid())}}
child = subprocess.Popen((sys.executable, "-c", {CHILD!r}), env=environment)
signal.pause()
"""


def test_a_child_ends_when_its_supervisor_is_killed() -> None:
    supervisor = subprocess.Popen((sys.executable, "-c", SUPERVISOR), stdout=subprocess.PIPE)
    assert supervisor.stdout is not None
    with supervisor, supervisor.stdout as told:
        assert told.readline() == b"1\n", "the child lives"
        supervisor.send_signal(signal.SIGKILL)
        readable, _, _ = select.select([told], (), (), 30)
        assert readable
        assert told.read() == b"", "and let go of its end of the pipe"


def test_a_child_that_comes_too_late_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its supervisor died before it could ask to be told."""
    monkeypatch.setenv(SUPERVISOR_VARIABLE, "1")
    code = "from evse.run.process import die_with_parent as d; d(); print('lives')"
    found = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True)
    assert found.returncode == 1
    assert "the supervisor (process 1) is gone" in found.stderr
    assert "lives" not in found.stdout


def test_without_a_supervisor_a_process_depends_on_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SUPERVISOR_VARIABLE, raising=False)
    die_with_parent()


def test_boot_id_is_the_supervisors_or_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BOOT_ID_VARIABLE, "boot 7")
    assert boot_id() == "boot 7"
    monkeypatch.delenv(BOOT_ID_VARIABLE)
    assert boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    assert os.environ.get(BOOT_ID_VARIABLE) is None
