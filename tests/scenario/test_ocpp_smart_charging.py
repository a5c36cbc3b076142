"""OCPP 1.6 §3.13 on a whole station: what the back office allows is what flows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hil.bench.station import StationSetup
from hil.sim.ocpp import SimOcpp
from hil.sim.simulation import Simulation

pytestmark = pytest.mark.timeout(120)

CABLE_A = 16.0
"""What the cars of this file are rated for."""


class Station:
    """A simulated station of two EVSEs at its back office."""

    def __init__(self, evses: int = 2, **setup: Any) -> None:
        self.sim = Simulation(
            StationSetup(authorization="ocpp", evses=evses, **setup).config(), seed=1
        )
        self.ocpp = SimOcpp(self.sim)
        self.brain = self.ocpp.csms.brain
        self.until(lambda: self.brain.statuses.get(evses) == "Available", 10)

    def until(self, condition: Callable[[], bool], within_s: float) -> None:
        self.sim.run_until(condition, within_ms=round(within_s * 1_000))

    def run(self, seconds: float) -> None:
        self.sim.run_for(round(seconds * 1_000))

    def charge(self, evse: int, tag: str = "04A1B2C3") -> None:
        """Remote start and plug."""
        self.sim.plants[evse].car.plug()
        self.sim.wake()
        self.run(2)
        assert self.ask("RemoteStartTransaction", idTag=tag, connectorId=evse) == "Accepted"
        self.until(lambda: self.brain.statuses.get(evse) == "Charging", 60)
        self.run(20)

    def ask(self, action: str, **payload: Any) -> str:
        status, answer = self.ocpp.ask(action, payload)
        assert status == "result", status
        return str(answer["status"])

    def set(self, connector: int, limit: float, **fields: Any) -> str:
        schedule = {
            "chargingRateUnit": fields.pop("unit", "A"),
            "chargingSchedulePeriod": fields.pop("periods", [{"startPeriod": 0, "limit": limit}]),
            **fields.pop("schedule", {}),
        }
        body = {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": schedule,
            **fields,
        }
        return self.ask("SetChargingProfile", connectorId=connector, csChargingProfiles=body)

    def set_max(self, limit: float, **fields: Any) -> str:
        fields = {"chargingProfileId": 9, **fields}
        return self.set(0, limit, chargingProfilePurpose="ChargePointMaxProfile", **fields)

    @property
    def drawn_a(self) -> list[float]:
        return [max(plant.meter(self.sim.now_ms).current_a) for plant in self.sim.plants.values()]

    def composite(self, connector: int, duration: int = 300) -> list[tuple[int, float]]:
        _, answer = self.ocpp.ask(
            "GetCompositeSchedule", {"connectorId": connector, "duration": duration}
        )
        periods = answer["chargingSchedule"]["chargingSchedulePeriod"]
        return [(period["startPeriod"], period["limit"]) for period in periods]


def near(*amps: float) -> Any:
    return pytest.approx(list(amps), abs=0.3)


def test_pitfall_19_the_stations_maximum_is_one_cars_alone_and_two_cars_to_share() -> None:
    """§3.13.3: the combined flow is never more than the limit."""
    station = Station()
    assert station.set_max(14.0) == "Accepted"
    station.charge(1)
    assert station.drawn_a == near(14.0, 0.0)
    station.charge(2)
    station.run(20)
    assert station.drawn_a == near(7.0, 7.0)
    assert station.composite(1) == [(0, 14.0)], "each may have it all"
    assert station.composite(0) == [(0, 14.0)]
    assert station.ask("ClearChargingProfile", id=9) == "Accepted"
    station.run(30)
    assert station.drawn_a == near(CABLE_A, CABLE_A)


def test_5_16_3_a_profile_rules_the_running_transaction_at_once() -> None:
    station = Station()
    station.charge(1)
    assert station.set(1, 9.0) == "Accepted"
    station.run(10)
    assert station.drawn_a == near(9.0, 0.0)
    tx = {"chargingProfileId": 2, "chargingProfilePurpose": "TxProfile"}
    assert station.set(1, 12.0, **tx) == "Accepted"
    station.run(20)
    assert station.drawn_a == near(12.0, 0.0)


def test_pitfall_18_0_a_suspends_and_more_goes_on_in_the_same_transaction() -> None:
    station = Station()
    station.charge(1)
    assert station.set(1, 0.0) == "Accepted"
    station.until(lambda: station.brain.statuses[1] == "SuspendedEVSE", 30)
    assert station.drawn_a == near(0.0, 0.0)
    station.run(120)
    assert station.set(1, 10.0) == "Accepted"
    station.until(lambda: station.brain.statuses[1] == "Charging", 400)
    station.run(20)
    assert station.drawn_a == near(10.0, 0.0)
    assert len(station.brain.sent("StartTransaction")) == 1
    assert station.brain.sent("StopTransaction") == []


def test_a_schedule_goes_on_without_the_link_and_over_a_restart_of_the_core() -> None:
    """§3.13.6. Neither the process that faces the network nor the core forgets it."""
    station = Station()
    stairs = [{"startPeriod": 0, "limit": 8}, {"startPeriod": 300, "limit": 12}]
    station.set(0, 0.0, periods=stairs)
    station.charge(1)
    station.run(10)
    assert station.drawn_a == near(8.0, 0.0)
    station.ocpp.kill()
    station.run(300)
    assert station.drawn_a == near(12.0, 0.0)
    station.ocpp.start()
    station.until(lambda: station.ocpp.connected, 60)
    station.set_max(13.0)
    station.sim.kill_core()
    station.run(5)
    station.sim.start_core()
    station.run(10)
    for evse in (1, 2):
        station.sim.plants[evse].car.unplug()
        station.sim.wake()
        station.until(lambda evse=evse: station.brain.statuses[evse] == "Available", 60)
    station.charge(1)
    assert station.drawn_a == near(12.0, 0.0)
    station.charge(2)
    assert station.drawn_a == near(6.5, 6.5)


def test_5_16_2_a_remote_starts_profile_rules_from_the_first_ampere() -> None:
    """TC_059_CS; and TC_011_2_CS: nobody plugs in."""
    station = Station()
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7}],
        },
    }
    start = {"idTag": "04A1B2C3", "connectorId": 1, "chargingProfile": profile}
    assert station.ask("RemoteStartTransaction", **start) == "Accepted"
    station.run(200)
    assert station.composite(1) == [(0, 32.0)]
    assert station.ask("RemoteStartTransaction", **start) == "Accepted"
    station.sim.plants[1].car.plug()
    station.sim.wake()
    for _ in range(80):
        station.run(0.5)
        assert station.drawn_a[0] <= 7.3
    assert station.drawn_a == near(7.0, 0.0)
    station.sim.plants[1].car.unplug()
    station.sim.wake()
    station.until(lambda: station.brain.statuses[1] == "Available", 30)
    station.charge(1)
    assert station.drawn_a == near(CABLE_A, 0.0)


def test_a_remote_start_of_a_refused_tag_leaves_no_profile() -> None:
    """AuthorizeRemoteTxRequests; the profile of another one would be that of the next driver."""
    station = Station()
    key = {"key": "AuthorizeRemoteTxRequests", "value": "true"}
    assert station.ask("ChangeConfiguration", **key) == "Accepted"
    station.brain.refused["NOBODY"] = "Blocked"
    station.sim.plants[1].car.plug()
    station.sim.wake()
    station.run(3)
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7}],
        },
    }
    start = {"idTag": "NOBODY", "connectorId": 1, "chargingProfile": profile}
    assert station.ask("RemoteStartTransaction", **start) == "Accepted"
    station.run(5)
    assert station.ask("RemoteStartTransaction", idTag="CARD", connectorId=1) == "Accepted"
    station.until(lambda: station.brain.statuses[1] == "Charging", 60)
    station.run(20)
    assert station.drawn_a == near(CABLE_A, 0.0)
