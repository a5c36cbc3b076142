"""What breaks in the metal or at the meter, and the row of the catalogue that it leads to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from evse.board_faults import WARNINGS, BoardFault, Wiring
from evse.faults import Fault, of_board, of_code, of_wiring
from hil.bench.bench import Bench
from hil.bench.sim import SimBench

BOARD = "evse_board_support/"
LOCK = "connector_lock/"
METER = "powermeter/"
MANAGER = "evse_manager/"
CONTACTOR = f"{BOARD}MREC17EVSEContactorFault"

WARM_DC = 660
"""The first point of the derating curve is at 65 C; ring 1 opens at 80 C."""

Act = Callable[[Bench], None]


class Case(NamedTuple):
    """Something that breaks, and the row that tells it."""

    name: str
    code: str
    damage: Act
    heal: Act
    sub_type: str = ""
    before_plug: bool = False
    """It shows when a car comes, not while one charges."""
    by_flag: bool = False
    """The board says so itself."""

    @property
    def row(self) -> Fault:
        return of_code(self.code, self.sub_type)


def sim_of(bench: Bench) -> Any:
    assert isinstance(bench, SimBench)
    return bench.rig.sim


def _ambient(temperature_dc: int) -> Act:
    def act(bench: Bench) -> None:
        sim = sim_of(bench)
        sim.plants[bench.evse].set_temperature_dc(temperature_dc)
        sim.wake()

    return act


def _metal(fault: str, code: str, sub_type: str = "", **more: Any) -> Case:
    return Case(
        fault,
        code,
        lambda bench: bench.faults.set(fault),
        lambda bench: bench.faults.clear(fault),
        sub_type=sub_type,
        **more,
    )


def _flag(flag: BoardFault | Wiring) -> Case:
    row = of_wiring(flag) if isinstance(flag, Wiring) else of_board(flag)
    name = str(flag.name)
    return Case(
        f"board-{name}",
        row.code,
        lambda bench: bench.faults.board_fault(name),
        lambda bench: bench.faults.board_fault(name, False),
        sub_type=row.sub_type,
        by_flag=True,
    )


def _volts(wrong_v: float, code: str) -> Case:
    return Case(
        f"{wrong_v:g}V",
        code,
        lambda bench: bench.mains.set_voltage(wrong_v),
        lambda bench: bench.mains.set_voltage(230.0),
    )


TRIPS = (
    _metal("diode_short", f"{BOARD}DiodeFault"),
    _metal("emergency_stop", f"{BOARD}MREC8EmergencyStop"),
    _metal("adc_stuck", f"{BOARD}MREC10InvalidVehicleMode"),
    _metal("pilot_short", f"{BOARD}MREC14PilotFault"),
    _metal("mirror_stuck_open", CONTACTOR, "NotFollowing"),
    _metal("contactor_stuck_open", CONTACTOR, "NotFollowing"),
    _metal("mirror_stuck_closed", CONTACTOR, "Welded", before_plug=True),
    _metal("over_temperature", f"{BOARD}MREC19CableOverTempStop"),
    _metal("pp_open", f"{BOARD}MREC23ProximityFault"),
    _metal("pp_short", f"{BOARD}MREC23ProximityFault"),
    _metal("lock_feedback_lost", f"{LOCK}ConnectorLockUnexpectedOpen"),
    _metal("lock_feedback_lost", f"{LOCK}MREC1ConnectorLockFailure"),
    _metal("lock_jam", f"{LOCK}ConnectorLockFailedLock", before_plug=True),
    _metal("rcd_test_dead", "ac_rcd/Selftest", before_plug=True),
    _metal("leak_dc", "ac_rcd/MREC2GroundFailure"),
)
CORE = (
    Case(
        "link",
        f"{BOARD}CommunicationFault",
        lambda bench: bench.faults.cut_link(),
        lambda bench: bench.faults.mend_link(),
    ),
    Case(
        "mains",
        f"{BOARD}MREC15PowerLoss",
        lambda bench: bench.mains.off(),
        lambda bench: bench.mains.on(),
    ),
    _volts(270.0, f"{BOARD}MREC5OverVoltage"),
    _volts(180.0, f"{BOARD}MREC6UnderVoltage"),
    _metal("supply_sag", f"{BOARD}BrownOut"),
    _metal("meter_silent", f"{METER}CommunicationFault"),
    _metal("meter_jumped", f"{METER}VendorError"),
    _metal("meter_replaced", f"{METER}VendorError"),
    _metal("meter_frozen", f"{METER}VendorError"),
    _metal("meter_phantom", f"{METER}VendorError", before_plug=True),
)
WARNING_CASES = (
    *(_flag(flag) for flag in WARNINGS),
    *(_flag(flag) for flag in Wiring),
    _metal("meter_odd", f"{METER}VendorWarning"),
    Case("warm", f"{BOARD}MREC3HighTemperature", _ambient(WARM_DC), _ambient(250)),
)
"""Told, and nobody is kept from charging."""
BLOCKING_CASES = (*TRIPS, *(_flag(flag) for flag in BoardFault if flag not in WARNINGS), *CORE)


def params(cases: tuple[Case, ...]) -> list[Any]:
    """As parameters of a test that asks for the `bench`."""
    return [
        pytest.param(
            case,
            id=f"{case.name}-{case.row.vendor_code}",
            marks=[
                pytest.mark.station(back_office=True),
                *([pytest.mark.needs("board_flags")] if case.by_flag else []),
            ],
        )
        for case in cases
    ]
