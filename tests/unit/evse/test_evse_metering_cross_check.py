"""A meter whose values are plausible by themselves and contradict the board."""

from __future__ import annotations

import pytest

from evse.metering.cross_check import DWELL_MS, CrossCheck
from evse.metering.plausibility import Finding
from evse.model import MeterReading

NONE: tuple[None, None, None] = (None, None, None)


def reading(*amps: float | None, power_w: float | None = None, at_ms: int = 0) -> MeterReading:
    one, two, three = amps or NONE
    return MeterReading(
        taken_ms=at_ms, energy_import_wh=0.0, power_w=power_w, current_a=(one, two, three)
    )


def found(
    told: MeterReading, *, energised: bool, board_ma: int | None, span_ms: int = DWELL_MS
) -> frozenset[Finding]:
    check = CrossCheck()
    for at_ms in (0, span_ms):
        check.take(told, plugged=True, energised=energised, board_ma=board_ma, now_ms=at_ms)
    return check.findings


@pytest.mark.parametrize(
    "told", [reading(0.0, 1.0, 0.0), reading(-6.0, 0.0, 0.0), reading(power_w=-300.0)]
)
def test_a_current_while_the_contactor_is_open_is_found(told: MeterReading) -> None:
    assert found(told, energised=False, board_ma=None) == {Finding.FLOWS_WHILE_OPEN}
    assert found(told, energised=False, board_ma=None, span_ms=DWELL_MS - 1) == set()
    assert found(told, energised=True, board_ma=1_000) == set()


def test_a_meter_that_sees_nothing_of_what_the_board_measures_is_found() -> None:
    frozen = reading(0.0, 0.0, 0.0)
    assert found(frozen, energised=True, board_ma=3_000) == {Finding.SEES_NO_CURRENT}
    assert found(frozen, energised=True, board_ma=2_999) == set()
    assert found(frozen, energised=True, board_ma=None) == set(), "nothing to compare with"
    assert found(frozen, energised=False, board_ma=9_000) == set(), "the guard's matter"


def test_a_meter_that_tells_no_current_contradicts_nobody() -> None:
    assert found(reading(), energised=True, board_ma=16_000) == set()


def test_agreement_for_as_long_ends_a_finding_and_a_loss_ends_it_at_once() -> None:
    check = CrossCheck()

    def take(amps: float, at_ms: int) -> frozenset[Finding]:
        check.take(
            reading(amps, 0.0, 0.0), plugged=True, energised=False, board_ma=None, now_ms=at_ms
        )
        return check.findings

    take(6.0, 0)
    assert take(6.0, DWELL_MS)
    take(0.0, DWELL_MS + 1)
    assert take(0.0, 2 * DWELL_MS)
    assert not take(0.0, 2 * DWELL_MS + 1)
    take(6.0, 30_000)
    assert take(6.0, 30_000 + DWELL_MS)
    check.forget()
    assert not check.findings


def test_a_meter_that_was_blind_for_a_car_is_not_believed_before_that_car_has_left() -> None:
    """With the contactor open both see nothing: that is no agreement."""
    check = CrossCheck()

    def see(second: int, *, plugged: bool, energised: bool) -> bool:
        check.take(
            reading(0.0, 0.0, 0.0),
            plugged=plugged,
            energised=energised,
            board_ma=16_000 if energised else 0,
            now_ms=second * 1_000,
        )
        return Finding.SEES_NO_CURRENT in check.findings

    assert [see(second, plugged=True, energised=True) for second in (0, 9, 10)][-1]
    assert all(see(second, plugged=True, energised=False) for second in range(11, 600))
    assert see(600, plugged=False, energised=False)
    assert not see(610, plugged=False, energised=False)
