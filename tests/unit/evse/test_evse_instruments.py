"""Which conditions the measurements of an EVSE show, each told once when it begins and ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evse.config.evse import EvseTable
from evse.faults import CoreCondition
from evse.instruments import Instruments
from evse.metering.plausibility import UNBILLABLE, Finding
from evse.model import BoardAnalog, MeterReading

TABLE = EvseTable(id=1, evse_id="DE*PNX*E1*1", connector="cable", max_current_a=32.0)


class Told:
    """Takes what is told, and holds that nothing is told twice."""

    def __init__(self) -> None:
        self.shown: set[CoreCondition] = set()
        self.times = 0
        self.instruments = Instruments(TABLE, self._show)

    def _show(self, condition: CoreCondition, present: bool) -> None:
        assert present != (condition in self.shown)
        self.shown ^= {condition}
        self.times += 1

    def reads(self, volts: float, amps: float, now_ms: int, *, energised: bool) -> None:
        reading = MeterReading(
            taken_ms=now_ms,
            energy_import_wh=0.0,
            voltage_v=(volts, volts, volts),
            current_a=(amps, amps, amps),
        )
        self.instruments.on_reading(reading, plugged=energised, energised=energised, now_ms=now_ms)


@pytest.mark.parametrize("finding", list(Finding))
def test_a_finding_is_either_wrong_money_or_an_odd_value(finding: Finding) -> None:
    told = Told()
    told.instruments.on_findings(frozenset({finding}))
    implausible = finding in UNBILLABLE
    expected = CoreCondition.METER_IMPLAUSIBLE if implausible else CoreCondition.METER_ODD
    assert told.shown == {expected}
    told.instruments.on_findings(frozenset())
    assert told.shown == set()


def test_two_findings_of_a_kind_are_one_condition() -> None:
    told = Told()
    told.instruments.on_findings(frozenset({Finding.ENERGY_JUMPED}))
    told.instruments.on_findings(frozenset({Finding.ENERGY_BACKWARDS, Finding.ENERGY_JUMPED}))
    told.instruments.on_findings(frozenset({Finding.ENERGY_BACKWARDS}))
    assert told.times == 1


def test_what_the_board_measures_is_held_against_the_meter_while_the_board_is_there() -> None:
    told = Told()
    told.instruments.on_analog(BoardAnalog(current_ma=16_000), 0)
    for second in range(11):
        told.reads(230.0, 0.0, second * 1_000, energised=True)
    assert told.shown == {CoreCondition.METER_IMPLAUSIBLE}
    told.instruments.on_board_lost()
    assert told.shown == set()
    for second in range(11, 30):
        told.reads(230.0, 0.0, second * 1_000, energised=True)
    assert told.shown == set()


def test_a_lost_board_has_no_brown_out_and_a_lost_meter_no_over_voltage() -> None:
    told = Told()
    for second in range(5):
        told.instruments.on_analog(BoardAnalog(supply_12v_mv=9_000), second * 1_000)
        told.reads(280.0, 0.0, second * 1_000, energised=False)
    assert told.shown == {CoreCondition.SUPPLY, CoreCondition.OVER_VOLTAGE}
    told.instruments.on_board_lost()
    assert told.shown == {CoreCondition.OVER_VOLTAGE}
    told.instruments.on_meter_lost()
    assert told.shown == set()


FLOATS = st.floats(-500, 500, allow_nan=False)


@given(
    st.lists(
        st.one_of(
            st.builds(BoardAnalog, supply_12v_mv=st.integers(0, 15_000)),
            st.tuples(FLOATS, FLOATS, st.booleans()),
            st.frozensets(st.sampled_from(Finding)),
            st.sampled_from(["board lost", "meter lost"]),
        ),
        max_size=60,
    )
)
def test_beginnings_and_ends_alternate_whatever_is_measured(steps: list[object]) -> None:
    told = Told()
    for second, step in enumerate(steps):
        now_ms = second * 1_000
        if isinstance(step, BoardAnalog):
            told.instruments.on_analog(step, now_ms)
        elif isinstance(step, frozenset):
            told.instruments.on_findings(step)
        elif isinstance(step, tuple):
            told.reads(step[0], step[1], now_ms, energised=step[2])
        elif step == "board lost":
            told.instruments.on_board_lost()
        else:
            told.instruments.on_meter_lost()
    told.instruments.on_findings(frozenset())
    told.instruments.on_board_lost()
    told.instruments.on_meter_lost()
    assert told.shown == set()
