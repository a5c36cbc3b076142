"""The charging session of one EVSE, as everybody else sees it: what is told it and asked of it,
and what it wishes from the board.

Guarantees: the permit allows closing in state `charging` alone; an ask that may not be granted
says so and changes nothing. Assumes: the guard enforces the electrical interlocks whatever is
asked here. Pure but for the ports it is given; how it moves is session/machine.py.
"""

from __future__ import annotations

from collections.abc import Callable

from evse.clock import earliest_after
from evse.model import F_BP, X1_BP, BoardStatus, MeterReading, Wish
from evse.session.board import LAST_READING_MS
from evse.session.forced_unlock import ForcedUnlock
from evse.session.machine import (
    BOOT_WAIT_MS,
    CHECKPOINT_MS,
    STOP_TIMEOUT_MS,
    SessionMachine,
)
from evse.session.record import not_below, powermeter
from evse.types.authorization import ProvidedIdToken
from evse.types.energy import ExternalLimits
from evse.types.session import (
    SessionEventEnum,
    StartSessionReason,
    StopTransactionReason,
    StopTransactionRequest,
)

_TAKES_NO_TOKEN = frozenset({"booting", "stopping", "finished", "disabled"})
"""While booting, an interrupted session must be closed before another one begins."""


class Session(SessionMachine):
    """One EVSE."""

    def wish(self, now_ms: int) -> Wish:
        """What the next permit says: may close, duty in basis points, where the lock belongs."""
        lock = self._lock_target()
        if self._offers():
            return Wish(self.state == "charging", self._offer.duty_bp(self.limit(), now_ms), lock)
        shows_f = self.state == "disabled" or self._shows_fault()
        return Wish(False, F_BP if shows_f else X1_BP, lock)

    def _shows_fault(self) -> bool:
        """Steady F for a car that may come, but X1 while a trip is latched: ring 1 forgets some
        trips only once it has seen state A, and behind F it can not."""
        free = self.state == "idle" and not self.board.plugged
        return free and self.fault_model.blocked and not self.status.reason.is_trip

    def next_deadline_ms(self, now_ms: int) -> int | None:
        """When `poll` has something to do if nothing else happens."""
        stopping = self.state == "stopping"
        last_reading_ms = max(self.board.opened_ms, self._entered_ms) + LAST_READING_MS
        return earliest_after(
            now_ms,
            self._entered_ms + STOP_TIMEOUT_MS if stopping else None,
            last_reading_ms if stopping else None,
            self._began_ms + BOOT_WAIT_MS if self.state == "booting" else None,
            self._offer.next_deadline_ms(self.limit(), now_ms),
            self._checkpoint_ms,
            self._acknowledge_ms,
            self.fault_model.next_deadline_ms,
            self.board.next_deadline_ms,
            self._unlock.next_deadline_ms(now_ms) if self._unlock else None,
        )

    def poll(self) -> None:
        """Let time act."""
        now_ms = self._clock.now_ms()
        if self._checkpoint_ms is not None and now_ms >= self._checkpoint_ms:
            self._checkpoint_ms = now_ms + CHECKPOINT_MS
            self._ports.checkpoint(self.record.encode())
        self.settle()

    # --- what the board and the meter say -----------------------------------------------------

    def on_status(self, status: BoardStatus) -> None:
        """Ring 1's state, as often as it comes."""
        disabled, wanted = self.state == "disabled", self._lock_target()
        if self.board.heard(status, self._clock.now_ms(), disabled=disabled, wanted=wanted):
            self._ports.read_meter()
        if self.board.standing_trip is not self.record.standing_trip:
            self.record.standing_trip = self.board.standing_trip
            self._ports.checkpoint(self.record.encode())
        self.settle()

    def on_board_lost(self) -> None:
        """The link is down, or ring 1 restarted."""
        self.board.lost(self._clock.now_ms())
        self.settle()

    def on_reading(self, reading: MeterReading) -> None:
        """A reading of the billing meter; its supervisor keeps the register from running back."""
        self.meter.heard(reading)
        heard = powermeter(reading, self._clock.utc())
        # A meter that starts together with us may answer 0 at first, or be another one: what the
        # last checkpoint knows to have flowed is billed.
        interrupted = self.state == "booting" and self.record.transaction
        self.record.meter = not_below(self.record.meter, heard) if interrupted else heard
        self.settle()

    def on_meter_lost(self) -> None:
        self.meter.lost = True
        self.settle()

    # --- what people and links ask ------------------------------------------------------------

    def authorize(self, token: ProvidedIdToken) -> bool:
        """An accepted token. False where it is ignored (spec §A1.3 authorize_response)."""
        if self.stop or self.disable_wanted or self.state in _TAKES_NO_TOKEN:
            return False
        if self.authorized and self.record.token is not None:
            return self.record.token.id_token.same_as(token.id_token)
        self.record.token = token
        if not self.record.uuid:
            self._begin_session(StartSessionReason.Authorized)
        self.authorized, self._withdrawn = True, False
        self._emit(self._write.plain(SessionEventEnum.Authorized, self._clock.utc()))
        self.settle()
        return True

    def withdraw_authorization(self) -> None:
        """Ends an authorization, or the wait for one; a transaction and a repetition ignore it."""
        waits = self.record.uuid and self.state in ("idle", "waiting_auth")
        if not waits or self._withdrawn:
            return
        was_authorized, self.authorized = self.authorized, False
        self._withdrawn = True
        self._emit(self._write.plain(SessionEventEnum.Deauthorized, self._clock.utc()))
        if self.state == "idle":
            self._end_session()
        elif not was_authorized:
            self._emit(self._write.plain(SessionEventEnum.PluginTimeout, self._clock.utc()))
        self.record.token = None
        self.settle()

    def enable(self, connector_id: int) -> bool:
        """enable(0) leaves a connector's own disablement; enable(1) lifts both."""
        self.record.evse_disabled = False
        if connector_id:
            self.record.connector_disabled = False
        return self._availability(connector_id) and not self.disable_wanted

    def disable(self, connector_id: int) -> bool:
        if connector_id:
            self.record.connector_disabled = True
        else:
            self.record.evse_disabled = True
        return self._availability(connector_id)

    def pause_charging(self) -> bool:
        """False without a transaction."""
        if self.record.transaction:
            self.user_pause = True
            self.settle()
        return self.record.transaction

    def resume_charging(self) -> bool:
        """False where there is no pause of ours to end."""
        if not (self.record.transaction and self.user_pause):
            return False
        self.user_pause = False
        self.settle()
        return True

    def stop_transaction(self, request: StopTransactionRequest) -> bool:
        """False without a transaction; the first reason wins."""
        if not self.record.transaction:
            return False
        if self.stop is None:
            self.stop = request
            self.authorized = False
            self.settle()
        return True

    def force_unlock(self, connector_id: int, reply: Callable[[bool], None]) -> None:
        """Ends a transaction, waits for the contactor, unlocks; `reply` gets the true outcome."""
        if connector_id not in (0, 1) or self.config.lock is None or self._unlock is not None:
            reply(False)
            return
        self.stop_transaction(StopTransactionRequest(reason=StopTransactionReason.UnlockCommand))
        self._unlock = ForcedUnlock(reply, self._clock.now_ms())
        self.settle()

    def set_external_limits(self, limits: ExternalLimits) -> None:
        """Replaces what was set before. Raises ValueError for a time that no calendar has."""
        self._offer.set_external(limits)
        self.settle()

    def _availability(self, connector_id: int) -> bool:
        self._addressed = connector_id or None
        self._ports.checkpoint(self.record.encode())
        self.settle()
        return True
