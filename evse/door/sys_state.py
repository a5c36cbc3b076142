"""`sys.state`: everything about a station at one glance, for harnesses and people."""

from __future__ import annotations

from typing import Any

import msgspec

from evse.core import Core
from evse.door.energy import delay_state, energy_state
from evse.door.hub import Hub
from evse.session.session import Session
from evse.telling.fault_report import report_active
from evse.why import why


def sys_state(core: Core, hub: Hub, link: Any = None) -> dict[str, Any]:
    """Plain JSON values. `link`: the counters of the board link, where there is one."""
    return {
        "station": core.config.station.identity,
        "uptime_ms": core.clock.now_ms() - core.started_ms,
        "board": _board(core),
        "link": None if link is None else msgspec.to_builtins(link),
        "ocpp": {
            "configured": core.config.ocpp is not None,
            "needed": core.config.authorization.mode == "ocpp",
            "running": hub.provider("ocpp") is not None,
            "connected": hub.last("ocpp.is_connected", None) or False,
        },
        "journal": {
            "last_seq": core.journal.last_seq,
            "durable_seq": core.journal.durable_seq,
            "first_seq": core.journal.first_seq,
            "failures": core.journal.failures,
            "trouble": core.journal.trouble(core.clock.now_ms()),
            "lost": core.journal.lost,
        },
        "energy": energy_state(core),
        "door": {"bad_lines": hub.bad_lines},
        "evses": [_evse(core, evse, session) for evse, session in core.sessions.items()],
    }


def _board(core: Core) -> dict[str, Any]:
    identity = core.board_identity
    lost = any(session.board.is_lost for session in core.sessions.values())
    if identity is None or lost:
        return {"up": False, "why": core.board_why}
    return {
        "up": True,
        "board": identity.board,
        "firmware": identity.firmware,
        "boot_id": identity.boot_id,
        "capabilities": [c.name for c in identity.capabilities],
    }


def _evse(core: Core, evse: int, session: Session) -> dict[str, Any]:
    status, limit = session.status, session.limit()
    wish = session.wish(core.clock.now_ms())
    first = session.fault_model.first_cause
    return {
        "evse": evse,
        "state": session.state,
        "why": why(core, evse),
        "plugged": session.board.plugged,
        "pilot": status.pilot.name,
        "duty_bp": status.duty_bp,
        "contactor_closed": status.energised,
        "phases": session.phases_connected,
        "lock": status.lock.name.lower(),
        "cable_a": status.cable_a,
        "reason": status.reason.name,
        "wiring": [str(flag.name).lower() for flag in status.wiring],
        "light": session.light.name.lower(),
        "permit": {"close": wish.close, "duty_bp": wish.duty_bp, "lock": wish.lock.name.lower()},
        "limit_a": limit.limit_a,
        "limit_source": limit.source,
        "delay": delay_state(core, session),
        "session": session.record.uuid,
        "transaction": session.record.transaction,
        "authorized": session.authorized,
        "enabled": not session.disable_wanted,
        "faults": [fault.code for fault in session.faults],
        "first_cause": None if first is None else first.row.code,
        "fault_details": [
            msgspec.to_builtins(report_active(fault, core.clock))
            for fault in session.fault_model.active
        ],
        "energy_wh": None
        if session.record.meter is None
        else session.record.meter.energy_Wh_import.total,
    }
