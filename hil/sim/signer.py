"""Meters that sign, in a simulated station: the driver's own scripts, carried out over the bytes
of a simulated meter in virtual time."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from drivers.errors import MeterError, MeterGarbled, MeterRejected, MeterTimeout
from drivers.metering.iskra import IskraWm3m4c
from drivers.metering.signed import AskTime, Pause, Read, Script, Step, Write, signed_value
from evse.clock import Clock, earliest
from evse.config.station import StationConfig
from evse.types.ocmf import (
    TransactionReq,
    TransactionRequestStatus,
    TransactionStartResponse,
    TransactionStopResponse,
)
from hil.plant.iskra_sim import SimulatedIskra
from hil.plant.meter_sim import sealed

ANSWER_MS = 20
"""What one access takes on the wire."""
TIMEOUT_MS = 500
UNIT = 33


class Slave(Protocol):
    """Whatever answers on the line."""

    def feed(self, data: bytes, now_ms: int) -> bytes: ...


def exchange(slave: Slave, step: Read | Write, now_ms: int) -> list[int]:
    """One access over the slave's bytes. Raises MeterTimeout, MeterRejected or MeterGarbled."""
    if isinstance(step, Read):
        request = struct.pack(">BBHH", UNIT, 3, step.address, step.count)
    elif len(step.values) == 1:
        request = struct.pack(">BBHH", UNIT, 6, step.address, step.values[0])
    else:
        count = len(step.values)
        head = struct.pack(">BBHHB", UNIT, 16, step.address, count, 2 * count)
        request = head + struct.pack(f">{count}H", *step.values)
    answer = slave.feed(sealed(request), now_ms)
    if not answer:
        raise MeterTimeout(f"no answer to {step}")
    if sealed(answer[:-2]) != answer:
        raise MeterGarbled(f"a damaged answer to {step}")
    if answer[1] & 0x80:
        raise MeterRejected(f"exception {answer[2]} to {step}")
    if isinstance(step, Write):
        return []
    return list(struct.unpack(f">{step.count}H", answer[3:-2]))


class Run:
    """A script under way: one step each time that it is due; as drivers.metering.signed does it."""

    def __init__(self, script: Script[str], slave: Slave, clock: Clock) -> None:
        self._script = script
        self._slave = slave
        self._clock = clock
        self._step: Step = next(script)
        self.due_ms = clock.now_ms()

    def advance(self) -> str | None:
        """The result, once the script is over. Raises MeterError."""
        try:
            self._step = self._script.send(self._carried_out())
        except StopIteration as done:
            return str(done.value)
        return None

    def _carried_out(self) -> list[int]:
        step, now_ms = self._step, self._clock.now_ms()
        self.due_ms = now_ms + (step.ms if isinstance(step, Pause) else ANSWER_MS)
        if isinstance(step, Pause):
            return []
        if isinstance(step, AskTime):
            unix_s = int(self._clock.utc().timestamp())
            return [unix_s >> 16, unix_s & 0xFFFF]
        for last in (False, True):
            try:
                return exchange(self._slave, step, now_ms)
            except (MeterTimeout, MeterGarbled):
                self.due_ms += TIMEOUT_MS
                if isinstance(step, Write) and step.once:
                    return []
                if last:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")


class SimSigner:
    """SignerPort of a simulated station. The callbacks get EVSE, transaction and answer."""

    def __init__(
        self,
        config: StationConfig,
        meters: Mapping[int, SimulatedIskra],
        clock: Clock,
        *,
        on_begun: Callable[[int, str, TransactionStartResponse], None],
        on_ended: Callable[[int, str, TransactionStopResponse], None],
    ) -> None:
        self._meters = meters
        self._clock = clock
        self._on_begun = on_begun
        self._on_ended = on_ended
        identity = config.station.identity
        self._model = IskraWm3m4c(gateway="PiEVSE", serial=identity, version="sim")
        self._waiting: dict[int, deque[tuple[bool, TransactionReq]]] = {
            evse: deque() for evse in meters
        }
        self._running: dict[int, tuple[bool, TransactionReq, Run]] = {}

    def begin(self, evse: int, request: TransactionReq) -> None:
        self._waiting[evse].append((True, request))
        self._next(evse)

    def end(self, evse: int, request: TransactionReq) -> None:
        self._waiting[evse].append((False, request))
        self._next(evse)

    @property
    def next_deadline_ms(self) -> int | None:
        return earliest(*(run.due_ms for _begins, _request, run in self._running.values()))

    def poll(self, now_ms: int) -> None:
        for evse, (begins, request, run) in tuple(self._running.items()):
            if now_ms < run.due_ms:
                continue
            try:
                record = run.advance()
            except MeterError as error:
                self._over(evse, begins, request, error=str(error))
            else:
                if record is not None:
                    self._signed(evse, begins, request, record)

    def _next(self, evse: int) -> None:
        if evse not in self._running and self._waiting[evse]:
            begins, request = self._waiting[evse].popleft()
            script = self._model.begin(request) if begins else self._model.end(request)
            run = Run(script, self._meters[evse], self._clock)
            self._running[evse] = (begins, request, run)

    def _signed(self, evse: int, begins: bool, request: TransactionReq, record: str) -> None:
        try:
            value = signed_value(record, self._meters[evse].public_key, request)
        except MeterError as error:
            self._over(evse, begins, request, error=str(error))
        else:
            self._over(evse, begins, request, signed_meter_value=value)

    def _over(self, evse: int, begins: bool, request: TransactionReq, **found: Any) -> None:
        failed = "error" in found
        status = (
            TransactionRequestStatus.UNEXPECTED_ERROR if failed else TransactionRequestStatus.OK
        )
        del self._running[evse]
        if begins:
            answer = TransactionStartResponse(status=status, **found)
            self._on_begun(evse, request.transaction_id, answer)
        else:
            self._on_ended(
                evse, request.transaction_id, TransactionStopResponse(status=status, **found)
            )
        self._next(evse)
