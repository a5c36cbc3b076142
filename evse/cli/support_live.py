"""What a running station, its computer and its service manager tell for `evse support`."""

from __future__ import annotations

import asyncio
import platform
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from evse.cli.places import SUPERVISOR_SOCKET
from evse.door.client import LINK_SOCKET, DoorClient
from evse.door.jsonrpc import RpcError
from evse.support import stored
from evse.support.pack import Part
from evse.support.redaction import Pseudonym, redacted

ANSWER_S = 5.0
"""A station that hangs is one to be helped: nobody waits for it long."""
JOURNALCTL_S = 30.0
PROJECT = "pievse"
SHORT_FILES = (
    "/etc/os-release",
    "/proc/device-tree/model",
    "/proc/uptime",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/version",
    "/sys/class/thermal/thermal_zone0/temp",
    "/sys/devices/platform/soc/soc:firmware/get_throttled",
)
MAX_SHORT_BYTES = 4_000

Call = tuple[str, dict[str, Any]]
"""Method and params."""


# --- the doors ------------------------------------------------------------------------------------


def live(socket: Path, pseudonym: Pseudonym) -> Iterator[Part]:
    """Everything that the doors tell."""
    (state,) = asyncio.run(_ask(socket, [("sys.state", {})]))
    rows = state.get("evses", []) if isinstance(state, dict) else []
    if rows:
        yield Part("why.txt", "".join(f"{row['why']}\n" for row in rows).encode())
    yield _part("state.json", state, pseudonym)
    inspections: list[Call] = [("sys.inspect", {"evse": row["evse"]}) for row in rows]
    answers = asyncio.run(_ask(socket, inspections))
    for row, answer in zip(rows, answers, strict=True):
        yield _part(f"inspect-{row['evse']}.json", answer, pseudonym)
    for name, door, method in (
        ("ocpp-state.json", LINK_SOCKET, "ocpp.state"),
        ("processes.json", SUPERVISOR_SOCKET, "supervisor.processes"),
    ):
        (answer,) = asyncio.run(_ask(socket.with_name(door), [(method, {})]))
        yield _part(name, answer, pseudonym)


def _part(name: str, answer: Any, pseudonym: Pseudonym) -> Part:
    if isinstance(answer, Exception):
        return Part(name, missing=f"the station does not tell: {_words(answer)}")
    return Part(name, stored.text(redacted(answer, pseudonym=pseudonym)))


async def _ask(socket: Path, calls: list[Call]) -> list[Any]:
    """An answer for each call, or the exception that came instead. Whoever does not answer once is
    not asked again."""
    answers: list[Any] = []
    try:
        async with asyncio.timeout(ANSWER_S):
            door = await DoorClient.connect(socket)
    except (OSError, TimeoutError) as error:
        return [error] * len(calls)
    try:
        for method, params in calls:
            async with asyncio.timeout(ANSWER_S):
                try:
                    answers.append(await door.call(method, params))
                except RpcError as error:
                    answers.append(error)
    except (OSError, TimeoutError) as error:
        answers += [error] * (len(calls) - len(answers))
    finally:
        await door.aclose()
    return answers


def _words(error: Exception) -> str:
    if isinstance(error, RpcError):
        return error.message
    if isinstance(error, TimeoutError):
        return f"no answer within {ANSWER_S:.0f} s"
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        return "nobody is there"
    return str(error)


# --- the computer ---------------------------------------------------------------------------------


def computer(state_dir: Path) -> Iterator[Part]:
    """Versions, and how the computer is."""
    found = sorted({f"{d.metadata['Name']} {d.version}" for d in distributions()}, key=str.lower)
    lines = [f"python {platform.python_version()} {platform.platform()}", *found, ""]
    lines.sort(key=lambda line: not line.startswith((PROJECT, "python ")))
    yield Part("versions.txt", "\n".join(lines).encode())
    yield stored.part("computer.txt", lambda: _computer(state_dir).encode())


def _computer(state_dir: Path) -> str:
    parts = [f"# {name}\n{found}\n" for name in SHORT_FILES if (found := _short(Path(name)))]
    for place in (state_dir, Path("/")):
        if place.is_dir():
            disk = shutil.disk_usage(place)
            parts.append(f"# disk of {place}\n{disk.free} of {disk.total} bytes free\n")
    return "\n".join(parts)


def _short(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_SHORT_BYTES).rstrip(b"\0\n").decode("utf-8", errors="replace")
    except OSError:  # not every computer has each of them
        return ""


def service_log(lines: int) -> Part:
    """The newest lines of our units."""
    name = "services.log"
    command = shutil.which("journalctl")
    if command is None:
        return Part(name, missing="there is no journalctl here")
    wanted = ["--unit", "pievse-*", "--lines", str(lines), "--no-pager", "--output", "short-iso"]
    try:
        done = subprocess.run(
            [command, "--quiet", *wanted], capture_output=True, timeout=JOURNALCTL_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Part(name, missing=f"journalctl gives nothing: {error}")
    if not done.stdout.strip():
        said = done.stderr.decode("utf-8", errors="replace").strip()
        return Part(name, missing=said or "the system's journal has nothing of our services")
    return Part(name, done.stdout)
