"""One session with a small board that behaves: what the wish says happens, the way metal would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from evse.clock import VirtualClock
from evse.config.energy import LimitsTable
from evse.config.evse import EvseTable, LockTable, MeterTable
from evse.fault_model import FaultChange
from evse.model import (
    F_BP,
    X1_BP,
    BoardStatus,
    CommandVerb,
    LockState,
    LockTarget,
    MeterReading,
    PilotState,
    Reason,
    Wish,
)
from evse.session.record import Snapshot
from evse.session.session import Session
from evse.types.authorization import (
    AuthorizationType,
    IdToken,
    IdTokenType,
    ProvidedIdToken,
)
from evse.types.energy import ExternalLimits, LimitsReq, NumberWithSource, ScheduleReqEntry
from evse.types.ocmf import TransactionReq
from evse.types.session import SessionEvent, StopTransactionReason, StopTransactionRequest

PLUG_FIRST = [
    "Enabled",
    "SessionStarted(EVConnected)",
    "AuthRequired",
    "Authorized",
    "TransactionStarted",
    "PrepareCharging",
    "ChargingStarted",
]
"""The events from the start to a car that charges."""


def token(value: str = "CARD", **more: Any) -> ProvidedIdToken:
    return ProvidedIdToken(
        id_token=IdToken(value=value, type=IdTokenType.ISO14443),
        authorization_type=AuthorizationType.RFID,
        **more,
    )


def socket_evse(evse: int = 1, *, meter: bool = True, unlock_after_stop: bool = True) -> EvseTable:
    return EvseTable(
        id=evse,
        evse_id=f"DE*PNX*E{evse:04d}*1",
        connector="socket",
        max_current_a=32,
        lock=LockTable(unlock_after_stop=unlock_after_stop),
        meter=MeterTable(kind="modbus" if meter else "none"),
    )


def cable_evse(evse: int = 1) -> EvseTable:
    return EvseTable(id=evse, evse_id=f"DE*PNX*E{evse:04d}*1", connector="cable", max_current_a=16)


@dataclass
class FakeBoard:
    """Ring 1 as the core sees it: at once, and without the times that metal takes."""

    car: PilotState = PilotState.A
    """What the car's end of the pilot would say; behind F nobody sees it."""
    cable_a: int = 32
    cable_stays: bool = False
    """The cable is in the socket also while no car is."""
    trip: Reason = Reason.NONE
    stuck_closed: bool = False
    coil: bool = False
    lock: LockState = LockState.UNLOCKED
    locks_as: LockState = LockState.LOCKED
    """What the lock does when it is to lock."""
    duty_bp: int = X1_BP
    phases: int = 3
    phases_stuck: bool = False
    plugs: int = 0
    presses: int = 0
    wishes: list[Wish] = field(default_factory=list)

    def take(self, wish: Wish) -> BoardStatus:
        if not self.wishes or self.wishes[-1] != wish:
            self.wishes.append(wish)
        close, self.duty_bp, lock, phases, _ = wish
        powered = self.car is PilotState.C and F_BP < self.duty_bp < X1_BP
        self.coil = close and powered and self.trip is Reason.NONE
        energised = self.coil or self.stuck_closed
        if not (energised or self.phases_stuck):
            self.phases = phases
        if lock is LockTarget.LOCK:
            self.lock = self.locks_as
        elif lock is LockTarget.UNLOCK and not energised:
            self.lock = LockState.UNLOCKED
        return BoardStatus(
            pilot=PilotState.F if self.duty_bp == F_BP else self.car,
            duty_bp=self.duty_bp,
            coil=self.coil,
            mirror_closed=energised,
            lock=self.lock,
            cable_a=self.cable_a if self.cable_stays or self.car is not PilotState.A else 0,
            reason=self.trip,
            lease_live=True,
            phases=self.phases,
            plugs=self.plugs,
            presses=self.presses,
        )


def limit_of(amps: float) -> ExternalLimits:
    req = LimitsReq(ac_max_current_A=NumberWithSource(value=amps, source="test"))
    entry = ScheduleReqEntry(timestamp="2020-01-01T00:00:00Z", limits_to_leaves=req)
    return ExternalLimits(schedule_import=(entry,))


def stop_for(reason: StopTransactionReason) -> StopTransactionRequest:
    return StopTransactionRequest(reason=reason)


