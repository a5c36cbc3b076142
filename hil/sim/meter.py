"""The billing meters of a simulated station: truth from the plant, judged as the product does."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

from evse.clock import earliest
from evse.config.load import StationConfig
from evse.metering.supervisor import HealthChanged, MeterHealth, MeterSupervisor
from evse.model import MeterReading
from hil.plant.model import MeterFault, MeterTruth
from hil.plant.plant import Plant

ANSWER_MS = 40
"""What a reading takes on the wire."""


def reading(truth: MeterTruth, taken_ms: int) -> MeterReading:
    """As an SDM630 reports it: every value a 32-bit float, energy in kWh."""
    v, a, w = truth.voltage_v, truth.current_a, truth.power_w
    return MeterReading(
        taken_ms=taken_ms,
        energy_import_wh=_float32(truth.energy_import_wh / 1000) * 1000,
        power_w=sum(w),
        power_phase_w=(w[0], w[1], w[2]),
        voltage_v=(v[0], v[1], v[2]),
        current_a=(a[0], a[1], a[2]),
        frequency_hz=truth.frequency_hz,
    )


def _float32(value: float) -> float:
    (rounded,) = struct.unpack("<f", struct.pack("<f", value))
    return float(rounded)


class SimMeters:
    """Polls at the configured pace; `on_reading` and `on_lost` are the core's."""

    def __init__(
        self,
        config: StationConfig,
        plants: Mapping[int, Plant],
        *,
        now_ms: int,
        on_reading: Callable[[int, MeterReading], None],
        on_lost: Callable[[int], None],
    ) -> None:
        self._tables = {t.id: t.meter for t in config.evses if t.meter.kind != "none"}
        self._plants = plants
        self._on_reading = on_reading
        self._on_lost = on_lost
        self._due_ms = dict.fromkeys(self._tables, now_ms)
        self._frozen: dict[int, MeterTruth] = {}
        self._supervisors = {
            evse: MeterSupervisor(start_ms=now_ms, stale_ms=t.stale_ms, lost_ms=t.lost_ms)
            for evse, t in self._tables.items()
        }

    @property
    def next_deadline_ms(self) -> int | None:
        return earliest(*self._due_ms.values())

    def read_now(self, evse: int, now_ms: int) -> None:
        if evse in self._due_ms:
            self._due_ms[evse] = min(self._due_ms[evse], now_ms + ANSWER_MS)

    def poll(self, now_ms: int) -> None:
        for evse, due_ms in self._due_ms.items():
            if now_ms >= due_ms:
                poll_ms = self._tables[evse].poll_ms
                self._due_ms[evse] = now_ms - now_ms % poll_ms + poll_ms
                self._read(evse, now_ms)

    def _read(self, evse: int, now_ms: int) -> None:
        plant, supervisor = self._plants[evse], self._supervisors[evse]
        faults = plant.meter_faults
        if MeterFault.SILENT in faults:
            changes = supervisor.failed("no answer within 500 ms", now_ms)
            lost = any(isinstance(c, HealthChanged) for c in changes)
            if lost and supervisor.health is MeterHealth.LOST:
                self._on_lost(evse)
            return
        truth = plant.meter(now_ms)
        if MeterFault.FROZEN in faults:
            truth = self._frozen.setdefault(evse, truth)
        else:
            self._frozen.pop(evse, None)
        supervisor.took(reading(truth, now_ms), now_ms)
        if supervisor.reading is not None:
            self._on_reading(evse, supervisor.reading)
