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
SUPERVISOR_VARIABLE = "PIEVSE_SUPERVISOR"
"""Set by the supervisor to its process id."""
BOOT_ID_VARIABLE = "PIEVSE_BOOT_ID"
"""Set by a supervisor that has cut the power of a simulated station: another boot than the
kernel's."""
BOARD_SOCKET = "board.sock"
"""In the run directory: where a native guard waits for its core."""
TEMPERATURES = "temperature"
"""In the run directory: what the reader of slow sensors has found (drivers/temperature/slow.py)."""
EXIT_RESTART_APPLICATION = 80
"""Of a link whose back office wants the station's programs to begin anew."""
EXIT_RESTART_HARDWARE = 81
"""All of it, ring 1 too."""


def die_with_parent() -> None:
    """Get SIGTERM when the supervisor ends, however it ends. Raises SystemExit where it has ended
    before it could be asked for; without a supervisor nothing happens."""
    supervisor = os.environ.get(SUPERVISOR_VARIABLE)
    if not supervisor or sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if str(os.getppid()) != supervisor:
        raise SystemExit(f"the supervisor (process {supervisor}) is gone; ending with it")


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
