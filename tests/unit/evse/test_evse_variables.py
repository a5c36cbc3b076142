"""`subscribe` and `get` of every variable, and events that join the live stream without a seam."""

from __future__ import annotations

import pytest
from journal_rig import JournalRig
from station_rig import BAD_PARAMS, Peer, accepted, station

from evse.door.variables import BATCH, SESSION_EVENT, VARIABLES
from evse.journal.journal import MAX_CONSUMERS
from hil.sim.simulation import Simulation

MANAGED = sorted(v for v in VARIABLES if v.startswith("evse_manager."))


def peer(sim: Simulation) -> Peer:
    assert sim.station is not None
    return Peer(sim.station.hub)


@pytest.mark.parametrize("variable", sorted(VARIABLES))
def test_every_variable_can_be_followed_and_got(variable: str) -> None:
    sim = station()
    caller = peer(sim)
    told = caller.result("subscribe", {"variable": variable})
    standing = {"last_seq", "first_seq", "journal", "from_seq"}
    assert set(told) == (standing if variable == SESSION_EVENT else {"value"})
    caller.result("get", {"variable": variable, "evse": 1})


@pytest.mark.parametrize("variable", ["evse_manager.limits", "evse_manager.powermeter"])
def test_a_follower_gets_the_last_value_and_then_each_new_one(variable: str) -> None:
    sim = station()
    caller = peer(sim)
    assert caller.result("subscribe", {"variable": variable})["value"] is not None
    limit = {"ac_max_current_A": {"value": 10, "source": "test"}}
    entry = {
        "timestamp": "2020-01-01T00:00:00Z",
        "limits_to_leaves": limit,
        "limits_to_root": {},
    }
    value = {"schedule_import": [entry], "schedule_export": [], "schedule_setpoints": []}
    caller.result("evse_manager.set_external_limits", {"value": value})
    sim.run_for(2_000)
    last = caller.notified(variable)[-1]
    assert last["evse"] == 1
    assert last["value"] == caller.result("get", {"variable": variable})


@pytest.mark.parametrize("method", ["get", "subscribe"])
def test_what_is_no_variable_or_no_evse_is_refused_by_name(method: str) -> None:
    caller = peer(station(2))
    assert caller.error(method, {"variable": "evse_manager.nope"})[2] == "variable"
    assert caller.error(method, {})[2] == "variable"
    for evse in (0, 3, -1):
        params = {"variable": "evse_manager.limits", "evse": evse}
        assert caller.error(method, params)[::2] == (BAD_PARAMS, "evse")


@pytest.mark.parametrize("variable", MANAGED)
def test_get_needs_the_evse_where_there_are_two(variable: str) -> None:
    assert peer(station(2)).error("get", {"variable": variable})[::2] == (BAD_PARAMS, "evse")


@pytest.mark.parametrize("from_seq", [-1, 1 << 63, 10**30, 1.5, "1", None])
def test_a_number_that_no_journal_has_is_refused_by_name(from_seq: object) -> None:
    params = {"variable": SESSION_EVENT, "from_seq": from_seq}
    assert peer(station()).error("subscribe", params)[::2] == (BAD_PARAMS, "from_seq")


def test_a_variable_without_numbers_refuses_from_seq() -> None:
    params = {"variable": "evse_manager.limits", "from_seq": 1}
    assert peer(station()).error("subscribe", params)[::2] == (BAD_PARAMS, "from_seq")


def test_get_gives_the_last_event_of_the_evse_that_is_asked_for() -> None:
    sim = station(2)
    caller = peer(sim)
    sim.plants[2].car.plug()
    sim.wake()
    sim.run_for(3_000)
    events = {n: caller.result("get", {"variable": SESSION_EVENT, "evse": n}) for n in (1, 2)}
    assert (events[1]["event"], events[2]["event"]) == ("Enabled", "AuthRequired")


def test_without_from_seq_only_what_comes_is_told() -> None:
    sim = station()
    caller = peer(sim)
    caller.result("subscribe", {"variable": SESSION_EVENT})
    assert caller.notified(SESSION_EVENT) == []
    caller.result("evse_manager.authorize_response", accepted())
    names = [p["value"]["event"] for p in caller.notified(SESSION_EVENT)]
    assert names == ["SessionStarted", "Authorized"]


