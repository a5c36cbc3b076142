"""A core that stops ends its polls, also where an answer comes at that very moment."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from drivers.metering.map import Line
from drivers.metering.wire import Wire
from evse.clock import MonotonicClock
from hil.plant.meter_process import MeterPort


class Mute:
    """A slave that says nothing."""

    def feed(self, data: bytes, now_ms: int) -> bytes:
        return b""


def test_a_cancellation_that_comes_together_with_the_answer_is_heeded(tmp_path: Path) -> None:
    async def scenario() -> None:
        port = MeterPort(Mute(), tmp_path / "meter", MonotonicClock())
        wire = Wire(str(tmp_path / "meter"), Line(baud=115_200))
        loop = asyncio.get_running_loop()
        asked, answer = asyncio.Event(), loop.create_future()

        async def call(_client: Any) -> Any:
            """As pymodbus waits."""
            asked.set()
            return await asyncio.wait_for(answer, 5)

        task = asyncio.create_task(wire.ask(call, bytes, within_s=5))
        await asked.wait()
        await asyncio.sleep(0)
        answer.set_result(None)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        wire.close()
        port.close()

    asyncio.run(scenario())
