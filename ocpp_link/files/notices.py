"""Status notifications that reach the back office in order, also over a lost connection."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Generic, TypeVar

from ocpp_link.records import Message
from ocpp_link.rpc.outcome import Outcome, OutcomeKind
from ocpp_link.station import Station

R = TypeVar("R")
MAX_TIMEOUTS = 3
"""A notification that nobody answers is given up: the next one matters more."""
MAX_WAITING = 32


class Notices(Generic[R]):
    """`render` gives None for what the version that is spoken has no message for. `on_told` hears
    of each that need not be sent again, in order."""

    def __init__(
        self,
        station: Station,
        render: Callable[[R], Message | None],
        on_told: Callable[[], None],
        waiting: Iterable[R] = (),
    ) -> None:
        self._station = station
        self._render = render
        self._on_told = on_told
        self._waiting = deque(waiting)
        self._timeouts = 0
        self._round = 0
        self._is_sending = False
        station.occasions.registered.append(self.pump)
        station.occasions.resumed.append(self.pump)

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, report: R) -> None:
        """Send it after those that wait."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append(report)
        self.pump()

    def clear(self) -> None:
        """Nobody is to hear of those that wait."""
        self._waiting.clear()
        self._round += 1
        self._is_sending = False

    def pump(self) -> None:
        """Send what can be sent now."""
        while self._waiting and self._station.operational and not self._is_sending:
            message = self._render(self._waiting[0])
            if message is None:
                self._done()
                continue
            self._is_sending = True
            this = self._round
            self._station.request(message, partial(self._answered, sent_in=this))

    def _answered(self, outcome: Outcome, sent_in: int) -> None:
        if sent_in != self._round:
            return
        self._is_sending = False
        if outcome.kind is OutcomeKind.LINK_LOST:
            return
        if outcome.kind is OutcomeKind.TIMEOUT and self._timeouts + 1 < MAX_TIMEOUTS:
            self._timeouts += 1
        else:
            self._done()
        self.pump()

    def _done(self) -> None:
        self._timeouts = 0
        self._waiting.popleft()
        self._on_told()
