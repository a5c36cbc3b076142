"""BootNotification until the back office accepts, then heartbeats at the interval it named.

Source: OCPP 1.6 §4.2, §4.6.
"""

from __future__ import annotations

from collections.abc import Callable

from ocpp_link.device.model import DeviceModel
from ocpp_link.device.settings import Settings
from ocpp_link.ports import BootReason
from ocpp_link.records import BootAnswer
from ocpp_link.rpc.outcome import Outcome, OutcomeKind
from ocpp_link.station import Station


class Registration:
    """`on_accepted` hears of every registration. `answers` hears every answer to a boot."""

    def __init__(
        self,
        station: Station,
        model: DeviceModel,
        reason: BootReason,
        on_accepted: Callable[[], None],
    ) -> None:
        self._station = station
        self._model = model
        self._reason = reason
        self._on_accepted = on_accepted
        self.answers: list[Callable[[BootAnswer], None]] = []
        station.on_timer["heartbeat"] = self.heartbeat_due
        station.occasions.configured.append(self._configured)

    @property
    def next_deadline_ms(self) -> int | None:
        """When the next BootNotification is due, while connected."""
        return self._station.boot.next_deadline_ms if self._station.rpc.is_open else None

    def poll(self, now_ms: int) -> None:
        if self._station.rpc.is_open and self._station.boot.due(now_ms):
            self.boot()

    def boot(self, reason: BootReason | None = None) -> None:
        """Send a BootNotification: it is due, or the back office asked for it."""
        self._station.boot.sent()
        message = self._station.dialect.boot(self._station.info, reason or self._reason)
        self._station.request(message, self._answered)

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
        self._station.start_timer(interval_ms, "heartbeat")

    def _answered(self, outcome: Outcome) -> None:
        boot, now_ms = self._station.boot, self._station.clock.now_ms()
        if outcome.kind is not OutcomeKind.RESULT:
            boot.failed(now_ms, retry_at_once=outcome.kind is OutcomeKind.LINK_LOST)
            return
        answer = self._station.dialect.boot_answer(outcome.payload)
        boot.answered(answer, now_ms)
        for hear in self.answers:
            hear(answer)
        if boot.accepted:
            if answer.interval_s:
                self._model.set("heartbeat_interval_s", answer.interval_s)
            self.await_heartbeat()
            self._on_accepted()

    def _configured(self, before: Settings, now: Settings) -> None:
        if now.heartbeat_interval_s != before.heartbeat_interval_s:
            self.await_heartbeat()


def _unheeded(_outcome: Outcome) -> None:
    """A lost heartbeat is followed by the next."""
