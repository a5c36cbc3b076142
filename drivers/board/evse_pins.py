"""The wires of one EVSE of a native board: its drivers, read and written together.

Responsibility: one period's readings as ring 1's `Inputs`, one period's `Outputs` to the drivers.
It guarantees that a part which fails is named, that the coil is written before anything that can
fail slower, and that `make_safe` tries every part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from drivers.adc.pilot_sampler import PilotSource
from drivers.board.analog import Analog, pilot_source
from drivers.board.profile import BoardProfile, EvseSection
from drivers.errors import BoardError, GpioUnavailable, PwmGone
from drivers.gpio.buzzer import Buzzer
from drivers.gpio.contactor import Contactor
from drivers.gpio.indicator import StatusLight
from drivers.gpio.inputs import Contacts, InputsReading
from drivers.gpio.line import InputLine, OutputLine
from drivers.gpio.lines import Lines
from drivers.gpio.lock import ConnectorLock
from drivers.gpio.rcd import Rcd
from drivers.machine import Machine
from drivers.pilot.hardware_pwm import HardwarePwm
from evse.guard.facts import Inputs, Outputs
from evse.model import BoardFault, Indicator, Sound, Wiring

_GONE = (
    Wiring.ADC_SILENT
    | Wiring.ADC_ALL_ONES
    | Wiring.ADC_ALL_ZEROS
    | Wiring.PWM_GONE
    | Wiring.MIRROR_FLOATING
    | Wiring.LOCK_FLOATING
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
        slow_path: str,
        pause: Callable[[int], None],
    ) -> None:
        """Claims the lines, outputs off: the phase contact last, when a contactor that a dead
        process has left on has let go. `pause`: lets so many milliseconds pass. Raises
        ProfileError, GpioUnavailable."""
        self._pause = pause
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

    def read(self, station: InputsReading, standing: Wiring, now_ms: int) -> Inputs:
        """`station`: the contacts of all EVSEs; `standing`: what is known of the computer. Raises
        GpioUnavailable."""
        own = self._contacts.read(now_ms)
        wiring = standing | station.wiring | own.wiring | self._pwm_wiring | self._contactor.wiring
        faults = station.faults | own.faults
        pilot = self._source.read(self._pwm.duty_bp, now_ms)
        wiring |= pilot.wiring
        values = self._analog.read(self._source.extras, now_ms)
        wiring |= values.wiring
        locked = unlocked = False
        if self._lock is not None:
            lock = self._lock.read(now_ms, values.reserve_mv)
            locked, unlocked = lock.locked, lock.unlocked
            faults |= lock.faults
            wiring |= lock.wiring
        tripped = False
        if self._rcd is not None:
            rcd = self._rcd.read(now_ms)
            tripped = rcd.tripped
            faults |= rcd.faults
            wiring |= rcd.wiring
        if wiring & _GONE:
            faults |= BoardFault.COMMUNICATION
        self._last = Inputs(
            sample=pilot.sample,
            mirror_closed=self._contactor.mirror_closed(now_ms),
            rcd_tripped=tripped,
            lock_locked=locked,
            lock_unlocked=unlocked,
            pp_ohm=values.pp_ohm,
            emergency_stop=station.emergency_stop or own.emergency_stop,
            temperature_dc=values.temperature_dc,
            phase_feedback=self._phases(now_ms),
            faults=faults,
            supply_12v_mv=values.supply_12v_mv,
            supply_minus_12v_mv=values.supply_minus_12v_mv,
            wiring=wiring,
            presses=(station.presses + own.presses) % 2**16,
        )
        return self._last

    def unreadable(self, standing: Wiring) -> Inputs:
        """While the pins are gone: no proof of anything, and the contacts as last known."""
        return msgspec.structs.replace(
            self._last,
            sample=None,
            faults=self._last.faults | BoardFault.COMMUNICATION,
            wiring=standing | Wiring.GPIO_GONE,
        )

    def write(self, outputs: Outputs, now_ms: int) -> bool:
        """Drive one period; True if every part did as it was told. Raises GpioUnavailable, with
        the coil off if that can be."""
        self._contactor.write(outputs.coil, now_ms)
        self._pwm_wiring = self._pwm.drive(outputs.duty_bp, now_ms)
        if self._lock is not None:
            self._lock.write(outputs.lock_drive, now_ms)
        if self._rcd is not None:
            self._rcd.write(outputs.rcd_test, now_ms)
        if self._phase_coil is not None and outputs.phases:
            self._phase_coil.write(outputs.phases == 3)
        return Wiring.PWM_GONE not in self._pwm_wiring

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
        """After `open`: pilot at X1, lock and test at rest, and, once the contactor has let go, the
        phase contact; for good; yields what could not be."""
        parts = (
            self._pwm,
            self._lock,
            self._rcd,
            self._source,
            self._light,
            self._buzzer,
        )
        for part in parts:
            try:
                if part is not None:
                    part.make_safe()
            except (GpioUnavailable, PwmGone) as error:
                yield error
        if self._phase_coil is not None and self._phase_coil.is_on:
            self._contactor.wait_open(self._pause)
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
