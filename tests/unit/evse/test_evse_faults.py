"""The catalogue of faults: complete against the published page, and a sentence for a technician."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from session_rig import Rig

from evse.board_faults import WARNINGS, BoardFault, Wiring
from evse.config.evse import EvseTable
from evse.fault_model import INOPERATIVE
from evse.faults import (
    MREC_VENDOR,
    CoreCondition,
    Fault,
    catalogue,
    conditions,
    may_acknowledge,
    of_board,
    of_code,
    of_condition,
    of_reason,
    settings,
)
from evse.model import BoardStatus, LockState, LockTarget, PilotState, Reason
from evse.types.session import StopTransactionReason

TRIPS = [reason for reason in Reason if reason.is_trip]
UNTIL_UNPLUGGED = {"DIODE", "RCD", "MIRROR", "WELD", "LOCK"}
BOARD_LOST = of_condition(CoreCondition.BOARD_LOST).code
METER_LOST = of_condition(CoreCondition.METER_LOST).code
PUBLISHED = {
    "evse_board_support": "DiodeFault VentilationNotAvailable BrownOut EnergyManagement "
    "PermanentFault MREC2GroundFailure MREC3HighTemperature MREC4OverCurrentFailure "
    "MREC5OverVoltage MREC6UnderVoltage MREC8EmergencyStop MREC10InvalidVehicleMode "
    "MREC14PilotFault MREC15PowerLoss MREC17EVSEContactorFault MREC18CableOverTempDerate "
    "MREC19CableOverTempStop MREC20PartialInsertion MREC23ProximityFault "
    "MREC24ConnectorVoltageHigh MREC25BrokenLatch MREC26CutCable TiltDetected "
    "WaterIngressDetected EnclosureOpen VendorError VendorWarning CommunicationFault",
    "connector_lock": "ConnectorLockCapNotCharged ConnectorLockUnexpectedOpen "
    "ConnectorLockUnexpectedClose ConnectorLockFailedLock ConnectorLockFailedUnlock "
    "MREC1ConnectorLockFailure VendorError VendorWarning",
    "ac_rcd": "Selftest DC AC MREC2GroundFailure VendorError VendorWarning",
    "powermeter": "CommunicationFault VendorError VendorWarning",
    "evse_manager": "Internal MREC4OverCurrentFailure MREC9AuthorizationTimeout "
    "PowermeterTransactionStartFailed Inoperative MREC5OverVoltage MREC22ResistanceFault "
    "MREC11CableCheckFault VoltagePlausibilityFault",
}
"""The error pages (spec evse-core D)."""
DO_NOT_BLOCK = {
    "evse_board_support/MREC3HighTemperature",
    "evse_board_support/MREC18CableOverTempDerate",
    "connector_lock/ConnectorLockFailedUnlock",
    INOPERATIVE,
}


def test_every_published_error_has_a_row_and_no_other() -> None:
    published = {f"{page}/{name}" for page, names in PUBLISHED.items() for name in names.split()}
    assert {fault.code for fault in catalogue()} == published


def test_a_type_and_sub_type_names_one_row() -> None:
    assert max(Counter(fault.identity for fault in catalogue()).values()) == 1
    with pytest.raises(KeyError):
        of_code("evse_board_support/MREC17EVSEContactorFault")


def test_what_blocks_is_what_the_page_says_but_for_a_plug_that_stays_locked() -> None:
    free = {fault.code for fault in catalogue() if not fault.blocks}
    assert free == DO_NOT_BLOCK | {f.code for f in catalogue() if f.code.endswith("VendorWarning")}
    assert of_code("connector_lock/ConnectorLockFailedUnlock").note


@pytest.mark.parametrize("reason", TRIPS)
def test_every_trip_of_the_guard_is_a_fault_that_blocks(reason: Reason) -> None:
    fault = of_reason(reason)
    assert fault is not None
    assert fault.blocks
    assert f"trip {reason.name}" in fault.raised_by


@pytest.mark.parametrize("flag", list(BoardFault))
def test_every_flag_of_the_board_is_a_fault_that_blocks_unless_it_is_a_warning(
    flag: BoardFault,
) -> None:
    assert of_board(flag).blocks == (flag not in WARNINGS)


@pytest.mark.parametrize("condition", list(CoreCondition))
def test_every_condition_of_the_core_is_a_fault(condition: CoreCondition) -> None:
    assert f"core {condition.value}" in of_condition(condition).raised_by


def test_nothing_raises_two_faults_but_beside_another() -> None:
    causes = Counter(cause for fault in catalogue() for cause in fault.raised_by)
    assert {c for c, times in causes.items() if times > 1 and not c.startswith("with ")} == set()


def test_a_setting_on_which_blocking_depends_is_one_of_an_evse_and_on_by_default() -> None:
    evse = msgspec.structs.fields(EvseTable)
    on = {field.name for field in evse if field.default is True}
    assert settings() <= on


@pytest.mark.parametrize("fault", catalogue(), ids=lambda f: "/".join(f.identity))
def test_a_row_is_raised_by_something_or_says_why_not(fault: Fault) -> None:
    assert bool(fault.raised_by) != bool(fault.not_raised_by)
    known = {
        "trip": {reason.name for reason in TRIPS},
        "board": {flag.name for flag in BoardFault},
        "wiring": {flag.name for flag in Wiring},
        "core": {condition.value for condition in CoreCondition},
        "with": {f.code for f in catalogue() if f is not fault},
        "model": {"blocking"},
    }
    for cause in fault.raised_by:
        kind, _, what = cause.partition(" ")
        assert what in known[kind]


@pytest.mark.parametrize("fault", catalogue(), ids=lambda f: "/".join(f.identity))
def test_a_row_reads_as_a_sentence(fault: Fault) -> None:
    assert fault.says[0].islower()
    assert not fault.says.endswith(".")
    assert fault.hint.endswith(".")
    assert not fault.note or fault.note.endswith(".")
    assert bool(fault.delay_ms) == (fault.clears == "delay")


@pytest.mark.parametrize("fault", catalogue(), ids=lambda f: "/".join(f.identity))
def test_ocpp_1_6_7_6_the_code_fits_the_number_and_the_field(fault: Fault) -> None:
    name = fault.code.partition("/")[2]
    if name.startswith("MREC"):
        assert name[4:].startswith(str(fault.mrec))
        assert (fault.vendor_id, fault.vendor_code) == (MREC_VENDOR, f"CX{fault.mrec:03}")
    else:
        assert (fault.mrec, fault.vendor_id) == (0, "")
        assert fault.vendor_code.startswith(name[:50])
    assert 0 < len(fault.vendor_code) <= 50
    assert fault.ocpp2_reason in StopTransactionReason.__members__


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


def codes(rig: Rig) -> list[str]:
    return [fault.code for fault in rig.session.faults]


def test_a_lost_board_clears_nothing_that_was_wrong_before() -> None:
    rig = Rig()
    rig.tick()
    rig.car(PilotState.B)
    rig.board.trip = Reason.EMERGENCY_STOP
    rig.tick()
    before = rig.session.fault_model.active[0]
    rig.session.on_board_lost()
    assert codes(rig) == [before.row.code, BOARD_LOST]
    rig.tick()
    assert codes(rig) == [before.row.code]
    assert rig.session.fault_model.active[0] is before


def test_a_board_is_awaited_before_it_counts_as_lost() -> None:
    rig = Rig()
    rig.board_answers = False
    rig.run(14_900)
    assert codes(rig) == []
    rig.run(200)
    assert codes(rig) == [BOARD_LOST]


def test_the_oldest_cause_comes_first() -> None:
    rig = Rig()
    rig.tick()
    rig.meter_answers = False
    rig.session.on_meter_lost()
    rig.board.trip = Reason.RCD
    rig.tick()
    assert codes(rig) == [METER_LOST, "ac_rcd/MREC2GroundFailure"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (LockTarget.LOCK, ["ConnectorLockFailedLock", "MREC1ConnectorLockFailure"]),
        (LockTarget.UNLOCK, ["ConnectorLockFailedUnlock"]),
        (LockTarget.KEEP, []),
    ],
)
def test_a_jam_is_told_by_what_was_wanted(wanted: LockTarget, expected: list[str]) -> None:
    rig = Rig()
    rig.tick()
    rig.session.board.jammed_for = wanted
    rig.session.board.status = BoardStatus(pilot=PilotState.A, lock=LockState.JAMMED)
    rig.session.settle()
    assert codes(rig) == [f"connector_lock/{name}" for name in expected]


def shown(status: BoardStatus, *core: CoreCondition) -> list[str]:
    found = conditions(status, frozenset(core), jammed_for=LockTarget.KEEP)
    return [fault.code.partition("/")[2] for fault in found]


def test_flags_that_name_the_cause_stand_in_the_place_of_a_nameless_trip() -> None:
    """Spec evse-core D: VendorError is what nothing else describes."""
    nameless = BoardStatus(reason=Reason.BOARD_FAULT)
    assert shown(nameless) == ["VendorError"]
    flags = BoardFault.TILT | BoardFault.WATER_INGRESS
    named = BoardStatus(reason=Reason.BOARD_FAULT, faults=flags)
    assert shown(named) == ["TiltDetected", "WaterIngressDetected"]
    warned = BoardStatus(reason=Reason.BOARD_FAULT, faults=BoardFault.VENDOR_WARNING)
    assert shown(warned) == ["VendorError", "VendorWarning"]


def test_a_flag_beside_another_trip_is_told_after_it() -> None:
    status = BoardStatus(reason=Reason.RCD, faults=BoardFault.RCD_DC)
    assert shown(status) == ["MREC2GroundFailure", "DC"]


def test_a_fault_that_two_things_raise_is_told_once() -> None:
    lost = BoardStatus(faults=BoardFault.COMMUNICATION)
    assert shown(lost, CoreCondition.BOARD_LOST) == ["CommunicationFault"]
    lock = BoardStatus(faults=BoardFault.LOCK_CAPACITOR | BoardFault.LOCK_CLOSED)
    assert shown(lock).count("MREC1ConnectorLockFailure") == 1


@given(
    st.sets(st.sampled_from(CoreCondition)), st.integers(0, 2**29 - 1), st.integers(0, 2**17 - 1)
)
def test_everything_that_shows_is_told_and_nothing_else(
    core: set[CoreCondition], flags: int, wires: int
) -> None:
    status = BoardStatus(faults=BoardFault(flags), wiring=Wiring(wires))
    found = conditions(status, frozenset(core), jammed_for=LockTarget.KEEP)
    assert len({fault.identity for fault in found}) == len(found)
    causes = {f"core {c.value}" for c in core} | {f"board {f.name}" for f in status.faults}
    causes |= {f"wiring {f.name}" for f in status.wiring}
    beside = {f"with {fault.code}" for fault in found}
    assert all(causes & set(row.raised_by) or beside & set(row.raised_by) for row in found)
    assert causes <= {cause for row in found for cause in row.raised_by}
