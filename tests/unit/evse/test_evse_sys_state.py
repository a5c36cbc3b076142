"""`sys.state`: what a harness may rely on, before, during and after a board."""

from __future__ import annotations

from typing import Any

import msgspec
from station_rig import station

from evse.door.roles import Role
from evse.door.sys_state import sys_state
from firmware_bridge.host_session import HostSession
from hil.bench.station import StationSetup
from hil.sim.simulation import Simulation


def state(sim: Simulation) -> dict[str, Any]:
    assert sim.station is not None
    found = sys_state(
        sim.station.core, sim.station.hub, HostSession(evses=1, next_nonce=lambda: 1).stats
    )
    return dict(msgspec.json.decode(msgspec.json.encode(found)))


def test_all_of_it_is_plain_json() -> None:
    found = state(station())
    assert set(found) == {
        "station",
        "uptime_ms",
        "board",
        "link",
        "ocpp",
        "journal",
        "energy",
        "door",
        "evses",
    }
    assert found["station"] == "TEST-1"
    assert found["uptime_ms"] == 3_000
    assert found["ocpp"] == {
        "configured": True,
        "needed": True,
        "running": False,
        "connected": False,
    }
    assert found["door"] == {"bad_lines": 0}
    assert found["energy"] is None


def test_each_evse_tells_its_state_and_why() -> None:
    found = state(station(2, mode="free"))
    assert [row["evse"] for row in found["evses"]] == [1, 2]
    row = found["evses"][0]
    assert row["state"] == "idle"
    assert row["why"] == "EVSE 1 is not charging because no car is plugged in."
    assert (row["plugged"], row["contactor_closed"], row["lock"]) == (False, False, "unlocked")
    assert row["permit"] == {"close": False, "duty_bp": 10_000, "lock": "unlock"}


def test_a_session_is_told_while_it_runs() -> None:
    sim = station(mode="free")
    sim.plants[1].car.plug()
    sim.wake()
    sim.run_for(10_000)
    row = state(sim)["evses"][0]
    assert row["state"] == "charging"
    assert row["transaction"] is True
    assert row["session"]
    assert row["energy_wh"] > 0
    assert row["limit_a"] == 32.0
    assert row["permit"]["close"] is True


def test_a_board_that_is_away_is_told_with_its_cause() -> None:
    sim = station()
    assert state(sim)["board"]["up"] is True
    sim.kill_guard()
    sim.run_for(2_000)
    board = state(sim)["board"]
    assert board["up"] is False
    assert board["why"]


def test_a_bad_line_at_the_door_is_counted() -> None:
    sim = station()
    assert sim.station is not None
    sim.station.hub.receive(sim.station.hub.connect(_Deaf(), Role.ADMIN), b"\x00{")
    assert state(sim)["door"] == {"bad_lines": 1}


class _Deaf:
    def send(self, line: bytes) -> None:
        """Nobody listens."""


def test_what_ring_1_doubts_and_what_the_light_shows_can_be_asked() -> None:
    sim = Simulation(StationSetup().config())
    sim.run_for(2_000)
    sim.plants[1].set_board_fault("MIRROR_FLOATING")
    sim.wake()
    sim.run_for(1_000)
    assert sim.station is not None
    (evse,) = sys_state(sim.station.core, sim.station.hub)["evses"]
    assert evse["wiring"] == ["mirror_floating"]
    assert evse["light"] == "available"
