"""BootNotification until the back office accepts, then heartbeats at the interval it named.

Source: OCPP 1.6 §4.2, §4.6.
"""

from __future__ import annotations

from collections.abc import Callable

from ocpp_link.records import BootAnswer
from ocpp_link.rpc.outcome import Outcome, OutcomeKind
from ocpp_link.station import Station


class Registration:
    """`on_accepted` hears of every registration, with what the back office answered."""

    def __init__(self, station: Station, on_accepted: Callable[[BootAnswer], None]) -> None:
        self._station = station
        self._on_accepted = on_accepted

    @property
    def next_deadline_ms(self) -> int | None:
        """When the next BootNotification is due, while connected."""
        return self._station.boot.next_deadline_ms if self._station.rpc.is_open else None

    def poll(self, now_ms: int) -> None:
        if self._station.rpc.is_open and self._station.boot.due(now_ms):
            self.boot()

    def boot(self) -> None:
        """Send a BootNotification: it is due, or the back office asked for it."""
        self._station.boot.sent()
        self._station.request(self._station.dialect.boot(self._station.info), self._answered)

    def heartbeat(self) -> None:
        """Send a Heartbeat now."""
        self._station.request(self._station.dialect.heartbeat(), _unheeded)

    def heartbeat_due(self) -> None:
        """The timer `heartbeat`."""
        if self._station.operational:
            self.heartbeat()
        self.await_heartbeat()

    def await_heartbeat(self) -> None:
        """Start the timer `heartbeat` anew."""
        interval_ms = self._station.settings.heartbeat_interval_s * 1_000
        self._station.timers.set(("heartbeat",), self._station.clock.now_ms() + interval_ms)

    def _answered(self, outcome: Outcome) -> None:
        boot, now_ms = self._station.boot, self._station.clock.now_ms()
        if outcome.kind is not OutcomeKind.RESULT:
            boot.failed(now_ms, retry_at_once=outcome.kind is OutcomeKind.LINK_LOST)
            return
        answer = self._station.dialect.boot_answer(outcome.payload)
        boot.answered(answer, now_ms)
        if boot.accepted:
            self._on_accepted(answer)


def _unheeded(_outcome: Outcome) -> None:
    """A lost heartbeat is followed by the next."""
