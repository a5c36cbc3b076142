"""Reset of OCPP 1.6 (§5.14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocpp_link.reset import ResetMode
from ocpp_link.rpc.rpc import IncomingCall

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint

MODES = {"Hard": ResetMode.FORCED, "Soft": ResetMode.GRACEFUL}


def reset(call: IncomingCall, engine: ChargePoint) -> None:
    """The answer is out before anything is done."""
    answer = engine.reset.ask(MODES[call.payload["type"]])
    call.respond({"status": answer.value})


HANDLERS = {"Reset": reset}
