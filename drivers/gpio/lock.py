"""The connector lock: motor or solenoid, its feedback switches, and its reserve.

The guard decides on pulses (evse/guard/lock_drive.py); here each of them is bounded once more. What
no program can bound is its own death: a motor whose line keeps its level then
(drivers/gpio/release.py) runs until something outside ends it. Feed the bridge from the supply that
the watchdog of drivers/gpio/heartbeat.py switches, or take one with a thermal limit, and give both
of its inputs pull-downs.

Feedback switches close where they are named after ("no"): a broken wire then reads as a plug that
is not locked, which forbids closing.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import msgspec

from drivers.errors import GpioUnavailable
from drivers.gpio.line import NO_TROUBLE, switch_off
from drivers.gpio.lines import Lines
from drivers.gpio.lock_watch import PositionWatch, ReserveWatch
from drivers.gpio.pulse import PulseLimit
from drivers.gpio.wires import InputPin, OutputPin
from evse.board_faults import BoardFault, Wiring
from evse.guard.lock_drive import LockDrive, feedback

DEAD_TIME_MS = 10
"""Between the two directions of a bridge: one guard period with both inputs off."""
LONGEST_PULSE_MS = 1_000
"""Above the guard's 600 ms; motors of public designs are driven for 300 to 600 ms."""


class TwoWayPins(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="two-way"):
    """An H-bridge with one input for each direction, or two solenoid coils that are pulsed."""

    lock: OutputPin
    unlock: OutputPin
    longest_pulse_ms: int = LONGEST_PULSE_MS


class HeldPins(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="held"):
    """A solenoid that locks as long as it is on, and must be made for being on always. It unlocks
    when the guard ends or the power goes: nothing else is needed for that."""

    solenoid: OutputPin


