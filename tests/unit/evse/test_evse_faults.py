"""The catalogue of faults: every trip has a row, and a technician a sentence."""

from __future__ import annotations

import pytest
from session_rig import Rig

from evse.faults import (
    BOARD_LOST,
    LOCK_FAILED,
    METER_LOST,
    UNLOCK_FAILED,
    catalogue,
    may_acknowledge,
    of_code,
    of_reason,
)
from evse.model import LockState, Reason

TRIPS = [reason for reason in Reason if reason.is_trip]
UNTIL_UNPLUGGED = {"DIODE", "RCD", "RCD_SELF_TEST", "MIRROR", "WELD", "LOCK"}


@pytest.mark.parametrize("reason", TRIPS)
def test_every_trip_of_the_guard_is_a_fault_that_blocks(reason: Reason) -> None:
    fault = of_reason(reason)
    assert fault is not None
    assert fault.blocks
    assert fault.reason == reason.name


def test_every_row_names_a_trip_or_is_asked_for_by_code() -> None:
    assert {f.reason for f in catalogue() if f.reason} == {r.name for r in TRIPS}
    by_code = {f.code for f in catalogue() if not f.reason}
    assert by_code == {BOARD_LOST, METER_LOST, LOCK_FAILED, UNLOCK_FAILED}
    with pytest.raises(KeyError):
        of_code("evse_board_support/DiodeFault")


@pytest.mark.parametrize("fault", catalogue(), ids=lambda f: f"{f.code} {f.reason}")
def test_a_row_reads_as_a_sentence(fault: object) -> None:
    row = next(f for f in catalogue() if f is fault)
    assert row.clears in ("cause", "unplug")
    assert row.code.count("/") == 1
    assert row.says[0].islower()
    assert not row.says.endswith(".")
    assert row.hint.endswith(".")


@pytest.mark.parametrize("reason", TRIPS)
def test_a_trip_is_acknowledged_with_the_car_gone_or_where_its_cause_alone_decides(
    reason: Reason,
) -> None:
    assert may_acknowledge(reason, plugged=False)
    assert may_acknowledge(reason, plugged=True) == (reason.name not in UNTIL_UNPLUGGED)


@pytest.mark.parametrize("reason", [r for r in Reason if not r.is_trip])
def test_what_is_no_trip_is_no_fault(reason: Reason) -> None:
    assert of_reason(reason) is None
    assert not may_acknowledge(reason, plugged=False)


def test_a_lost_board_is_the_one_thing_known() -> None:
    rig = Rig()
    rig.tick()
    rig.board.trip = Reason.RCD
    rig.tick()
    rig.session.on_board_lost()
    assert [f.code for f in rig.session.faults] == [BOARD_LOST]


def test_the_first_cause_comes_first() -> None:
    rig = Rig()
    rig.tick()
    rig.board.trip = Reason.RCD
    rig.meter_answers = False
    rig.session.on_meter_lost()
    rig.tick()
    assert [f.code for f in rig.session.faults] == ["ac_rcd/MREC2GroundFailure", METER_LOST]
    assert rig.board.lock is LockState.UNLOCKED
