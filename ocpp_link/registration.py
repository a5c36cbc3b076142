"""BootNotification until the back office accepts, then heartbeats at the interval it named.

Source: OCPP 1.6 §4.2, §4.6.
"""

from __future__ import annotations

from collections.abc import Callable

from ocpp_link.boot import believed_s
from ocpp_link.device.model import DeviceModel
from ocpp_link.device.settings import Settings
from ocpp_link.memory.database import Snapshot
from ocpp_link.ports import BootReason
from ocpp_link.records import BootAnswer
from ocpp_link.rpc.outcome import Outcome, OutcomeKind
from ocpp_link.station import Station

HEARTBEAT_AT_LEAST_MS = 86_400_000
"""However much else is sent: its answer tells the time."""


class Registration:
    """`on_accepted` hears of every registration. `answers` hears every answer to a boot."""

    def __init__(
        self,
        station: Station,
        model: DeviceModel,
        kept: Snapshot,
        reason: BootReason,
        on_accepted: Callable[[], None],
    ) -> None:
        self._station = station
        self._model = model
        self._reason_kept = False
        self._reason = self._why(kept, reason)
        self._on_accepted = on_accepted
        self._heartbeat_ms = station.clock.now_ms()
        """When the back office was last asked for the time."""
        self.answers: list[Callable[[BootAnswer], None]] = []
        station.on_timer["heartbeat"] = self.heartbeat_due
        station.occasions.configured.append(self._configured)

    def _why(self, kept: Snapshot, reason: BootReason) -> BootReason:
        """Why this start is: what was kept for it; `reason`, if the computer booted; else only the
        program began anew."""
        known = kept.decoded("boot", BootReason).get("reason")
        boot_id = self._station.system.boot_id
        before = kept.decoded("computer", str).get("boot_id")
        if boot_id != before:
            self._station.keep("computer", "boot_id", boot_id)
        self._reason_kept = known is not None
        again = boot_id == before and reason is BootReason.POWER_UP
        return known or (BootReason.APPLICATION_RESET if again else reason)

    @property
    def next_deadline_ms(self) -> int | None:
        """When the next BootNotification is due, while connected."""
        return self._station.boot.next_deadline_ms if self._station.rpc.is_open else None

    def poll(self, now_ms: int) -> None:
        if self._station.rpc.is_open and self._station.boot.due(now_ms):
            self.boot()

    def expect_restart(self, reason: BootReason) -> None:
        """The station is about to restart by itself: its next registration says why."""
        self._reason_kept = True
        self._station.keep("boot", "reason", reason)

    def restart_failed(self) -> None:
        """It goes on as it is."""
        self._forget_reason()

    def boot(self, reason: BootReason | None = None) -> None:
        """Send a BootNotification: it is due, or the back office asked for it."""
        self._station.boot.sent()
        asked_ms = self._heartbeat_ms = self._station.clock.now_ms()
        message = self._station.dialect.boot(self._station.info, reason or self._reason)
        self._station.request(message, lambda outcome: self._answered(outcome, asked_ms))

    def heartbeat(self) -> None:
        """Send a Heartbeat now."""
        asked_ms = self._heartbeat_ms = self._station.clock.now_ms()

        def done(outcome: Outcome) -> None:
            if outcome.kind is OutcomeKind.RESULT:
                time = self._station.dialect.heartbeat_time(outcome.payload)
                self._station.time.told(time, asked_ms)

        self._station.request(self._station.dialect.heartbeat(), done)

    def heartbeat_due(self) -> None:
        """The timer `heartbeat`: what else was sent tells that we are here just as well."""
        now_ms, station = self._station.clock.now_ms(), self._station
        quiet_ms = now_ms - max(station.requested_ms, self._heartbeat_ms)
        untold_ms = now_ms - self._heartbeat_ms
        left_ms = min(self._interval_ms - quiet_ms, HEARTBEAT_AT_LEAST_MS - untold_ms)
        if left_ms > 0 and station.operational:
            station.start_timer(left_ms, "heartbeat")
            return
        if station.operational:
            self.heartbeat()
        self.await_heartbeat()

    def await_heartbeat(self) -> None:
        """Start the timer `heartbeat` anew."""
        self._station.start_timer(min(self._interval_ms, HEARTBEAT_AT_LEAST_MS), "heartbeat")

    @property
    def _interval_ms(self) -> int:
        return self._station.settings.heartbeat_interval_s * 1_000

    def _answered(self, outcome: Outcome, asked_ms: int) -> None:
        boot, now_ms = self._station.boot, self._station.clock.now_ms()
        if outcome.kind is not OutcomeKind.RESULT:
            boot.failed(now_ms, retry_at_once=outcome.kind is OutcomeKind.LINK_LOST)
            return
        answer = self._station.dialect.boot_answer(outcome.payload)
        boot.answered(answer, now_ms)
        self._station.time.told(answer.current_time, asked_ms)
        for hear in self.answers:
            hear(answer)
        if boot.accepted:
            self._accepted(answer)

    def _accepted(self, answer: BootAnswer) -> None:
        self._forget_reason()
        if answer.interval_s:
            self._model.set("heartbeat_interval_s", believed_s(answer.interval_s))
        self.await_heartbeat()
        self._on_accepted()

    def _forget_reason(self) -> None:
        if self._reason_kept:
            self._reason_kept = False
            self._station.forget("boot", "reason")

    def _configured(self, before: Settings, now: Settings) -> None:
        if now.heartbeat_interval_s != before.heartbeat_interval_s:
            self.await_heartbeat()
