"""What happened in a flight, as a technician reads it: one row for each period that tells. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from evse.board_faults import BoardFault, Wiring
from evse.guard.facts import Heat
from evse.guard.flight_read import Recorded
from evse.guard.recorder import CommandTaken, NotKept, Trigger
from evse.guard.replay import Decided
from evse.model import F_BP, X1_BP, SelfTest

LATE_MS = 50
"""Two periods further apart than this are worth a word."""


class Row(msgspec.Struct, frozen=True):
    """One period. Levels as read, the rest as decided."""

    t_ms: int
    """After the trigger; negative: before it."""
    hi_mv: int | None
    """None: the samples gave no verdict."""
    lo_mv: int | None
    pilot: str
    offer: str
    permit: str
    coil: bool
    mirror_closed: bool
    lock: str
    says: tuple[str, ...]


def timeline(flight: Recorded, periods: Iterable[Decided]) -> Iterator[Row]:
    """A row where something other than a level changed, the first one and the last."""
    zero_ms = flight.header.trigger.at_ms
    last: Decided | None = None
    waiting = sorted(flight.triggers, key=lambda trigger: trigger.at_ms)
    shown: Row | None = None
    for period in periods:
        says = (*_events(last, period), *_due(waiting, period))
        row = _row(period, zero_ms, says)
        if says or shown is None or _columns(row) != _columns(shown):
            yield row
            shown = row
        last = period
    if last is not None and shown is not None and shown.t_ms != last.record.now_ms - zero_ms:
        yield _row(last, zero_ms, ("the recording ends",))


def _due(waiting: list[Trigger], period: Decided) -> Iterator[str]:
    """The triggers that came since the period before."""
    while waiting and waiting[0].at_ms <= period.record.now_ms:
        trigger = waiting.pop(0)
        yield f"kept because of: {trigger.cause.value} {trigger.detail}"


def _columns(row: Row) -> tuple[object, ...]:
    return row.pilot, row.offer, row.permit, row.coil, row.mirror_closed, row.lock


def _row(period: Decided, zero_ms: int, says: tuple[str, ...]) -> Row:
    record, state = period.record, period.state
    sample = record.inputs.sample
    return Row(
        t_ms=record.now_ms - zero_ms,
        hi_mv=None if sample is None else sample.hi_mv,
        lo_mv=None if sample is None else sample.lo_mv,
        pilot=state.pilot.state.name,
        offer=offer(record.outputs.duty_bp),
        permit=permit(period),
        coil=record.outputs.coil,
        mirror_closed=record.inputs.mirror_closed,
        lock=period.seen.lock.name.lower(),
        says=says,
    )


def offer(duty_bp: int) -> str:
    """`X1`, `F`, or the duty in percent."""
    names = {X1_BP: "X1", F_BP: "F"}
    return names.get(duty_bp) or f"{duty_bp / 100:.1f} %"


def permit(period: Decided) -> str:
    """What the core allowed: `none` without a live permit."""
    state = period.state
    if not state.live:
        return "none"
    return "close" if state.permit.close else "hold"


# --- what changed, in words -----------------------------------------------------------------------


def _events(last: Decided | None, period: Decided) -> Iterator[str]:
    yield from _told(period)
    if last is None:
        yield "the recording begins"
        return
    yield from _pace(last, period)
    yield from _read(last, period)
    yield from _decided(last, period)
    yield from (
        f"DIFFERS: {d.what} is {plain(d.decided)} now, {plain(d.recorded)} was recorded"
        for d in period.differences
    )


def _told(period: Decided) -> Iterator[str]:
    for taken in period.record.taken:
        if isinstance(taken, CommandTaken):
            yield f"command {taken.verb.name}: {taken.status.name.lower()}"
        elif isinstance(taken, NotKept):
            yield f"{taken.count} permits and commands more than are kept"


def _pace(last: Decided, period: Decided) -> Iterator[str]:
    late_ms = period.record.now_ms - last.record.now_ms
    if late_ms > LATE_MS:
        yield f"{late_ms} ms since the period before"


def _read(last: Decided, period: Decided) -> Iterator[str]:
    """What the inputs say otherwise than before."""
    was, now = last.seen, period.seen
    for name, before, after in (
        ("residual current", was.rcd_tripped, now.rcd_tripped),
        ("emergency stop", was.emergency_stop, now.emergency_stop),
    ):
        if before is not after:
            yield f"{name}: {'tripped' if after else 'over'}"
    if was.cable_a != now.cable_a:
        yield f"cable: {now.cable_a} A"
    if was.heat is not now.heat:
        yield f"temperature: {_heat(now.heat, period.record.inputs.temperature_dc)}"
    if (was.band is None) is not (now.band is None):
        yield "pilot: no verdict" if now.band is None else "pilot: read again"
    yield from _flags("board", was.faults, now.faults)
    yield from _flags("wiring", was.wiring, now.wiring)


def _flags(kind: str, was: BoardFault | Wiring, now: BoardFault | Wiring) -> Iterator[str]:
    for flag in type(now):
        if (int(was) ^ int(now)) & flag:
            yield f"{kind}: {flag.name}{'' if int(now) & flag else ' over'}"


def _heat(heat: Heat, temperature_dc: int | None) -> str:
    if temperature_dc is None:
        return heat.name.lower()
    return f"{heat.name.lower()} at {temperature_dc / 10:.1f} °C"


def _decided(last: Decided, period: Decided) -> Iterator[str]:
    was, now = last.state, period.state
    if was.diode != now.diode and (now.diode.proven or now.diode.bad):
        yield f"diode: {'proven' if now.diode.proven else 'not behind the low half-wave'}"
    if was.self_test.status is not now.self_test.status:
        verdict = SelfTest(now.self_test.status).name.lower().replace("_", " ")
        yield f"residual-current self-test: {verdict}"
    if was.cable.rating_a != now.cable.rating_a and now.cable.rating_a is not None:
        yield f"cable rated {now.cable.rating_a} A"
    if was.coil and not now.coil:
        yield f"OPENS ({now.reason.name}): {' '.join(period.fired) or 'no rule'}"
    elif period.fired:
        yield f"TRIP ({now.reason.name}): {' '.join(period.fired)}"
    if now.coil and not was.coil:
        yield "CLOSES: every closing rule holds"
    if period.barred and period.barred != last.barred:
        yield "stays open until:"
        yield from (f"  {rule}" for rule in period.barred)
    if was.trips and not now.trips:
        yield "trips acknowledged"
    if now.lock.drive is not was.lock.drive:
        yield f"lock motor: {now.lock.drive.name.lower()}"
    if now.lock.jammed and not was.lock.jammed:
        yield "lock motor: jammed"
    if now.phases.driven != was.phases.driven:
        yield f"phase contact: driven to {now.phases.driven}"


def plain(value: object) -> str:
    """One recorded value in few words."""
    return repr(msgspec.to_builtins(value))
