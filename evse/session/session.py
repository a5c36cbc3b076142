"""The charging session of one EVSE, as everybody else sees it; here: what it wishes of the board.

Guarantees: the permit allows closing in state `charging` alone; an ask that may not be granted
says so and changes nothing. Assumes: the guard enforces the electrical interlocks whatever is
asked here. Pure but for the ports it is given. In layers, each a file: what it knows (state.py),
what it wants of the plug (plug.py), how it moves (machine.py), what it is told (told.py), what it
is asked (asked.py).
"""

from __future__ import annotations

from evse.clock import earliest_after
from evse.energy import current_guard
from evse.model import F_BP, X1_BP, Wish
from evse.panel import Indicator
from evse.session.asked import AskedSession
from evse.session.board import LAST_READING_MS
from evse.session.indicator import indicator
from evse.session.machine import CHECKPOINT_MS
from evse.session.pulses import WAKE_F_MS, WAKE_X1_MS
from evse.session.state import BOOT_WAIT_MS, STOP_TIMEOUT_MS
from evse.types.session import StopTransactionReason, StopTransactionRequest


class Session(AskedSession):
    """One EVSE."""

    def wish(self, now_ms: int) -> Wish:
        """What the next permit says: may close, duty in basis points, lock, phase contact and
        light."""
        lock, phases, light = self._lock_target(), self.phases.sent, self.light
        if self._offers():
            return Wish(self.state == "charging", self.offer.duty_bp, lock, phases, light)
        return Wish(False, F_BP if self._shows_f(now_ms) else X1_BP, lock, phases, light)

    @property
    def light(self) -> Indicator:
        """What the status light shows."""
        return indicator(
            self.state,
            blocked=self.fault_model.blocked,
            authorized=self.authorized,
            reserved=self.reservation_id is not None,
        )

    def stop_pressed(self) -> None:
        """Somebody pressed the station's stop button: the transaction ends, where there is one."""
        if self.board.take_press():
            self.stop_transaction(StopTransactionRequest(reason=StopTransactionReason.Local))

    def _shows_f(self, now_ms: int) -> bool:
        if self.state == "waking":
            return now_ms - self._entered_ms < WAKE_F_MS
        if self.state == "switching":
            return self.phases.pilot_f
        return self.state == "disabled" or self._pulse.shows(now_ms) or self._shows_fault()

    def _shows_fault(self) -> bool:
        """Steady F for a car that may come, but X1 while a trip is latched: ring 1 forgets some
        trips only once it has seen state A, and behind F it can not."""
        free = self.state == "idle" and not self.board.plugged
        return free and self.fault_model.blocked and not self.status.reason.is_trip

    def next_deadline_ms(self, now_ms: int) -> int | None:
        """When `poll` has something to do if nothing else happens."""
        return earliest_after(
            now_ms,
            *self._state_deadlines_ms(),
            self._late_ms,
            self.offer.next_deadline_ms(now_ms),
            self.phases.next_deadline_ms(self.limit().phases, now_ms)
            if self.phases.waits
            else None,
            current_guard.next_deadline_ms(self._over_current, now_ms, self._over_policy),
            self._pulse.ends_ms,
            self._start_reading.due_ms,
            self.signing.due_ms,
            self._checkpoint_ms,
            self._acknowledge_ms,
            self.fault_model.next_deadline_ms,
            self.board.next_deadline_ms,
            self._unlock.next_deadline_ms(now_ms) if self._unlock else None,
            self._self_test.due_ms if self._self_test else None,
        )

    def _state_deadlines_ms(self) -> tuple[int, ...]:
        """When the present state is over by itself."""
        since_ms, state = self._entered_ms, self.state
        if state == "stopping":
            last_reading_ms = max(self.board.opened_ms, since_ms) + LAST_READING_MS
            return since_ms + STOP_TIMEOUT_MS, last_reading_ms
        if state == "waking":
            return since_ms + WAKE_F_MS, since_ms + WAKE_F_MS + WAKE_X1_MS
        if state == "switching":
            gives_up_ms = since_ms + self.phases.give_up_ms
            return since_ms + self.phases.delay_ms, gives_up_ms, since_ms + STOP_TIMEOUT_MS
        return (self._began_ms + BOOT_WAIT_MS,) if state == "booting" else ()

    def poll(self) -> None:
        """Let time act."""
        now_ms = self._clock.now_ms()
        if self._checkpoint_ms is not None and now_ms >= self._checkpoint_ms:
            self._checkpoint_ms = now_ms + CHECKPOINT_MS
            self._ports.checkpoint(self.record.encode())
        self._settle_and_guard()
