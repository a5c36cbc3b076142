"""Every fault that the plant can provoke: from the metal to the session and back to charging.

Metal breaks, the fault is raised with a uuid and says that the EVSE is inoperative, the session
pauses because of it; metal heals, the fault is cleared with the same uuid when its row says so, all
errors are cleared, and the car charges again.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import pytest
from scenario_steps import carrying_current, charging, last_seq, names, stays_open

from evse.fault_model import INOPERATIVE
from evse.faults import Fault, catalogue, of_code
from hil.bench.bench import Bench
from hil.bench.sim import SimBench
from hil.bench.station import StationSetup
from hil.sim.ocpp import SimOcpp
from hil.sim.simulation import Simulation
from hil.sim.station import LocalPeer

pytestmark = pytest.mark.needs("metal_faults", "virtual_time")

BOARD = "evse_board_support/"
LOCK = "connector_lock/"
CONTACTOR = f"{BOARD}MREC17EVSEContactorFault"


class Case(NamedTuple):
    """A fault of the plant, or of the bench, and the row that it leads to."""

    metal: str
    code: str
    sub_type: str = ""
    before_plug: bool = False
    """It shows when a car comes, not while one charges."""

    @property
    def row(self) -> Fault:
        return of_code(self.code, self.sub_type)


CASES = (
    Case("diode_short", f"{BOARD}DiodeFault"),
    Case("emergency_stop", f"{BOARD}MREC8EmergencyStop"),
    Case("adc_stuck", f"{BOARD}MREC10InvalidVehicleMode"),
    Case("pilot_short", f"{BOARD}MREC14PilotFault"),
    Case("mirror_stuck_open", CONTACTOR, "NotFollowing"),
    Case("contactor_stuck_open", CONTACTOR, "NotFollowing"),
    Case("mirror_stuck_closed", CONTACTOR, "Welded", before_plug=True),
    Case("over_temperature", f"{BOARD}MREC19CableOverTempStop"),
    Case("pp_open", f"{BOARD}MREC23ProximityFault"),
    Case("pp_short", f"{BOARD}MREC23ProximityFault"),
    Case("link", f"{BOARD}CommunicationFault"),
    Case("lock_feedback_lost", f"{LOCK}ConnectorLockUnexpectedOpen"),
    Case("lock_feedback_lost", f"{LOCK}MREC1ConnectorLockFailure"),
    Case("lock_jam", f"{LOCK}ConnectorLockFailedLock", before_plug=True),
    Case("rcd_test_dead", "ac_rcd/Selftest", before_plug=True),
    Case("leak_dc", "ac_rcd/MREC2GroundFailure"),
    Case("meter_silent", "powermeter/CommunicationFault"),
)
BY_THEMSELVES = {
    f"{LOCK}ConnectorLockFailedUnlock",
    f"{BOARD}VentilationNotAvailable",
    INOPERATIVE,
}
"""Have a test of their own below, or stand beside every other."""


class FaultLog:
    """What a follower of `sys.fault` hears."""

    def __init__(self, bench: Bench) -> None:
        assert isinstance(bench, SimBench)
        assert bench.rig.sim.station is not None
        self.told: list[dict[str, Any]] = []
        peer = LocalPeer(bench.rig.sim.station.hub)
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


def damage(bench: Bench, metal: str) -> None:
    bench.faults.cut_link() if metal == "link" else bench.faults.set(metal)


def heal(bench: Bench, metal: str) -> None:
    bench.faults.mend_link() if metal == "link" else bench.faults.clear(metal)


def test_every_row_that_something_raises_is_provoked_here() -> None:
    raised = {fault.identity for fault in catalogue() if fault.raised_by}
    assert {case.row.identity for case in CASES} | {(code, "") for code in BY_THEMSELVES} == raised


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.metal}-{c.row.vendor_code}")
def test_from_the_metal_to_the_session_and_back(bench: Bench, case: Case) -> None:
    log = FaultLog(bench)
    row, seq = case.row, last_seq(bench)
    if case.before_plug:
        damage(bench, case.metal)
        bench.ev.plug()
    else:
        charging(bench)
        seq = last_seq(bench)
        damage(bench, case.metal)
    bench.clock.run_until(lambda: log.of(*row.identity), within=40, what=row.code)
    bench.clock.run_for(10)
    inoperative = [told for told in log.active().values() if told["type"] == INOPERATIVE]
    assert [row.code in told["description"] for told in inoperative] == [True]
    paused = [
        heard.event.charging_paused_evse
        for heard in bench.probe.events(seq)
        if heard.name == "ChargingPausedEVSE"
    ]
    if not case.before_plug:
        assert [p.reasons for p in paused if isinstance(p, msgspec.Struct)][-1] == ("Error",)
    assert row.hint in bench.probe.why() or row.raised_by[0].startswith(("with", "core board"))
    stays_open(bench, 10)

    heal(bench, case.metal)
    if row.clears == "unplug":
        stays_open(bench, 30)
        assert row.identity in {(t["type"], t["sub_type"]) for t in log.active().values()}
    if row.clears == "unplug" or case.before_plug or case.metal == "lock_feedback_lost":
        bench.ev.unplug()
        bench.clock.run_for(10)
        charging(bench)
    else:
        carrying_current(bench)
        assert "TransactionFinished" not in names(bench, seq)
    assert log.active() == {}
    assert len(log.of(*row.identity)) == 2


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


def test_the_back_office_is_told_with_the_codes_of_ocpp_1_6_6_47() -> None:
    sim = Simulation(StationSetup(authorization="ocpp").config(), seed=1)
    brain = SimOcpp(sim).csms.brain
    sim.run_until(lambda: brain.statuses.get(1) == "Available", within_ms=5_000)
    sim.plants[1].set_fault("emergency_stop", True)
    sim.wake()
    sim.run_until(lambda: brain.statuses[1] == "Faulted", within_ms=2_000)
    told = brain.sent("StatusNotification")[-1]
    assert (told["errorCode"], told["vendorErrorCode"]) == ("OtherError", "CX008")
    sim.plants[1].set_fault("emergency_stop", False)
    sim.wake()
    sim.run_until(lambda: brain.statuses[1] == "Available", within_ms=5_000)
    assert brain.sent("StatusNotification")[-1]["errorCode"] == "NoError"
    assert brain.complaints == []
