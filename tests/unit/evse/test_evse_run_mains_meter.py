"""The meter at the mains of a running core: every reading is handed on, its loss told once."""

from __future__ import annotations

import logging

import pytest

from drivers.errors import MeterTimeout
from evse.clock import VirtualClock
from evse.config.energy import MainsTable
from evse.config.evse import MeterTable
from evse.model import MeterReading
from evse.run.mains_meter import MainsMeter

TABLE = MainsTable(
    max_mains_a=25.0, fallback_a=6.0, meter=MeterTable(kind="modbus", port="/dev/x", unit=9)
)


class Unread:
    """A meter that the test speaks for."""

    async def read(self) -> MeterReading:
        raise AssertionError("nobody polls here")


class Rig:
    def __init__(self) -> None:
        self.clock = VirtualClock(1_000)
        self.handed: list[MeterReading] = []
        self.meter = MainsMeter(TABLE, Unread(), self.clock, on_reading=self.handed.append)

    def reads(self, current_a: float = 5.0) -> None:
        self.meter.took(
            MeterReading(
                taken_ms=self.clock.now_ms(),
                energy_import_wh=0.0,
                current_a=(current_a, current_a, current_a),
            )
        )

    def fails_for(self, span_ms: int) -> None:
        for _ in range(span_ms // 1_000):
            self.clock.advance_to(self.clock.now_ms() + 1_000)
            self.meter.failed(MeterTimeout("/dev/x unit 9: no answer"))


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "evse.run.mains_meter")
    return caplog


def test_every_reading_is_handed_on_and_only_the_first_is_told(
    log: pytest.LogCaptureFixture,
) -> None:
    rig = Rig()
    for amps in (5.0, 6.0, 7.0):
        rig.clock.advance_to(rig.clock.now_ms() + 1_000)
        rig.reads(amps)
    assert [reading.current_a[0] for reading in rig.handed] == [5.0, 6.0, 7.0]
    assert log.messages == ["mains meter: the meter answers"]


def test_a_lost_answer_is_nothing_to_speak_of(log: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    for _ in range(5):
        rig.reads()
        rig.fails_for(2_000)
    assert log.messages == ["mains meter: the meter answers"]


def test_a_loss_is_told_on_change_with_the_meter_named_and_so_is_its_end(
    log: pytest.LogCaptureFixture,
) -> None:
    rig = Rig()
    rig.reads()
    rig.fails_for(60_000)
    rig.reads()
    why = "/dev/x unit 9: no answer"
    assert log.messages == [
        "mains meter: the meter answers",
        f"mains meter: no reading for 5.0 s: {why}",
        f"mains meter lost: no reading for 10.0 s: {why}; the EVSEs share 6 A",
        "mains meter: the meter answers",
    ]
    assert [record.levelname for record in log.records] == ["INFO", "WARNING", "WARNING", "INFO"]


def test_a_bus_that_hangs_from_the_start_is_told_by_the_clock_alone(
    log: pytest.LogCaptureFixture,
) -> None:
    rig = Rig()
    for _ in range(200):
        rig.clock.advance_to(rig.clock.now_ms() + 100)
        rig.meter.tick()
    assert log.messages == ["mains meter lost: no reading for 10.0 s; the EVSEs share 6 A"]
