"""The facts behind `why`: what charging needs, in causal order, and whether each holds now.

Pure. The rows go from the board outwards to the contactor, so the first row that does not hold is
where a technician begins.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from evse.core import Core
from evse.metering.signed import Phase
from evse.model import LockState, Reason, SelfTest
from evse.pilot import duty_bp_to_amps, is_pwm
from evse.session.availability import by_whom
from evse.session.session import Session

SIGNING = {
    Phase.RESTS: "the meter signs the begin of each transaction, and has nothing to sign",
    Phase.BEGINS: "the meter is signing the begin",
    Phase.SIGNED: "the meter has signed the begin",
    Phase.UNSIGNED: "the meter has not signed the begin",
    Phase.ENDS: "the meter is signing the end",
    Phase.ENDED: "the meter was told of the end",
}


class Fact(msgspec.Struct, frozen=True):
    """One condition of charging, as found."""

    ok: bool
    says: str


def evidence(core: Core, evse: int) -> tuple[Fact, ...]:
    """Every condition that charging on `evse` needs. Raises KeyError for an unknown EVSE."""
    session = core.sessions[evse]
    if session.board.is_lost:
        return (Fact(False, f"board: it does not answer: {core.board_why}"),)
    return tuple(_found(core, session))


def _found(core: Core, session: Session) -> Iterator[Fact]:
    yield Fact(True, "board: it answers")
    yield _availability(session)
    yield from _faults(session)
    yield _plug(session)
    yield _authorization(core, session)
    if session.config.connector == "socket":
        yield _cable(session)
    yield _meter(core, session)
    if session.config.meter.signed:
        yield _signature(session)
    yield _limit(session)
    yield _pause(session)
    yield _pilot(core, session)
    if session.status.lock is not LockState.ABSENT:
        yield _lock(session)
    if session.status.self_test is not SelfTest.NOT_FITTED:
        yield _self_test(session)
    yield _lease(session)
    yield _contactor(session)


def _availability(session: Session) -> Fact:
    record = session.record
    who = [
        name
        for name, off in (("EVSE", record.evse_disabled), ("connector", record.connector_disabled))
        if off
    ]
    if who:
        return Fact(False, f"availability: {' and '.join(who)} disabled")
    if by := by_whom(record.assignments):
        return Fact(False, f"availability: disabled by {by}")
    return Fact(True, "availability: enabled")


def _faults(session: Session) -> Iterator[Fact]:
    if not session.faults:
        yield Fact(True, "faults: none")
    for fault in session.faults:
        effect = "blocks" if fault.blocks else "does not block"
        yield Fact(not fault.blocks, f"fault {fault.code}: {fault.says} ({effect})")


def _plug(session: Session) -> Fact:
    if session.board.plugged:
        return Fact(True, "plug: a car is plugged in")
    return Fact(False, "plug: no car")


def _authorization(core: Core, session: Session) -> Fact:
    mode = core.config.authorization.mode
    if session.authorized:
        return Fact(True, f"authorization: a token is accepted (mode {mode})")
    if session.stop is not None:
        return Fact(False, f"authorization: ended by {session.stop.reason.value}")
    return Fact(False, f"authorization: no token is accepted (mode {mode})")


def _cable(session: Session) -> Fact:
    rating_a = session.status.cable_a
    if rating_a:
        return Fact(True, f"cable: rated {rating_a} A (PP)")
    return Fact(False, "cable: no rating read (PP)")


def _meter(core: Core, session: Session) -> Fact:
    meter = session.meter
    if not meter.fitted:
        return Fact(True, "meter: none is fitted")
    if meter.reading is None:
        return Fact(False, "meter: no reading yet")
    now_ms = core.clock.now_ms()
    age_s = (now_ms - meter.reading.taken_ms) / 1000
    fresh = meter.fresh(now_ms) and not meter.lost
    return Fact(fresh, f"meter: last reading {age_s:.1f} s ago{'' if fresh else ', too old'}")


def _signature(session: Session) -> Fact:
    signing = session.signing
    if signing.why:
        return Fact(not signing.refused, f"signature: {signing.why}")
    return Fact(signing.may_start or signing.may_ask, f"signature: {SIGNING[signing.phase]}")


def _limit(session: Session) -> Fact:
    limit = session.limit()
    says = f"limit: {limit.limit_a:g} A by {limit.source}, {limit.phases} phase(s)"
    return Fact(limit.enough, says if limit.enough else f"{says}; less than 6 A can not be offered")


def _pause(session: Session) -> Fact:
    if session.user_pause:
        return Fact(False, "pause: paused by request")
    return Fact(True, f"pause: none; the session is {session.state}")


def _pilot(core: Core, session: Session) -> Fact:
    status, analog = session.status, core.analog.get(session.config.id)
    volts = "" if analog is None else f", {analog.hi_mv / 1000:+.1f} V"
    offer = (
        f"offers {duty_bp_to_amps(status.duty_bp):.1f} A"
        if is_pwm(status.duty_bp)
        else "offers nothing"
    )
    asks = "asks for power" if session.board.wants_power else "does not ask for power"
    return Fact(
        session.board.wants_power,
        f"pilot: state {status.pilot.name}{volts}, {offer}; the car {asks}",
    )


def _lock(session: Session) -> Fact:
    locked = session.status.lock is LockState.LOCKED
    return Fact(locked, f"lock: {session.status.lock.name.lower()}")


def _self_test(session: Session) -> Fact:
    test = session.status.self_test
    return Fact(test is SelfTest.PASSED, f"RCD self-test: {test.name.lower().replace('_', ' ')}")


def _lease(session: Session) -> Fact:
    live = session.status.lease_live
    return Fact(live, f"permit: {'live' if live else 'none is live on the board'}")


def _contactor(session: Session) -> Fact:
    status = session.status
    if status.mirror_closed:
        return Fact(True, "contactor: closed")
    if status.forced_unlock:
        return Fact(False, "contactor: open; after a forced unlock until the car is unplugged")
    cause = "" if status.reason is Reason.NONE else f", since {status.reason.name}"
    return Fact(False, f"contactor: open{cause}")
