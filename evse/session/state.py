"""What one EVSE's session knows, and the facts that its rules look at.

Pure but for the clock. Nothing here moves the session: see session/machine.py.
"""

from __future__ import annotations

from collections.abc import Callable

from evse.clock import Clock
from evse.config.energy import LimitsTable
from evse.config.evse import EvseTable
from evse.energy import current_guard
from evse.fault_model import FaultModel
from evse.faults import CoreCondition, Fault, settings
from evse.limits import Effective, Limit
from evse.metering.signed import Signing, request_of
from evse.metering.start import StartReading
from evse.model import BoardStatus, LockState
from evse.session import availability
from evse.session.board import BoardView, MeterView
from evse.session.chart import SessionChart
from evse.session.departure import Departure
from evse.session.offer import Offer
from evse.session.phase_switch import THREE, PhaseSwitch
from evse.session.pulses import WAKE_F_MS, WAKE_X1_MS, FaultPulse, WakeUp
from evse.session.record import Snapshot
from evse.session.rules import Facts
from evse.types.session import PauseReason, StopTransactionReason, StopTransactionRequest

STOP_TIMEOUT_MS = 20_000
"""How long a contactor may take to confirm opening (spec §C2 StoppingCharging)."""
BOOT_WAIT_MS = 15_000
"""How long the start waits for board and meter before it goes on with what is known."""

_CLAIMING = frozenset({"preparing", "charging", "paused_ev", "paused_evse", "waking", "switching"})


