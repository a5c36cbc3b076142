"""Which permits the board believes.

Guarantees: a permit passes only if it belongs to the session of the last accepted hello, is
newer than all that passed before for its EVSE, and comes from a host that has heard this board
within `permit_age_ms`. So neither a repeated frame, nor a buffer that drains late, nor a host
that no longer listens can feed a lease. Assumes that `now_ms` is the clock that stamped t_ms.
Checked by tests/unit/firmware_bridge/test_firmware_bridge_board_session.py.
"""

from __future__ import annotations

from firmware_bridge.messages import NO_SESSION, PermitMessage
from firmware_bridge.sequence import U32, is_newer


class PermitGate:
    def __init__(self, *, evses: int, age_ms: int) -> None:
        self._evses = evses
        self._age_ms = age_ms
        self._session = NO_SESSION
        self._last_seq: dict[int, int] = {}
        self.passed = 0
        self.refused = 0
        """Of another session, of an unknown EVSE, or not newer than the last."""
        self.late = 0
        """From a host that has not heard this board lately."""
        self.rtt_ms: int | None = None
        """From a t_ms that left to the permit that names it, less the time at the host."""

    def open(self, session: int) -> None:
        """Only permits of `session` pass from now on; none do with NO_SESSION."""
        self._session = session
        self._last_seq.clear()

    def passes(self, message: PermitMessage, now_ms: int) -> bool:
        """May this permit feed the lease? Counted either way."""
        if not self._belongs(message):
            self.refused += 1
            return False
        age_ms = (now_ms - message.heard_ms) % U32
        if age_ms > self._age_ms:
            self.late += 1
            return False
        self._last_seq[message.evse] = message.permit.seq
        self.passed += 1
        self.rtt_ms = max(0, age_ms - message.held_ms)
        return True

    def _belongs(self, message: PermitMessage) -> bool:
        if self._session == NO_SESSION or message.session != self._session:
            return False
        if not 1 <= message.evse <= self._evses:
            return False
        last = self._last_seq.get(message.evse)
        return last is None or is_newer(message.permit.seq, last, U32)
