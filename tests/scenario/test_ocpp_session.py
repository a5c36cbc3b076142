"""A whole station with its OCPP link and its back office in virtual time: plug to bill."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from evse.config.load import parse
from evse.door.sys_state import sys_state
from hil.bench.station import StationSetup
from hil.csms.brain import BillLine, CsmsBrain, Misbehaviour
from hil.sim.ocpp import SimOcpp
from hil.sim.simulation import Simulation
from hil.trace import Lane

WH = 1.0
"""Registers are told in whole Wh, rounded down (OCPP 1.6 §6.45 meterStart is an integer)."""


class Station:
    """One simulated station at its back office."""

    def __init__(self, *, seed: int = 1, evses: int = 1, **link: Any) -> None:
        setup = StationSetup(authorization="ocpp", evses=evses)
        self.sim = Simulation(setup.config(), seed=seed)
        self.ocpp = SimOcpp(self.sim, **link)
        self.brain = self.ocpp.csms.brain
        self.sim.run_until(lambda: self.brain.statuses.get(1) == "Available", within_ms=5_000)

    def plug(self, evse: int = 1) -> None:
        self.sim.plants[evse].car.plug()
        self.sim.wake()
        self.until(lambda: self.state(evse) != "idle", 5)

    def unplug(self, evse: int = 1) -> None:
        self.sim.plants[evse].car.unplug()
        self.sim.wake()
        self.until(lambda: self.state(evse) in ("idle", "disabled"), 10)

    def swipe(self, token: str = "04A1B2C3") -> None:
        provided = {
            "id_token": {"value": token, "type": "ISO14443"},
            "authorization_type": "RFID",
        }
        self.sim.peer().ask("auth_token_provider.present", {"token": provided})

    def charging(self, evse: int = 1) -> None:
        self.plug(evse)
        self.swipe()
        self.until(lambda: self.sim.plants[evse].current_a > 10, 20)

    def until(self, condition: Any, within_s: float) -> None:
        self.sim.run_until(lambda: bool(condition()), within_ms=round(within_s * 1000))

    def run(self, span_s: float) -> None:
        self.sim.run_for(round(span_s * 1000))

    def state(self, evse: int = 1) -> str:
        return "" if self.sim.station is None else self.sim.station.core.sessions[evse].state

    def energy_wh(self, evse: int = 1) -> float:
        return self.sim.plants[evse].meter(self.sim.now_ms).energy_import_wh

    def billed(self) -> list[BillLine]:
        """The bill, once everything has been delivered; nothing about it may be odd."""
        self.until(lambda: not self.brain.open_transactions() and self.delivered, 300)
        assert self.brain.complaints == []
        assert [plant.violations for plant in self.sim.plants.values()] == [
            [] for _ in self.sim.plants
        ]
        return self.brain.bill_lines()

    @property
    def delivered(self) -> bool:
        engine = self.ocpp.engine
        return engine is not None and len(engine.transactions.queue) == 0 and bool(self.brain.bill)

    def told_connected(self) -> bool:
        """As `sys.state` has it."""
        assert self.sim.station is not None
        state = sys_state(self.sim.station.core, self.sim.station.hub)
        told: bool = msgspec.json.decode(msgspec.json.encode(state))["ocpp"]["connected"]
        return told

    def duty_bp(self, evse: int = 1) -> int:
        return self.sim.plants[evse].driven.duty_bp


def total_wh(bill: list[BillLine]) -> int:
    return sum(line.energy_wh or 0 for line in bill)


@pytest.fixture
def station() -> Station:
    return Station()


def test_plug_to_bill_is_the_energy_that_flowed(station: Station) -> None:
    station.charging()
    station.run(1_800)
    station.unplug()
    (line,) = station.billed()
    assert line.energy_wh == pytest.approx(station.energy_wh(), abs=WH)
    assert line.energy_wh == pytest.approx(16 * 3 * 230 / 2, rel=0.02)
    assert line.reason == "EVDisconnected"
    assert line.samples == 30
    assert line.duration_s == pytest.approx(1_801, abs=3)


def test_a_refused_token_never_closes_the_contactor() -> None:
    station = Station()
    station.brain.refused["NOBODY"] = "Blocked"
    station.plug()
    station.swipe("NOBODY")
    station.run(60)
    assert station.state() == "waiting_auth"
    assert station.energy_wh() == 0
    station.swipe()
    station.until(lambda: station.sim.plants[1].current_a > 10, 20)


def test_the_messages_of_a_session_come_in_the_order_of_the_standard(station: Station) -> None:
    station.charging()
    station.run(5)
    station.unplug()
    station.billed()
    station.run(1)
    beside = {"StatusNotification", "SecurityEventNotification"}
    told = [name for name, _ in station.brain.log if name not in beside]
    assert told == ["BootNotification", "Authorize", "StartTransaction", "StopTransaction"]
    states = [p["status"] for p in station.brain.sent("StatusNotification") if p["connectorId"]]
    assert states == ["Available", "Preparing", "Charging", "Finishing", "Available"]


def test_offline_the_known_card_charges_and_is_billed_when_the_network_is_back() -> None:
    station = Station()
    station.charging()
    station.run(60)
    station.unplug()
    station.ocpp.cut_network()
    station.run(600)
    station.charging()
    station.run(900)
    station.unplug()
    assert len(station.brain.bill) == 1
    offline_wh = station.energy_wh()
    station.ocpp.mend_network()
    bill = station.billed()
    assert len(bill) == 2
    assert total_wh(bill) == pytest.approx(offline_wh, abs=2 * WH)
    assert (station.brain.repeated_starts, station.brain.repeated_stops) == (0, 0)
    assert station.ocpp.attempts > 5


def test_the_network_goes_in_mid_charge_and_nothing_is_lost_or_doubled(station: Station) -> None:
    station.charging()
    station.run(90)
    station.ocpp.cut_network()
    station.run(600)
    assert station.sim.plants[1].current_a > 10, "energy flow never waits on a network"
    station.ocpp.mend_network()
    station.until(lambda: station.delivered, 120)
    (line,) = station.brain.open_transactions()
    begun_ms = station.sim.trace.first(Lane.MESSAGE, "TransactionStarted")
    assert begun_ms is not None
    minutes = (station.sim.now_ms - begun_ms) // 60_000
    assert line.samples == minutes >= 11, "the samples of the time without a network too"
    station.unplug()
    (line,) = station.billed()
    assert line.energy_wh == pytest.approx(station.energy_wh(), abs=WH)


@pytest.mark.parametrize("action", ["StartTransaction", "MeterValues", "StopTransaction"])
@pytest.mark.parametrize("what", [Misbehaviour.DROP, Misbehaviour.DROP_AFTER])
def test_a_back_office_that_drops_the_connection_bills_once(
    action: str, what: Misbehaviour
) -> None:
    station = Station()
    station.brain.misbehave(action, what)
    station.charging()
    station.run(100)
    station.unplug()
    (line,) = station.billed()
    assert line.energy_wh == pytest.approx(station.energy_wh(), abs=WH)


def test_the_core_is_killed_in_mid_charge_and_the_bill_is_whole(station: Station) -> None:
    station.charging()
    station.run(100)
    station.sim.kill_core()
    station.until(lambda: not station.sim.plants[1].energised, 6.7)
    station.run(5)
    station.sim.start_core()
    station.run(30)
    (line,) = station.billed()
    assert line.reason in ("Reboot", "PowerLoss")
    assert line.energy_wh == pytest.approx(station.energy_wh(), abs=WH)
    station.unplug()
    station.charging()
    station.run(60)
    station.unplug()
    assert total_wh(station.billed()) == pytest.approx(station.energy_wh(), abs=2 * WH)


@pytest.mark.parametrize("disk_ms", [0, 2_000])
@pytest.mark.parametrize("after_s", [0.005, 0.02, 1.0, 2.5, 61.0])
def test_the_link_is_killed_in_mid_charge_and_the_bill_is_whole(
    after_s: float, disk_ms: int
) -> None:
    station = Station(disk_ms=disk_ms)
    station.charging()
    station.run(after_s)
    station.ocpp.kill()
    station.run(300)
    assert station.sim.plants[1].current_a > 10, "energy flow never waits on the link"
    station.ocpp.start()
    station.run(60)
    station.unplug()
    (line,) = station.billed()
    assert line.energy_wh == pytest.approx(station.energy_wh(), abs=WH)
    assert line.start_wh == 0


def test_killed_link_while_the_car_leaves_still_bills(station: Station) -> None:
    station.charging()
    station.run(100)
    station.ocpp.kill()
    station.unplug()
    station.run(3_600)
    station.ocpp.start()
    (line,) = station.billed()
    assert line.energy_wh == pytest.approx(station.energy_wh(), abs=WH)


def test_remote_start_and_stop(station: Station) -> None:
    started = station.ocpp.ask("RemoteStartTransaction", {"idTag": "APP-7", "connectorId": 1})
    assert started == ("result", {"status": "Accepted"})
    station.plug()
    station.until(lambda: station.sim.plants[1].current_a > 10, 20)
    station.run(10)
    (line,) = station.brain.open_transactions()
    assert line.id_tag == "APP-7"
    wanted = {"transactionId": line.transaction_id}
    assert station.ocpp.ask("RemoteStopTransaction", wanted)[1] == {"status": "Accepted"}
    station.until(lambda: not station.sim.plants[1].energised, 6.2)
    (line,) = station.billed()
    assert line.reason == "Remote"
    assert line.energy_wh == pytest.approx(station.energy_wh(), abs=WH)
    assert station.ocpp.ask("RemoteStopTransaction", wanted)[1] == {"status": "Rejected"}


def profile(limit_a: float) -> dict[str, Any]:
    """A default for every transaction at connector 1, from now on."""
    schedule = {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_a}],
    }
    return {
        "connectorId": 1,
        "csChargingProfiles": {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": schedule,
        },
    }


def test_a_limit_of_the_back_office_reaches_the_pilot(station: Station) -> None:
    station.charging()
    station.run(10)
    assert station.duty_bp() == 2_666
    begin_ms = station.sim.now_ms
    assert station.ocpp.ask("SetChargingProfile", profile(8.0))[1] == {"status": "Accepted"}
    station.run(6)
    at_ms = station.sim.trace.first(Lane.DUTY, 1_333, begin_ms)
    assert at_ms is not None
    assert at_ms - begin_ms <= 100
    assert station.sim.plants[1].current_a == pytest.approx(8, abs=0.2)
    station.ocpp.ask("ClearChargingProfile", {"id": 1})
    station.until(lambda: station.sim.plants[1].current_a > 15, 12)


def test_less_than_6_a_pauses_and_the_transaction_goes_on(station: Station) -> None:
    station.charging()
    station.run(10)
    station.ocpp.ask("SetChargingProfile", profile(5.0))
    station.until(lambda: not station.sim.plants[1].energised, 12)
    station.run(60)
    assert station.brain.statuses[1] == "SuspendedEVSE"
    station.ocpp.ask("SetChargingProfile", profile(10.0))
    station.until(lambda: station.sim.plants[1].current_a > 9, 30)
    station.unplug()
    assert len(station.billed()) == 1


def test_change_availability_waits_for_the_transaction(station: Station) -> None:
    station.charging()
    out = {"connectorId": 1, "type": "Inoperative"}
    assert station.ocpp.ask("ChangeAvailability", out)[1] == {"status": "Scheduled"}
    station.run(30)
    assert station.sim.plants[1].current_a > 10
    station.unplug()
    station.billed()
    station.until(lambda: station.brain.statuses[1] == "Unavailable", 10)
    back = {"connectorId": 1, "type": "Operative"}
    assert station.ocpp.ask("ChangeAvailability", back)[1] == {"status": "Accepted"}
    station.until(lambda: station.brain.statuses[1] == "Available", 10)
    station.charging()


def test_unlock_connector_stops_the_transaction_and_moves_the_bolt(station: Station) -> None:
    station.charging()
    station.run(20)
    assert station.ocpp.ask("UnlockConnector", {"connectorId": 1})[1] == {"status": "Unlocked"}
    assert not station.sim.plants[1].locked
    (line,) = station.billed()
    assert line.reason == "UnlockCommand"
    assert line.energy_wh == pytest.approx(station.energy_wh(), abs=WH)


def test_the_door_tells_of_the_connection_and_can_end_it(station: Station) -> None:
    peer = station.sim.peer()
    assert station.told_connected()
    state = peer.ask("ocpp.state")
    assert (state["is_connected"], state["registration"]) == (True, "Accepted")
    assert peer.ask("ocpp.disconnect") is True
    station.run(600)
    assert not station.told_connected()
    assert station.ocpp.attempts == 1, "sticky"
    assert peer.ask("ocpp.connect") is True
    station.until(lambda: station.ocpp.connected, 1)
    with pytest.raises(AssertionError, match=r"no method ocpp\.sing"):
        peer.ask("ocpp.sing")


def test_a_restarted_core_is_told_whether_the_back_office_is_connected(station: Station) -> None:
    station.sim.kill_core()
    station.run(1)
    station.sim.start_core()
    station.run(1)
    assert station.told_connected()


def test_two_evses_bill_each_their_own() -> None:
    station = Station(evses=2)
    station.charging(1)
    station.run(60)
    station.plug(2)
    station.swipe("04D4E5F6")
    station.run(600)
    station.unplug(1)
    station.unplug(2)
    bill = station.billed()
    assert {line.connector: line.id_tag for line in bill} == {1: "04A1B2C3", 2: "04D4E5F6"}
    for line in bill:
        assert line.energy_wh == pytest.approx(station.energy_wh(line.connector), abs=WH)


def test_a_call_without_a_connection_says_so(station: Station) -> None:
    station.ocpp.disconnect()
    with pytest.raises(ConnectionError, match="Reset: the station is not connected"):
        station.ocpp.call("Reset", {"type": "Soft"})


def run_once(seed: int) -> tuple[str, list[tuple[str, Any]]]:
    station = Station(seed=seed, brain=None, latency_ms=35)
    station.charging()
    station.run(120)
    station.ocpp.cut_network()
    station.run(30)
    station.ocpp.mend_network()
    station.run(60)
    station.unplug()
    station.billed()
    return station.sim.trace.lines(), station.brain.log


def test_the_same_seed_gives_the_same_trace_and_the_same_messages() -> None:
    assert run_once(7) == run_once(7)


def test_a_station_without_a_back_office_has_no_link() -> None:
    sim = Simulation(StationSetup().config())
    with pytest.raises(ValueError, match=r"no \[ocpp\]"):
        SimOcpp(sim, CsmsBrain(sim.clock))


def test_the_demo_station_is_billed_too() -> None:
    """The configuration that newcomers run first."""
    from importlib.resources import files

    text = files("hil").joinpath("station_demo.toml").read_text("utf-8")
    sim = Simulation(parse(text, "station_demo.toml"))
    ocpp = SimOcpp(sim)
    sim.run_until(lambda: ocpp.csms.brain.statuses.get(1) == "Available", within_ms=5_000)