class SessionState:
    """One EVSE's session at rest."""

    def __init__(
        self,
        config: EvseTable,
        clock: Clock,
        *,
        snapshot: Snapshot,
        new_uuid: Callable[[], str],
        boot_id: str,
        limits: LimitsTable,
        shared: bool = False,
    ) -> None:
        self.config = config
        self.record = snapshot
        self._clock = clock
        self._chart = SessionChart()
        now_ms = clock.now_ms()
        self.board = BoardView(config, now_ms, snapshot.standing_trip)
        self.meter = MeterView(config)
        self.offer = Offer(config, limits, clock, shared=shared, seed=f"{boot_id} {config.evse_id}")
        self.phases = PhaseSwitch(config)
        self.departure = Departure()
        self._had_transaction = False
        """The session that runs."""
        off = frozenset(name for name in settings() if not getattr(config, name))
        self.fault_model = FaultModel(new_uuid, off=off)
        self.authorized = False
        self.stop: StopTransactionRequest | None = None
        self.user_pause = False
        self.announced: frozenset[PauseReason] = frozenset()
        self._wake_up = WakeUp(config)
        self._pulse = FaultPulse(config)
        over = config.over_current
        self._over_policy = current_guard.Policy(
            over.noise_a, 1 + over.tolerance_percent / 100, over.timeout_ms
        )
        self._over_current = current_guard.State()
        self._shown: set[CoreCondition] = set()
        self._start_reading = StartReading()
        self.signing = Signing(fitted=config.meter.signed, needed=config.fail_on_meter_errors)
        if snapshot.transaction and snapshot.signed and snapshot.token is not None:
            self.signing.restore(request_of(config.evse_id, snapshot.uuid, snapshot.token))
        self._began_ms = now_ms
        self._entered_ms = now_ms

    @property
    def state(self) -> str:
        return self._chart.state

    @property
    def status(self) -> BoardStatus:
        """Ring 1's state as last heard."""
        return self.board.status

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Active faults, the oldest first."""
        return self.fault_model.rows

    @property
    def disable_wanted(self) -> bool:
        record = self.record
        by_name = availability.disables(record.assignments)
        return record.evse_disabled or record.connector_disabled or by_name

    @property
    def reservation_id(self) -> int | None:
        """The reservation that stands on the EVSE."""
        return self.record.reserved

    @property
    def phases_connected(self) -> int:
        """Phases that a car may use now."""
        most: int = self.config.phases
        return min(most, self.status.phases or THREE) if self.phases.fitted else most

    def limit(self) -> Effective:
        """What may be offered now, and who says so."""
        return self.offer.limit()

    def limit_sources(self) -> list[Limit]:
        """Every limit that stands now."""
        return self.offer.sources()

    def facts(self) -> Facts:
        """All that the rules look at."""
        now_ms = self._clock.now_ms()
        blocked = self.fault_model.blocked
        self.offer.phases = self.phases_connected
        self.offer.claims = self._wants_energy and not (self.user_pause or blocked)
        self.offer.step()
        return Facts(
            ready=self._ready(now_ms),
            plugged=self.board.plugged,
            kept=self._kept,
            wants_power=self.board.wants_power,
            energised=self.board.energised(now_ms),
            authorized=self.authorized,
            stop_wanted=self.stop is not None,
            disable_wanted=self.disable_wanted,
            blocked=blocked,
            user_pause=self.user_pause,
            energy=self.offer.enough,
            cable_known=self.cable_known,
            locked=self.locked,
            metered=self.meter.suffices(now_ms),
            signed=self.signing.may_start,
            settled=self._settled(now_ms),
            gave_up_opening=now_ms - self._entered_ms >= STOP_TIMEOUT_MS,
            car_is_late=self._late_ms is not None and now_ms >= self._late_ms,
            may_wake=self._wake_up.enabled and not self._wake_up.done,
            pulse_over=now_ms - self._entered_ms >= WAKE_F_MS + WAKE_X1_MS,
            switch_due=self.phases.due(self.status),
            switch_over=self._switch_over(now_ms),
            announced=self.announced,
        )

    @property
    def _wants_energy(self) -> bool:
        """A pause on its way keeps its place in the queue; an end does not, nor who is away."""
        ends = self.stop is not None or self.disable_wanted
        claims = self.state in _CLAIMING or (self.state == "stopping" and not ends)
        return claims and self.board.plugged

    @property
    def _late_ms(self) -> int | None:
        """When a car that has not asked for power counts as late."""
        since_ms = self.offer.since_ms
        return None if since_ms is None else since_ms + self._wake_up.patience_ms

    def _switch_over(self, now_ms: int) -> bool:
        since_ms = now_ms - self._entered_ms
        there = self.phases.arrived(self.status)
        return since_ms >= (self.phases.delay_ms if there else self.phases.give_up_ms)

    @property
    def _holds_phases(self) -> bool:
        """Is the delay before a switch running?"""
        waited_ms = self._clock.now_ms() - self._entered_ms
        return self.state == "switching" and waited_ms < self.phases.delay_ms

    def _ready(self, now_ms: int) -> bool:
        if now_ms - self._began_ms >= BOOT_WAIT_MS:
            return True
        if not self.board.known:
            return False
        interrupted = self.record.transaction
        closed = not self.status.energised and self._read_after_opening() and self.signing.settled
        return not interrupted or closed

    def _read_after_opening(self) -> bool:
        return self.meter.read_since(self.board.opened_ms)

    def _settled(self, now_ms: int) -> bool:
        if not self.record.transaction:
            return True
        since_ms = max(self.board.opened_ms, self._entered_ms)
        read = self._read_after_opening() or self.meter.gave_up(since_ms, now_ms)
        return read and self.signing.settled

    def _has_no_start_reading(self) -> bool:
        """Has an authorized car waited too long for the reading that its transaction needs?"""
        now_ms = self._clock.now_ms()
        ready = self.state == "waiting_auth" and self.authorized and self.board.plugged
        waits = ready and self.cable_known and not self.meter.suffices(now_ms)
        return self._start_reading.note(waits=waits, now_ms=now_ms)

    @property
    def locked(self) -> bool:
        """The plug is held, or there is no lock."""
        return self.config.lock is None or self.status.lock in (LockState.LOCKED, LockState.ABSENT)

    @property
    def cable_known(self) -> bool:
        """Tethered, or the plug's rating has been read."""
        return self.config.connector == "cable" or self.status.cable_a > 0

    def _offers(self) -> bool:
        """Is PWM on? A board that started anew does not know the plug's rating at once, and what
        nobody knows limits nothing."""
        if not (self.cable_known and self.board.plugged):
            return False
        if self.state == "preparing":
            return self.offer.enough
        return self.state in ("charging", "paused_ev")

    # --- without a car ----------------------------------------------------------------------------

    @property
    def outlives_car(self) -> bool:
        """The transaction would go on without its car, for as long as its cable is here."""
        if self.departure.ends_transaction or not self.record.transaction:
            return False
        return self.board.plugged or self.config.connector == "cable" or self._cable_left

    @property
    def _cable_left(self) -> bool:
        socket = self.config.connector == "socket"
        return socket and self.board.cable_in(self._clock.now_ms())

    @property
    def _kept(self) -> bool:
        """Is the session kept open though no car is there?"""
        if self.record.transaction:
            return self.outlives_car
        return self.state == "finished" and self._cable_left and not self.departure.cleared

    def _end_reason(self) -> StopTransactionReason:
        if not (self.board.plugged or self.outlives_car):
            return StopTransactionReason.EVDisconnected
        return StopTransactionReason.EVSEDisabled