class Rig:
    """A session, its board, its meter and a virtual clock."""

    def __init__(
        self,
        config: EvseTable | None = None,
        *,
        snapshot: Snapshot | None = None,
        boot_id: str = "boot 1",
        default_a: float | None = None,
        limits: LimitsTable | None = None,
        shared: bool = False,
        on_event: Callable[[SessionEvent], None] | None = None,
        clock: VirtualClock | None = None,
    ) -> None:
        self.config = config or socket_evse()
        self.clock = clock or VirtualClock(1_000_000)
        self.board = FakeBoard()
        self.events: list[SessionEvent] = []
        self.snapshots: list[bytes] = []
        """The last stored snapshot of each write, events and checkpoints alike."""
        self.commands: list[CommandVerb] = []
        self.told_faults: list[FaultChange] = []
        self.energy_wh = 1_000.0
        self.meter_answers = True
        self.board_answers = True
        self._on_event = on_event
        self._uuids = 0
        self.to_sign: list[tuple[str, TransactionReq]] = []
        """What the meter was asked to sign."""
        self.session = Session(
            self.config,
            self,
            self.clock,
            snapshot=snapshot or Snapshot(),
            boot_id=boot_id,
            new_uuid=self._new_uuid,
            limits=limits or LimitsTable(default_a=default_a),
            shared=shared,
        )

    # --- SessionPorts -----------------------------------------------------------------------------

    def emit(self, event: SessionEvent, snapshot: bytes) -> None:
        self.events.append(event)
        self.snapshots.append(snapshot)
        if self._on_event is not None:
            self._on_event(event)

    def checkpoint(self, snapshot: bytes) -> None:
        self.snapshots.append(snapshot)

    def command(self, verb: CommandVerb) -> None:
        self.commands.append(verb)
        seen = self.board.duty_bp != F_BP and self.board.car is PilotState.A
        if verb is CommandVerb.ACKNOWLEDGE and seen:
            self.board.trip = Reason.NONE

    def read_meter(self) -> None:
        """A reading comes with the next tick anyway."""

    def sign_begin(self, request: TransactionReq) -> None:
        self.to_sign.append(("begin", request))

    def sign_end(self, request: TransactionReq) -> None:
        self.to_sign.append(("end", request))

    def log_path(self, uuid: str, utc: datetime) -> str | None:
        return None

    def tell_fault(self, change: FaultChange) -> None:
        self.told_faults.append(change)

    # --- what a test does -------------------------------------------------------------------------

    def tick(self, ms: int = 100) -> None:
        """Let `ms` pass, then let board and meter tell until nothing changes any more."""
        self.clock.advance_to(self.clock.now_ms() + ms)
        if self.session.status.energised:
            self.energy_wh += ms * 11_000 / 3_600_000
        for _ in range(8):
            told = len(self.events), self.session.state
            if self.board_answers:
                self.session.on_status(self.board.take(self.session.wish(self.clock.now_ms())))
            if self.meter_answers and self.config.meter.kind != "none":
                self.session.on_reading(
                    MeterReading(
                        taken_ms=self.clock.now_ms(), energy_import_wh=round(self.energy_wh, 3)
                    )
                )
            self.session.poll()
            if told == (len(self.events), self.session.state):
                return
        raise AssertionError(f"the rig does not come to rest in {self.session.state}")

    def run(self, ms: int) -> None:
        for _ in range(ms // 100):
            self.tick()

    def car(self, state: PilotState) -> None:
        self.board.car = state
        self.tick()

    def charging(self) -> Rig:
        """Plug, authorize and let the car ask for power."""
        self.tick()
        self.car(PilotState.B)
        assert self.session.authorize(token())
        self.car(PilotState.C)
        assert self.session.state == "charging"
        assert self.board.coil
        return self

    @property
    def names(self) -> list[str]:
        """The events so far, with what tells two of a kind apart."""
        return [describe(event) for event in self.events]

    def _new_uuid(self) -> str:
        self._uuids += 1
        return f"session {self._uuids}"


def describe(event: SessionEvent) -> str:
    """`Name(reason)` for the events that carry one."""
    name = event.event.value
    if isinstance(event.session_started, msgspec.Struct):
        return f"{name}({event.session_started.reason.value})"
    if isinstance(event.transaction_finished, msgspec.Struct):
        return f"{name}({event.transaction_finished.reason})"
    if isinstance(event.charging_paused_evse, msgspec.Struct):
        return f"{name}({','.join(event.charging_paused_evse.reasons)})"
    return name
