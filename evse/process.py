"""What every process of a station does at its start: logging, its parent, its computer's boot."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
"""prctl(2)."""
BOOT_ID_VARIABLE = "PIEVSE_BOOT_ID"
"""Set by the supervisor of a simulated station, whose power can be cut."""


def die_with_parent() -> None:
    """Get SIGTERM when the parent ends, however it ends. Only under the supervisor."""
    if os.environ.get("PIEVSE_SUPERVISED") and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def boot_id() -> str:
    """The same for every process of one boot of the computer."""
    simulated = os.environ.get(BOOT_ID_VARIABLE)
    if simulated:
        return simulated
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return "unknown"


def log_to_stderr(unit: str, level: int = logging.INFO) -> None:
    """One line an event: journald and a supervisor add the time."""
    logging.basicConfig(
        stream=sys.stderr,
        level=level,
        format=f"{unit} %(levelname)s %(name)s %(message)s",
        force=True,
    )
