"""What the meter of a plant reads, with the faults that the plant has been given."""

from __future__ import annotations

from msgspec.structs import replace

from hil.plant.model import MeterTruth
from hil.plant.plant import Plant

JUMP_WH = 1_000_000.0
"""What `meter_jumped` adds: nobody charges a megawatt-hour between two readings."""
PHANTOM_A = 10.0
ODD_V = 20.0


class FaultyMeter:
    """One plant's meter. Read it often: some faults keep what was read last before them."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._frozen: MeterTruth | None = None
        self._replaced_wh: float | None = None

    def read(self, now_ms: int) -> MeterTruth | None:
        """None: it does not answer."""
        faults, truth = self._plant.faults, self._plant.meter(now_ms)
        if not faults:
            self._frozen = self._replaced_wh = None
            return truth
        if "meter_frozen" not in faults:
            self._frozen = None
        elif self._frozen is None:
            self._frozen = truth
        if "meter_replaced" not in faults:
            self._replaced_wh = None
        elif self._replaced_wh is None:
            self._replaced_wh = truth.energy_import_wh
        return None if "meter_silent" in faults else self._distorted(self._frozen or truth, faults)

    def _distorted(self, truth: MeterTruth, faults: frozenset[str]) -> MeterTruth:
        energy_wh = truth.energy_import_wh - (self._replaced_wh or 0.0)
        if "meter_jumped" in faults:
            energy_wh += JUMP_WH
        one_a, *other_a = truth.current_a
        if "meter_phantom" in faults:
            one_a += PHANTOM_A
        one_v, two_v, three_v = truth.voltage_v
        if "meter_odd" in faults:
            two_v = ODD_V
        return replace(
            truth,
            energy_import_wh=energy_wh,
            current_a=(one_a, *other_a),
            voltage_v=(one_v, two_v, three_v),
        )
