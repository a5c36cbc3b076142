"""force_unlock: commanded once nothing may flow, repeated, answered with the true outcome."""

from __future__ import annotations

from collections.abc import Callable

from evse.clock import earliest_after
from evse.model import BoardStatus, LockState

RETRY_MS = 500
ANSWER_MS = 5_000
"""How long the lock may take once it was commanded (spec §A1.3)."""
WAIT_MS = 20_000
"""How long a running transaction may take to end first (the contactor's own time to open)."""


class ForcedUnlock:
    """One call of force_unlock that waits for its outcome."""

    def __init__(self, reply: Callable[[bool], None], now_ms: int) -> None:
        self._reply = reply
        self._sent_ms: int | None = None
        self._give_up_ms = now_ms + WAIT_MS + ANSWER_MS
        self.answered = False

    def next_deadline_ms(self, now_ms: int) -> int | None:
        """When to command again or to give up, whichever still lies ahead first."""
        again_ms = None if self._sent_ms is None else self._sent_ms + RETRY_MS
        return earliest_after(now_ms, again_ms, self._give_up_ms)

    def advance(self, status: BoardStatus, now_ms: int, *, allowed: bool) -> bool:
        """True when the unlock command is due now. `allowed`: nothing runs any more, and the board
        that tells `status` answers."""
        if allowed and self._sent_ms is not None and status.lock is LockState.UNLOCKED:
            return self._answer(True)
        if now_ms >= self._give_up_ms:
            return self._answer(False)
        waits = self._sent_ms is not None and now_ms - self._sent_ms < RETRY_MS
        if not allowed or status.energised or waits:
            return False
        if self._sent_ms is None:
            self._give_up_ms = now_ms + ANSWER_MS
        self._sent_ms = now_ms
        return True

    def _answer(self, outcome: bool) -> bool:
        self.answered = True
        self._reply(outcome)
        return False
