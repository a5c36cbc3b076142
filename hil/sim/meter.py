"""The billing meters of a simulated station: truth from the plant, judged as the product does."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from evse.clock import earliest
from evse.config.station import StationConfig
from evse.metering.desk import MeterDesk
from evse.metering.plausibility import Finding
from evse.model import MeterReading
from hil.plant.faulty_meter import FaultyMeter
from hil.plant.model import MeterTruth
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
    """Polls at the configured pace; what comes of it is the core's."""

    def __init__(
        self,
        config: StationConfig,
        plants: Mapping[int, Plant],
        *,
        now_ms: int,
        on_reading: Callable[[int, MeterReading], None],
        on_lost: Callable[[int], None],
        on_findings: Callable[[int, frozenset[Finding]], None],
    ) -> None:
        fitted = [table for table in config.evses if table.meter.kind != "none"]
        self._tables = {table.id: table.meter for table in fitted}
        self._meters = {evse: FaultyMeter(plants[evse]) for evse in self._tables}
        self._due_ms = dict.fromkeys(self._tables, now_ms)
        self.desk = MeterDesk(
            fitted,
            start_ms=now_ms,
            on_reading=on_reading,
            on_lost=on_lost,
            on_findings=on_findings,
            say=lambda _evse, _change: None,
        )

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
        truth = self._meters[evse].read(now_ms)
        if truth is None:
            self.desk.failed(evse, "no answer within 500 ms", now_ms)
        else:
            found = reading(truth, now_ms)
            if self._tables[evse].signed:  # one that signs counts whole Wh, here as in its records
                found = replace(found, energy_import_wh=float(int(truth.energy_import_wh)))
            self.desk.took(evse, found, now_ms)
