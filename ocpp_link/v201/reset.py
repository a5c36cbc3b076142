"""Reset of OCPP 2.0.1 (B11, B12): of the whole station; a single EVSE has nothing to restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocpp_link.ports import BootReason
from ocpp_link.reset import ResetMode
from ocpp_link.rpc.rpc import IncomingCall

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint

MODES = {"Immediate": ResetMode.GRACEFUL, "OnIdle": ResetMode.WHEN_IDLE}


def reset(call: IncomingCall, engine: ChargePoint) -> None:
    """The answer is out before anything is done. Of one EVSE: Rejected (B11.FR.09)."""
    if "evseId" in call.payload:
        call.respond({"status": "Rejected", "statusInfo": {"reasonCode": "NotSupported"}})
        return
    mode = MODES[call.payload["type"]]
    waits = mode is ResetMode.WHEN_IDLE and _is_busy(engine)
    cause = BootReason.SCHEDULED_RESET if waits else BootReason.REMOTE_RESET
    call.respond({"status": engine.reset.ask(mode, cause).value})


def _is_busy(engine: ChargePoint) -> bool:
    return any(state.in_transaction for state in engine.station.states.values())


HANDLERS = {"Reset": reset}
