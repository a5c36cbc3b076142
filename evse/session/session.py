"""The charging session of one EVSE, as everybody else sees it: what is told it and asked of it,
and what it wishes from the board.

Guarantees: the permit allows closing in state `charging` alone; an ask that may not be granted
says so and changes nothing. Assumes: the guard enforces the electrical interlocks whatever is
asked here. Pure but for the ports it is given; how it moves is session/machine.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from msgspec import UNSET

from evse.clock import earliest_after
from evse.energy import current_guard
from evse.energy.claims import Claim, lines_of
from evse.faults import CoreCondition
from evse.limits import Limit
from evse.metering.plausibility import UNSEEN_WH
from evse.model import (
    F_BP,
    X1_BP,
    BoardAnalog,
    BoardStatus,
    Capability,
    MeterReading,
    PilotState,
    Wish,
)
from evse.pilot import duty_bp_to_amps
from evse.session import availability
from evse.session.board import LAST_READING_MS
from evse.session.forced_unlock import ForcedUnlock
from evse.session.machine import CHECKPOINT_MS, SessionMachine
from evse.session.phase_switch import ONE, THREE
from evse.session.pulses import WAKE_F_MS, WAKE_X1_MS
from evse.session.record import not_below, powermeter
from evse.session.state import BOOT_WAIT_MS, STOP_TIMEOUT_MS
from evse.types.authorization import ProvidedIdToken
from evse.types.energy import ExternalLimits
from evse.types.evse_manager import SwitchThreePhasesWhileChargingResult
from evse.types.session import (
    EnableDisableSource,
    EnableState,
    SessionEventEnum,
    StartSessionReason,
    StopTransactionReason,
    StopTransactionRequest,
)

STORE_WH = UNSEEN_WH / 2
"""How far the meter may run between transactions before its value is stored (own)."""
_TAKES_NO_TOKEN = frozenset({"booting", "stopping", "finished", "disabled"})
"""While booting, an interrupted session must be closed before another one begins."""


class Session(SessionMachine):
    """One EVSE."""

    def wish(self, now_ms: int) -> Wish:
        """What the next permit says: may close, duty in basis points, lock and phase contact."""
        lock, phases = self._lock_target(), self.phases.target
        if self._offers():
            return Wish(self.state == "charging", self.offer.duty_bp, lock, phases)
        return Wish(False, F_BP if self._shows_f(now_ms) else X1_BP, lock, phases)

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
            self.phases.next_deadline_ms(self.limit().phases, now_ms),
            current_guard.next_deadline_ms(self._over_current, now_ms, self._over_policy),
            self._pulse.ends_ms,
            self._start_reading.due_ms,
            self._checkpoint_ms,
            self._acknowledge_ms,
            self.fault_model.next_deadline_ms,
            self.board.next_deadline_ms,
            self._unlock.next_deadline_ms(now_ms) if self._unlock else None,
        )

    def _state_deadlines_ms(self) -> tuple[int, ...]:
        """When the present state is over by itself."""
        since_ms = self._entered_ms
        if self.state == "stopping":
            last_reading_ms = max(self.board.opened_ms, since_ms) + LAST_READING_MS
            return since_ms + STOP_TIMEOUT_MS, last_reading_ms
        if self.state == "waking":
            return since_ms + WAKE_F_MS, since_ms + WAKE_F_MS + WAKE_X1_MS
        if self.state == "switching":
            return since_ms + self.phases.delay_ms, since_ms + self.phases.give_up_ms
        return (self._began_ms + BOOT_WAIT_MS,) if self.state == "booting" else ()

    def poll(self) -> None:
        """Let time act."""
        now_ms = self._clock.now_ms()
        if self._checkpoint_ms is not None and now_ms >= self._checkpoint_ms:
            self._checkpoint_ms = now_ms + CHECKPOINT_MS
            self._ports.checkpoint(self.record.encode())
        self._guard_current()
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
        self.offer.set_cable(status.cable_a)
        if status.pilot is PilotState.A:
            self._over_current = current_guard.State()
            self._shown.discard(CoreCondition.OVER_CURRENT)
        self._guard_current()
        self.settle()

    def on_capabilities(self, capabilities: Capability) -> None:
        """What the board that answered can do."""
        self.phases.fit(Capability.PHASE_SWITCH in capabilities)
        if Capability.TEMPERATURE in capabilities:
            self.offer.fit_sensor()

    def on_analog(self, analog: BoardAnalog) -> bool:
        """The board's measurements, about once a second. True when something follows from them."""
        if not self.offer.heard(analog):
            return False
        self.settle()
        return True

    def on_board_lost(self) -> None:
        """The link is down."""
        self.board.lost(self._clock.now_ms())
        self.offer.hold_sensor()
        self.settle()

    def on_board_restarted(self) -> None:
        """Ring 1 started anew: every contactor has opened, and it counts plug-ins from 0."""
        self.board.restarted()
        self.on_board_lost()

    def on_reading(self, reading: MeterReading) -> None:
        """A reading of the billing meter; its supervisor keeps the register from running back."""
        self.meter.heard(reading)
        heard = powermeter(reading, self._clock.utc())
        # A meter that starts together with us may answer 0 at first, or be another one: what the
        # last checkpoint knows to have flowed is billed.
        interrupted = self.state == "booting" and self.record.transaction
        self.record.meter = not_below(self.record.meter, heard) if interrupted else heard
        self._store_meter(reading.energy_import_wh)
        self._guard_current()
        self.settle()

    def _store_meter(self, energy_wh: float) -> None:
        """Between transactions the station itself may use energy, or the meter be another one:
        the first reading after a start is held against what is stored."""
        if not self.record.transaction and abs(energy_wh - self._stored_wh) >= STORE_WH:
            self._stored_wh = energy_wh
            self._ports.checkpoint(self.record.encode())

    def on_meter_accepted(self) -> None:
        """Somebody vouches for the counter: what it says next is stored."""
        self._stored_wh = -math.inf

    def on_meter_lost(self) -> None:
        self.meter.lost = True
        self.settle()

    def show(self, condition: CoreCondition, present: bool) -> None:
        """Something that the core or a supervisor sees by itself begins or ends."""
        if present:
            self._shown.add(condition)
        else:
            self._shown.discard(condition)
        self.settle()

    def _guard_current(self) -> None:
        """Does the car take more than it is offered? (evse/energy/current_guard.py)"""
        reading, now_ms = self.meter.reading, self._clock.now_ms()
        if reading is None or not self.meter.fresh(now_ms):
            return
        offered_a = duty_bp_to_amps(self.status.duty_bp)
        self._over_current = current_guard.step(
            self._over_current, offered_a, reading.current_a, now_ms, self._over_policy
        )
        if self._over_current.trip is not None:
            self._shown.add(CoreCondition.OVER_CURRENT)

    # --- the shared fuse --------------------------------------------------------------------------

    def claim(self) -> Claim:
        """What this EVSE asks of the fuse that it shares."""
        lines = lines_of(self.config.phase_rotation, self.phases_connected)
        return Claim(
            evse=self.config.id,
            wants=self.offer.claims,
            limit_a=self.offer.own().limit_a,
            lines=lines,
            draw_a=self._draw_a(),
        )

    def _draw_a(self) -> tuple[float, float, float] | None:
        """What the car takes on the lines of the supply; None while nobody knows."""
        reading, rotation = self.meter.reading, self.config.phase_rotation
        if reading is None or not self.meter.fresh(self._clock.now_ms()):
            return None
        known = [amps or 0.0 for amps in reading.current_a]
        if rotation == "unknown" or all(amps is None for amps in reading.current_a):
            return None
        one, two, three = (known[rotation.index(line)] for line in "RST")
        return one, two, three

    def set_grant(self, grant: Limit) -> bool:
        """The share of the fuse. True when it is another one than before."""
        if not self.offer.set_grant(grant):
            return False
        self.settle()
        return True

    # --- what people and links ask ------------------------------------------------------------

    def authorize(self, token: ProvidedIdToken, reservation_id: int | None = None) -> bool:
        """An accepted token, and the reservation that it was made for. False where it is ignored
        (spec §A1.3 authorize_response)."""
        if self.stop or self.disable_wanted or self.state in _TAKES_NO_TOKEN:
            return False
        if self.authorized and self.record.token is not None:
            return self.record.token.id_token.same_as(token.id_token)
        self.record.token = token
        if reservation_id is not None:
            self.record.reservation_id = reservation_id
        if not self.record.uuid:
            self.use_reservation()
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
            self._end_waiting()
        elif not was_authorized:
            self._emit(self._write.plain(SessionEventEnum.PluginTimeout, self._clock.utc()))
            if self.config.raise_mrec9:
                self._shown.add(CoreCondition.AUTHORIZATION_TIMEOUT)
        self.record.token = None
        self.settle()

    def _end_waiting(self) -> None:
        """No car came for the token; nor, then, for what had been reserved."""
        if self.record.reservation_id is not None:
            self._tell_reservation(SessionEventEnum.ReservationEnd)
        self._end_session()

    def reserve(self, reservation_id: int) -> bool:
        """False unless the EVSE is free, in order, and not reserved for another id."""
        if self.record.reserved is not None:
            return self.record.reserved == reservation_id
        free = self.state == "idle" and not (self.board.plugged or self.record.uuid)
        if not free or self.fault_model.blocked or self.disable_wanted:
            return False
        self.record.reserved = reservation_id
        self._tell_reservation(SessionEventEnum.ReservationStart)
        self.settle()
        return True

    def cancel_reservation(self) -> None:
        """Nothing happens where none stands."""
        self.end_reservation()
        self.settle()

    def set_faulted(self) -> None:
        """Out of order until the station is started anew. The same twice is as good as once."""
        self.show(CoreCondition.SET_FAULTED, True)

    def enable(self, connector_id: int) -> bool:
        """enable(0) leaves a connector's own disablement; enable(1) lifts both. False while
        something else keeps it out of order."""
        self.record.evse_disabled = False
        if connector_id:
            self.record.connector_disabled = False
        self.record.assignments = availability.without(self.record.assignments, connector_id)
        return self._availability(connector_id) and self._may_be_enabled

    def disable(self, connector_id: int) -> bool:
        """By nobody in particular: above all that `assign` says."""
        if connector_id:
            self.record.connector_disabled = True
        else:
            self.record.evse_disabled = True
        return self._availability(connector_id)

    def assign(self, connector_id: int, wanted: EnableDisableSource) -> bool:
        """One source among several wants it on or off, or has no opinion any more. True when
        the EVSE is as it wants; events only where that changes."""
        self.record.assignments = availability.assign(
            self.record.assignments,
            wanted.enable_source,
            connector_id,
            wanted.enable_state,
            wanted.enable_priority,
        )
        self._source = wanted
        self._availability(connector_id)
        self._source = UNSET
        if wanted.enable_state is EnableState.Disable:
            return self.disable_wanted
        return self._may_be_enabled

    @property
    def _may_be_enabled(self) -> bool:
        return not self.disable_wanted and CoreCondition.SET_FAULTED not in self._shown

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

    def switch_three_phases(self, three_phases: bool) -> SwitchThreePhasesWhileChargingResult:
        """Success: the way there has begun, or there is nothing to do."""
        result = self.phases.request(
            THREE if three_phases else ONE,
            transaction=self.record.transaction,
            lost=self.board.is_lost,
        )
        self.settle()
        return result

    def cancel_random_delay(self) -> None:
        """A person wants the current now (SI 2021/1467 regulation 11)."""
        self.offer.cancel_delay()
        self.settle()

    def set_external_limits(self, limits: ExternalLimits) -> None:
        """Replaces what was set before. Raises ValueError for a time that no calendar has."""
        self.offer.set_external(limits)
        self.settle()

    def _availability(self, connector_id: int) -> bool:
        self._addressed = connector_id or None
        self._ports.checkpoint(self.record.encode())
        self.settle()
        return True
