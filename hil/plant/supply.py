"""The mains, the load behind the power contacts, and an ideal meter between the two."""

from __future__ import annotations

from collections.abc import Set

from hil.errors import OutOfRange
from hil.plant.car import Car
from hil.plant.energy import NJ_PER_WH, Integrator
from hil.plant.faults import FAULT_LOST_PHASE
from hil.plant.model import MeterTruth, PlantConfig

PHASES = 3
Triple = tuple[float, float, float]


class Supply:
    """Voltage stands on the meter always, behind the contacts only while they are closed."""

    def __init__(self, config: PlantConfig, now_ms: int) -> None:
        self._config = config
        self._fitted_mv = [config.voltage_mv if i < config.phases else 0 for i in range(PHASES)]
        self._mains_mv = list(self._fitted_mv)
        self._load_ma = [0] * PHASES
        self._energy = Integrator(now_ms)
        self._shape: tuple[Triple, Triple, Triple] | None = None

    def set_voltage(self, voltage_mv: int, phase: int | None) -> None:
        """Mains voltage of one fitted phase (from 1), or of all (None)."""
        if phase is not None and not 1 <= phase <= self._config.phases:
            raise OutOfRange(f"phase {phase}: this station has 1 to {self._config.phases}")
        for index in range(self._config.phases):
            if phase is None or phase == index + 1:
                self._fitted_mv[index] = voltage_mv

    def refresh(self, faults: Set[str]) -> None:
        """Mains as the faults leave them."""
        lost = range(PHASES) if "mains_lost" in faults else ()
        if "phase_lost" in faults:
            lost = (*lost, FAULT_LOST_PHASE)
        self._mains_mv = [0 if i in lost else v for i, v in enumerate(self._fitted_mv)]

    def feeds(self, car: Car, phases: int) -> bool:
        """Is there voltage on a connected phase that this car uses?"""
        return any(self._mains_mv[: min(car.phases, phases)])

    @property
    def current_ma(self) -> int:
        """Largest phase current."""
        return max(self._load_ma)

    def load(self, now_ms: int, car: Car, phases: int) -> None:
        """The car draws what it draws, from the phases that it uses, connected and alive."""
        drawn_from = min(car.phases, phases)
        self._load_ma = [
            car.current_ma if index < drawn_from and mains_mv else 0
            for index, mains_mv in enumerate(self._mains_mv)
        ]
        self._shape = None
        power_uw = sum(mv * ma for mv, ma in zip(self._mains_mv, self._load_ma, strict=True))
        self._energy.change(now_ms, power_uw)
        car.charged(now_ms, power_uw)

    def meter(self, now_ms: int) -> MeterTruth:
        """What the meter shows, now at or after the last `load`."""
        if self._shape is None:
            self._shape = self._measure()
        voltage_v, current_a, power_w = self._shape
        energy_wh = self._energy.energy_nj(now_ms) / NJ_PER_WH
        return MeterTruth(voltage_v, current_a, power_w, energy_wh, self._config.frequency_hz)

    def _measure(self) -> tuple[Triple, Triple, Triple]:
        (v1, v2, v3), (i1, i2, i3) = self._mains_mv, self._load_ma
        return (
            (v1 / 1e3, v2 / 1e3, v3 / 1e3),
            (i1 / 1e3, i2 / 1e3, i3 / 1e3),
            (v1 * i1 / 1e6, v2 * i2 / 1e6, v3 * i3 / 1e6),
        )
