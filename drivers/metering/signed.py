"""Meters that sign: what is asked of them as a script of register accesses, and who carries it out.

A script is a generator: it yields one access after another and is sent what came back. It knows
no wire and no clock, so that the driver on a real line and a station in virtual time run the same
one. Results are TransactionStartResponse and TransactionStopResponse's SignedMeterValue; whatever
fails is a MeterError.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Protocol, TypeVar

import msgspec

from drivers.errors import MeterGarbled, MeterTimeout, OcmfMalformed
from drivers.metering.bus import ModbusBus
from drivers.metering.map import Request
from drivers.metering.ocmf import parse
from drivers.metering.ocmf_words import ENDS, Reason
from evse.types.ocmf import TransactionReq
from evse.types.powermeter import SignedMeterValue

ATTEMPTS = 2
"""A lost or damaged answer is asked for once more, as in drivers/metering/meter.py."""
HOLDING = 3


class Read(msgspec.Struct, frozen=True):
    """Holding registers; sent back: their values."""

    address: int
    count: int


class Write(msgspec.Struct, frozen=True):
    """Holding registers; sent back: nothing."""

    address: int
    values: tuple[int, ...]
    once: bool = False
    """A command: where its confirmation is lost it is not given again, for the script looks
    itself whether it was taken."""


class Pause(msgspec.Struct, frozen=True):
    """Let time pass; sent back: nothing."""

    ms: int


class AskTime(msgspec.Struct, frozen=True):
    """Sent back: the Unix time in whole seconds, high and low word."""


T = TypeVar("T", covariant=True)
Step = Read | Write | Pause | AskTime
Script = Generator[Step, list[int], T]


class SigningModel(Protocol):
    """What one kind of meter is asked; each call gives a new script."""

    def identify(self) -> Script[str]:
        """Its public key: DER in hexadecimal."""

    def begin(self, request: TransactionReq) -> Script[str]:
        """Begins a transaction, ending one that was left open. The record of its begin."""

    def end(self, request: TransactionReq) -> Script[str]:
        """Ends the transaction that `request` began. The record of its begin and end."""


def signed_value(
    record: str, public_key: str, request: TransactionReq, *, ended: bool
) -> SignedMeterValue:
    """The record of a meter as the interface has it, of a transaction's begin or (`ended`) of both
    its ends. Raises MeterGarbled for one that is none, that names another customer, or that is
    still the one before: what a meter signs may not be passed on as what it did not."""
    try:
        found = parse(record)
    except OcmfMalformed as error:
        raise MeterGarbled(f"the meter's record can not be read: {error}") from error
    data = request.identification_data
    wanted = "" if isinstance(data, msgspec.UnsetType) else data.replace("|", " ")
    if found.payload.identification_data != wanted:
        raise MeterGarbled("the meter's record is of another customer")
    if found.readings[0].reason is not Reason.BEGIN:
        raise MeterGarbled("the meter's record does not hold the begin of the transaction")
    if (found.readings[-1].reason in ENDS) is not ended:
        lacks = "does not hold the end of the transaction" if ended else "is of one that is over"
        raise MeterGarbled(f"the meter's record {lacks}")
    return SignedMeterValue(
        signed_meter_data=record,
        signing_method="",  # the record itself names it (OCA, Signed Meter Values, Table 1)
        encoding_method="OCMF",
        public_key=public_key,
    )


class SigningMeter:
    """The meter with address `unit` on `bus`. One call at a time; each may take seconds, and the
    caller bounds it."""

    def __init__(
        self, bus: ModbusBus, unit: int, model: SigningModel, unix_s: Callable[[], int]
    ) -> None:
        self._bus = bus
        self._unit = unit
        self._model = model
        self._unix_s = unix_s

    async def public_key(self) -> str:
        """Asked for each time: a meter may be replaced while the station runs. Raises
        MeterError."""
        return await self._run(self._model.identify())

    async def begin(self, request: TransactionReq) -> SignedMeterValue:
        """Raises MeterError; then the meter may have begun all the same, and `end` is due."""
        key = await self.public_key()
        return signed_value(await self._run(self._model.begin(request)), key, request, ended=False)

    async def end(self, request: TransactionReq) -> SignedMeterValue:
        """Raises MeterError."""
        key = await self.public_key()
        return signed_value(await self._run(self._model.end(request)), key, request, ended=True)

    async def _run(self, script: Script[T]) -> T:
        sent: list[int] | None = None
        while True:
            try:
                step = script.send(sent)  # type: ignore[arg-type]  # a generator begins with None
            except StopIteration as done:
                result: T = done.value
                return result
            sent = await self._carry_out(step)

    async def _carry_out(self, step: Step) -> list[int]:
        if isinstance(step, Pause):
            await asyncio.sleep(step.ms / 1000)
            return []
        if isinstance(step, AskTime):
            now_s = self._unix_s()
            return [now_s >> 16 & 0xFFFF, now_s & 0xFFFF]
        attempt = 1
        while True:
            try:
                return await self._exchange(step)
            except (MeterTimeout, MeterGarbled):
                if isinstance(step, Write) and step.once:
                    return []
                if attempt == ATTEMPTS:
                    raise
                attempt += 1

    async def _exchange(self, step: Read | Write) -> list[int]:
        if isinstance(step, Write):
            await self._bus.write(self._unit, step.address, step.values)
            return []
        return await self._bus.read(self._unit, HOLDING, Request(step.address, step.count))
