"""Runs the processes of a station for people without systemd: starts, restarts, ends them.

A process that ends is started again after a short wait that grows while it keeps failing. On
SIGTERM the core is asked first, so that ring 1 opens on an orderly word, then everything else,
and what has not ended after STOP_S is killed; the whole takes less than 3 s. If the supervisor
itself is killed, its children get SIGTERM from the kernel (process.die_with_parent).
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from evse.process import BOOT_ID_VARIABLE

STOP_S = 2.0
"""For the core; then ring 1 and the links, then the simulated metal have REST_STOP_S each."""
REST_STOP_S = 0.4
FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 5.0
STEADY_S = 10.0
"""After so long a process counts as healthy, and its next restart is quick again."""

_log = logging.getLogger(__name__)


class Unit(msgspec.Struct, frozen=True):
    """One process: its name and its command line."""

    name: str
    argv: tuple[str, ...]
    simulated_metal: bool = False
    """Part of the simulated world: a power cut of the station does not end it."""


def python_unit(name: str, module: str, *arguments: str, simulated_metal: bool = False) -> Unit:
    """A unit that runs a module of ours on this interpreter."""
    return Unit(name, (sys.executable, "-m", module, *arguments), simulated_metal)


class Supervisor:
    """Keeps units running until `stop`."""

    def __init__(self, units: Sequence[Unit], environment: Mapping[str, str] | None = None) -> None:
        self._units = {unit.name: unit for unit in units}
        self._environment = {**os.environ, **(environment or {}), "PIEVSE_SUPERVISED": "1"}
        self._environment.setdefault(BOOT_ID_VARIABLE, str(uuid.uuid4()))
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._restarts = dict.fromkeys(self._units, 0)
        self._power = asyncio.Event()
        self._power.set()
        self._without_power: set[str] = set()
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Start everything; return when `stop` is set and all have ended."""
        self._tasks = [
            asyncio.create_task(self._keep(unit), name=unit.name) for unit in self._units.values()
        ]
        await stop.wait()
        await self._end()

    def processes(self) -> list[dict[str, Any]]:
        """Name, pid (None = not running) and restarts of each unit."""
        return [
            {"name": name, "pid": self._pid(name), "restarts": self._restarts[name]}
            for name in self._units
        ]

    async def power_cut(self, names: Sequence[str], off_s: float) -> None:
        """Kill `names` at once, leave them without power for `off_s`, start them again.

        All units that are no simulated metal form the computer: when all of them are cut, the
        next start is another boot of it. Raises KeyError for an unknown name.
        """
        unknown = [name for name in names if name not in self._units]
        if unknown:
            raise KeyError(unknown[0])
        computer = {unit.name for unit in self._units.values() if not unit.simulated_metal}
        if computer <= set(names):
            self._environment[BOOT_ID_VARIABLE] = str(uuid.uuid4())
        self._without_power |= set(names)
        self._power.clear()
        for name in names:
            self._signal(name, signal.SIGKILL)
        await asyncio.sleep(off_s)
        self._without_power -= set(names)
        self._power.set()

    async def _keep(self, unit: Unit) -> None:
        """For ever: `_end` cancels it once the process has ended."""
        wait_s = FIRST_WAIT_S
        loop = asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            code = await self._run_once(unit)
            if unit.name in self._without_power or self._stopping:
                await self._power.wait()
            else:
                _log.warning("%s ended with %s; starting it again", unit.name, _ended(code))
                wait_s = FIRST_WAIT_S if loop.time() - began_s > STEADY_S else wait_s
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            self._restarts[unit.name] += 1

    async def _run_once(self, unit: Unit) -> int:
        process = await asyncio.create_subprocess_exec(
            *unit.argv, env=self._environment, stdin=asyncio.subprocess.DEVNULL
        )
        self._processes[unit.name] = process
        return await process.wait()

    async def _end(self) -> None:
        self._stopping = True
        self._power.clear()
        ours = [unit.name for unit in self._units.values() if not unit.simulated_metal]
        self._signal("ocpp", signal.SIGTERM)
        await self._end_units([name for name in ours if name == "core"], STOP_S)
        await self._end_units(ours, REST_STOP_S)
        await self._end_units(list(self._units), REST_STOP_S)
        for name in self._units:
            self._signal(name, signal.SIGKILL)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _end_units(self, names: list[str], within_s: float) -> None:
        waits = []
        for name in names:
            self._signal(name, signal.SIGTERM)
            if name in self._processes:
                waits.append(asyncio.create_task(self._processes[name].wait()))
        if waits:
            await asyncio.wait(waits, timeout=within_s)

    def _signal(self, name: str, number: signal.Signals) -> None:
        process = self._processes.get(name)
        if process is not None and process.returncode is None:
            process.send_signal(number)

    def _pid(self, name: str) -> int | None:
        process = self._processes.get(name)
        return None if process is None or process.returncode is not None else process.pid


def _ended(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
