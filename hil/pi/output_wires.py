"""The outputs of one EVSE's pins as its metal meets them: what pads and PWM make together."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from drivers.board.profile import EvseSection
from drivers.gpio.lock import TwoWayPins
from drivers.gpio.wires import OutputPin
from evse.guard.facts import Outputs
from evse.guard.lock_drive import LockDrive
from evse.model import X1_BP
from hil.pi.header import MockHeader
from hil.pi.pwm import PwmChannel


class OutputWires:
    """From the computer to coils, bridge, test input and pilot."""

    def __init__(
        self,
        header: MockHeader,
        section: EvseSection,
        pwm: Callable[[int], PwmChannel],
        shot_through: Callable[[], None],
    ) -> None:
        """`pwm`: the channel behind a pin, as it is now. `shot_through`: both halves of the lock's
        bridge are on."""
        self._header, self._section, self._pwm = header, section, pwm
        self._shot_through = shot_through
        self._pulled_in = [False] * len(section.contactor.coils)
        self._shorted = False

    def pins(self) -> Iterator[OutputPin]:
        """All but the PWM's."""
        section = self._section
        for coil in section.contactor.coils:
            yield coil.pull_in
            if coil.hold is not None:
                yield coil.hold
        if section.lock is not None:
            actuator = section.lock.actuator
            if isinstance(actuator, TwoWayPins):
                yield from (actuator.lock, actuator.unlock)
            else:
                yield actuator.solenoid
        if section.rcd is not None and section.rcd.test is not None:
            yield section.rcd.test
        if section.phase_contact is not None:
            yield section.phase_contact.coil

    def settled(self) -> Outputs:
        """A pad or the PWM may have changed: what the metal remembers of it, and what it is."""
        self._pulled_in = self._coils()
        shorted = self._bridge() == (True, True)
        if shorted and not self._shorted:
            self._shot_through()
        self._shorted = shorted
        return self.outputs()

    def outputs(self) -> Outputs:
        return Outputs(
            coil=all(self._coils()),
            duty_bp=self._duty_bp(),
            lock_drive=self._lock_drive(),
            rcd_test=self._tests(),
            phases=self._phases(),
        )

    def _on(self, pin: OutputPin) -> bool:
        return self._header.level(pin.gpio)

    def _duty_bp(self) -> int:
        """A disabled output is X1 by the bias of its pin."""
        pilot = self._section.pilot
        duty_bp = self._pwm(pilot.pwm_gpio).duty_bp
        if duty_bp is None:
            return X1_BP
        return X1_BP - duty_bp if pilot.inverted else duty_bp

    def _coils(self) -> list[bool]:
        """Full voltage pulls in; the reduced one holds what is in, and pulls in nothing."""
        return [
            self._on(one.pull_in) or (was_in and one.hold is not None and self._on(one.hold))
            for one, was_in in zip(self._section.contactor.coils, self._pulled_in, strict=True)
        ]

    def _tests(self) -> bool:
        rcd = self._section.rcd
        return rcd is not None and rcd.test is not None and self._on(rcd.test)

    def _phases(self) -> int:
        contact = self._section.phase_contact
        if contact is None:
            return 0
        return 3 if self._on(contact.coil) else 1

    def _bridge(self) -> tuple[bool, bool]:
        """Inputs of the lock's bridge: lock, unlock."""
        lock = self._section.lock
        if lock is None or not isinstance(lock.actuator, TwoWayPins):
            return False, False
        return self._on(lock.actuator.lock), self._on(lock.actuator.unlock)

    def _lock_drive(self) -> LockDrive:
        """Both inputs on move nothing, and burn the bridge."""
        lock = self._section.lock
        if lock is not None and not isinstance(lock.actuator, TwoWayPins):
            return LockDrive.LOCK if self._on(lock.actuator.solenoid) else LockDrive.UNLOCK
        locks, unlocks = self._bridge()
        if locks is unlocks:
            return LockDrive.OFF
        return LockDrive.LOCK if locks else LockDrive.UNLOCK