class LockPins(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Section [lock] of a board profile."""

    actuator: TwoWayPins | HeldPins
    locked: InputPin
    unlocked: InputPin | None = None
    """None: what is not locked counts as unlocked, and a jam between the ends is not seen."""
    reserve_min_mv: int | None = None
    """Least voltage of the capacitor that unlocks on power loss; None: there is none."""


class Actuator(Protocol):
    """What moves the bolt."""

    def write(self, drive: LockDrive, now_ms: int) -> None:
        """Raises GpioUnavailable, with everything off that can be."""

    def lapse(self, now_ms: int) -> None:
        """Off, if the last order is too old. Raises GpioUnavailable."""

    def make_safe(self) -> None:
        """Off, for good. Raises GpioUnavailable."""


class TwoWayActuator:
    """Never both directions, never long, never at once the other way."""

    def __init__(self, lines: Lines, pins: TwoWayPins) -> None:
        """Raises ProfileError, GpioUnavailable."""
        self._lines = {
            LockDrive.LOCK: lines.power(pins.lock, "lock drive"),
            LockDrive.UNLOCK: lines.power(pins.unlock, "unlock drive"),
        }
        self._limit = PulseLimit(pins.longest_pulse_ms)
        self._drive = LockDrive.OFF
        self._rested_ms: int | None = None
        self._safe = False

    def write(self, drive: LockDrive, now_ms: int) -> None:
        wanted = LockDrive.OFF if self._safe else drive
        if wanted is not self._drive:
            self._turn(wanted, now_ms)
        elif wanted is LockDrive.OFF:
            return
        if wanted is LockDrive.OFF or self._dead_time(now_ms):
            return
        if not self._limit.order(now_ms):
            switch_off(self._lines.values())
            return
        try:
            self._lines[wanted].write(True)
        except GpioUnavailable:
            switch_off(self._lines.values())
            raise

    def lapse(self, now_ms: int) -> None:
        if self._limit.lapsed(now_ms):
            switch_off(self._lines.values())

    def make_safe(self) -> None:
        self._safe = True
        switch_off(self._lines.values())

    def _turn(self, drive: LockDrive, now_ms: int) -> None:
        switch_off(self._lines.values())
        if self._drive is not LockDrive.OFF:
            self._rested_ms = now_ms
        self._drive = drive
        self._limit.rest()

    def _dead_time(self, now_ms: int) -> bool:
        return self._rested_ms is not None and now_ms - self._rested_ms < DEAD_TIME_MS


class HeldSolenoid:
    """Locks as long as it is on; an order OFF leaves it as it is."""

    def __init__(self, lines: Lines, pins: HeldPins) -> None:
        """Raises ProfileError, GpioUnavailable."""
        self._line = lines.power(pins.solenoid, "lock solenoid")
        self._safe = False

    @property
    def is_on(self) -> bool:
        return self._line.is_on

    def write(self, drive: LockDrive, now_ms: int) -> None:
        del now_ms  # it may be on for ever
        if drive is LockDrive.UNLOCK or self._safe:
            self._line.write(False)
        elif drive is LockDrive.LOCK:
            self._line.write(True)

    def lapse(self, now_ms: int) -> None:
        del now_ms  # letting go because the guard was late would let the plug go

    def make_safe(self) -> None:
        self._safe = True
        self._line.write(False)


class LockReading(NamedTuple):
    """What the lock says."""

    locked: bool
    unlocked: bool
    faults: BoardFault
    wiring: Wiring


class ConnectorLock:
    """Actuator, feedback and reserve of one connector."""

    def __init__(self, lines: Lines, pins: LockPins) -> None:
        """Claims the lines; nothing is driven. Raises ProfileError, GpioUnavailable."""
        self._actuator: Actuator = (
            TwoWayActuator(lines, pins.actuator)
            if isinstance(pins.actuator, TwoWayPins)
            else HeldSolenoid(lines, pins.actuator)
        )
        floating = Wiring.LOCK_FLOATING
        self._locked = lines.input(
            pins.locked, "locked switch", floating=floating, when_floating=False
        )
        self._unlocked = (
            lines.input(pins.unlocked, "unlocked switch", floating=floating, when_floating=False)
            if pins.unlocked
            else None
        )
        self._position = PositionWatch()
        self._reserve = None if pins.reserve_min_mv is None else ReserveWatch(pins.reserve_min_mv)
        self._drive = LockDrive.OFF

    def read(self, now_ms: int, reserve_mv: int | None = None) -> LockReading:
        """`reserve_mv`: the capacitor's voltage, None where it is not or can not be measured.

        Raises GpioUnavailable."""
        self._actuator.lapse(now_ms)
        locked = self._locked.read(now_ms)
        unlocked = self._unlocked.read(now_ms) if self._unlocked else not locked
        faults = self._position.step(feedback(locked, unlocked), self._drive, now_ms)
        if self._reserve and (empty := self._reserve.step(reserve_mv, now_ms)):
            faults |= empty
        return LockReading(locked, unlocked, faults, self._wiring(locked and unlocked))

    def write(self, drive: LockDrive, now_ms: int) -> None:
        """Drive, or go on driving: an order lapses after 100 ms without another, at the next
        `read`. Without enough reserve to unlock again no locking begins, and `read` says so.

        Raises GpioUnavailable, with everything off that can be."""
        begins = drive is LockDrive.LOCK and self._drive is not LockDrive.LOCK
        if begins and self._reserve and not self._reserve.enough:
            self._reserve.refuse()
            drive = LockDrive.OFF
        self._drive = drive
        self._actuator.write(drive, now_ms)

    @property
    def is_held(self) -> bool:
        """Is it a solenoid that locks as long as it is on, and on?"""
        return isinstance(self._actuator, HeldSolenoid) and self._actuator.is_on

    def make_safe(self) -> None:
        """Nothing is driven any more, for good; a held solenoid lets go. Raises GpioUnavailable."""
        self._drive = LockDrive.OFF
        self._actuator.make_safe()

    def _wiring(self, contradicts: bool) -> Wiring:
        found = Wiring.LOCK_CONTRADICTS if contradicts else NO_TROUBLE
        for line in (self._locked, self._unlocked):
            if line and line.wiring:
                found |= Wiring.LOCK_FLOATING
        return found
