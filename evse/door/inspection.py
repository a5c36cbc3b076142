"""`sys.inspect`: everything that a technician asks about one EVSE."""

from __future__ import annotations

from typing import Any

import msgspec

from evse.core import Core
from evse.door.energy import delay_state
from evse.evidence import evidence
from evse.faults import Fault
from evse.metering.trouble import told
from evse.pilot import duty_bp_to_amps
from evse.session.session import Session
from evse.why import why


def inspect(core: Core, evse: int) -> dict[str, Any]:
    """Plain JSON values. Raises KeyError for an EVSE that the station does not have."""
    session = core.sessions[evse]
    limit = session.limit()
    return {
        "evse": evse,
        "state": session.state,
        "why": why(core, evse),
        "facts": [msgspec.structs.asdict(fact) for fact in evidence(core, evse)],
        "faults": [_fault(fault, session) for fault in session.faults],
        "pilot": _pilot(core, session),
        "limit": {
            "limit_a": limit.limit_a,
            "source": limit.source,
            "phases": session.phases_connected,
        },
        "limits": [{"source": s.source, "limit_a": s.limit_a} for s in session.limit_sources()],
        "delay": delay_state(core, session),
        "meter": _meter(core, session),
        "lock": _lock(core, session),
        "contactor": _contactor(session),
    }


def _fault(fault: Fault, session: Session) -> dict[str, Any]:
    says, hint = told(fault, session.meter.trouble)
    return {"code": fault.code, "blocks": fault.blocks, "says": says, "hint": hint}


def _pilot(core: Core, session: Session) -> dict[str, Any]:
    """`hi_mv`, `lo_mv`: the plateaus of the two half-waves; None until ring 1 told them."""
    analog = core.analog.get(session.config.id)
    return {
        "state": session.status.pilot.name,
        "duty_bp": session.status.duty_bp,
        "offered_a": duty_bp_to_amps(session.status.duty_bp),
        "hi_mv": None if analog is None else analog.hi_mv,
        "lo_mv": None if analog is None else analog.lo_mv,
        "temperature_dc": None if analog is None else analog.temperature_dc,
    }


def _meter(core: Core, session: Session) -> dict[str, Any]:
    """`age_ms` and the values are None for a meter that has not been read."""
    meter, reading = session.meter, session.meter.reading
    none = (None, None, None)
    return {
        "fitted": meter.fitted,
        "lost": meter.lost,
        "odd": sorted(core.instruments[session.config.id].findings),
        "age_ms": None if reading is None else core.clock.now_ms() - reading.taken_ms,
        "energy_wh": None if reading is None else reading.energy_import_wh,
        "power_w": None if reading is None else reading.power_w,
        "voltage_v": none if reading is None else reading.voltage_v,
        "current_a": none if reading is None else reading.current_a,
    }


def _lock(core: Core, session: Session) -> dict[str, Any]:
    wanted = session.wish(core.clock.now_ms()).lock
    return {
        "state": session.status.lock.name.lower(),
        "wanted": wanted.name.lower(),
        "vetoed_unlock": session.status.vetoed_unlock,
        "forced_unlock": session.status.forced_unlock,
    }


def _contactor(session: Session) -> dict[str, Any]:
    status = session.status
    return {
        "coil": status.coil,
        "mirror_closed": status.mirror_closed,
        "reason": status.reason.name,
        "self_test": status.self_test.name.lower(),
        "rcd_tripped": status.rcd_tripped,
        "lease_live": status.lease_live,
    }
