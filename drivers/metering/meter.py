"""A Modbus energy meter: read it whole, and keep reading it without ever blocking anyone.

What a reading is worth (age, plausibility, a counter that runs back) is decided in
evse/metering/supervisor.py; here are only the wire and the calendar of the polls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from drivers.errors import MeterError, MeterGarbled, MeterTimeout
from drivers.metering.bus import ModbusBus
from drivers.metering.decode import decode
from drivers.metering.doctor import Diagnosis
from drivers.metering.map import MeterMap, requests_for
from evse.clock import Clock
from evse.model import MeterReading

T = TypeVar("T")

ATTEMPTS = 2
"""A lost or damaged answer is asked for once more: on a shared line single frames do get hit."""


class Meter(Protocol):
    """Whatever can be read."""

    async def read(self) -> MeterReading:
        """One whole reading. Raises MeterError."""


class ModbusMeter:
    """The meter with address `unit` on `bus`."""

    def __init__(self, bus: ModbusBus, meter_map: MeterMap, unit: int, clock: Clock) -> None:
        self._bus = bus
        self._map = meter_map
        self._unit = unit
        self._clock = clock
        self._requests = requests_for(meter_map)

    async def read(self) -> MeterReading:
        """One reading, as of when it was asked for or later. Raises MeterError."""
        return await self._tried(self._read_once)

    async def registers(self) -> list[list[int]]:
        """What stands in the registers that a reading is made of, for each of the map's requests.
        Raises MeterError."""
        return await self._tried(self._answers)

    async def _tried(self, ask: Callable[[], Awaitable[T]]) -> T:
        attempt = 1
        while True:
            try:
                return await ask()
            except (MeterTimeout, MeterGarbled):
                if attempt == ATTEMPTS or self._bus.is_dead(self._unit):
                    raise
                attempt += 1

    def diagnosis(self) -> Diagnosis | None:
        """What is likely wrong with it by what was seen lately; None where all is well."""
        return self._bus.diagnosis(self._unit)

    async def _read_once(self) -> MeterReading:
        # Stamped before it is asked for: what ends a transaction must not be older than the
        # opening of the contactor, and an answer tells of a moment while it was on its way.
        taken_ms = self._clock.now_ms()
        return decode(self._map, self._requests, await self._answers(), taken_ms)

    async def _answers(self) -> list[list[int]]:
        return [
            await self._bus.read(self._unit, self._map.function_code, request)
            for request in self._requests
        ]


class MeterPoller:
    """Reads `meter` every `poll_ms` and whenever somebody asks; hands results to callbacks.

    The callbacks run in the event loop between two reads and must not block.
    """

    def __init__(
        self,
        meter: Meter,
        clock: Clock,
        *,
        poll_ms: int,
        on_reading: Callable[[MeterReading], None],
        on_failure: Callable[[MeterError], None],
    ) -> None:
        self._meter = meter
        self._clock = clock
        self._poll_ms = poll_ms
        self._on_reading = on_reading
        self._on_failure = on_failure
        self._wanted = asyncio.Event()
        self._waiting: list[asyncio.Future[MeterReading]] = []

    def read_now(self) -> asyncio.Future[MeterReading]:
        """A reading that begins after this call; all who ask meanwhile share one.

        Returns at once. The future raises MeterError if that reading fails, and is cancelled
        when the poller stops; bound the wait for it.
        """
        future: asyncio.Future[MeterReading] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._wanted.set()
        return future

    async def run(self) -> None:
        """Poll until cancelled. A poll that took longer than its period skips the missed ones."""
        due_ms = self._clock.now_ms()
        asked: list[asyncio.Future[MeterReading]] = []
        try:
            while True:
                asked, self._waiting = self._waiting, []
                self._wanted.clear()
                await self._poll(asked)
                now_ms = self._clock.now_ms()
                while due_ms <= now_ms:
                    due_ms += self._poll_ms
                await self._until(due_ms - now_ms)
        finally:
            for future in (*asked, *self._waiting):
                future.cancel()

    async def _poll(self, asked: list[asyncio.Future[MeterReading]]) -> None:
        try:
            reading = await self._meter.read()
        except MeterError as error:
            self._on_failure(error)
            for future in asked:
                if not future.done():
                    future.set_exception(error)
        else:
            self._on_reading(reading)
            for future in asked:
                if not future.done():
                    future.set_result(reading)

    async def _until(self, delay_ms: int) -> None:
        try:
            async with asyncio.timeout(delay_ms / 1000):
                await self._wanted.wait()
        except TimeoutError:
            return
