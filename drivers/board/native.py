"""The native board: a profile's drivers as the pins of ring 1, and as the panel before a person.

Responsibility: reads and drives every wire of a board once a period, and turns what fails into what
ring 1 can judge: a part that is gone is COMMUNICATION, which opens at once, with its name in
`wiring`. It guarantees that the coil supply's watchdog is fed only in a period in which every part
did what it was told, and that nothing is driven after `make_safe`. It decides nothing else.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping

from drivers.board.evse_pins import NO_CONTACTS, EvsePins, unread
from drivers.board.fitted import used
from drivers.board.losses import Losses
from drivers.board.profile import SPI0_PINS, BoardProfile
from drivers.errors import GpioUnavailable, ProfileError, PwmGone
from drivers.gpio.heartbeat import Heartbeat
from drivers.gpio.inputs import Contacts, InputsReading
from drivers.gpio.lines import Lines
from drivers.machine import Machine
from drivers.pilot.hardware_pwm import sleep_ms
from drivers.pilot.pwm_chip import find_pwm
from evse.board_faults import Wiring
from evse.guard.facts import Hardware, Inputs, Outputs
from evse.panel import Indicator, Sound

SLOW_PATH = "/run/pievse/temperature"

_log = logging.getLogger(__name__)


class NativeBoard:
    """evse.guard.host.Pins and Panel over `profile`'s wires."""

    def __init__(
        self,
        machine: Machine,
        profile: BoardProfile,
        evses: int,
        *,
        fitted: Mapping[int, Hardware] | None = None,
        slow_path: str = SLOW_PATH,
        pause: Callable[[int], None] = sleep_ms,
    ) -> None:
        """Claims every line; all outputs are off. `fitted`: what each EVSE uses of the board; None:
        all of it. `slow_path`: the file that the reader of slow temperature sensors keeps.
        `pause`: lets so many milliseconds pass; asked for at the begin and the end alone. Raises
        ProfileError, GpioUnavailable."""
        self._lines = Lines(machine.gpio)
        self._losses = Losses(_log.error)
        self._standing = Wiring(0)
        """What is known of the computer itself."""
        self._healthy: dict[int, bool] = {}
        self._now_ms: int | None = None
        self._station = NO_CONTACTS
        self._station_ms: int | None = None
        try:
            for gpio in SPI0_PINS:
                self._lines.reserve(gpio, "SPI")
            self._contacts = Contacts(self._lines.of("station"), profile.inputs)
            self._heartbeat = (
                None if profile.heartbeat is None else Heartbeat(self._lines, profile.heartbeat)
            )
            self._evses = {
                number: EvsePins(
                    machine,
                    self._lines.of(f"evse {number}"),
                    profile,
                    used(section, None if fitted is None else fitted[number]),
                    slow_path=slow_path,
                    pause=pause,
                    losses=self._losses,
                    name=f"evse {number}",
                )
                for number, section in zip(range(1, evses + 1), profile.evse, strict=False)
            }
            _expect_own_pilots(machine, profile, evses)
        except BaseException:
            with contextlib.suppress(GpioUnavailable):
                self._lines.close()
            raise

    @property
    def next_deadline_ms(self) -> int | None:
        """Its parts look at the clock themselves: it wants every period."""
        return None if self._now_ms is None else self._now_ms + 1

    def stand(self, wiring: Wiring) -> None:
        """What the process knows of its own computer, told from now on."""
        self._standing = wiring

    def read(self, evse: int, now_ms: int) -> Inputs:
        """A part that can not be asked is told, and does not keep the others from being read."""
        self._now_ms = now_ms
        station = self._read_station(now_ms)
        return self._evses[evse].read(station, self._standing, now_ms)

    def write(self, evse: int, outputs: Outputs, now_ms: int) -> None:
        """Each part by itself: then the watchdog goes hungry, and the next reading says so."""
        self._healthy[evse] = self._evses[evse].write(outputs, now_ms)

    def flush(self) -> None:
        """End of a period: one edge for the coil supply's watchdog, if all was well, and no
        contactor stays closed that nobody drives. Raises GpioUnavailable where a part has been
        lost for GIVE_UP_MS."""
        now_ms = self._now_ms
        if now_ms is None:
            return
        healthy = not self._losses.any and all(self._healthy.values()) and not self._welded(now_ms)
        if self._heartbeat is not None:
            try:
                self._heartbeat.write(healthy, now_ms)
            except GpioUnavailable as error:  # silence is what it would mean
                self._losses.note("the coil supply's watchdog", error, now_ms)
        self._losses.end_period(now_ms)

    def _welded(self, now_ms: int) -> bool:
        """A contactor is closed that nobody drives, and no other one needs the supply."""
        pins = self._evses.values()
        return not any(each.coil for each in pins) and any(each.welded(now_ms) for each in pins)

    def show(self, evse: int, indicator: Indicator, now_ms: int) -> None:
        """A light that can not be driven is no reason for anything."""
        with contextlib.suppress(GpioUnavailable):
            self._evses[evse].show(indicator, now_ms)

    def sound(self, evse: int, sound: Sound, now_ms: int) -> bool:
        return self._evses[evse].sound(sound, now_ms)

    def make_safe(self) -> None:
        """Everything off, for good, whatever fails meanwhile: coils first."""
        for problem in self._each_made_safe():
            _log.error("%s", problem)

    def close(self) -> None:
        """Safe, then every line released; but not where a solenoid holds the plug of a contactor
        that has not let go: its line stays claimed until the process ends. Idempotent."""
        self.make_safe()
        try:
            if not any(pins.holds_plug for pins in self._evses.values()):
                self._lines.close()
        except GpioUnavailable as error:
            _log.error("%s", error)
        finally:
            for pins in self._evses.values():
                pins.close()

    def _each_made_safe(self) -> Iterator[Exception]:
        for pins in self._evses.values():
            yield from pins.open()
        for pins in self._evses.values():
            yield from pins.make_safe()
        if self._heartbeat is not None:
            try:
                self._heartbeat.make_safe()
            except GpioUnavailable as error:
                yield error

    def _read_station(self, now_ms: int) -> InputsReading:
        """Once a period, whichever EVSE asks first; the same for all of them."""
        if now_ms != self._station_ms:
            self._station_ms = now_ms
            try:
                self._station = self._contacts.read(now_ms)
            except GpioUnavailable as error:
                self._losses.note("station contacts", error, now_ms)
                self._station = unread(self._station)
        return self._station


def _expect_own_pilots(machine: Machine, profile: BoardProfile, evses: int) -> None:
    """Raises ProfileError where two pilots come from one channel (GPIO12 and 18, 13 and 19 up to a
    Pi 4). On a computer without them nothing can be said."""
    taken: dict[str, int] = {}
    for section in profile.evse[:evses]:
        gpio = section.pilot.pwm_gpio
        with contextlib.suppress(PwmGone):
            folder = find_pwm(machine, gpio).folder
            if folder in taken:
                raise ProfileError(
                    f"GPIO{taken[folder]} and GPIO{gpio} are one PWM channel of this computer: "
                    "both pilots would always offer the same"
                )
            taken[folder] = gpio
