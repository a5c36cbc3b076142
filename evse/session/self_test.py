"""The residual-current device's self-test on request: commanded, watched, answered truly. Pure.

The guard runs one by itself for each session; this is a technician's question. A device that fails
it trips, and blocks, as it would before a charge.
"""

from __future__ import annotations

from collections.abc import Callable

from evse.model import BoardStatus, SelfTest

ANSWER_MS = 5_000
"""How long the verdict may take; ring 1's two halves of a test take less than 3 s."""
_OVER = frozenset({SelfTest.PASSED, SelfTest.FAILED})


class SelfTestRun:
    """One request that waits for its verdict."""

    def __init__(self, reply: Callable[[bool], None], now_ms: int) -> None:
        self._reply = reply
        self.due_ms = now_ms + ANSWER_MS
        """When the answer is that it did not pass."""
        self._seen_running = False

    def advance(self, status: BoardStatus, now_ms: int, *, lost: bool) -> bool:
        """True once it is answered. A verdict from before the run says nothing of it."""
        if lost or now_ms >= self.due_ms:
            self._reply(False)
            return True
        self._seen_running = self._seen_running or status.self_test is SelfTest.RUNNING
        if not (self._seen_running and status.self_test in _OVER):
            return False
        self._reply(status.self_test is SelfTest.PASSED)
        return True
