"""Authorization through the door of a whole station: providers, validators, displays, limits of
its methods. What the broker decides is in test_evse_auth_*.py."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from station_rig import BAD_PARAMS, Peer, accepted, config, station, token

from evse.authorization.validators import METHOD, NAMESPACE
from evse.config.station import StationConfig
from hil.sim.simulation import Simulation

STATUS = "auth_token_provider.token_validation_status"
UPDATE = "reservation.reservation_update"


class Display(Peer):
    """Follows what becomes of tokens and reservations."""

    def __init__(self, sim: Simulation) -> None:
        assert sim.station is not None
        super().__init__(sim.station.hub)
        for variable in (STATUS, UPDATE):
            self.result("subscribe", {"variable": variable})

    @property
    def shown(self) -> list[str]:
        told = (params["value"] for params in self.notified(STATUS))
        return [f"{value['token']['id_token']['value']} {value['status']}" for value in told]


class Validator(Peer):
    """Another process that knows tokens; `judge` is what it says of the last."""

    def __init__(self, sim: Simulation) -> None:
        assert sim.station is not None
        super().__init__(sim.station.hub)
        assert self.result("provide", {"namespace": NAMESPACE}) is True

    @property
    def asked(self) -> list[dict[str, Any]]:
        return [m for m in self.lines if m.get("method") == METHOD]

    def judge(self, outcome: Any, *, error: bool = False) -> None:
        request = self.asked[-1]
        body = {"code": -32002, "message": outcome} if error else outcome
        reply = {"jsonrpc": "2.0", "id": request["id"], "error" if error else "result": body}
        self.say(msgspec.json.encode(reply))

    def leave(self) -> None:
        self.hub.disconnect(self.connection)


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


def changed(evses: int = 1, **authorization: Any) -> Simulation:
    """A station whose `[authorization]` says something else."""
    text = config(evses)
    table = msgspec.structs.replace(text.authorization, **authorization)
    return booted(msgspec.structs.replace(text, authorization=table))


def booted(settings: StationConfig) -> Simulation:
    sim = Simulation(settings)
    sim.run_for(3_000)
    return sim


GOOD = [{"authorization_status": "Accepted", "tariff_messages": []}]


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


def test_a_validator_at_the_door_is_asked_and_displays_hear_of_each_step() -> None:
    sim = station()
    display, validator = Display(sim), Validator(sim)
    plug(sim, 1)
    assert present(sim) == "Processing"
    (asked,) = validator.asked
    assert asked["params"] == {"provided_token": token("CARD")}
    assert state(sim) == "waiting_auth"
    validator.judge(GOOD)
    assert state(sim) == "preparing", "at once, and not with the next status"
    assert display.shown == ["CARD Processing", "CARD Accepted", "CARD UsedToStart"]
    sim.run_for(10_000)
    assert state(sim) == "charging"
    assert present(sim) == "UsedToStop"


def test_whoever_follows_is_told_of_every_token_that_is_presented() -> None:
    sim = station(1, mode="list")
    follower = peer(sim)
    follower.result("subscribe", {"variable": "auth_token_provider.provided_token"})
    present(sim, "STRANGER")
    (told,) = follower.notified("auth_token_provider.provided_token")
    assert told["value"] == token("STRANGER")


def test_without_a_back_office_link_a_token_is_rejected_and_why_says_so() -> None:
    sim = station()
    plug(sim, 1)
    assert present(sim) == "Rejected"
    assert "no back office link" in peer(sim).result("sys.why")
    validator = Validator(sim)
    assert present(sim) == "Processing"
    validator.leave()
    assert state(sim) == "waiting_auth"
    assert present(sim) == "Rejected"
    assert present(sim, prevalidated=True) == "Accepted"


def test_the_words_of_a_validator_that_can_not_say_are_kept_for_why() -> None:
    sim = station()
    validator = Validator(sim)
    plug(sim, 1)
    present(sim)
    validator.judge("the back office is out of reach, and the token is not known here", error=True)
    sim.run_for(12_000)
    assert peer(sim).result("sys.why") == (
        "EVSE 1 is not charging because the car waits for authorization: the token of 12 s ago "
        "came to nothing: it could not be checked: the back office is out of reach, and the token "
        "is not known here; present a token, or start it from the back office."
    )


def test_why_says_that_a_card_is_being_checked_was_refused_or_is_not_the_one_awaited() -> None:
    sim = station()
    validator = Validator(sim)
    expiry = "2026-01-01T03:00:00Z"
    kept = {"reservation_id": 7, "id_token": "HOLDER", "expiry_time": expiry, "evse_id": 1}
    peer(sim).result("reservation.reserve_now", {"reservation": kept})
    assert "it is reserved (reservation 7)" in peer(sim).result("sys.why")
    plug(sim, 1)
    present(sim)
    assert "what is free is reserved for others; it is" in peer(sim).result("sys.why")
    present(sim, "HOLDER")
    assert "a token is being checked" in peer(sim).result("sys.why")
    validator.judge({"authorization_status": "Blocked"})
    assert "it was refused (Blocked); it is reserved" in peer(sim).result("sys.why")
    assert peer(sim).result("reservation.cancel_reservation", {"reservation_id": 7}) is True
    assert "(Blocked); present a token, or" in peer(sim).result("sys.why")


def test_the_configured_list_and_a_validator_of_ones_own_need_no_ocpp() -> None:
    sim = changed(mode="door", tokens=("HOUSE",))
    plug(sim, 1)
    assert present(sim) == "Rejected"
    validator = Validator(sim)
    assert present(sim) == "Processing"
    validator.judge({"authorization_status": "Blocked", "tariff_messages": []})
    assert state(sim) == "waiting_auth"
    assert present(sim, "house") == "Accepted"


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


def test_an_authorization_that_no_car_came_for_lapses_in_its_time() -> None:
    sim = station()
    display = Display(sim)
    timeout = {"connection_timeout_s": 45}
    peer(sim).result("authorization.set_connection_timeout", timeout)
    assert present(sim, prevalidated=True) == "Accepted"
    assert sim.station is not None
    session = sim.station.core.sessions[1]
    sim.run_for(44_900)
    assert session.authorized
    sim.run_for(200)
    assert not session.authorized
    assert session.record.uuid == ""
    assert display.shown == ["CARD Accepted", "CARD TimedOut"]


@pytest.mark.parametrize("seconds", [0, -1, 3_601, 1.5, True])
def test_a_timeout_out_of_bounds_is_refused(seconds: Any) -> None:
    params = {"connection_timeout_s": seconds}
    code, _, field = peer(station()).error("authorization.set_connection_timeout", params)
    assert (code, field) == (BAD_PARAMS, "connection_timeout_s")


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


def test_a_choice_and_a_withdrawal_at_the_door() -> None:
    sim = changed(2, selection="UserInput")
    caller = peer(sim)
    assert caller.result("authorization.select", {"evse": 2}) is False
    assert present(sim, prevalidated=True) == "Accepted"
    assert caller.result("authorization.select", {"evse": 2}) is True
    assert sim.station is not None
    assert sim.station.core.sessions[2].authorized
    assert caller.result("authorization.withdraw", {"request": {"evse_id": 2}}) == "Accepted"
    assert not sim.station.core.sessions[2].authorized
    wrong = {"request": {"evse_id": 9}}
    assert caller.result("authorization.withdraw", wrong) == "EvseNotFound"
    code, _, field = caller.error("authorization.select", {"evse": 3})
    assert (code, field) == (BAD_PARAMS, "evse")


def test_a_reservation_at_the_door_outlives_a_restart_of_the_core() -> None:
    sim = station(2)
    display = Display(sim)
    wanted = {
        "reservation_id": 7,
        "id_token": "CARD",
        "expiry_time": "2026-01-01T03:00:00Z",
        "evse_id": 1,
    }
    asked = {"id_token": "other", "evse_id": 1}
    assert peer(sim).result("reservation.reserve_now", {"reservation": wanted}) == "Accepted"
    assert peer(sim).result("reservation.check", {"check": asked}) == "ReservedForOtherToken"
    assert display.notified(UPDATE)[0]["value"]["reservation_status"] == "Placed"
    assert sim.station is not None
    sim.run_for(100)
    sim.kill_core()
    sim.run_for(1_000)
    sim.start_core()
    sim.run_for(5_000)
    assert peer(sim).result("reservation.check", {"check": asked}) == "ReservedForOtherToken"
    assert sim.station.core.sessions[1].reservation_id == 7
    assert present(sim, "OTHER", prevalidated=True, connectors=[1]) == "Rejected"
    assert present(sim, "CARD", prevalidated=True) == "Accepted"
    assert sim.station.core.sessions[1].record.reservation_id == 7
    assert peer(sim).result("reservation.cancel_reservation", {"reservation_id": 7}) is False


def test_reservations_that_can_not_be_read_hold_nobody_up() -> None:
    sim = station()
    sim.kill_core()
    sim.database.execute("REPLACE INTO snapshot VALUES (0, x'ff')")
    sim.start_core()
    sim.run_for(3_000)
    assert [words for words in sim.said if "reservations can not be read" in words]
    assert present(sim, prevalidated=True) == "Accepted"
