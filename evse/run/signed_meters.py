"""The meters of a running core that sign: what the core asks of them, one thing after another.

Guarantees: the core's calls return at once; each is answered exactly once, within BUDGET_S of its
turn, in the order of the calls; a meter that hangs delays nobody but itself. The line is the one
that the meter is read over, so that readings come in between the accesses.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from drivers.errors import MeterError
from drivers.metering.bus import ModbusBus
from drivers.metering.signers import signing_model
from evse import __version__
from evse.clock import Clock
from evse.config.evse import EvseTable
from evse.config.station import StationConfig
from evse.types.ocmf import (
    TransactionReq,
    TransactionRequestStatus,
    TransactionStartResponse,
    TransactionStopResponse,
)

if TYPE_CHECKING:
    from drivers.metering.signed import SigningMeter

BUDGET_S = 20.0
"""Of one call. The core waits less (evse/metering/signed.py); what comes later is not used, but an
end that is told late still leaves the meter ready for the next car."""
KEY_RETRY_S = 30.0
"""Between two tries to read the public key of a meter that does not answer."""
GATEWAY = "PiEVSE"

_log = logging.getLogger(__name__)


class Job(NamedTuple):
    begins: bool
    request: TransactionReq


class SignedMeters:
    """The core's SignerPort. The callbacks get EVSE, and transaction and answer, or the key."""

    def __init__(
        self,
        config: StationConfig,
        clock: Clock,
        *,
        bus_of: Callable[[int], ModbusBus],
        on_begun: Callable[[int, str, TransactionStartResponse], None],
        on_ended: Callable[[int, str, TransactionStopResponse], None],
        on_key: Callable[[int, str], None],
    ) -> None:
        """Raises MeterMapError for a meter that is to sign and can not."""
        self._on_begun = on_begun
        self._on_ended = on_ended
        self._on_key = on_key
        signing = [table for table in config.evses if table.meter.signed]
        serial = config.station.identity
        self._meters = {
            table.id: _meter(table, bus_of(table.id), serial, clock) for table in signing
        }
        self._keys: dict[int, str] = {}
        """As told last."""
        self._keyless: dict[int, str] = {}
        """Why the key could not be read, as logged last."""
        self._jobs: dict[int, asyncio.Queue[Job]] = {t.id: asyncio.Queue() for t in signing}

    def begin(self, evse: int, request: TransactionReq) -> None:
        """SignerPort."""
        self._jobs[evse].put_nowait(Job(True, request))

    def end(self, evse: int, request: TransactionReq) -> None:
        """SignerPort."""
        self._jobs[evse].put_nowait(Job(False, request))

    async def run(self) -> None:
        """Until cancelled, also where no meter signs."""
        async with asyncio.TaskGroup() as group:
            for evse in self._meters:
                group.create_task(self._serve(evse), name=f"signing meter {evse}")
            await asyncio.get_running_loop().create_future()

    async def _serve(self, evse: int) -> None:
        while True:
            if evse not in self._keys:
                await self._read_key(evse)
            try:
                async with asyncio.timeout(None if evse in self._keys else KEY_RETRY_S):
                    job = await self._jobs[evse].get()
            except TimeoutError:
                continue
            await self._carry_out(evse, job)

    async def _read_key(self, evse: int) -> None:
        try:
            async with asyncio.timeout(BUDGET_S):
                self._note_key(evse, await self._meters[evse].public_key())
        except (MeterError, TimeoutError) as error:
            why = str(error) or f"no answer in {BUDGET_S:g} s"
            if self._keyless.get(evse) != why:  # a meter may be gone for years
                self._keyless[evse] = why
                _log.warning("evse=%d meter: its public key can not be read: %s", evse, why)

    def _note_key(self, evse: int, key: str) -> None:
        before = self._keys.get(evse)
        if key == before:
            return
        if before is not None:
            _log.warning("evse=%d meter: it has another public key than before: %s", evse, key)
        self._keys[evse] = key
        self._keyless.pop(evse, None)
        self._on_key(evse, key)

    async def _carry_out(self, evse: int, job: Job) -> None:
        meter, what = self._meters[evse], "begin" if job.begins else "end"
        try:
            async with asyncio.timeout(BUDGET_S):
                value = await (meter.begin if job.begins else meter.end)(job.request)
            self._note_key(evse, str(value.public_key))
            self._answer(evse, job, TransactionRequestStatus.OK, signed_meter_value=value)
        except (MeterError, TimeoutError) as error:
            why = str(error) or f"no answer in {BUDGET_S:g} s"
            _log.warning("evse=%d meter: the %s is not signed: %s", evse, what, why)
            self._answer(evse, job, TransactionRequestStatus.UNEXPECTED_ERROR, error=why)

    def _answer(self, evse: int, job: Job, status: TransactionRequestStatus, **found: Any) -> None:
        if job.begins:
            started = TransactionStartResponse(status=status, **found)
            self._on_begun(evse, job.request.transaction_id, started)
        else:
            stopped = TransactionStopResponse(status=status, **found)
            self._on_ended(evse, job.request.transaction_id, stopped)


def _meter(table: EvseTable, bus: ModbusBus, serial: str, clock: Clock) -> SigningMeter:
    from drivers.metering.signed import SigningMeter  # most stations have no meter that signs

    model = signing_model(table.meter.model, gateway=GATEWAY, serial=serial, version=__version__)
    return SigningMeter(bus, table.meter.unit, model, lambda: int(clock.utc().timestamp()))
