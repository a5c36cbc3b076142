"""One RS-485 line with Modbus RTU: one request at a time, oldest first, from the event loop.

The port is opened when first needed and again after any failure, so that an adapter that was
unplugged, or a simulated meter that was restarted, is found again by itself. After a failure the
line rests for one answer time: RTU frames carry no transaction number, and a late answer must not
be taken for that to the next request. Retrying is the caller's decision; pymodbus retries nothing.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Awaitable, Sequence

import msgspec
from pymodbus import ModbusException
from pymodbus.client import AsyncModbusSerialClient
from pymodbus.pdu import ModbusPDU

from drivers.errors import (
    MeterError,
    MeterGarbled,
    MeterRejected,
    MeterTimeout,
    MeterUnreachable,
)
from drivers.metering.doctor import Diagnosis, diagnose
from drivers.metering.exchange import Exchange, History, Outcome
from drivers.metering.frames import (
    ANSWER_OVERHEAD,
    EXCEPTIONS,
    MOST_WRITTEN,
    REQUEST_BYTES,
    WRITE_ONE,
    WRITE_SEVERAL,
    answer_in,
    character_s,
    confirmation_in,
)
from drivers.metering.map import Line, Request
from drivers.metering.turns import Turns
from drivers.metering.wire import Call, Screen, Wire

_log = logging.getLogger(__name__)

SILENCE_CHARACTERS = 3.5
FASTEST_SILENCE_S = 0.00175
"""Silence between frames: 3.5 characters, fixed above 19200 baud (Modbus over Serial Line 1.02,
2.5.1.1)."""


class BusCounters(msgspec.Struct):
    """What happened on the line since the start."""

    requests: int = 0
    timeouts: int = 0
    garbled: int = 0
    rejected: int = 0
    unreachable: int = 0


class _Ask(msgspec.Struct, frozen=True):
    """One request: how it is sent, and how its answer is found in what comes."""

    unit: int
    where: str
    characters: int
    """Both frames together."""
    call: Call
    screen: Screen
    repeats: bool = False
    """Its right answer is the request itself (function 6)."""


class ModbusBus:
    """The master of the line at `port`; belongs to one event loop."""

    def __init__(self, port: str, line: Line, *, timeout_ms: int = 500) -> None:
        """`timeout_ms`: longest wait for an answer to begin; its time on the wire is added."""
        self.port = port
        self.line = line
        self.counters = BusCounters()
        self.seen = History()
        """The last exchanges (doctor.py)."""
        self._timeout_ms = timeout_ms
        self._timeouts_ms: dict[int, int] = {}
        self._silence_s = max(SILENCE_CHARACTERS * character_s(line), FASTEST_SILENCE_S)
        self._lock = asyncio.Lock()
        self._turns = Turns()
        self._turn_of_the_dead = asyncio.Lock()
        self._wire = Wire(port, line)
        self._quiet_from = 0.0
        self._doubled: set[int] = set()
        self._answered: set[int] = set()

    async def read(self, unit: int, function_code: int, request: Request) -> list[int]:
        """The registers of `request`, from holding (3) or input registers (4).

        Raises MeterUnreachable, MeterTimeout, MeterGarbled or MeterRejected, each naming port,
        unit and address.
        """

        def call(client: AsyncModbusSerialClient) -> Awaitable[ModbusPDU]:
            holding = function_code == 3
            ask = client.read_holding_registers if holding else client.read_input_registers
            return ask(request.address, count=request.count, device_id=unit)

        ask = _Ask(
            unit,
            f"unit {unit} address {request.address:#06x}",
            REQUEST_BYTES + ANSWER_OVERHEAD + 2 * request.count,
            call,
            lambda data: answer_in(data, unit, function_code, request.count),
        )
        return list((await self._in_turn(ask)).registers)

    async def write(self, unit: int, address: int, values: Sequence[int]) -> None:
        """Write holding registers from `address` on: one with function 6, several with 16. Done
        once the device has confirmed; a write that was not confirmed may have been done.

        Raises as `read` does, and ValueError for no values or more than 123.
        """
        if not 1 <= len(values) <= MOST_WRITTEN:
            raise ValueError(f"{len(values)} registers can not be written at once")
        several = len(values) > 1
        head = struct.pack(
            ">BBHH",
            unit,
            WRITE_SEVERAL if several else WRITE_ONE,
            address,
            len(values) if several else values[0],
        )

        def call(client: AsyncModbusSerialClient) -> Awaitable[ModbusPDU]:
            if several:
                return client.write_registers(address, list(values), device_id=unit)
            return client.write_register(address, values[0], device_id=unit)

        ask = _Ask(
            unit,
            f"unit {unit} writing {address:#06x}",
            2 * REQUEST_BYTES + 2 * len(values) + 1,
            call,
            lambda data: confirmation_in(data, head),
            repeats=not several,
        )
        await self._in_turn(ask)

    def set_timeout(self, unit: int, timeout_ms: int) -> None:
        """Wait so long for `unit`, whatever the others on the line are given."""
        self._timeouts_ms[unit] = timeout_ms

    @property
    def opened(self) -> int:
        """How often the port was opened."""
        return self._wire.opened

    @property
    def echoes(self) -> bool:
        """The adapter hears what it sends (wire.py)."""
        return self._wire.echoes

    def is_dead(self, unit: int) -> bool:
        """Has it failed so often that another try at once is a waste (turns.py)?"""
        return self._turns.is_dead(unit)

    def diagnosis(self, unit: int) -> Diagnosis | None:
        """What is likely wrong with `unit` by what was seen lately; None where all is well."""
        answered = unit in self._answered
        return diagnose(self.seen, unit, self.line, self.port, answered=answered)

    async def aclose(self) -> None:
        """Give the port back, after the request under way."""
        async with self._lock:
            self._wire.close()

    async def _in_turn(self, ask: _Ask) -> ModbusPDU:
        if not self._turns.is_dead(ask.unit):
            return await self._exchange(ask)
        async with self._turn_of_the_dead:
            await asyncio.sleep(self._turns.wait_ms(ask.unit, _now_ms()) / 1000)
            return await self._exchange(ask)

    async def _exchange(self, ask: _Ask) -> ModbusPDU:
        """One request and its answer, with the line's silence before and after."""
        async with self._lock:
            loop = asyncio.get_running_loop()
            await asyncio.sleep(max(0.0, self._quiet_from - loop.time()))
            self._note_a_second_answer()
            self.counters.requests += 1
            began_ms, rest_s, alive = _now_ms(), self._answer_s(ask), False
            try:
                answer = await self._transact(ask)
                rest_s, alive = self._silence_s, True
            except (MeterRejected, MeterUnreachable):
                rest_s, alive = self._silence_s, True  # it costs the others nothing
                raise
            finally:
                self._quiet_from = loop.time() + rest_s
                ended_ms = _now_ms() + round(1000 * rest_s)
                self._turns.note(ask.unit, alive=alive, began_ms=began_ms, ended_ms=ended_ms)
                if not alive:
                    self._wire.close()
            return answer

    def _answer_s(self, ask: _Ask) -> float:
        timeout_ms = self._timeouts_ms.get(ask.unit, self._timeout_ms)
        return timeout_ms / 1000 + ask.characters * character_s(self.line)

    async def _transact(self, ask: _Ask) -> ModbusPDU:
        try:
            answer = await self._wire.ask(
                ask.call, ask.screen, within_s=self._answer_s(ask), repeats=ask.repeats
            )
        except MeterUnreachable:
            self.counters.unreachable += 1
            self._note(ask.unit, self._wire.obstacle)
            raise
        except (ModbusException, TimeoutError) as error:
            raise self._unanswered(ask) from error
        if answer.isError():
            self.counters.rejected += 1
            code = answer.exception_code
            self._note(ask.unit, Outcome.REJECTED, exception_code=code)
            says = EXCEPTIONS.get(code, "unnamed")
            raise MeterRejected(f"{self.port} {ask.where}: exception {code} ({says})")
        self._note(ask.unit, Outcome.ANSWERED)
        self._answered.add(ask.unit)
        return answer

    def _unanswered(self, ask: _Ask) -> MeterError:
        where, heard = f"{self.port} {ask.where}", self._wire.heard
        if heard.removeprefix(self._wire.sent):
            self.counters.garbled += 1
            self._note(ask.unit, Outcome.GARBLED)
            return MeterGarbled(f"{where}: {len(heard)} bytes came, no answer")
        self.counters.timeouts += 1
        self._note(ask.unit, Outcome.SILENT)
        return MeterTimeout(f"{where}: no answer in {self._answer_s(ask) * 1000:.0f} ms")

    def _note_a_second_answer(self) -> None:
        if self._wire.doubled:
            unit = self._wire.sent[0]
            self._note(unit, Outcome.DOUBLED)
            if unit not in self._doubled:
                self._doubled.add(unit)
                _log.warning("%s: two devices answer as unit %d", self.port, unit)

    def _note(self, unit: int, outcome: Outcome, *, exception_code: int = 0) -> None:
        wire = self._wire
        heard = wire.heard if outcome in (Outcome.SILENT, Outcome.GARBLED) else b""
        self.seen.add(Exchange(unit, outcome, wire.sent, heard, exception_code, wire.echoes))


def _now_ms() -> int:
    return round(1000 * asyncio.get_running_loop().time())
