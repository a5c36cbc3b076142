"""The connector lock: a bolt that a motor moves between two end switches."""

from __future__ import annotations

from hil.plant.model import NEVER_MS, LockDrive


class LockMotor:
    """The bolt moves while it is driven, from one end to the other within the travel time."""

    def __init__(self, travel_ms: int) -> None:
        self._travel_ms = travel_ms
        self._position_ms = 0
        self._moving = LockDrive.OFF
        self._since_ms = 0
        self.due_ms = NEVER_MS

    @property
    def locked(self) -> bool:
        """The bolt is fully out, and not being drawn back."""
        return self._position_ms == self._travel_ms and self._moving is not LockDrive.UNLOCK

    @property
    def unlocked(self) -> bool:
        """The bolt is fully drawn back, and not being driven out."""
        return self._position_ms == 0 and self._moving is not LockDrive.LOCK

    @property
    def blocks(self) -> bool:
        """The plug cannot be pulled: anything but fully drawn back."""
        return not self.unlocked

    @property
    def state(self) -> str:
        """`locked`, `unlocked`, or `moving` anywhere between the ends."""
        if self.locked:
            return "locked"
        return "unlocked" if self.unlocked else "moving"

    def refresh(self, now_ms: int, drive: LockDrive) -> None:
        """The motor's force from now on; OFF where the motor is jammed or without supply."""
        end_ms = self._travel_ms if drive is LockDrive.LOCK else 0
        if drive is not LockDrive.OFF and self._reached(now_ms) == end_ms:
            drive = LockDrive.OFF
        if drive is self._moving:
            return
        self._position_ms = self._reached(now_ms)
        self._moving = drive
        self._since_ms = now_ms
        self.due_ms = NEVER_MS
        if drive is not LockDrive.OFF:
            self.due_ms = now_ms + abs(end_ms - self._position_ms)

    def _reached(self, now_ms: int) -> int:
        moved_ms = self._moving * (now_ms - self._since_ms)
        return min(max(self._position_ms + moved_ms, 0), self._travel_ms)

    def fire(self, now_ms: int) -> None:
        """Arrive at the end that is due."""
        if now_ms >= self.due_ms:
            self._position_ms = self._reached(now_ms)
            self._moving = LockDrive.OFF
            self.due_ms = NEVER_MS
