"""Where a station keeps its state and its sockets, and how commands find it."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
from pathlib import Path

from evse.config.load import load
from evse.config.read import ConfigError
from evse.config.station import StationConfig
from evse.door.peer import gid_of

SOCKET_VARIABLE = "PIEVSE_SOCKET"
DOOR_SOCKET = "door.sock"
SYSTEM_RUN_DIR = Path("/run/pievse")
"""There where the station runs under systemd (docs/units.md)."""
SUPERVISOR_SOCKET = "supervisor.sock"
"""Beside the door, served by `evse run` for as long as the station is up."""

STATE_DIR_MODE = 0o750
"""Tokens, keys and who charged when are in it."""
MAX_SOCKET_PATH = 100
"""Unix socket paths end at 107 bytes; ours append up to a short file name."""


def default_state_dir() -> Path:
    """`/var/lib/pievse` for root under systemd, else below the user's state directory."""
    system = Path("/var/lib/pievse")
    if os.access(system, os.W_OK):
        return system
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "pievse"


def make_state_dir(state_dir: Path, group: str = "") -> None:
    """Make it for its owner and its group alone, whatever the umask; one that is there is left as
    it is. `group` is the door's, whose members must get through to it. Raises OSError."""
    state_dir.parent.mkdir(parents=True, exist_ok=True)
    try:
        state_dir.mkdir(mode=0o700)
    except FileExistsError:
        return
    if group:
        with contextlib.suppress(KeyError, OSError):  # the door says so in its log
            os.chown(state_dir, -1, gid_of(group))
    state_dir.chmod(STATE_DIR_MODE)


def run_dir(state_dir: Path) -> Path:
    """For the sockets and ptys of a running station."""
    return state_dir / "run"


def default_socket(state_dir: Path) -> Path:
    return run_dir(state_dir) / DOOR_SOCKET


def asked_by_default() -> Path:
    """The door that commands knock at when none is named."""
    named = os.environ.get(SOCKET_VARIABLE)
    if named:
        return Path(named)
    if SYSTEM_RUN_DIR.is_dir():
        return SYSTEM_RUN_DIR / DOOR_SOCKET
    return default_socket(default_state_dir())


def add_socket(parser: argparse.ArgumentParser) -> None:
    """`--socket`, for commands that talk to a running station."""
    parser.add_argument(
        "--socket",
        type=Path,
        default=asked_by_default(),
        help=f"the station's door (default: ${SOCKET_VARIABLE}, else %(default)s)",
    )


def somebody_at(path: Path) -> bool:
    """Does a process serve this Unix socket?"""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def load_or_explain(path: Path) -> StationConfig | None:
    """The configuration, or None after all its mistakes were printed."""
    from drivers.metering.settings import meter_problems  # not for those who ask for a path alone

    try:
        config = load(path)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return None
    if problems := meter_problems(config):
        print("\n".join(f"{path.name}: {problem}" for problem in problems), file=sys.stderr)
        return None
    return config


def explain_no_pins(error: ModuleNotFoundError) -> None:
    """Of a program without the libraries of the pins, which are an extra. Raises `error` where
    something else is missing."""
    if error.name != "gpiozero":
        raise error
    print(
        "a native board needs the libraries of the pins: install pievse[gpio] (docs/install.md)",
        file=sys.stderr,
    )


def board_explained(config: StationConfig, path: Path) -> bool:
    """False after everything was printed that keeps a native board from being used. Not for a core
    or a link: it brings the libraries of the pins."""
    if config.board.kind != "native":
        return True
    try:
        from drivers.board.fitted import board_problems
    except ModuleNotFoundError as error:
        explain_no_pins(error)
        return False
    problems = board_problems(config)
    if problems:
        print("\n".join(f"{path.name}: {problem}" for problem in problems), file=sys.stderr)
    return not problems
