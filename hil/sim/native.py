"""Ring 1 of a simulation by the drivers of the native board, on a computer made of memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from drivers.board.fitted import of_station
from drivers.board.native import NativeBoard
from drivers.board.profile import BoardProfile, PeaksSection, load_profile
from evse.config.station import StationConfig
from evse.guard.facts import Inputs, Outputs
from evse.guard.host import PERIOD_MS, GuardHost
from evse.model import BoardIdentity
from evse.panel import Indicator, Sound
from evse.pilot import PilotSample
from evse.run.native import board_name
from evse.run.ring_1 import make_host, make_identity
from hil.pi.machine import FakePi
from hil.plant.plant import Plant
from hil.plant.virtual_board import PlantPins

REFERENCE, PEAKS = "pievse-reference", "pievse-peaks"
SETTLE_MS = 400
"""Longer than any filter of the drivers but those of contacts, which are asked; what they watch for
longer needs a test of its own."""
TURNS_MS = 100
"""Longer than a round through the converter's channels."""
SAME_MV = 300
"""Noise of a level that stays."""


class NativeSimBoard:
    """Ring 1 through the drivers of the native board."""

    def __init__(
        self,
        config: StationConfig,
        plants: Mapping[int, Plant],
        now_ms: Callable[[], int],
        profile: str = "",
    ) -> None:
        """`profile`: left out, the configuration's, or the shipped one with enough EVSEs. Raises
        ProfileError where the board lacks what the station needs."""
        self._config = config
        shipped = REFERENCE if len(plants) == 1 else PEAKS
        self._profile = load_profile(profile or config.board.profile or shipped)
        self._fitted = of_station(self._profile, config.evses)
        self.pi = FakePi(
            self._profile,
            dict.fromkeys(plants, PlantPins(plants)),
            now_ms,
            violated=lambda evse, rule: plants[evse].violated(rule),
        )
        self.board: NativeBoard | None = None
        self.pins: SettlingPins | None = None

    def start(self) -> GuardHost:
        self.board = NativeBoard(
            self.pi,
            self._profile,
            len(self._config.evses),
            fitted=self._fitted,
            pause=in_no_time,
        )
        pins = self.pins = SettlingPins(
            self.board, self._filters, skips=not has_peaks(self._profile)
        )
        host = make_host(self._config, self._fitted, pins)
        host.panel = pins
        return host

    def identity(self, boot_id: int) -> BoardIdentity:
        return make_identity(self._config, self._fitted, board_name(self._profile), boot_id)

    def _filters(self, evse: int, inputs: Inputs) -> bool:
        """Is a contact that has moved still on its way?"""
        can, shown = self.pi.wires[evse].contacts()
        return inputs.faults & can != shown

    def died(self) -> None:
        """As Raspberry Pi OS leaves them: every output keeps its level."""
        self.board = self.pins = None
        self.pi.header.die(keeps_outputs=True)


def in_no_time(_span_ms: int) -> None:
    """A simulation's time does not pass inside a call."""


def has_peaks(profile: BoardProfile) -> bool:
    """Peak detectors tell of the last 50 ms: nobody skips them."""
    return any(isinstance(section.pilot, PeaksSection) for section in profile.evse)


class SettlingPins:
    """A native board that is asked for every period only while something is on its way through
    its filters: so that a simulation may skip the rest of the time."""

    def __init__(
        self,
        board: NativeBoard,
        filters: Callable[[int, Inputs], bool],
        *,
        skips: bool = True,
    ) -> None:
        """`filters`: of an EVSE and its reading, does a filter of many periods still run?"""
        self._board, self._filters = board, filters
        self.skips = skips
        """False: it is asked for every period, whatever happens. For what changes by itself, such
        as a wire that hums."""
        self._inputs: dict[int, Inputs] = {}
        self._outputs: dict[int, Outputs] = {}
        self._now_ms = 0
        self._until_ms: int | None = None
        """Asked for every period until then; None: not read yet."""

    @property
    def next_deadline_ms(self) -> int | None:
        settled = self.skips and self._until_ms is not None and self._now_ms >= self._until_ms
        return None if settled else self._now_ms + PERIOD_MS

    def read(self, evse: int, now_ms: int) -> Inputs:
        woken = now_ms - self._now_ms > PERIOD_MS
        self._now_ms = now_ms
        inputs = self._board.read(evse, now_ms)
        if woken:  # something is new, and each channel of the converter has its turn
            self._until_ms = max(self._until_ms or 0, now_ms + TURNS_MS)
        same = _same(self._inputs.get(evse), inputs)
        # a wire that hums has another level at each look, so none is spent where nobody skips
        if not same or (self.skips and self._filters(evse, inputs)):
            self._until_ms = now_ms + SETTLE_MS
        self._inputs[evse] = inputs
        return inputs

    def write(self, evse: int, outputs: Outputs, now_ms: int) -> None:
        if outputs != self._outputs.get(evse):
            self._outputs[evse] = outputs
            self._until_ms = now_ms + SETTLE_MS
        self._board.write(evse, outputs, now_ms)
        self._board.flush()

    def show(self, evse: int, indicator: Indicator, now_ms: int) -> None:
        self._board.show(evse, indicator, now_ms)

    def sound(self, evse: int, sound: Sound, now_ms: int) -> bool:
        return self._board.sound(evse, sound, now_ms)


def _same(before: Inputs | None, now: Inputs) -> bool:
    """But for the noise of what is measured."""
    if before is None or not _same_level(before.sample, now.sample):
        return False
    return before == msgspec.structs.replace(
        now,
        sample=before.sample,
        temperature_dc=before.temperature_dc,
        supply_12v_mv=before.supply_12v_mv,
        supply_minus_12v_mv=before.supply_minus_12v_mv,
    )


def _same_level(before: PilotSample | None, now: PilotSample | None) -> bool:
    if before is None or now is None:
        return before is now
    if (before.lo_mv is None) is not (now.lo_mv is None):
        return False
    low_mv = abs((before.lo_mv or 0) - (now.lo_mv or 0))
    return abs(before.hi_mv - now.hi_mv) <= SAME_MV and low_mv <= SAME_MV
