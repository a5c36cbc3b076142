"""One causal sentence: why is this EVSE not charging (or: that it is, and what holds it back)?"""

from __future__ import annotations

from evse.authorization.wording import awaited
from evse.board_faults import Wiring
from evse.core import Core
from evse.energy.standing import standing
from evse.energy.wording import clock, shortage
from evse.metering.trouble import told
from evse.model import LockState, Reason, SelfTest
from evse.session import availability
from evse.session.session import Session
from evse.types.session import EnableSource, PauseReason

_OF_WIRES = frozenset(
    f"wiring {flag.name}" for flag in Wiring if flag not in Wiring.OVERSLEPT | Wiring.NO_REALTIME
)
"""Rows of the catalogue; the two left out are the computer's and open nothing."""
START_FAILED = "evse_manager/PowermeterTransactionStartFailed"


def why(core: Core, evse: int) -> str:
    """Raises KeyError for an EVSE that the station does not have."""
    session = core.sessions[evse]
    return f"EVSE {evse} {_cause(core, session)}{_wires(session)}"


def _cause(core: Core, session: Session) -> str:
    if session.board.is_lost:
        return f"is not charging because the board does not answer: {core.board_why}."
    if session.disable_wanted:
        return _disabled(core, session)
    for fault in session.faults:
        if fault.blocks:
            says, hint = told(fault, session.meter.trouble)
            if fault.code == START_FAILED and session.signing.why:
                says = f"{says}: {session.signing.why}"
            return f"is not charging because {says} ({fault.code}). {hint}"
    return _BY_STATE[session.state](core, session)


def _wires(session: Session) -> str:
    """What ring 1 finds wrong with its own wires: the cause behind a trip, or one in waiting."""
    found = [fault for fault in session.faults if _OF_WIRES.intersection(fault.raised_by)]
    return "".join(f" The board finds: {fault.says}. {fault.hint}" for fault in found)


def _booting(_core: Core, _session: Session) -> str:
    return "is not charging because the station is still starting."


def _idle(_core: Core, session: Session) -> str:
    if session.authorized:
        return "is not charging because no car is plugged in; a token is already accepted."
    if session.reservation_id is not None:
        kept = f"it is reserved (reservation {session.reservation_id})"
        return f"is not charging because no car is plugged in; {kept}."
    return "is not charging because no car is plugged in."


def _waiting(core: Core, session: Session) -> str:
    if not session.authorized:
        awaits = awaited(core.authorization, session, core.clock.now_ms())
        return f"is not charging because the car waits for authorization: {awaits}"
    if session.config.connector == "socket" and not session.status.cable_a:
        return "is not charging because the cable's rating (PP) has not been read yet."
    if not session.locked:
        return "is not charging because the plug is not locked yet."
    if session.meter.suffices(core.clock.now_ms()):
        return "is not charging because the meter is signing the begin of the transaction."
    return "is not charging because the meter has not given a fresh reading yet."


def _preparing(core: Core, session: Session) -> str:
    limit = session.limit()
    if not session.offer.enough:
        return _no_energy(core, session)
    if session.board.wants_power:
        return f"is about to charge: {_contactor(session)}."
    return (
        f"is not charging because the car has not asked for power: {limit.limit_a:g} A are "
        f"offered and the pilot is in state {session.status.pilot.name}."
    )


def _charging(core: Core, session: Session) -> str:
    limit = session.limit()
    if not session.status.mirror_closed:
        return f"is about to charge: {_contactor(session)}."
    reading = session.meter.reading
    power = reading.power_w if reading is not None else None
    drawn = "" if power is None else f" and the car draws {power / 1000:.1f} kW"
    delay = session.offer.delay
    if delay.ends_ms is not None:
        return (
            f"is charging: {session.offer.offered_a:g} A are offered{drawn}; the limit becomes "
            f"{delay.wanted_a:g} A after the random delay of smart charging, in "
            f"{_left(core, session)}."
        )
    return f"is charging: {limit.limit_a:g} A are offered, limited by {limit.source}{drawn}."


