"""The native board: a profile's drivers as the pins of ring 1, and as the panel before a person.

Responsibility: reads and drives every wire of a board once a period, and turns what fails into what
ring 1 can judge: a part that is gone is COMMUNICATION, which opens at once, with its name in
`wiring`. It guarantees that the coil supply's watchdog is fed only in a period in which every part
did what it was told, and that nothing is driven after `make_safe`. It decides nothing else.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator

from drivers.board.evse_pins import EvsePins
from drivers.board.profile import SPI0_PINS, BoardProfile
from drivers.errors import GpioUnavailable
from drivers.gpio.heartbeat import Heartbeat
from drivers.gpio.inputs import Contacts, InputsReading
from drivers.gpio.lines import Lines
from drivers.machine import Machine
from evse.guard.facts import Inputs, Outputs
from evse.model import Indicator, Sound, Wiring

GIVE_UP_MS = 5_000
"""A GPIO chip that is gone for so long comes back under a new number, if it does: only a process
that begins anew can claim it."""

SLOW_PATH = "/run/pievse/temperature"

_log = logging.getLogger(__name__)


def sleep_ms(span_ms: int) -> None:
    """Real time passes."""
    time.sleep(span_ms / 1_000)


class NativeBoard:
    """evse.guard.host.Pins and Panel over `profile`'s wires."""

    def __init__(
        self,
        machine: Machine,
        profile: BoardProfile,
        evses: int,
        *,
        slow_path: str = SLOW_PATH,
        pause: Callable[[int], None] = sleep_ms,
    ) -> None:
        """Claims every line; all outputs are off. `slow_path`: the file that the reader of slow
        temperature sensors keeps. `pause`: lets so many milliseconds pass; asked for at the begin
        and the end alone. Raises ProfileError, GpioUnavailable."""
        self._lines = Lines(machine.gpio)
        self._gone_ms: int | None = None
        self._standing = Wiring(0)
        """What is known of the computer itself."""
        self._healthy: dict[int, bool] = {}
        self._now_ms: int | None = None
        self._station: InputsReading | None = None
        try:
            for gpio in SPI0_PINS:
                self._lines.reserve(gpio, "SPI")
            self._contacts = Contacts(self._lines.of("station"), profile.inputs)
            self._heartbeat = (
                None if profile.heartbeat is None else Heartbeat(self._lines, profile.heartbeat)
            )
            self._evses = {
                number: EvsePins(
                    machine, self._lines.of(f"evse {number}"), profile, section, slow_path, pause
                )
                for number, section in zip(range(1, evses + 1), profile.evse, strict=False)
            }
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
        """Raises GpioUnavailable where the pins have been gone for GIVE_UP_MS."""
        pins = self._evses[evse]
        try:
            inputs = pins.read(self._read_station(now_ms), self._standing, now_ms)
        except GpioUnavailable as error:
            self._lost(error, now_ms)
            return pins.unreadable(self._standing)
        self._found()
        return inputs

    def write(self, evse: int, outputs: Outputs, now_ms: int) -> None:
        """Never raises for a part that is gone: then the watchdog goes hungry, and the next reading
        says so."""
        try:
            healthy = self._evses[evse].write(outputs, now_ms)
        except GpioUnavailable as error:
            healthy = False
            self._lost(error, now_ms)
        self._healthy[evse] = healthy

    def flush(self) -> None:
        """End of a period: one edge for the coil supply's watchdog, if all was well."""
        healthy = self._gone_ms is None and all(self._healthy.values())
        if self._heartbeat is not None and self._now_ms is not None:
            with contextlib.suppress(GpioUnavailable):  # silence is what it would mean
                self._heartbeat.write(healthy, self._now_ms)

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
        """Safe, then every line released. Idempotent."""
        self.make_safe()
        with contextlib.suppress(GpioUnavailable):
            self._lines.close()
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
        """Once a period, whichever EVSE asks first."""
        if self._station is None or now_ms != self._now_ms:
            self._now_ms = now_ms
            self._station = self._contacts.read(now_ms)
        return self._station

    def _lost(self, error: GpioUnavailable, now_ms: int) -> None:
        if self._gone_ms is None:
            self._gone_ms = now_ms
            _log.error("%s", error)
        if now_ms - self._gone_ms >= GIVE_UP_MS:
            raise error

    def _found(self) -> None:
        if self._gone_ms is not None:
            self._gone_ms = None
            _log.warning("the pins can be read again")
