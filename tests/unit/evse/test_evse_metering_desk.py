"""Who hears what of the meters: the same of a real bus and of the simulation."""

from __future__ import annotations

from evse.config.evse import EvseTable
from evse.metering.desk import MeterDesk
from evse.metering.plausibility import Finding
from evse.metering.supervisor import MeterChange
from evse.model import MeterReading


class Ear:
    """Hears all that a desk tells."""

    def __init__(self) -> None:
        self.readings: list[float] = []
        self.lost: list[int] = []
        self.findings: list[set[Finding]] = []
        self.said: list[MeterChange] = []
        self.order: list[str] = []
        table = EvseTable(id=1, evse_id="DE*PNX*E1*1", connector="cable", max_current_a=32.0)
        self.desk = MeterDesk(
            [table],
            start_ms=0,
            on_reading=self._read,
            on_lost=self.lost.append,
            on_findings=self._found,
            say=lambda _evse, change: self.said.append(change),
        )

    def _read(self, _evse: int, reading: MeterReading) -> None:
        self.readings.append(reading.energy_import_wh)
        self.order.append("reading")

    def _found(self, _evse: int, findings: frozenset[Finding]) -> None:
        self.findings.append(set(findings))
        self.order.append("findings")

    def took(self, energy_wh: float, at_ms: int) -> None:
        self.desk.took(1, MeterReading(taken_ms=at_ms, energy_import_wh=energy_wh), at_ms)


def test_a_finding_is_told_when_it_comes_and_when_it_goes_ahead_of_the_reading() -> None:
    ear = Ear()
    ear.took(1_000.0, 0)
    ear.order.clear()
    for second, energy_wh in enumerate((1.0, 2.0, 1_001.0, 1_002.0), start=1):
        ear.took(energy_wh, second * 1_000)
    assert ear.findings == [{Finding.ENERGY_BACKWARDS}, set()]
    assert ear.readings == [1_000.0, 1_000.0, 1_000.0, 1_001.0, 1_002.0]
    assert ear.order == ["findings", "reading", "reading", "findings", "reading", "reading"]


def test_a_meter_is_lost_once_by_failures_and_by_time_alike() -> None:
    ear = Ear()
    ear.took(1.0, 0)
    for second in range(1, 30):
        ear.desk.failed(1, "no answer", second * 1_000)
        ear.desk.tick(second * 1_000)
    assert ear.lost == [1]
    ear.took(1.0, 40_000)
    ear.desk.tick(60_000)
    assert ear.lost == [1, 1]


def test_no_counter_of_this_evse_runs_at_more_than_twice_its_rating() -> None:
    """32 A on three phases: 22 kW, so that 10 s are at most 123 Wh and the slack of 50 Wh."""
    ear = Ear()
    ear.took(0.0, 0)
    ear.took(172.0, 10_000)
    ear.took(172.0 + 174.0, 20_000)
    assert ear.readings == [0.0, 172.0, 172.0]
    assert ear.findings == [{Finding.ENERGY_JUMPED}]


def test_a_replaced_meter_counts_from_when_somebody_vouches_for_it() -> None:
    ear = Ear()
    ear.desk.expect(1, 5_000.0)
    ear.took(7.0, 0)
    assert ear.readings == [5_000.0]
    assert ear.desk.accept(1)
    ear.took(8.0, 1_000)
    assert ear.readings == [5_000.0, 8.0]
    assert ear.findings == [{Finding.ENERGY_BACKWARDS}, set()]


def test_an_evse_without_a_meter_has_nothing_to_vouch_for() -> None:
    ear = Ear()
    ear.desk.expect(9, 1.0)
    assert not ear.desk.accept(9)
