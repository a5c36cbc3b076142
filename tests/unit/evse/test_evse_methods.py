"""What the core serves at the door: every method with a bad call of each kind, and a good one."""

from __future__ import annotations

from typing import Any

import pytest
from station_rig import BAD_PARAMS, Peer, accepted, station, token

from evse.door import jsonrpc
from evse.door.methods import TABLE
from hil.sim.simulation import Simulation

LIMITS: dict[str, Any] = {"schedule_import": [], "schedule_export": [], "schedule_setpoints": []}
GOOD: dict[str, dict[str, Any]] = {
    "evse_manager.get_id": {},
    "evse_manager.enable": {"connector_id": 0},
    "evse_manager.disable": {"connector_id": 0},
    "evse_manager.authorize_response": accepted(),
    "evse_manager.withdraw_authorization": {},
    "evse_manager.pause_charging": {},
    "evse_manager.resume_charging": {},
    "evse_manager.stop_transaction": {"request": {"reason": "Remote"}},
    "evse_manager.force_unlock": {"connector_id": 1},
    "evse_manager.set_external_limits": {"value": LIMITS},
    "evse_manager.enable_disable": {
        "connector_id": 0,
        "cmd_source": {
            "enable_source": "CSMS",
            "enable_state": "Disable",
            "enable_priority": 5_000,
        },
    },
    "evse_manager.reserve": {"reservation_id": 7},
    "evse_manager.cancel_reservation": {},
    "evse_manager.set_faulted": {},
    "evse_manager.switch_three_phases_while_charging": {"three_phases": True},
    "evse_manager.set_get_certificate_response": {
        "certificate_reponse": {"status": "Failed", "certificate_action": "Install"}
    },
    "iso15118_extensions.set_get_certificate_response": {
        "certificate_response": {"status": "Failed", "certificate_action": "Install"}
    },
    "uk_random_delay.cancel": {},
    "ac_rcd.self_test": {},
    "metering.accept": {},
    "sys.inspect": {},
    "sys.why": {},
}
"""A call of each method that addresses an EVSE."""
OF_THE_STATION: dict[str, dict[str, Any]] = {
    "auth_token_provider.present": {"token": token()},
    "authorization.withdraw": {"request": {}},
    "authorization.select": {"evse": 1},
    "authorization.set_connection_timeout": {"connection_timeout_s": 60},
    "authorization.set_ev_side_disconnect": {"stop_transaction": True, "unlock_connector": True},
    "authorization.set_foreign_tokens": {"ask": True},
    "authorization.set_group": {"evse": 1, "id_token": "CARD", "parent_id_token": "FLEET"},
    "reservation.reserve_now": {
        "reservation": {
            "reservation_id": 1,
            "id_token": "CARD",
            "expiry_time": "2026-01-01T01:00:00Z",
        }
    },
    "reservation.cancel_reservation": {"reservation_id": 1},
    "reservation.check": {"check": {"id_token": "CARD"}},
    "history.delete_before": {"before": "2020-01-01T00:00:00Z"},
    "history.sessions": {},
    "journal.acknowledge": {"consumer": "test", "seq": 0},
}


@pytest.fixture
def one() -> Simulation:
    return station(1)


@pytest.fixture
def two() -> Simulation:
    return station(2)


def peer(sim: Simulation) -> Peer:
    assert sim.station is not None
    return Peer(sim.station.hub)


def state_of(sim: Simulation, evse: int = 1) -> tuple[Any, ...]:
    """All that a refused call must leave alone."""
    assert sim.station is not None
    session = sim.station.core.sessions[evse]
    record = session.record
    journal = sim.station.core.journal.last_seq
    return (
        session.state,
        record.encode(),
        session.stop,
        session.user_pause,
        session.limit(),
        journal,
    )


def test_every_method_is_in_this_test() -> None:
    assert set(TABLE) == set(GOOD) | set(OF_THE_STATION)


@pytest.mark.parametrize("method", GOOD)
def test_evse_may_be_left_out_where_the_station_has_one(one: Simulation, method: str) -> None:
    caller = peer(one)
    caller.call(method, GOOD[method])
    caller.call(method, {**GOOD[method], "evse": 1})
    one.run_for(30_000)
    answers = [caller.answer(1), caller.answer(2)]
    assert all(a is not None and "result" in a for a in answers), answers


@pytest.mark.parametrize("method", GOOD)
def test_evse_is_needed_where_the_station_has_two(two: Simulation, method: str) -> None:
    before = state_of(two), state_of(two, 2)
    code, message, field = peer(two).error(method, GOOD[method])
    assert (code, field) == (BAD_PARAMS, "evse")
    assert "[1, 2]" in message
    assert (state_of(two), state_of(two, 2)) == before


@pytest.mark.parametrize("evse", [0, -1, 3, 10**30])
@pytest.mark.parametrize("method", GOOD)
def test_an_evse_that_is_not_here_is_refused(two: Simulation, method: str, evse: int) -> None:
    if (method, evse) == ("evse_manager.set_external_limits", 0):
        return  # the station as a whole
    before = state_of(two)
    code, _, field = peer(two).error(method, {**GOOD[method], "evse": evse})
    assert (code, field) == (BAD_PARAMS, "evse")
    assert state_of(two) == before


