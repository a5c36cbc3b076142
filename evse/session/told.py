"""What one EVSE's session is told: by its board, its meter, and whoever shares out the fuse.

Everything that comes in is stored where its facts are made of, and then the machine settles.
"""

from __future__ import annotations

import functools
import math

from evse.clock import parse_time
from evse.energy import current_guard
from evse.energy.claims import Claim, lines_of
from evse.faults import CoreCondition
from evse.limits import Limit
from evse.metering.plausibility import UNSEEN_WH
from evse.model import BoardAnalog, BoardStatus, Capability, MeterReading
from evse.pilot import duty_bp_to_amps
from evse.session.machine import SessionMachine
from evse.session.record import not_below, powermeter
from evse.types.ocmf import TransactionStartResponse, TransactionStopResponse
from evse.types.powermeter import Powermeter

STORE_WH = UNSEEN_WH / 2
"""How far the meter may run between transactions before its value is stored (own)."""


LONGEST_UNSEEN_S = 86_400
"""What nobody saw for longer is not billed by a value that nobody knows (own)."""
MS_PER_S = 1_000
_HEEDS_READINGS = frozenset({"booting", "waiting_auth", "stopping"})
"""States whose rules look at the meter; in the others a reading moves nothing."""


class ToldSession(SessionMachine):
    """A session that hears."""

    def on_status(self, status: BoardStatus) -> None:
        """Ring 1's state, as often as it comes."""
        disabled, wanted = self.state == "disabled", self._lock_target()
        if self.board.heard(status, self._clock.now_ms(), disabled=disabled, wanted=wanted):
            self._ports.read_meter()
        if self.board.standing_trip is not self.record.standing_trip:
            self.record.standing_trip = self.board.standing_trip
            self._ports.checkpoint(self.record.encode())
        self.offer.set_cable(status.cable_a)
        self.offer.heat.warned(status.faults)
        if not self.board.plugged:
            self._over_current = current_guard.State()
            self._shown.discard(CoreCondition.OVER_CURRENT)
        self._settle_and_guard()

    def on_capabilities(self, capabilities: Capability) -> None:
        """What the board that answered can do."""
        self.phases.fit(Capability.PHASE_SWITCH in capabilities)
        if Capability.TEMPERATURE in capabilities:
            self.offer.heat.fit(self._clock.now_ms())

    def on_analog(self, analog: BoardAnalog) -> bool:
        """The board's measurements, about once a second. True when something follows from them."""
        if not self.offer.heat.heard(analog.temperature_dc, self._clock.now_ms()):
            return False
        self.settle()
        return True

    def on_board_lost(self) -> None:
        """The link is down."""
        self.board.lost(self._clock.now_ms())
        self.offer.heat.hold()
        self.settle()

    def on_board_restarted(self) -> None:
        """Ring 1 started anew: every contactor has opened, and it counts plug-ins from 0."""
        self.board.restarted()
        self.on_board_lost()

    def on_reading(self, reading: MeterReading) -> bool:
        """A reading of the billing meter; its supervisor keeps the register from running back.
        True when something may follow from it: of sixty a minute, hardly one."""
        heeded = self.meter.lost or self.state in _HEEDS_READINGS
        self.meter.heard(reading)
        self._note_meter(powermeter(reading, self._clock.utc()))
        self._store_meter(reading.energy_import_wh)
        if not (self._guard_current() or heeded):
            return False
        self.settle()
        return True

    def _note_meter(self, heard: Powermeter) -> None:
        """What is billed from. A meter that starts together with us may answer 0 at first, or be
        another one: what the last checkpoint knows to have flowed is billed. Where a transaction
        began before any value was known, its whole counter would be: then nothing is."""
        if self.record.transaction and self.record.meter is None:
            return
        interrupted = self.state == "booting" and self.record.transaction
        self.record.meter = not_below(self.record.meter, heard) if interrupted else heard

    def _store_meter(self, energy_wh: float) -> None:
        """Between transactions the station itself may use energy, or the meter be another one:
        the first reading after a start is held against what is stored."""
        if not self.record.transaction and abs(energy_wh - self._stored_wh) >= STORE_WH:
            self._stored_wh = energy_wh
            self._ports.checkpoint(self.record.encode())

    @property
    def unseen_ms(self) -> int:
        """For how long current may have flowed since the meter's stored value: since it was taken.
        A disk that hung before the core went down stored nothing of what cars took, nor that one
        came. 0 where the clock tells nonsense."""
        known = self.record.meter
        if known is None:
            return 0
        age_s = (self._clock.utc() - parse_time(known.timestamp)).total_seconds()
        return round(min(max(age_s, 0.0), LONGEST_UNSEEN_S) * MS_PER_S)

    def on_signed_begin(self, transaction_id: str, answer: TransactionStartResponse) -> None:
        """What the meter made of a transaction's begin; a stale answer is ignored."""
        self.signing.begun(transaction_id, answer)
        self.settle()

    def on_signed_end(self, transaction_id: str, answer: TransactionStopResponse) -> None:
        """The same of its end."""
        self.signing.ended(transaction_id, answer)
        self.settle()

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

    def _settle_and_guard(self) -> None:
        """A car that came unseen is met first, and then judged like any other."""
        self.settle()
        if self._guard_current():
            self.settle()

    def _guard_current(self) -> bool:
        """Does the car take more than it is offered? (evse/energy/current_guard.py)"""
        reading, now_ms = self.meter.reading, self._clock.now_ms()
        if not self.board.plugged or reading is None or not self.meter.fresh(now_ms):
            return False
        offered_a = duty_bp_to_amps(self.status.duty_bp)
        self._over_current = current_guard.step(
            self._over_current, offered_a, reading.current_a, now_ms, self._over_policy
        )
        if self._over_current.trip is None:
            return False
        self._shown.add(CoreCondition.OVER_CURRENT)
        return True

    # --- the shared fuse --------------------------------------------------------------------------

    def claim(self) -> Claim:
        """What this EVSE asks of the fuse that it shares."""
        lines = lines_of(self.config.phase_rotation, self.phases_connected)
        return Claim(
            evse=self.config.id,
            wants=self.offer.claims,
            limit_a=self.offer.claim_a,
            lines=lines,
            draw_a=self._draw_a(),
        )

    def _draw_a(self) -> tuple[float, float, float] | None:
        """What the car takes on the lines of the supply; None while nobody knows."""
        reading, rotation = self.meter.reading, self.config.phase_rotation
        if reading is None or not self.meter.fresh(self._clock.now_ms()):
            return None
        amps = reading.current_a
        if rotation == "unknown" or amps == (None, None, None):
            return None
        one, two, three = _order_of(rotation)
        return amps[one] or 0.0, amps[two] or 0.0, amps[three] or 0.0

    def set_grant(self, grant: Limit | None) -> bool:
        """The share of the fuse; None where nothing is shared. True when it is another one than
        before."""
        if not self.offer.set_grant(grant):
            return False
        self.settle()
        return True


@functools.cache
def _order_of(rotation: str) -> tuple[int, int, int]:
    """Which phase of the meter is on each line of the supply."""
    return rotation.index("R"), rotation.index("S"), rotation.index("T")
