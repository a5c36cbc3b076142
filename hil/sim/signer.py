"""Meters that sign, in a simulated station: the driver's own scripts, carried out over the bytes
of a simulated meter in virtual time."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from drivers.errors import MeterError, MeterGarbled, MeterRejected, MeterTimeout
from drivers.metering.iskra import IskraWm3m4c
from drivers.metering.signed import AskTime, Pause, Read, Script, Step, Write, signed_value
from evse.clock import Clock, earliest
from evse.config.station import StationConfig
from evse.core import Core
from evse.types.ocmf import (
    TransactionReq,
    TransactionRequestStatus,
    TransactionStartResponse,
    TransactionStopResponse,
)
from hil.plant.iskra_sim import SimulatedIskra
from hil.plant.meter_sim import MeterMode, sealed
from hil.plant.model import MeterTruth
from hil.plant.plant import Plant

ANSWER_MS = 20
"""What one access takes on the wire."""
TIMEOUT_MS = 500
UNIT = 33
NO_SUPPLY = frozenset({"power_cut"})


class Job(NamedTuple):
    begins: bool
    request: TransactionReq


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
    """SignerPort of a simulated station, and the meters behind it, which outlive its core."""

    def __init__(self, config: StationConfig, plants: Mapping[int, Plant], clock: Clock) -> None:
        self._clock = clock
        self._plants = plants
        self._core: Core | None = None
        signing = [table.id for table in config.evses if table.meter.signed]
        self.meters = {
            evse: SimulatedIskra(self._truth_of(evse), unit=UNIT, seed=evse) for evse in signing
        }
        identity = config.station.identity
        self._model = IskraWm3m4c(gateway="PiEVSE", serial=identity, version="sim")
        self._waiting: dict[int, deque[Job]] = {}
        self._running: dict[int, tuple[Job, Run]] = {}

    def _truth_of(self, evse: int) -> Callable[[], MeterTruth | None]:
        plant = self._plants[evse]

        def truth() -> MeterTruth | None:
            return None if NO_SUPPLY & plant.faults else plant.meter(self._clock.now_ms())

        return truth

    def attach(self, core: Core | None) -> None:
        """Another core runs now, or none: what was under way is over."""
        self._core = core
        self._running.clear()
        self._waiting = {evse: deque() for evse in self.meters}
        if core is not None:
            for evse, meter in self.meters.items():
                core.on_public_key(evse, meter.public_key)

    def begin(self, evse: int, request: TransactionReq) -> None:
        self._waiting[evse].append(Job(True, request))
        self._next(evse)

    def end(self, evse: int, request: TransactionReq) -> None:
        self._waiting[evse].append(Job(False, request))
        self._next(evse)

    @property
    def next_deadline_ms(self) -> int | None:
        return earliest(*(run.due_ms for _job, run in self._running.values()))

    def poll(self, now_ms: int) -> None:
        for evse, meter in self.meters.items():
            faults = self._plants[evse].faults
            meter.set_mode(MeterMode.SILENT if "meter_silent" in faults else MeterMode.NORMAL)
            meter.set_signing("meter_unsigned" not in faults)
            if NO_SUPPLY & faults:
                meter.feed(b"", now_ms)
        for evse, (job, run) in tuple(self._running.items()):
            if now_ms >= run.due_ms:
                self._advance(evse, job, run)

    def _next(self, evse: int) -> None:
        if evse not in self._running and self._waiting[evse]:
            job = self._waiting[evse].popleft()
            script = (self._model.begin if job.begins else self._model.end)(job.request)
            self._running[evse] = (job, Run(script, self.meters[evse], self._clock))

    def _advance(self, evse: int, job: Job, run: Run) -> None:
        try:
            record = run.advance()
            if record is None:
                return
            key = self.meters[evse].public_key
            value = signed_value(record, key, job.request, ended=not job.begins)
            found: dict[str, Any] = {"signed_meter_value": value}
            status = TransactionRequestStatus.OK
        except MeterError as error:
            found = {"error": str(error)}
            status = TransactionRequestStatus.UNEXPECTED_ERROR
        del self._running[evse]
        transaction_id = job.request.transaction_id
        if self._core is not None and job.begins:
            started = TransactionStartResponse(status=status, **found)
            self._core.on_signed_begin(evse, transaction_id, started)
        elif self._core is not None:
            stopped = TransactionStopResponse(status=status, **found)
            self._core.on_signed_end(evse, transaction_id, stopped)
        self._next(evse)
