"""The wires of one EVSE of a native board: its drivers, read and written together.

Responsibility: one period's readings as ring 1's `Inputs`, one period's `Outputs` to the drivers.
It guarantees that a part which fails is named, that the coil is written before anything that can
fail slower, and that `make_safe` tries every part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from drivers.adc.pilot_sampler import PilotSource
from drivers.board.analog import Analog, pilot_source
from drivers.board.losses import Losses
from drivers.board.profile import BoardProfile, EvseSection
from drivers.errors import BoardError, GpioUnavailable, PwmGone
from drivers.gpio.buzzer import Buzzer
from drivers.gpio.contactor import RELEASES_MS, Contactor
from drivers.gpio.indicator import StatusLight
from drivers.gpio.inputs import Contacts, InputsReading
from drivers.gpio.line import InputLine, OutputLine
from drivers.gpio.lines import Lines
from drivers.gpio.lock import ConnectorLock, LockReading
from drivers.gpio.rcd import Rcd, RcdReading
from drivers.machine import Machine
from drivers.pilot.hardware_pwm import HardwarePwm
from evse.board_faults import BoardFault, Wiring
from evse.guard.facts import Inputs, Outputs
from evse.panel import Indicator, Sound

T = TypeVar("T")
NO_CONTACTS = InputsReading(emergency_stop=False, faults=BoardFault(0), wiring=Wiring(0), presses=0)
_GONE = (
    Wiring.ADC_SILENT
    | Wiring.ADC_ALL_ONES
    | Wiring.ADC_ALL_ZEROS
    | Wiring.PWM_GONE
    | Wiring.MIRROR_FLOATING
    | Wiring.LOCK_FLOATING
    | Wiring.GPIO_GONE
)
"""A part that is not there: whatever it was good for, ring 1 must not go on without."""


class EvsePins:
    """Everything that one EVSE has on this board."""

    def __init__(
        self,
        machine: Machine,
        lines: Lines,
        profile: BoardProfile,
        section: EvseSection,
        *,
        slow_path: str,
        pause: Callable[[int], None],
        losses: Losses,
        name: str,
    ) -> None:
        """Claims the lines, outputs off: the phase contact last, when a contactor that a dead
        process has left on has let go. `pause`: lets so many milliseconds pass; `losses` hears of
        each part of `name` that fails. Raises ProfileError, GpioUnavailable."""
        self._pause = pause
        self._losses = losses
        self._name = name
        pilot = section.pilot
        lines.reserve(pilot.pwm_gpio, "pilot PWM")
        self._contactor = Contactor(lines, section.contactor)
        self._lock = None if section.lock is None else ConnectorLock(lines, section.lock)
        self._rcd = None if section.rcd is None else Rcd(lines, section.rcd)
        self._contacts = Contacts(lines, section.inputs)
        self._light = None if section.light is None else StatusLight(lines, section.light)
        self._buzzer = None if section.buzzer is None else Buzzer(lines, section.buzzer)
        self._pwm = HardwarePwm(machine, gpio=pilot.pwm_gpio, inverted=pilot.inverted)
        self._source: PilotSource = pilot_source(machine, lines, profile, section)
        self._analog = Analog(machine, profile, section, slow_path)
        self._phase_coil, self._phase_feedback = self._phase_contact(lines, section)
        self._pwm_wiring = Wiring(0)
        self._last = Inputs()
        self._own = NO_CONTACTS
        self._lock_said = LockReading(False, False, BoardFault(0), Wiring(0))
        self._rcd_said = RcdReading(False, BoardFault(0), Wiring(0))
        self._write_failed = self._read_failed = False
        self.coil = False
        """What was last asked of the contactor."""
        self._idle_ms: int | None = None
        """Since when the mirror reads closed and nobody drives the coil."""
        self.holds_plug = False
        """`make_safe` has left a solenoid on: the contactor has not let go."""

    def read(self, station: InputsReading, standing: Wiring, now_ms: int) -> Inputs:
        """`station`: the contacts of all EVSEs; `standing`: what is known of the computer. A part
        that can not be asked counts as it was last known, and COMMUNICATION opens."""
        self._read_failed = False
        pilot = self._source.read(self._pwm.duty_bp, now_ms)
        values = self._analog.read(self._source.extras, now_ms)
        self._own = self._ask("contacts", self._contacts.read, self._own, now_ms)
        mirror_closed = self._ask(
            "mirror contact", self._contactor.mirror_closed, self._last.mirror_closed, now_ms
        )
        if self._lock is not None:
            lock, reserve_mv = self._lock, values.reserve_mv
            self._lock_said = self._ask(
                "lock", lambda at_ms: lock.read(at_ms, reserve_mv), self._lock_said, now_ms
            )
        if self._rcd is not None:
            self._rcd_said = self._ask("RCD", self._rcd.read, self._rcd_said, now_ms)
        phases = self._ask("phase contact", self._phases, None, now_ms)
        own, lock_said, rcd_said = self._own, self._lock_said, self._rcd_said
        wiring = standing | self._pwm_wiring | self._contactor.wiring | pilot.wiring | values.wiring
        wiring |= station.wiring | own.wiring | lock_said.wiring | rcd_said.wiring
        if self._write_failed or self._read_failed:
            wiring |= Wiring.GPIO_GONE
        faults = station.faults | own.faults | lock_said.faults | rcd_said.faults
        if wiring & _GONE:
            faults |= BoardFault.COMMUNICATION
        self._note_mirror(mirror_closed, now_ms)
        self._last = Inputs(
            sample=pilot.sample,
            mirror_closed=mirror_closed,
            rcd_tripped=rcd_said.tripped,
            lock_locked=lock_said.locked,
            lock_unlocked=lock_said.unlocked,
            pp_ohm=values.pp_ohm,
            emergency_stop=station.emergency_stop or own.emergency_stop,
            temperature_dc=values.temperature_dc,
            phase_feedback=phases,
            faults=faults,
            supply_12v_mv=values.supply_12v_mv,
            supply_minus_12v_mv=values.supply_minus_12v_mv,
            wiring=wiring,
            presses=(station.presses + own.presses) % 2**16,
        )
        return self._last

    def write(self, outputs: Outputs, now_ms: int) -> bool:
        """Drive one period, each part by itself; True if every part did as it was told."""
        self.coil = outputs.coil
        fine = self._do("coil", lambda: self._contactor.write(outputs.coil, now_ms), now_ms)
        self._pwm_wiring = self._pwm.drive(outputs.duty_bp, now_ms)
        if self._lock is not None:
            lock = self._lock
            fine &= self._do("lock motor", lambda: lock.write(outputs.lock_drive, now_ms), now_ms)
        if self._rcd is not None:
            rcd = self._rcd
            fine &= self._do("RCD test", lambda: rcd.write(outputs.rcd_test, now_ms), now_ms)
        if self._phase_coil is not None and outputs.phases:
            phase_coil = self._phase_coil
            fine &= self._do(
                "phase contact's coil", lambda: phase_coil.write(outputs.phases == 3), now_ms
            )
        self._write_failed = not fine
        return fine and Wiring.PWM_GONE not in self._pwm_wiring

    def welded(self, now_ms: int) -> bool:
        """Closed for longer than a contactor takes to let go, and nobody drives it?"""
        return self._idle_ms is not None and now_ms - self._idle_ms > RELEASES_MS

    def _note_mirror(self, closed: bool, now_ms: int) -> None:
        if not closed or self.coil:
            self._idle_ms = None
        elif self._idle_ms is None:
            self._idle_ms = now_ms

    def _ask(self, part: str, read: Callable[[int], T], before: T, now_ms: int) -> T:
        """What `part` says, or what it said before."""
        try:
            return read(now_ms)
        except GpioUnavailable as error:
            self._losses.note(f"{self._name} {part}", error, now_ms)
            self._read_failed = True
            return before

    def _do(self, part: str, write: Callable[[], None], now_ms: int) -> bool:
        """False where it takes no orders."""
        try:
            write()
        except GpioUnavailable as error:
            self._losses.note(f"{self._name} {part}", error, now_ms)
            return False
        return True

    def show(self, indicator: Indicator, now_ms: int) -> None:
        """Raises GpioUnavailable."""
        if self._light is not None:
            self._light.write(indicator, now_ms)
        if self._buzzer is not None:
            self._buzzer.write(now_ms)

    def sound(self, sound: Sound, now_ms: int) -> bool:
        """False where nothing can say it."""
        if self._light is not None:
            self._light.signal(sound, now_ms)
        if self._buzzer is not None:
            self._buzzer.signal(sound, now_ms)
        return self._light is not None or self._buzzer is not None

    def open(self) -> Iterator[BoardError]:
        """Coil off, for good; yields what could not be."""
        try:
            self._contactor.make_safe()
        except GpioUnavailable as error:
            yield error

    def make_safe(self) -> Iterator[BoardError]:
        """After `open`: pilot at X1, test at rest, and, once the contactor has let go, the lock and
        the phase contact; for good; yields what could not be."""
        for part in (self._pwm, self._rcd, self._source, self._light, self._buzzer):
            yield from _made_safe(part)
        moves = self._phase_coil is not None and self._phase_coil.is_on
        holding = self._lock is not None and self._lock.is_held
        opened = self._contactor.wait_open(self._pause) if moves or holding else True
        self.holds_plug = holding and not opened
        if self.holds_plug:
            yield GpioUnavailable(
                f"{self._name}: the contactor has not let go; its plug stays locked"
            )
        else:
            yield from _made_safe(self._lock)
        if self._phase_coil is not None and moves:
            try:
                self._phase_coil.write(False)
            except GpioUnavailable as error:
                yield error

    def close(self) -> None:
        """Leave the pilot at X1, enabled."""
        self._pwm.close()

    def _phases(self, now_ms: int) -> bool | None:
        return None if self._phase_feedback is None else self._phase_feedback.read(now_ms)

    def _phase_contact(
        self, lines: Lines, section: EvseSection
    ) -> tuple[OutputLine | None, InputLine | None]:
        pins = section.phase_contact
        if pins is None:
            return None, None
        self._contactor.wait_open(self._pause)
        coil = lines.power(pins.coil, "phase contact")
        if pins.feedback is None:
            return coil, None
        return coil, lines.input(pins.feedback, "phase contact feedback")


def unread(before: InputsReading) -> InputsReading:
    """Contacts that can not be asked: as they were, and nothing may go on without them."""
    return before._replace(wiring=before.wiring | Wiring.GPIO_GONE)


class _Part(Protocol):
    def make_safe(self) -> None: ...


def _made_safe(part: _Part | None) -> Iterator[BoardError]:
    try:
        if part is not None:
            part.make_safe()
    except (GpioUnavailable, PwmGone) as error:
        yield error