@pytest.mark.parametrize("stored", [0, 1, BATCH - 1, BATCH, BATCH + 1, 3 * BATCH])
def test_catching_up_joins_the_live_stream_without_gap_or_double(stored: int) -> None:
    rig = JournalRig()
    for number in range(stored):
        rig.append(str(number))
    rig.storage.drain()
    consumer = rig.follow(1)
    later = 0
    while rig.storage.jobs or rig.storage.outcomes:
        if later < 5:
            rig.append(f"later {later}")
            later += 1
        rig.storage.work()
        rig.storage.deliver()
    assert [seq for seq, _, _ in consumer.got] == list(range(1, stored + later + 1))


def test_a_follower_of_what_was_pruned_waits_for_what_comes() -> None:
    rig = JournalRig()
    rig.append("old")
    rig.append("newest")
    rig.storage.drain()
    rig.wait(366 * 86_400_000)
    rig.storage.drain()
    assert rig.rows("SELECT seq FROM event") == [(2,)]
    consumer = rig.follow(1)
    for _ in range(10):
        rig.storage.work()
        rig.storage.deliver()
    assert rig.storage.jobs == []
    rig.append("new")
    rig.storage.drain()
    assert [seq for seq, _, _ in consumer.got] == [2, 3]


def test_a_follower_that_asks_again_is_followed_from_there_once() -> None:
    rig = JournalRig()
    for number in range(5):
        rig.append(str(number))
    rig.storage.drain()
    consumer = rig.follow(1)
    again = b'{"jsonrpc":"2.0","id":2,"method":"subscribe","params":'
    again += b'{"variable":"evse_manager.session_event","from_seq":4}}'
    rig.hub.receive(consumer.connection, again)
    rig.storage.drain()
    assert [seq for seq, _, _ in consumer.got] == [4, 5]


@pytest.mark.parametrize("from_seq", [2, 1_001])
def test_a_consumer_of_an_older_journal_is_told_the_new_one_from_its_beginning(
    from_seq: int,
) -> None:
    """The old database was set aside and numbers began anew; its number may be one of the new."""
    rig = JournalRig()
    for text in ("one", "two", "three"):
        rig.append(text)
    rig.storage.drain()
    other = rig.follow(from_seq, journal="another")
    same = rig.follow(from_seq, journal=rig.journal.journal_id)
    rig.storage.drain()
    assert other.told["journal"] == rig.journal.journal_id
    assert [seq for seq, _, _ in other.got] == [1, 2, 3]
    assert [seq for seq, _, _ in same.got] == [n for n in (1, 2, 3) if n >= from_seq]


@pytest.mark.parametrize(("acknowledged", "first"), [(None, 1), (0, 1), (2, 3), (3, 4)])
def test_a_consumer_without_a_memory_goes_on_behind_what_it_acknowledged(
    acknowledged: int | None, first: int
) -> None:
    rig = JournalRig()
    for text in ("one", "two", "three"):
        rig.append(text)
    rig.storage.drain()
    if acknowledged is not None:
        rig.journal.acknowledge("ocpp", acknowledged)
    consumer = rig.follow(None, consumer="ocpp")
    rig.append("four")
    rig.storage.drain()
    assert consumer.told["from_seq"] == first
    assert [seq for seq, _, _ in consumer.got] == list(range(first, 5))


def test_a_peer_that_left_while_its_events_were_fetched_gets_nothing() -> None:
    rig = JournalRig()
    rig.append("one")
    rig.storage.drain()
    consumer = rig.follow(1)
    rig.hub.disconnect(consumer.connection)
    rig.storage.drain()
    assert consumer.got == []


def test_one_consumer_more_than_can_be_remembered_is_refused_by_name() -> None:
    caller = peer(station())
    for number in range(MAX_CONSUMERS):
        assert caller.result("journal.acknowledge", {"consumer": f"c{number}", "seq": 0})
    params = {"consumer": "one more", "seq": 0}
    assert caller.error("journal.acknowledge", params)[::2] == (BAD_PARAMS, "consumer")
    assert caller.result("journal.acknowledge", {"consumer": "c0", "seq": 1})
