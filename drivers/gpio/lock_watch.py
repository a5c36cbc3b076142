"""What the connector lock does by itself, and whether its reserve is charged. Pure.

Responsibility: tells a plug that came loose from one that was let go, and a reserve that sags while
the motor runs from one that is empty.
"""

from __future__ import annotations

from evse.board_faults import BoardFault
from evse.guard.lock_drive import LockDrive
from evse.model import LockState

STEADY_MS = 50
"""A position counts when it stands so long: contacts tremble, and the plug with them."""
DRIVEN_MS = 1_000
"""What moves this soon after a drive was moved by it (as in chargebyte's public driver)."""
SHOWN_MS = 1_000
"""Shortest time that a fault stands, so that everybody hears of it."""
FIRST_LOOK_MS = 500
"""A converter that has many channels to read gets to this one within a few periods."""
RECOVERY_MS = 5_000
"""How long the reserve may be low before it counts as empty (as there)."""
NO_FAULT = BoardFault(0)


class PositionWatch:
    """Movements that nobody asked for."""

    def __init__(self) -> None:
        self._steady: LockState | None = None
        self._seen: LockState | None = None
        self._seen_ms = 0
        self._driven_ms: int | None = None
        self._fault = NO_FAULT
        self._fault_ms = 0

    def step(self, position: LockState, drive: LockDrive, now_ms: int) -> BoardFault:
        """LOCK_OPENED or LOCK_CLOSED, from such a movement until it is undone or the lock is
        driven to where it went."""
        if drive is not LockDrive.OFF:
            self._driven_ms = now_ms
        if position is not self._seen:
            self._seen, self._seen_ms = position, now_ms
        elif position is not self._steady and now_ms - self._seen_ms >= STEADY_MS:
            self._moved(position, now_ms)
        if self._fault and now_ms - self._fault_ms >= SHOWN_MS and self._settled(drive):
            self._fault = NO_FAULT
        return self._fault

    def _moved(self, position: LockState, now_ms: int) -> None:
        before, self._steady = self._steady, position
        if before is None or self._fault or self._recently_driven():
            return
        if before is LockState.LOCKED:
            self._fault, self._fault_ms = BoardFault.LOCK_OPENED, now_ms
        elif position is LockState.LOCKED:
            self._fault, self._fault_ms = BoardFault.LOCK_CLOSED, now_ms

    def _recently_driven(self) -> bool:
        return self._driven_ms is not None and self._seen_ms - self._driven_ms <= DRIVEN_MS

    def _settled(self, drive: LockDrive) -> bool:
        locked = self._steady is LockState.LOCKED
        if self._fault is BoardFault.LOCK_OPENED:
            return locked or drive is LockDrive.UNLOCK
        return not locked or drive is LockDrive.LOCK


class ReserveWatch:
    """The capacitor that unlocks when the mains are gone."""

    def __init__(self, least_mv: int) -> None:
        """`least_mv`: with less it could not unlock."""
        self._least_mv = least_mv
        self._low_ms: int | None = None
        self._began_ms: int | None = None
        self._charged = False
        self.enough = False
        """At this moment: a pulse may begin."""

    def refuse(self) -> None:
        """A pulse was wanted and not begun: LOCK_CAPACITOR from now on, until there is enough."""
        self._charged = False

    def step(self, reserve_mv: int | None, now_ms: int) -> BoardFault:
        """LOCK_CAPACITOR while it is not charged, and when it has been low for long. `reserve_mv`
        None: it can not be measured; in the first FIRST_LOOK_MS that is no fault yet."""
        if self._began_ms is None:
            self._began_ms = now_ms
        self.enough = reserve_mv is not None and reserve_mv >= self._least_mv
        if self.enough:
            self._charged, self._low_ms = True, None
        elif self._low_ms is None:
            self._low_ms = now_ms
        elif now_ms - self._low_ms >= RECOVERY_MS:
            self._charged = False
        early = reserve_mv is None and now_ms - self._began_ms < FIRST_LOOK_MS
        return NO_FAULT if self._charged or early else BoardFault.LOCK_CAPACITOR
