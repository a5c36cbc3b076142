"""Permits on their way out: one place per EVSE, where the newest takes the place of the older."""

from __future__ import annotations

from msgspec.structs import replace

from evse.model import Permit
from firmware_bridge.messages import NO_SESSION, PermitMessage
from firmware_bridge.sequence import U16, U32


class PermitLane:
    """Numbers permits within a session and tells the board, in each, when it was last heard."""

    def __init__(self) -> None:
        self._session = NO_SESSION
        self._waiting: dict[int, PermitMessage] = {}
        self._seq: dict[int, int] = {}
        self._heard_t_ms = 0
        self._heard_at_ms = 0
        self.sent = 0
        self.replaced = 0
        """Overtaken by a newer one before they left."""
        self.withheld = 0
        """Asked for while the link was down."""

    def open(self, session: int) -> None:
        """Accept permits, for `session`, numbered from 1."""
        self._session = session
        self._seq.clear()

    def close(self) -> None:
        """Drop what waits and accept nothing."""
        self._session = NO_SESSION
        self._waiting.clear()

    def hear(self, t_ms: int, now_ms: int) -> None:
        """The board said something, at `t_ms` of its clock."""
        self._heard_t_ms = t_ms
        self._heard_at_ms = now_ms

    def offer(self, evse: int, permit: Permit, now_ms: int) -> bool:
        """Let `permit` (its seq is given here) leave next; False when closed."""
        if self._session == NO_SESSION:
            self.withheld += 1
            return False
        seq = (self._seq.get(evse, 0) + 1) % U32
        self._seq[evse] = seq
        self.replaced += evse in self._waiting
        self._waiting[evse] = PermitMessage(
            evse,
            self._session,
            self._heard_t_ms,
            max(0, min(now_ms - self._heard_at_ms, U16 - 1)),
            replace(permit, seq=seq),
        )
        return True

    def take(self) -> list[PermitMessage]:
        """The permits that leave now."""
        if not self._waiting:
            return []
        permits = list(self._waiting.values())
        self._waiting.clear()
        self.sent += len(permits)
        return permits
