"""What `sys.state` and `sys.inspect` tell of currents that are shared and of those that wait."""

from __future__ import annotations

from typing import Any

import msgspec

from evse.core import Core
from evse.energy.standing import standing
from evse.session.session import Session


def energy_state(core: Core) -> dict[str, Any] | None:
    """Plain JSON of evse.energy.standing.Standing; None while nothing is shared."""
    if core.energy is None or core.energy.idle(core.energy.limit):
        return None
    found: dict[str, Any] = msgspec.to_builtins(standing(core.energy, core.clock.now_ms()))
    return found


def delay_state(core: Core, session: Session) -> dict[str, Any] | None:
    """The random delay that runs: what applies until it is over, and what then. None: none runs."""
    delay = session.offer.delay
    if delay.ends_ms is None:
        return None
    return {
        "left_s": delay.remaining_s(core.clock.now_ms()),
        "applied_a": delay.applied_a,
        "wanted_a": delay.wanted_a,
    }
