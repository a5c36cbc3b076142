"""What a session knows of its board and its meter, and what follows from silence."""

from __future__ import annotations

from msgspec.structs import replace

from evse.clock import earliest
from evse.config.evse import EvseTable
from evse.faults import may_acknowledge, stopped_by
from evse.metering.trouble import Trouble
from evse.model import BoardStatus, LockState, LockTarget, MeterReading, PilotState, Reason

DEAD_BOARD_OPEN_MS = 7_000
"""A board that we lost has opened by itself after this: 0.5 s of lease, 6 s, and margin."""
CABLE_GONE_MS = 300
"""A cable without a car is gone once PP has not shown it for so long (own)."""
LAST_READING_MS = 2_500
"""How long the end of a transaction waits for a reading taken after the contactor opened."""


class BoardView:
    """Ring 1 as last heard of. Starts out as lost: nothing has been heard."""

    def __init__(self, config: EvseTable, now_ms: int, standing_trip: Reason = Reason.NONE) -> None:
        self.status = BoardStatus()
        self.lost_ms: int | None = now_ms
        self._plugged = False
        self._swapped = False
        """Another plug-in than the known one: that car left unseen, and this one has to wait."""
        self._known_plugs = False
        """The board's counters are those of this run of ring 1."""
        self._pressed = False
        self._opened_ms = now_ms
        self._cable_in = False
        self._no_cable_ms: int | None = None
        self.jammed_for = LockTarget.KEEP
        """What was wanted of the lock when it jammed: the board forgets a jam only when it hears
        of another wish, so what is wanted by now may not have been tried yet."""
        self.standing_trip = standing_trip
        """The trip that stands until the car is unplugged, also over a restart of ring 1, which
        forgets it: otherwise a restart would retry an RCD trip."""
        self._power_states = (PilotState.C, PilotState.D) if config.ventilation else (PilotState.C,)

    def heard(
        self, status: BoardStatus, now_ms: int, *, disabled: bool, wanted: LockTarget
    ) -> bool:
        """Take a status; True when the contactor has just been confirmed open.

        E, F and what can not be read say nothing about the plug: what was known stands, but a
        disabled station (steady F) forgets it, and learns it anew when it is enabled.
        """
        status = stopped_by(self.status, self._with_standing_trip(status))
        opened = self.status.energised and not status.energised
        if self._plugged and self._known_plugs and status.plugs != self.status.plugs:
            self._swapped = True
        if self._known_plugs and status.presses != self.status.presses:
            self._pressed = True
        self._known_plugs = True
        if status.lock is LockState.JAMMED and self.status.lock is not LockState.JAMMED:
            self.jammed_for = wanted
        self._note_cable(status, now_ms)
        self.status = status
        self.lost_ms = None
        if opened:
            self._opened_ms = now_ms
        if status.plugged:
            self._plugged = True
        elif status.pilot is PilotState.A or disabled:
            self._plugged = False
        return opened

    def _note_cable(self, status: BoardStatus, now_ms: int) -> None:
        """One that came off together with its car is gone at once."""
        if status.cable_a > 0:
            self._cable_in, self._no_cable_ms = True, None
        elif self._cable_in and self.status.pilot is status.pilot is PilotState.A:
            self._no_cable_ms = now_ms if self._no_cable_ms is None else self._no_cable_ms
        else:
            self._cable_in = False

    def cable_in(self, now_ms: int) -> bool:
        """Is a cable in the socket, with a car or without?"""
        since_ms = self._no_cable_ms
        return self._cable_in and (since_ms is None or now_ms - since_ms < CABLE_GONE_MS)

    @property
    def plugged(self) -> bool:
        """Is the car of the present session there?"""
        return self._plugged and not self._swapped

    def take_press(self) -> bool:
        """Has the stop button been pressed since this was last asked?"""
        pressed, self._pressed = self._pressed, False
        return pressed

    @property
    def newcomer(self) -> bool:
        """Another car is there than that of the present session."""
        return self._swapped

    def renew(self) -> None:
        """The car that is plugged in now is another one."""
        self._swapped = True

    def meet_newcomer(self) -> bool:
        """The session of the car that left is over. True where another one came unseen."""
        came, self._swapped = self._swapped, False
        return came

    def restarted(self) -> None:
        """Ring 1 has started anew and counts plug-ins from 0."""
        self._known_plugs = False

    def _with_standing_trip(self, status: BoardStatus) -> BoardStatus:
        if status.pilot is PilotState.A:
            self.standing_trip = Reason.NONE
        if status.reason.is_trip:
            if not may_acknowledge(status.reason, plugged=True):
                self.standing_trip = status.reason
            return status
        if self.standing_trip is Reason.NONE:
            return status
        return replace(status, reason=self.standing_trip)

    def lost(self, now_ms: int) -> None:
        if self.lost_ms is None:
            self.lost_ms = now_ms

    @property
    def is_lost(self) -> bool:
        return self.lost_ms is not None

    @property
    def wants_power(self) -> bool:
        return self.status.pilot in self._power_states

    @property
    def known(self) -> bool:
        """Heard, and the pilot has a verdict."""
        return not self.is_lost and self.status.pilot is not PilotState.UNKNOWN

    def energised(self, now_ms: int) -> bool:
        dead_ms = self.dead_ms
        return self.status.energised and (dead_ms is None or now_ms < dead_ms)

    @property
    def opened_ms(self) -> int:
        """Since when the contactor is known, or for a lost board assumed, to be open."""
        if self.dead_ms is not None and self.status.energised:
            return self.dead_ms
        return self._opened_ms

    @property
    def dead_ms(self) -> int | None:
        """When a lost board counts as having opened."""
        return None if self.lost_ms is None else self.lost_ms + DEAD_BOARD_OPEN_MS

    @property
    def next_deadline_ms(self) -> int | None:
        gone_ms = None if self._no_cable_ms is None else self._no_cable_ms + CABLE_GONE_MS
        return earliest(self.dead_ms if self.status.energised else None, gone_ms)


class MeterView:
    """The billing meter as last read."""

    def __init__(self, config: EvseTable) -> None:
        self._config = config.meter
        self._needed = config.fail_on_meter_errors
        self.reading: MeterReading | None = None
        self.lost = False
        self.trouble: Trouble | None = None
        """What is wrong with it, where that is known."""

    @property
    def fitted(self) -> bool:
        return self._config.kind != "none"

    def heard(self, reading: MeterReading) -> None:
        self.reading = reading
        self.lost = False
        self.trouble = None

    def fresh(self, now_ms: int) -> bool:
        """Read lately, or none is fitted."""
        if not self.fitted:
            return True
        return self.reading is not None and now_ms - self.reading.taken_ms < self._config.stale_ms

    def suffices(self, now_ms: int) -> bool:
        """Good enough to begin a transaction with; a lost one, where charging does without."""
        return self.fresh(now_ms) or (self.lost and not self._needed)

    def read_since(self, since_ms: int) -> bool:
        if not self.fitted:
            return True
        return self.reading is not None and self.reading.taken_ms >= since_ms

    def gave_up(self, since_ms: int, now_ms: int) -> bool:
        """The reading that should end a transaction did not come in time."""
        return now_ms - since_ms >= LAST_READING_MS
