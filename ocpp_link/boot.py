"""Registration with the back office: when to send BootNotification, and what may be sent now.

Source: OCPP 1.6 §4.2. Pure: times in, decisions out.
"""

from __future__ import annotations

from ocpp_link.records import BootAnswer, BootStatus

DEFAULT_RETRY_MS = 60_000
"""Before the next try, where the back office named no interval or gave no usable answer."""
LONGEST_INTERVAL_S = 86_400
"""Own: a longer interval of the back office is taken for a slip (milliseconds, a wrong number).
Believed, it would silence a station that waits for its registration until somebody restarts it."""


class Boot:
    """Not registered → Pending or Rejected → Accepted; once accepted, for the process's life."""

    def __init__(self, retry_ms: int = DEFAULT_RETRY_MS) -> None:
        self._retry_ms = retry_ms
        self._due_ms: int | None = 0
        self._in_flight = False
        self.status: BootStatus | None = None

    @property
    def accepted(self) -> bool:
        return self.status is BootStatus.ACCEPTED

    @property
    def silent(self) -> bool:
        """Rejected: nothing is sent and nothing is answered until the interval is over."""
        return self.status is BootStatus.REJECTED and not self._in_flight

    @property
    def next_deadline_ms(self) -> int | None:
        return None if self._in_flight or self.accepted else self._due_ms

    def due(self, now_ms: int) -> bool:
        """Is a BootNotification to be sent now? (While connected.)"""
        deadline_ms = self.next_deadline_ms
        return deadline_ms is not None and now_ms >= deadline_ms

    def restart(self) -> None:
        """Register anew, at once."""
        self.status = None
        self._in_flight = False
        self._due_ms = 0

    def sent(self) -> None:
        self._in_flight = True

    def answered(self, answer: BootAnswer, now_ms: int) -> None:
        """An interval of 0 leaves the choice to us (§4.2); one beyond LONGEST_INTERVAL_S is cut."""
        self._in_flight = False
        self.status = answer.status
        interval_s = believed_s(answer.interval_s)
        wait_ms = interval_s * 1_000 if interval_s > 0 else self._retry_ms
        self._due_ms = now_ms + wait_ms

    def failed(self, now_ms: int, *, retry_at_once: bool = False) -> None:
        """No usable answer; `retry_at_once` where the connection went before one could come: then
        what an earlier answer asked us to wait still holds."""
        self._in_flight = False
        if retry_at_once:
            self._due_ms = max(now_ms, self._due_ms or 0)
        else:
            self._due_ms = now_ms + self._retry_ms


def believed_s(interval_s: int) -> int:
    """What is made of an interval in the answer to a BootNotification, s."""
    return min(interval_s, LONGEST_INTERVAL_S)
