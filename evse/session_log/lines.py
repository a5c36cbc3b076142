"""What a session's log says: one EVSE's inputs in, lines out. Pure but for what was said last."""

from __future__ import annotations

import enum
from typing import NamedTuple

from msgspec import UNSET, UnsetType

from evse.fault_model import FaultChange
from evse.history import mask
from evse.limits import Effective
from evse.model import (
    F_BP,
    X1_BP,
    BoardStatus,
    LockState,
    MeterReading,
    PilotState,
    Reason,
    SelfTest,
)
from evse.pilot import duty_bp_to_amps
from evse.types.authorization import ProvidedIdToken
from evse.types.powermeter import Powermeter
from evse.types.session import SessionEvent

METER_EVERY_MS = 60_000


class Origin(enum.StrEnum):
    """Whose doing it is (spec evse-core C8)."""

    EVSE = "EVSE"
    CAR = "CAR"
    SYS = "SYS"
    """Limits, faults, measurements: the station around the EVSE."""


class Line(NamedTuple):
    """One line of the log, without its time."""

    origin: Origin
    message: str


class Narrator:
    """Says what changed."""

    def __init__(self) -> None:
        self._status = BoardStatus()
        self._effective: Effective | None = None
        self._limit = ""
        self._metered_ms: int | None = None

    def begin(self) -> list[Line]:
        """A session begins: how things stand."""
        self._metered_ms = None
        lines = _changes(BoardStatus(), self._status)
        return [*lines, Line(Origin.SYS, self._limit)] if self._limit else lines

    def status(self, status: BoardStatus) -> list[Line]:
        before, self._status = self._status, status
        return _changes(before, status)

    def limit(self, now: Effective) -> list[Line]:
        if now == self._effective:
            return []
        self._effective = now
        said = f"limit {now.limit_a:g} A on {now.phases} phase(s), by {now.source}"
        if now.phases_source:
            said += f"; phases by {now.phases_source}"
        if said == self._limit:
            return []
        self._limit = said
        return [Line(Origin.SYS, said)]

    def reading(self, reading: MeterReading, now_ms: int) -> list[Line]:
        """The first one, and then one a minute."""
        if self._metered_ms is not None and now_ms - self._metered_ms < METER_EVERY_MS:
            return []
        self._metered_ms = now_ms
        return [Line(Origin.SYS, _metered(reading))]


def fault(change: FaultChange) -> Line:
    row = change.fault.row
    name = " ".join(part for part in row.identity if part)
    if change.active:
        return Line(Origin.SYS, f"fault {name}: {row.says}")
    return Line(Origin.SYS, f"fault {name} is over")


def event(event: SessionEvent) -> Line:
    details = [
        *_details(event),
        *(f"token {t}" for t in [_token(event)] if t),
        *(f"{r / 1_000:.3f} kWh" for r in [_register(event)] if r is not None),
    ]
    return Line(Origin.EVSE, f"{event.event.value}{': ' * bool(details)}{', '.join(details)}")


def _details(event: SessionEvent) -> list[str]:
    if event.session_started is not UNSET:
        return [event.session_started.reason.value]
    if event.transaction_finished is not UNSET:
        return (
            [event.transaction_finished.reason.value] if event.transaction_finished.reason else []
        )
    if event.charging_paused_evse is not UNSET:
        return [reason.value for reason in event.charging_paused_evse.reasons]
    return []


def _token(event: SessionEvent) -> str:
    """Masked."""
    for part in (event.session_started, event.transaction_started):
        if part is not UNSET and isinstance(part.id_tag, ProvidedIdToken):
            return mask(part.id_tag.id_token.value)
    return ""


def _register(event: SessionEvent) -> float | None:
    for part in (event.transaction_started, event.transaction_finished):
        meter: Powermeter | UnsetType = UNSET if part is UNSET else part.meter_value
        if meter is not UNSET:
            return meter.energy_Wh_import.total
    return None


def _metered(reading: MeterReading) -> str:
    power = "" if reading.power_w is None else f", {reading.power_w / 1_000:.2f} kW"
    amps = " ".join(f"{a:.1f}" for a in reading.current_a if a is not None)
    volts = " ".join(f"{v:.0f}" for v in reading.voltage_v if v is not None)
    rest = f"{f', {amps} A' if amps else ''}{f', {volts} V' if volts else ''}"
    return f"meter {reading.energy_import_wh / 1_000:.3f} kWh{power}{rest}"


def _changes(before: BoardStatus, now: BoardStatus) -> list[Line]:
    found: list[Line] = []
    if now.pilot is not before.pilot:
        came = f"{before.pilot.name} -> " if before.pilot is not PilotState.UNKNOWN else ""
        found.append(Line(Origin.CAR, f"pilot {came}{now.pilot.name}"))
    if now.cable_a != before.cable_a:
        found.append(Line(Origin.CAR, f"cable {f'of {now.cable_a} A' if now.cable_a else 'gone'}"))
    if now.duty_bp != before.duty_bp:
        found.append(Line(Origin.EVSE, _offer(now.duty_bp)))
    if (now.coil, now.mirror_closed) != (before.coil, before.mirror_closed):
        coil, mirror = ("off", "on")[now.coil], ("open", "closed")[now.mirror_closed]
        found.append(Line(Origin.EVSE, f"contactor: coil {coil}, mirror {mirror}"))
    if now.phases != before.phases:
        found.append(Line(Origin.EVSE, f"phase contact: {now.phases or 'moving'}"))
    if now.lock is not before.lock and now.lock is not LockState.ABSENT:
        found.append(Line(Origin.EVSE, f"lock {now.lock.name.lower()}"))
    return [*found, *_verdicts(before, now)]


def _verdicts(before: BoardStatus, now: BoardStatus) -> list[Line]:
    """What ring 1 concludes."""
    found: list[Line] = []
    if now.self_test is not before.self_test and now.self_test is not SelfTest.NOT_FITTED:
        test = now.self_test.name.lower().replace("_", " ")
        found.append(Line(Origin.EVSE, f"residual-current self-test {test}"))
    if now.reason is not before.reason and now.reason is not Reason.NONE:
        why = now.reason.name.lower().replace("_", " ")
        found.append(Line(Origin.EVSE, f"{'TRIP' if now.reason.is_trip else 'open'}: {why}"))
    return found


def _offer(duty_bp: int) -> str:
    if duty_bp == X1_BP:
        return "pilot steady +12 V: nothing is offered"
    if duty_bp == F_BP:
        return "pilot steady -12 V: not available"
    return f"pilot duty {duty_bp / 100:.2f} %: {duty_bp_to_amps(duty_bp):.1f} A offered"
