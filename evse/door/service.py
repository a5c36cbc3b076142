"""What a technician asks of the hardware at the door."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evse.core import Core
from evse.door.hub import Reply
from evse.door.params import Params, session_of


def _self_test(core: Core, params: Params, reply: Reply) -> None:
    session_of(core, params).test_rcd(reply)


def _accept_meter(core: Core, params: Params, reply: Reply) -> None:
    reply(core.accept_meter(session_of(core, params).config.id))


TABLE: dict[str, tuple[type[Any], Callable[[Core, Any, Reply], None]]] = {
    "ac_rcd.self_test": (Params, _self_test),
    "metering.accept": (Params, _accept_meter),
}
"""Method -> (type of its params, function), as in door/methods.py."""
