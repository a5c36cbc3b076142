"""Runs the processes of a station for people without systemd: starts, restarts, ends them.

A process that ends is started again after a short wait that grows while it keeps failing. On
SIGTERM the core is asked first, so that ring 1 opens on an orderly word, then everything else,
and what has not ended in its time is killed; the whole takes less than 3 s. If the supervisor
itself is killed, its children get SIGTERM from the kernel (process.die_with_parent). Each is
a session of its own: a Ctrl-C or a hang-up at the terminal reaches the supervisor alone, which
then ends them in that order, and the kernel's autogroups keep a busy one from starving ring 1.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from evse.run.process import BOOT_ID_VARIABLE, EXIT_RESTART_HARDWARE, SUPERVISOR_VARIABLE

STOP_S = 1.8
"""For the core; then ring 1 and the links, then the simulated metal have REST_STOP_S each."""
REST_STOP_S = 0.3
KILLED_S = 0.2
"""For the kernel to take away what was killed."""
FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 5.0
AFTERWARDS_S = 5.0
STEADY_S = 10.0
"""After so long a process counts as healthy, and its next restart is quick again."""

_log = logging.getLogger(__name__)


class Unit(msgspec.Struct, frozen=True):
    """One process: its name and its command line."""

    name: str
    argv: tuple[str, ...]
    simulated_metal: bool = False
    """Part of the simulated world: a power cut of the station does not end it."""
    leaves: tuple[str, ...] = ()
    """Files that a killed process leaves behind, to be removed at once: the kernel gives the
    number of a dead pseudo-terminal to whoever asks next, and a link to it then leads astray."""
    takes: Mapping[int, tuple[str, ...]] = {}
    """By exit code: the units that begin anew with it."""
    afterwards: tuple[str, ...] = ()
    """A command line that cleans up after it, however it ended; not waited for longer than
    AFTERWARDS_S."""


def python_unit(
    name: str,
    module: str,
    *arguments: str,
    simulated_metal: bool = False,
    leaves: tuple[str, ...] = (),
    takes: Mapping[int, tuple[str, ...]] | None = None,
    afterwards: tuple[str, ...] = (),
) -> Unit:
    """A unit that runs a module of ours on this interpreter. `afterwards`: the arguments with which
    the same module cleans up after it."""
    argv = (sys.executable, "-m", module, *arguments)
    cleans = (sys.executable, "-m", module, *afterwards) if afterwards else ()
    return Unit(name, argv, simulated_metal, leaves, takes or {}, cleans)


class Supervisor:
    """Keeps units running until `stop`."""

    def __init__(self, units: Sequence[Unit], environment: Mapping[str, str] | None = None) -> None:
        self._units = {unit.name: unit for unit in units}
        ours = {SUPERVISOR_VARIABLE: str(os.getpid())}
        self._environment = {**os.environ, **(environment or {}), **ours}
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._starts = dict.fromkeys(self._units, 0)
        self._stopping = False
        self._powered = {name: asyncio.Event() for name in self._units}

    async def run(self, stop: asyncio.Event) -> None:
        """Start everything; return when `stop` is set and all have ended."""
        self.release(list(self._units))
        keepers = [
            asyncio.create_task(self._keep(unit), name=unit.name) for unit in self._units.values()
        ]
        await stop.wait()
        self._stopping = True
        await self._end()
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)

    def processes(self) -> list[dict[str, Any]]:
        """Name, pid (None = not running) and restarts of each unit."""
        return [
            {"name": name, "pid": self._pid(name), "restarts": max(0, self._starts[name] - 1)}
            for name in self._units
        ]

    @property
    def computer(self) -> tuple[str, ...]:
        """The units that are no simulated metal: a power cut of the station ends them all."""
        return tuple(name for name, unit in self._units.items() if not unit.simulated_metal)

    def hold(self, names: Sequence[str]) -> None:
        """Kill `names` at once and leave them off until `release`.

        When that takes the whole computer down, the next start is another boot of it. Raises
        KeyError for an unknown name, and then changes nothing.
        """
        events = [self._powered[name] for name in names]
        if set(self.computer) <= set(names):
            self._boot_anew()
        for event in events:
            event.clear()
        for name in names:
            self._signal(name, signal.SIGKILL)

    def release(self, names: Sequence[str]) -> None:
        """Start `names` again, those that were held. Raises KeyError."""
        for event in [self._powered[name] for name in names]:
            event.set()

    async def _keep(self, unit: Unit) -> None:
        """For ever: `run` cancels it once the process has ended."""
        powered = self._powered[unit.name]
        wait_s = FIRST_WAIT_S
        loop = asyncio.get_running_loop()
        while True:
            await powered.wait()
            began_s = loop.time()
            code, how = await self._run_once(unit)
            steady = loop.time() - began_s > STEADY_S
            if steady or not powered.is_set():
                wait_s = FIRST_WAIT_S
            taken = () if code is None else unit.takes.get(code, ())
            if powered.is_set() and taken:
                _log.warning("%s resets the station", unit.name)
                await self._restart(taken, hardware=code == EXIT_RESTART_HARDWARE)
            elif powered.is_set():
                _log.warning("%s ended with %s; starting it again", unit.name, how)
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    async def _restart(self, names: Sequence[str], *, hardware: bool) -> None:
        """End `names` in good order, the core first; their keepers start them again, on another
        boot of the computer where it is its hardware that is reset."""
        if hardware:
            self._boot_anew()
        for name in names:
            self._powered[name].clear()
        await self._end_units([name for name in names if name == "core"], STOP_S)
        await self._end_units(names, REST_STOP_S)
        await self._end_units(names, KILLED_S, signal.SIGKILL)
        if not self._stopping:
            self.release(names)

    def _boot_anew(self) -> None:
        self._environment[BOOT_ID_VARIABLE] = str(uuid.uuid4())

    async def _run_once(self, unit: Unit) -> tuple[int | None, str]:
        """Its exit code, and how it ended in words."""
        self._starts[unit.name] += 1
        _remove(unit.leaves)
        try:
            process = await asyncio.create_subprocess_exec(
                *unit.argv,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            return None, f"no start: {error}"
        self._processes[unit.name] = process
        if not self._powered[unit.name].is_set():  # held while it was being born
            process.kill()
        code = await process.wait()
        _remove(unit.leaves)
        await self._clean_up(unit)
        return code, _ended(code)

    async def _clean_up(self, unit: Unit) -> None:
        if not unit.afterwards:
            return
        process = await asyncio.create_subprocess_exec(
            *unit.afterwards, stdin=asyncio.subprocess.DEVNULL, start_new_session=True
        )
        try:
            await asyncio.wait_for(process.wait(), AFTERWARDS_S)
        except TimeoutError:
            _log.error("%s is not cleaned up after: it takes too long", unit.name)
            process.kill()
            await process.wait()

    async def _end(self) -> None:
        for event in self._powered.values():
            event.clear()
        ours = self.computer
        self._signal("ocpp", signal.SIGTERM)
        await self._end_units([name for name in ours if name == "core"], STOP_S)
        await self._end_units(ours, REST_STOP_S)
        await self._end_units(tuple(self._units), REST_STOP_S)
        await self._end_units(tuple(self._units), KILLED_S, signal.SIGKILL)

    async def _end_units(
        self, names: Sequence[str], within_s: float, number: signal.Signals = signal.SIGTERM
    ) -> None:
        for name in names:
            self._signal(name, number)
        waits = [
            asyncio.create_task(self._processes[name].wait())
            for name in names
            if self._pid(name) is not None
        ]
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


def _remove(paths: Sequence[str]) -> None:
    for path in paths:
        try:
            Path(path).unlink(missing_ok=True)
        except OSError as error:
            _log.warning("%s stays behind: %s", path, error)
