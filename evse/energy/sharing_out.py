"""From what the sessions claim to what each is granted."""

from __future__ import annotations

from collections.abc import Mapping

from evse.energy.station import StationEnergy
from evse.limits import Limit
from evse.session.session import Session

ROUNDS = 3
"""A grant may change what is claimed; a second round then settles it, and what were still to change
after that waits for the next input."""


def share_out(
    energy: StationEnergy, limit: Limit | None, sessions: Mapping[int, Session], now_ms: int
) -> bool:
    """Grant each session its share; none is granted anything while nothing is shared. True when a
    grant is another one than before. `limit`: what others allow all of them together per line."""
    if energy.idle(limit):
        energy.rest()
        changed = [session.set_grant(None) for session in sessions.values()]
        return any(changed)
    moved = False
    for _ in range(ROUNDS):
        claims = [session.claim() for session in sessions.values()]
        grants = energy.step(claims, now_ms, limit=limit)
        changed = [sessions[evse].set_grant(grant) for evse, grant in grants.items()]
        if not any(changed):
            break
        moved = True
    return moved