@pytest.mark.parametrize("method", [*GOOD, *OF_THE_STATION])
def test_a_field_that_nobody_knows_is_refused_by_name(one: Simulation, method: str) -> None:
    before = state_of(one)
    params = {**GOOD, **OF_THE_STATION}[method]
    code, _, field = peer(one).error(method, {**params, "colour": "red"})
    assert (code, field) == (BAD_PARAMS, "colour")
    assert state_of(one) == before


@pytest.mark.parametrize("wrong", [None, True, "x", 1.5, [], {"a": 1}])
@pytest.mark.parametrize("method", [*GOOD, *OF_THE_STATION])
def test_a_field_of_the_wrong_type_is_refused_by_name(
    one: Simulation, method: str, wrong: Any
) -> None:
    before = state_of(one)
    params = {**GOOD, **OF_THE_STATION}[method]
    for name in params:
        flags = name in ("three_phases", "stop_transaction", "unlock_connector", "ask")
        texts = name in ("consumer", "id_token", "parent_id_token")
        if (texts and wrong == "x") or (flags and wrong is True):
            continue
        if (name, wrong) == ("request", {"a": 1}):
            continue  # of its type after all: an open one lets fields pass that nobody knows
        code, _, field = peer(one).error(method, {**params, name: wrong})
        assert code == BAD_PARAMS
        assert field is not None
        assert field.startswith(name)
    assert state_of(one) == before


@pytest.mark.parametrize("method", ["evse_manager.enable", "evse_manager.disable"])
@pytest.mark.parametrize("connector_id", [-1, 2, 10**20])
def test_a_connector_that_is_not_here_is_refused(
    one: Simulation, method: str, connector_id: int
) -> None:
    before = state_of(one)
    code, _, field = peer(one).error(method, {"connector_id": connector_id})
    assert (code, field) == (BAD_PARAMS, "connector_id")
    assert state_of(one) == before


@pytest.mark.parametrize("moment", ["2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z"])
def test_a_time_that_no_calendar_has_changes_no_limit(one: Simulation, moment: str) -> None:
    before = state_of(one)
    value = {**LIMITS, "schedule_import": [{"timestamp": moment}]}
    code, _, field = peer(one).error("evse_manager.set_external_limits", {"value": value})
    assert (code, field) == (BAD_PARAMS, "value.schedule_import")
    assert state_of(one) == before


@pytest.mark.parametrize("seq", [-1, 10**6, 10**30])
def test_what_was_not_written_can_not_be_acknowledged(one: Simulation, seq: int) -> None:
    params = {"consumer": "test", "seq": seq}
    code, _, field = peer(one).error("journal.acknowledge", params)
    assert (code, field) == (BAD_PARAMS, "seq")


def test_a_session_through_the_door(one: Simulation) -> None:
    caller = peer(one)
    assert one.station is not None
    one.plants[1].car.plug()
    one.wake()
    one.run_for(3_000)
    assert "waits for authorization" in caller.result("sys.why")
    caller.result("evse_manager.authorize_response", accepted())
    one.run_for(20_000)
    assert "is charging: 32 A are offered" in caller.result("sys.why")
    assert caller.result("evse_manager.pause_charging") is True
    one.run_for(10_000)
    assert "paused by request" in caller.result("sys.why")
    assert caller.result("evse_manager.resume_charging") is True
    one.run_for(10_000)
    assert one.station.core.sessions[1].state == "charging"
    request = {"reason": "Local", "id_tag": token()}
    assert caller.result("evse_manager.stop_transaction", {"request": request}) is True
    one.run_for(10_000)
    assert "was ended (Local)" in caller.result("sys.why")
    assert caller.result("evse_manager.stop_transaction", {"request": request}) is False


def test_force_unlock_answers_when_the_bolt_has_moved(one: Simulation) -> None:
    caller = peer(one)
    one.plants[1].car.plug()
    one.wake()
    one.run_for(2_000)
    assert one.plants[1].locked
    assert caller.call("evse_manager.force_unlock", {"connector_id": 1}) is None, "it waits"
    one.run_for(2_000)
    assert caller.lines[-1]["result"] is True
    assert not one.plants[1].locked


def test_force_unlock_tells_a_jam(one: Simulation) -> None:
    caller = peer(one)
    one.plants[1].car.plug()
    one.wake()
    one.run_for(2_000)
    one.plants[1].set_fault("lock_jam")
    caller.call("evse_manager.force_unlock", {"connector_id": 1})
    one.run_for(30_000)
    assert caller.lines[-1]["result"] is False


def test_a_token_for_an_evse_that_is_not_here_starts_none(two: Simulation) -> None:
    prevalidated = token(connectors=[7], prevalidated=True)
    assert peer(two).result("auth_token_provider.present", {"token": prevalidated}) == "Rejected"
    assert [state_of(two)[0], state_of(two, 2)[0]] == ["idle", "idle"]
    here = token(connectors=[7, 2], prevalidated=True)
    assert peer(two).result("auth_token_provider.present", {"token": here}) == "Accepted"
    assert two.station is not None
    assert two.station.core.sessions[2].authorized


def test_no_method_of_another_name_is_served(one: Simulation) -> None:
    assert peer(one).error("evse_manager.fly")[0] == jsonrpc.METHOD_NOT_FOUND
