"""Who may charge where: free, listed, asked of the back office, and for which EVSE."""

from __future__ import annotations

import pytest
from station_rig import Peer, accepted, station, token

from evse.authorization import LINK_BACKSTOP_MS
from hil.sim.simulation import Simulation


def plug(sim: Simulation, *evses: int) -> None:
    for evse in evses:
        sim.plants[evse].car.plug()
    sim.wake()
    sim.run_for(3_000)


def state(sim: Simulation, evse: int = 1) -> str:
    assert sim.station is not None
    return sim.station.core.sessions[evse].state


def peer(sim: Simulation) -> Peer:
    assert sim.station is not None
    return Peer(sim.station.hub)


def present(sim: Simulation, value: str = "CARD", **more: object) -> str:
    return str(peer(sim).result("auth_token_provider.present", {"token": token(value, **more)}))


def test_free_mode_charges_every_car_on_the_free_token() -> None:
    sim = station(2, mode="free")
    plug(sim, 1, 2)
    sim.run_for(5_000)
    assert {state(sim, 1), state(sim, 2)} <= {"preparing", "charging"}
    assert sim.station is not None
    held = sim.station.core.sessions[1].record.token
    assert held is not None
    assert (held.id_token.value, held.id_token.type) == ("FREESERVICE", "Local")


def test_free_mode_takes_a_car_that_time_and_no_status_let_in() -> None:
    sim = station(1, mode="free")
    sim.plants[1].set_fault("emergency_stop")
    sim.wake()
    plug(sim, 1)
    assert state(sim) == "idle"
    sim.plants[1].set_fault("emergency_stop", active=False)
    sim.wake()
    sim.run_for(5_000)
    assert state(sim) in ("preparing", "charging")


def test_a_listed_token_is_taken_without_regard_to_case_and_another_is_not() -> None:
    sim = station(1, mode="list")
    plug(sim, 1)
    assert present(sim, "STRANGER") == "Rejected"
    assert state(sim) == "waiting_auth"
    assert present(sim, "listed") == "Accepted"


def test_the_back_office_is_asked_once_unless_somebody_else_validated() -> None:
    sim = station()
    caller = peer(sim)
    caller.result("subscribe", {"variable": "auth_token_provider.provided_token"})
    caller.result("provide", {"namespace": "ocpp"})
    assert present(sim, "CARD") == "Processing"
    (asked,) = caller.notified("auth_token_provider.provided_token")
    assert asked["value"]["id_token"]["value"] == "CARD"
    assert state(sim) == "idle"
    assert present(sim, "CARD", prevalidated=True) == "Accepted"


def test_without_a_back_office_link_a_token_is_rejected_and_why_says_so() -> None:
    sim = station()
    plug(sim, 1)
    caller = peer(sim)
    caller.result("subscribe", {"variable": "auth_token_provider.provided_token"})
    assert present(sim) == "Rejected"
    assert not caller.notified("auth_token_provider.provided_token")
    assert "no back office link" in caller.result("sys.why")
    assert caller.result("provide", {"namespace": "ocpp"})
    assert present(sim) == "Processing"
    assert sim.station is not None
    sim.station.hub.disconnect(caller.connection)
    assert present(sim) == "Rejected"
    assert present(sim, prevalidated=True) == "Accepted"


@pytest.mark.parametrize("status", ["Invalid", "Blocked", "Expired", "Unknown", "ConcurrentTx"])
def test_a_rejection_changes_nothing_and_a_later_good_token_may_come(status: str) -> None:
    sim = station()
    plug(sim, 1)
    answer = accepted()
    answer["validation_result"]["authorization_status"] = status
    peer(sim).result("evse_manager.authorize_response", answer)
    assert state(sim) == "waiting_auth"
    peer(sim).result("evse_manager.authorize_response", accepted())
    assert state(sim) == "preparing"


def test_the_token_of_a_running_transaction_ends_it() -> None:
    sim = station()
    plug(sim, 1)
    peer(sim).result("evse_manager.authorize_response", accepted("CARD"))
    sim.run_for(10_000)
    assert state(sim) == "charging"
    assert present(sim, "other", prevalidated=True) == "Rejected"
    assert state(sim) == "charging"
    assert present(sim, "card") == "UsedToStop"
    sim.run_for(5_000)
    assert state(sim) == "finished"


def test_a_token_goes_to_a_waiting_car_before_a_free_evse() -> None:
    sim = station(2)
    plug(sim, 2)
    assert present(sim, prevalidated=True) == "Accepted"
    assert (state(sim, 1), state(sim, 2)) == ("idle", "preparing")


def test_an_authorization_of_a_dead_link_that_no_car_came_for_lapses() -> None:
    sim = station()
    timeout_ms = LINK_BACKSTOP_MS
    assert present(sim, prevalidated=True) == "Accepted"
    assert sim.station is not None
    session = sim.station.core.sessions[1]
    sim.run_for(timeout_ms - 1_000)
    assert session.authorized
    sim.run_for(2_000)
    assert not session.authorized
    assert session.record.uuid == ""


def test_a_car_that_comes_in_time_stops_the_clock() -> None:
    sim = station()
    assert present(sim, prevalidated=True) == "Accepted"
    sim.run_for(50_000)
    plug(sim, 1)
    sim.run_for(60_000)
    assert state(sim) == "charging"


def test_a_token_does_not_reach_a_disabled_evse() -> None:
    sim = station()
    peer(sim).result("evse_manager.disable", {"connector_id": 0})
    assert present(sim, prevalidated=True) == "Rejected"
    assert state(sim) == "disabled"


def test_a_token_in_the_spelling_of_2023_is_taken() -> None:
    sim = station()
    plug(sim, 1)
    given = {"id_token": "CARD", "authorization_type": "RFID"}
    result = {"authorization_status": "Accepted"}
    params = {"provided_token": given, "validation_result": result}
    assert peer(sim).result("evse_manager.authorize_response", params) is None
    sim.run_for(1_000)
    assert state(sim) in ("preparing", "charging")
