"""Starting a systemd unit by name, from the link's loop. Polkit says which ones may be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

START_S = 10.0
"""What is started from the loop is done in moments."""


class UnitStarter:
    """Construct it on a running loop. `run` hands a callable to the engine (Runner.run)."""

    def __init__(
        self, run: Callable[[Callable[[], None]], object], program: str = "systemctl"
    ) -> None:
        self._run = run
        self._program = program
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, unit: str, on_done: Callable[[str], None]) -> None:
        """Never blocks or raises. `on_done` is called once, later: empty where the unit did its
        work, else with the last thing that was said of it."""
        task = asyncio.get_running_loop().create_task(self._started(unit, on_done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """What is under way is not waited for, and not told any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _started(self, unit: str, on_done: Callable[[str], None]) -> None:
        try:
            async with asyncio.timeout(START_S):
                why = await self._why_not(unit)
        except TimeoutError:
            why = f"{unit} was not done in {START_S:.0f} s"
        except OSError as error:
            why = f"{self._program} can not be started: {error.strerror}"
        self._run(lambda: on_done(why))

    async def _why_not(self, unit: str) -> str:
        process = await asyncio.create_subprocess_exec(
            self._program,
            "start",
            unit,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, said = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
        if process.returncode == 0:
            return ""
        lines = said.decode(errors="replace").strip().splitlines()
        return lines[0] if lines else f"{unit} failed"