def _contactor(session: Session) -> str:
    """What the guard still waits for."""
    status = session.status
    if status.forced_unlock:
        return "after a forced unlock the car must be unplugged first"
    if status.self_test in (SelfTest.NOT_RUN, SelfTest.RUNNING):
        return "the residual-current device is being tested"
    if status.lock not in (LockState.ABSENT, LockState.LOCKED):
        return "the plug is not locked yet"
    if not status.lease_live:
        return "the board has no live permit"
    if status.reason is not Reason.NONE and not status.coil:
        return f"the contactor is open since {status.reason.name.lower().replace('_', ' ')}"
    return "the contactor is closing"


def _paused_ev(_core: Core, session: Session) -> str:
    if not session.board.plugged:
        return "is not charging because the car was unplugged; its transaction waits for it."
    return (
        f"is not charging because the car pauses: {session.limit().limit_a:g} A are offered and "
        f"it stays in state {session.status.pilot.name}."
    )


def _paused_evse(core: Core, session: Session) -> str:
    if PauseReason.UserPause in session.announced:
        return "is not charging because it was paused by request; `resume_charging` goes on."
    return _no_energy(core, session)


def _waking(_core: Core, _session: Session) -> str:
    return (
        "is not charging because the car did not answer the offer; it is being woken by a pulse "
        "of state F."
    )


def _switching(_core: Core, session: Session) -> str:
    phases = session.phases.target
    words = "one phase" if phases == 1 else "three phases"
    return f"is not charging because it is being switched to {words}; it goes on by itself."


def _no_energy(core: Core, session: Session) -> str:
    limit = session.limit()
    if session.offer.delay.ends_ms is not None:
        return (
            "is not charging because the random delay of smart charging runs for another "
            f"{_left(core, session)}; `evse charge-now` ends it."
        )
    if limit.enough:
        return (
            f"is not charging because {limit.source} had limited it to less than 6 A; it goes on "
            "when there is enough for a while."
        )
    if core.energy is not None and limit.source == core.energy.source:
        cause = shortage(standing(core.energy, core.clock.now_ms()), session.config.id)
        return f"is not charging because {cause}."
    return (
        f"is not charging because {limit.source} limits it to {limit.limit_a:g} A, "
        "and less than 6 A can not be offered."
    )


def _left(core: Core, session: Session) -> str:
    """Of the random delay."""
    return clock(session.offer.delay.remaining_s(core.clock.now_ms()) * 1_000)


def _stopping(_core: Core, session: Session) -> str:
    if not (session.status.energised or session.signing.settled):
        return (
            "is not charging because charging was stopped; the contactor is open, and the meter "
            "signs the end of the transaction."
        )
    return "is not charging because charging is being stopped; the contactor is opening."


def _finished(_core: Core, session: Session) -> str:
    stop = session.stop
    ended = f"was ended ({stop.reason.value})" if stop else "has ended"
    if session.holds_plug:
        return (
            "is not charging because the car has left; its cable stays locked until the token is "
            "presented or the connector is unlocked."
        )
    if session.has_room:
        return "is not charging because the car has left; its cable is still in the socket."
    return f"is not charging because the session {ended}; unplug the car to begin a new one."


def _disabled(_core: Core, session: Session) -> str:
    """A call that names no source stands above those that do, and nobody knows whose it was."""
    record = session.record
    if record.evse_disabled or record.connector_disabled:
        return "is not charging because it is disabled; `enable` brings it back."
    rows = record.assignments
    who = f" by {by}" if (by := availability.by_whom(rows)) else ""
    if availability.disabling(rows) == (EnableSource.FirmwareUpdate,):
        return f"is not charging because it is disabled{who}; it comes back when that has ended."
    return f"is not charging because it is disabled{who}; `enable` brings it back."


_BY_STATE = {
    "booting": _booting,
    "idle": _idle,
    "waiting_auth": _waiting,
    "preparing": _preparing,
    "charging": _charging,
    "paused_ev": _paused_ev,
    "paused_evse": _paused_evse,
    "waking": _waking,
    "switching": _switching,
    "stopping": _stopping,
    "finished": _finished,
    "disabled": _disabled,
}
