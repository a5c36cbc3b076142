"""A board on a desk that is not there: a Pi made of memory with metal, and a hand that obeys.

For `evse board check --fake` and for its tests: the hand does what a step tells the technician.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.board.profile import BoardProfile, EvseSection
from drivers.gpio.inputs import MEANINGS, Input
from drivers.gpio.wires import InputPin
from hil.pi.machine import FakePi
from hil.plant.model import PlantConfig
from hil.plant.plant import Plant
from hil.plant.virtual_board import PlantPins

PRESS_MS = 200
WATCHDOG_MS = 200
_CARS = {"B": "sleepy", "C": "simplified"}


class Desk:
    """The metal of a profile, and the hand before it."""

    def __init__(
        self,
        profile: BoardProfile,
        evses: int,
        now_ms: Callable[[], int],
        *,
        seed: int = 1,
        watchdog_ms: int | None = WATCHDOG_MS,
    ) -> None:
        """`watchdog_ms`: of the coil supply, None for one that never lets go."""
        self._profile, self._now_ms = profile, now_ms
        fed = watchdog_ms if profile.heartbeat is not None else None
        sections = dict(enumerate(profile.evse[:evses], start=1))
        self.plants = {
            number: Plant(_config(section, fed), seed=seed, evse=number, start_ms=now_ms())
            for number, section in sections.items()
        }
        self.pi = FakePi(profile, dict.fromkeys(self.plants, PlantPins(self.plants)), now_ms)

    def act(self, evse: int, action: str) -> None:
        """`car:B`, `cable:20`, `door:active`, `stop_button:press` and their like; `evse` 0: of the
        station. A hand that is told nothing it knows raises KeyError or ValueError."""
        what, _, how = action.partition(":")
        for plant in self.plants.values():
            plant.advance(self._now_ms())
        if what in ("car", "cable"):
            self._plug(self.plants[evse], what, how)
        elif how == "press":
            self._press(evse)
        else:
            self._contact(evse, Input(what), active=how == "active")

    def _plug(self, plant: Plant, what: str, how: str) -> None:
        plant.car.unplug()
        if how != "none":
            cable_a = int(how) if what == "cable" else 32
            plant.car.plug(cable_a=cable_a, variant=_CARS.get(how, "sleepy"))

    def _contact(self, evse: int, kind: Input, *, active: bool) -> None:
        for number, plant in self.plants.items():
            if evse not in (0, number):
                continue
            if kind is Input.EMERGENCY_STOP:
                plant.set_fault("emergency_stop", active)
            else:
                flag = MEANINGS[kind].fault
                plant.set_board_fault(str(flag.name), active)

    def _press(self, evse: int) -> None:
        pin = self._button(evse)
        until_ms = self._now_ms() + PRESS_MS
        self.pi.header.drive(pin.gpio, lambda: (self._now_ms() < until_ms) is pin.active_high)

    def _button(self, evse: int) -> InputPin:
        inputs = self._profile.evse[evse - 1].inputs if evse else self._profile.inputs
        return inputs[Input.STOP_BUTTON]


def _config(section: EvseSection, watchdog_ms: int | None) -> PlantConfig:
    return PlantConfig(
        socket=section.proximity is not None,
        lock=section.lock is not None,
        phase_switch=section.phase_contact is not None,
        coil_watchdog_ms=watchdog_ms,
    )
