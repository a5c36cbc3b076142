"""Every fault of the catalogue: from the metal to the session, the door and the back office, and
back to charging.

Something breaks; the contactor opens, the fault is raised with a uuid and says that the EVSE is
inoperative, the session pauses because of it in the order of spec evse-core C9, and the back office
is told. It heals; the fault is cleared with the same uuid when its row says so, all errors are
cleared, and a car charges again.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from fault_cases import (
    BLOCKING_CASES,
    BOARD,
    CONTACTOR,
    LOCK,
    MANAGER,
    METER,
    WARNING_CASES,
    Case,
    params,
    sim_of,
)
from scenario_steps import carrying_current, charging, closed, last_seq, names, stays_open

from evse.fault_model import INOPERATIVE
from evse.faults import Fault, catalogue, of_code
from hil.bench.bench import Bench
from hil.bench.sim import SimBench
from hil.sim.ocpp import SimOcpp
from hil.sim.station import LocalPeer

pytestmark = pytest.mark.needs("metal_faults", "virtual_time")

OPENING_S = 8.0
"""A withdrawn offer leaves the car its time (6 s); what is electrical opens at once."""
ELECTRICAL = "trip "
ELECTRICAL_S = 0.6
"""The slowest detection of ring 1 that charges meanwhile, and the opening."""
BY_THEMSELVES = {
    (f"{LOCK}ConnectorLockFailedUnlock", ""),
    (f"{BOARD}VentilationNotAvailable", ""),
    (CONTACTOR, "PhaseContact"),
    (f"{MANAGER}MREC4OverCurrentFailure", ""),
    (f"{MANAGER}MREC9AuthorizationTimeout", ""),
    (f"{MANAGER}PowermeterTransactionStartFailed", ""),
    (f"{MANAGER}Internal", ""),
    (f"{BOARD}VendorWarning", "JournalNotWritten"),
    (f"{BOARD}VendorWarning", "TokenReader"),
    (f"{METER}VendorWarning", "NotSigning"),
    (INOPERATIVE, ""),
}
"""Have a test of their own below, in test_scenario_disk.py, _rfid.py or _signed.py, or stand
beside every other."""
NEVER_RAISED = {
    f"{BOARD}MREC2GroundFailure": "told as ac_rcd",
    f"{MANAGER}MREC5OverVoltage": "direct-current",
    f"{MANAGER}MREC11CableCheckFault": "direct-current",
    f"{MANAGER}MREC22ResistanceFault": "direct-current",
    f"{MANAGER}VoltagePlausibilityFault": "direct-current",
}
"""Of an AC station with a residual-current device of its own, and a word of the reason."""


class FaultLog:
    """What a follower of `sys.fault` hears."""

    def __init__(self, bench: Bench) -> None:
        self.told: list[dict[str, Any]] = []
        peer = LocalPeer(sim_of(bench).station.hub)
        peer.on_notification = lambda _variable, params: self.told.append(params["value"])
        peer.ask("subscribe", {"variable": "sys.fault"})

    def of(self, code: str, sub_type: str = "") -> list[dict[str, Any]]:
        return [t for t in self.told if (t["type"], t["sub_type"]) == (code, sub_type)]

    def active(self) -> dict[str, dict[str, Any]]:
        """By uuid; a clearing names what was raised, with all that was said of it."""
        found: dict[str, dict[str, Any]] = {}
        for told in self.told:
            if told["state"] == "Active":
                assert told["uuid"] not in found
                found[told["uuid"]] = told
            else:
                raised = found.pop(told["uuid"])
                same = {"state", "timestamp"}
                assert {k: v for k, v in raised.items() if k not in same} == {
                    k: v for k, v in told.items() if k not in same
                }
                assert raised["timestamp"] <= told["timestamp"]
        return found

    def rows(self) -> list[Fault]:
        """What stands without Inoperative, the oldest first."""
        active = self.active().values()
        return [of_code(t["type"], t["sub_type"]) for t in active if t["type"] != INOPERATIVE]


class BackOffice:
    """What a CSMS over OCPP 1.6 knows of the connector."""

    def __init__(self, bench: Bench) -> None:
        self._brain = SimOcpp(sim_of(bench)).csms.brain
        self._bench = bench
        self.knows("Available")

    def knows(self, status: str) -> None:
        def known() -> bool:
            return self._brain.statuses.get(self._bench.evse) == status

        self._bench.clock.run_until(known, within=20, what=f"{status} at the back office")

    def told(self) -> dict[str, Any]:
        """The last StatusNotification."""
        return dict(self._brain.sent("StatusNotification")[-1])

    def knows_of(self, row: Fault) -> None:
        """The connector's error is this fault's, in the terms of OCPP 1.6 §6.47."""
        told = self.told()
        assert told["errorCode"] == row.ocpp16
        assert told["vendorErrorCode"] == row.vendor_code
        assert told["info"] == f"caused_by:{row.code}"[:50]
        assert told.get("vendorId", "") == row.vendor_id

    def is_content(self) -> None:
        assert self._brain.complaints == []
        assert self.told()["errorCode"] == "NoError"


def paused_for(bench: Bench, seq: int) -> tuple[str, ...]:
    """The reasons of the last pause."""
    pauses = [h.event.charging_paused_evse for h in bench.probe.events(seq)]
    told = [p for p in pauses if isinstance(p, msgspec.Struct)]
    return tuple(str(reason) for reason in told[-1].reasons) if told else ()


def test_every_row_that_something_raises_is_provoked_here() -> None:
    raised = {fault.identity for fault in catalogue() if fault.raised_by}
    cases = {case.row.identity for case in (*BLOCKING_CASES, *WARNING_CASES)}
    assert cases | BY_THEMSELVES == raised


def test_the_rows_that_nothing_raises_are_these_and_say_why() -> None:
    silent = {f.code: f.not_raised_by for f in catalogue() if not f.raised_by}
    assert silent.keys() == NEVER_RAISED.keys()
    assert all(word in silent[code] for code, word in NEVER_RAISED.items())


@pytest.mark.parametrize("case", params(BLOCKING_CASES))
def test_from_the_metal_to_the_session_and_back(bench: Bench, case: Case) -> None:
    log, office = FaultLog(bench), BackOffice(bench)
    row, seq = case.row, last_seq(bench)
    if case.before_plug:
        case.damage(bench)
        bench.ev.plug()
    else:
        charging(bench)
        seq = last_seq(bench)
        case.damage(bench)
    bench.clock.run_until(lambda: log.of(*row.identity), within=40, what=row.code)
    if not case.before_plug:
        opens_in_time(bench, row)
    bench.clock.run_for(10)
    inoperative = [told for told in log.active().values() if told["type"] == INOPERATIVE]
    assert [row.code in told["description"] for told in inoperative] == [True]
    if not case.before_plug:
        assert names(bench, seq)[:2] == ["StoppingCharging", "ChargingPausedEVSE"]
        assert "Error" in paused_for(bench, seq)
    first = next(fault for fault in log.rows() if fault.blocks)
    assert first.says in bench.probe.why() or "core board_lost" in first.raised_by
    office.knows("Faulted")
    office.knows_of(first)
    stays_open(bench, 10)
    case.heal(bench)
    recovers(bench, case, log, seq)
    office.knows("Charging")
    office.is_content()


def opens_in_time(bench: Bench, row: Fault) -> None:
    electrical = any(cause.startswith(("trip ", "board ")) for cause in row.raised_by)
    core_only = any(cause.startswith("core ") for cause in row.raised_by)
    within = OPENING_S if core_only or not electrical else ELECTRICAL_S
    bench.clock.run_until(lambda: not closed(bench), within=within, what="contactor open")


def recovers(bench: Bench, case: Case, log: FaultLog, seq: int) -> None:
    """The cause has gone: what the row says must happen before a car charges again."""
    rows = log.rows()
    over = {row.clears for row in rows}
    if "restart" in over:
        bench.clock.run_for(60)
        assert case.row in log.rows()
        bench.dut.restart()
        bench.ev.unplug()
        bench.clock.run_for(20)
        assert bench.dut.call("get", variable="sys.faults") in (None, [])
        charging(bench)
        return
    if "delay" in over:
        stays_open(bench, case.row.delay_ms / 1000 - 1)
        assert case.row in log.rows()
    if "unplug" in over:
        stays_open(bench, 30)
        assert any(row.clears == "unplug" for row in log.rows())
    if "unplug" in over or case.before_plug or case.name == "lock_feedback_lost":
        bench.ev.unplug()
        bench.clock.run_for(30)
        charging(bench)
    else:
        bench.clock.run_until(lambda: not log.active(), within=30, what="the clearing")
        carrying_current(bench)
        assert "TransactionFinished" not in names(bench, seq)
        assert names(bench, seq)[-2:] == ["PrepareCharging", "ChargingStarted"]
    assert log.active() == {}
    assert len(log.of(*case.row.identity)) == 2


@pytest.mark.parametrize("case", params(WARNING_CASES))
def test_a_warning_is_told_and_keeps_nobody_from_charging(bench: Bench, case: Case) -> None:
    log, office = FaultLog(bench), BackOffice(bench)
    charging(bench)
    seq = last_seq(bench)
    case.damage(bench)
    bench.clock.run_until(lambda: log.of(*case.row.identity), within=20, what=case.code)
    bench.clock.run_for(20)
    assert log.rows() == [case.row]
    assert INOPERATIVE not in {told["type"] for told in log.told}
    assert closed(bench)
    office.knows("Charging")
    office.knows_of(case.row)
    case.heal(bench)
    bench.clock.run_until(lambda: not log.active(), within=20, what="the clearing")
    bench.clock.run_for(5)
    assert names(bench, seq) == []
    assert len(log.of(*case.row.identity)) == 2
    office.is_content()


@pytest.mark.station(default_a=None)
@pytest.mark.needs("board_flags")
@pytest.mark.parametrize("flag", ["HIGH_TEMPERATURE", "CABLE_HOT"])
def test_a_board_that_warns_of_heat_makes_the_station_offer_half(bench: Bench, flag: str) -> None:
    charging(bench, draw_a=32.0)
    assert bench.probe.metal().current_a > 31
    bench.faults.board_fault(flag)
    bench.clock.run_for(15)
    assert 15 < bench.probe.metal().current_a <= 16
    bench.faults.board_fault(flag, False)
    bench.clock.run_for(15)
    assert bench.probe.metal().current_a > 31


@pytest.mark.station(back_office=True)
def test_a_car_that_takes_more_than_it_is_offered_is_let_go_for_good(bench: Bench) -> None:
    log, office = FaultLog(bench), BackOffice(bench)
    code = f"{MANAGER}MREC4OverCurrentFailure"
    bench.ev.plug(variant="overcurrent")
    bench.clock.run_until(lambda: log.of(code), within=60, what=code)
    opens_in_time(bench, of_code(code))
    office.knows("Faulted")
    office.knows_of(of_code(code))
    stays_open(bench, 120)
    bench.ev.unplug()
    bench.clock.run_for(10)
    assert log.active() == {}
    charging(bench)
    assert len(log.of(code)) == 2
    office.knows("Charging")
    office.is_content()


@pytest.mark.expect_fault("phase_contact_open")
@pytest.mark.station(phase_switch="both", back_office=True)
def test_a_phase_contact_that_opened_by_itself_is_told_and_the_car_goes_on_with_one_phase(
    bench: Bench,
) -> None:
    """That it moved is heard before ring 1 calls it a fault: the session begins to follow it."""
    log, office = FaultLog(bench), BackOffice(bench)
    row = of_code(CONTACTOR, "PhaseContact")
    charging(bench)
    seq = last_seq(bench)
    bench.faults.set("phase_contact_open")
    bench.clock.run_until(lambda: log.of(*row.identity), within=5, what=row.code)
    opens_in_time(bench, row)
    bench.clock.run_until(lambda: paused_for(bench, seq), within=5, what="the pause")
    assert "Error" in paused_for(bench, seq)
    assert names(bench, seq)[-2:] == ["StoppingCharging", "ChargingPausedEVSE"]
    office.knows_of(row)
    carrying_current(bench)
    assert "TransactionFinished" not in names(bench, seq)
    assert log.active() == {}
    assert len(log.of(*row.identity)) == 2
    office.knows("Charging")
    office.is_content()


@pytest.mark.station(authorization="list", raise_mrec9=True, back_office=True)
def test_a_car_that_nobody_authorized_in_time_must_leave_where_mrec9_is_wanted(
    bench: Bench,
) -> None:
    log, office = FaultLog(bench), BackOffice(bench)
    code = f"{MANAGER}MREC9AuthorizationTimeout"
    seq = last_seq(bench)
    bench.ev.plug()
    bench.clock.run_for(5)
    bench.dut.call("evse_manager.withdraw_authorization")
    bench.clock.run_for(5)
    assert names(bench, seq) == ["SessionStarted", "AuthRequired", "Deauthorized", "PluginTimeout"]
    assert [row.code for row in log.rows()] == [code]
    office.knows("Faulted")
    office.knows_of(of_code(code))
    bench.ev.unplug()
    bench.clock.run_for(10)
    assert names(bench, seq)[-1] == "SessionFinished"
    assert log.active() == {}
    assert len(log.of(code)) == 2
    office.knows("Available")
    office.is_content()


@pytest.mark.station(meter_lost_ms=60_000, back_office=True)
def test_no_transaction_begins_without_a_reading_to_begin_with(bench: Bench) -> None:
    log, office = FaultLog(bench), BackOffice(bench)
    code = f"{MANAGER}PowermeterTransactionStartFailed"
    seq = last_seq(bench)
    bench.faults.set("meter_silent")
    bench.clock.run_for(6)
    bench.ev.plug()
    bench.clock.run_until(lambda: log.of(code), within=20, what=code)
    assert bench.probe.state() == "finished"
    assert "TransactionStarted" not in names(bench, seq)
    office.knows("Faulted")
    office.knows_of(of_code(code))
    bench.faults.clear("meter_silent")
    stays_open(bench, 20)
    bench.ev.unplug()
    bench.clock.run_for(10)
    charging(bench)
    assert log.active() == {}
    assert len(log.of(code)) == 2
    office.knows("Charging")
    office.is_content()


@pytest.mark.station(back_office=True)
def test_a_session_that_nobody_can_read_is_closed_and_told_until_the_car_has_left(
    bench: Bench,
) -> None:
    office, sim, seq = BackOffice(bench), sim_of(bench), last_seq(bench)
    code = f"{MANAGER}Internal"
    charging(bench)
    assert isinstance(bench, SimBench)
    bench.rig.kill_core()
    sim.database.execute("UPDATE snapshot SET body = ?", (b"\xff",))
    bench.rig.start_core()
    bench.clock.run_for(20)
    log = bench.dut.call("get", variable="sys.faults")
    assert [told["type"] for told in log] == [code, INOPERATIVE]
    assert names(bench, seq).count("TransactionFinished") == 1
    office.knows("Faulted")
    office.knows_of(of_code(code))
    stays_open(bench, 30)
    bench.ev.unplug()
    bench.clock.run_for(10)
    assert bench.dut.call("get", variable="sys.faults") == []
    charging(bench)
    office.knows("Charging")
    office.is_content()


@pytest.mark.station(back_office=True)
def test_set_faulted_is_a_permanent_fault_until_the_station_is_started_anew(bench: Bench) -> None:
    """Spec evse-core A1.3: by the error path, and no `enable` takes it back."""
    log, office = FaultLog(bench), BackOffice(bench)
    code = f"{BOARD}PermanentFault"
    charging(bench)
    for _ in range(2):
        bench.dut.call("evse_manager.set_faulted")
    opens_in_time(bench, of_code(code))
    office.knows("Faulted")
    office.knows_of(of_code(code))
    assert len(log.of(code)) == 1
    assert bench.dut.call("evse_manager.enable", connector_id=1) is False
    bench.ev.unplug()
    bench.clock.run_for(60)
    assert [row.code for row in log.rows()] == [code]
    bench.dut.restart()
    bench.clock.run_for(20)
    charging(bench)
    office.knows("Charging")
    office.is_content()


def test_a_meter_that_was_frozen_before_the_charge_is_held_against_the_boards_own_sensor(
    bench: Bench,
) -> None:
    log, code = FaultLog(bench), f"{METER}VendorError"
    bench.faults.set("meter_frozen")
    bench.clock.run_for(5)
    bench.ev.plug()
    bench.clock.run_until(lambda: log.of(code), within=40, what=code)
    opens_in_time(bench, of_code(code))
    stays_open(bench, 60)
    bench.faults.clear("meter_frozen")
    stays_open(bench, 30)
    bench.ev.unplug()
    bench.clock.run_for(20)
    charging(bench)
    assert log.active() == {}


@pytest.mark.station(fail_on_meter_errors=False)
def test_a_meter_that_is_not_needed_is_missed_and_waited_for_by_nobody(bench: Bench) -> None:
    log, code = FaultLog(bench), f"{METER}CommunicationFault"
    charging(bench)
    seq = last_seq(bench)
    bench.faults.set("meter_silent")
    bench.clock.run_until(lambda: log.of(code), within=20, what=code)
    bench.clock.run_for(60)
    assert closed(bench)
    assert names(bench, seq) == []
    bench.ev.unplug()
    bench.clock.run_for(20)
    charging(bench)
    assert INOPERATIVE not in {told["type"] for told in log.told}
    bench.faults.clear("meter_silent")
    bench.clock.run_for(5)
    assert log.active() == {}


def test_a_meter_that_comes_back_while_a_car_is_paused_lets_it_go_on_by_itself(
    bench: Bench,
) -> None:
    log = FaultLog(bench)
    charging(bench)
    begin_wh = bench.probe.meter_wh()
    bench.faults.set("meter_silent")
    bench.clock.run_for(600)
    bench.faults.clear("meter_silent")
    carrying_current(bench)
    assert log.active() == {}
    end_wh = bench.probe.meter_wh()
    assert begin_wh is not None
    assert end_wh is not None
    assert end_wh == pytest.approx(bench.probe.metal().energy_wh, abs=15), "nothing was lost"


def test_a_car_that_wants_ventilation_is_told_until_it_leaves_d(bench: Bench) -> None:
    """With the offer gone it does so by itself, and asks again without being served."""
    log = FaultLog(bench)
    charging(bench)
    bench.faults.set("ventilation")
    bench.clock.run_for(60)
    assert [told["state"] for told in log.of(f"{BOARD}VentilationNotAvailable")] == [
        "Active",
        "Cleared",
    ]
    assert log.active() == {}
    stays_open(bench, 10)
    bench.faults.clear("ventilation")
    carrying_current(bench)


def test_a_failed_self_test_does_not_cost_the_next_car_its_charge(bench: Bench) -> None:
    log = FaultLog(bench)
    bench.faults.set("rcd_test_dead")
    bench.ev.plug()
    bench.clock.run_until(lambda: log.of("ac_rcd/Selftest"), within=20, what="the self-test")
    bench.ev.unplug()
    bench.faults.clear("rcd_test_dead")
    bench.clock.run_for(60)
    assert len(log.active()) == 2
    charging(bench)
    assert log.active() == {}


def test_a_plug_that_can_not_be_unlocked_is_told_and_blocks_nobody(bench: Bench) -> None:
    log = FaultLog(bench)
    code = f"{LOCK}ConnectorLockFailedUnlock"
    charging(bench)
    bench.faults.set("lock_jam")
    bench.dut.call("evse_manager.stop_transaction", request={"reason": "Remote"})
    bench.clock.run_until(lambda: log.of(code), within=20, what=code)
    assert [told["type"] for told in log.active().values()] == [code]
    assert INOPERATIVE not in {told["type"] for told in log.told}
    bench.faults.clear("lock_jam")
    bench.ev.unplug()
    bench.clock.run_for(10)
    assert bench.dut.call("evse_manager.force_unlock", connector_id=1)
    bench.clock.run_for(10)
    charging(bench)
    assert log.active() == {}


@pytest.mark.expect_fault("contactor_weld")
def test_a_real_weld_stands_until_the_metal_lets_go_and_the_car_has_left(bench: Bench) -> None:
    log = FaultLog(bench)
    charging(bench)
    bench.faults.set("contactor_weld")
    bench.dut.call("evse_manager.pause_charging")
    bench.clock.run_until(lambda: log.of(CONTACTOR, "Welded"), within=20, what="the weld")
    bench.clock.run_for(60)
    assert {told["sub_type"] for told in log.active().values()} == {"Welded", ""}
    bench.faults.clear("contactor_weld")
    bench.clock.run_for(60)
    assert len(log.active()) == 2
    bench.ev.unplug()
    bench.clock.run_for(10)
    charging(bench)
    assert log.active() == {}


def test_two_faults_at_once_are_each_told_and_cleared_by_themselves(bench: Bench) -> None:
    log = FaultLog(bench)
    charging(bench)
    bench.faults.set("meter_silent")
    bench.clock.run_for(15)
    bench.faults.set("emergency_stop")
    bench.clock.run_for(10)
    first = [t["message"] for t in log.active().values() if t["type"] == INOPERATIVE]
    assert first == ["powermeter/CommunicationFault"]
    bench.faults.clear("meter_silent")
    bench.clock.run_for(10)
    then = [t["message"] for t in log.active().values() if t["type"] == INOPERATIVE]
    assert then == [f"{BOARD}MREC8EmergencyStop"]
    assert len(log.of(INOPERATIVE)) == 5
    bench.faults.clear("emergency_stop")
    carrying_current(bench)
    assert log.active() == {}


def test_a_start_in_good_health_tells_no_fault(bench: Bench) -> None:
    log = FaultLog(bench)
    charging(bench)
    bench.ev.unplug()
    bench.clock.run_for(60)
    assert log.told == []
    assert bench.dut.call("get", variable="sys.fault") is None
