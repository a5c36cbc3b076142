"""The spelling of September 2023 on the way out, for a peer that said hello in it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_rig import JournalRig
from published import STRUCTS, json_of, plain_values
from station_rig import BAD_PARAMS, Peer, accepted, station

from evse.door.hub import Hub
from evse.door.roles import Role
from evse.door.spelling import Interface, Spelling
from evse.door.variables import SESSION_EVENT, VARIABLES
from evse.telling.fault_report import FaultReport
from evse.types.board_support import HardwareCapabilities, Telemetry
from evse.types.energy import EnforcedLimits
from evse.types.evse_manager import EVInfo
from evse.types.interfaces import EVSE_MANAGER, ISO15118_EXTENSIONS
from evse.types.powermeter import Powermeter
from evse.types.seed import shapes
from evse.types.seed.session_shapes import SeedSessionEvent
from evse.types.seed.table import SHAPES
from evse.types.session import SessionEvent
from hil.sim.simulation import Simulation

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
OLDER: dict[str, type[Any]] = {
    "evse_manager.telemetry": shapes.SeedTelemetry,
    "evse_manager.powermeter": shapes.SeedPowermeter,
    "evse_manager.hw_capabilities": shapes.SeedHardwareCapabilities,
    "evse_manager.enforced_limits": shapes.SeedEnforcedLimits,
    "evse_manager.ev_info": shapes.SeedEVInfo,
}


def hub_of(sim: Simulation) -> Hub:
    assert sim.station is not None
    return sim.station.hub


def older(sim: Simulation) -> Peer:
    """A peer of 2023."""
    peer = Peer(hub_of(sim), Role.OBSERVER)
    assert peer.result("hello", {"interface": "2023"})["interface"] == "2023"
    return peer


def present(sim: Simulation) -> Peer:
    return Peer(hub_of(sim))


def charge(sim: Simulation) -> None:
    sim.plants[1].car.plug()
    sim.wake()
    sim.run_for(3_000)
    present(sim).result("evse_manager.authorize_response", accepted())
    sim.run_for(15_000)


def events(peer: Peer) -> list[str]:
    return [p["value"]["event"] for p in peer.notified(SESSION_EVENT)]


# --- hello ----------------------------------------------------------------------------------------


def test_without_a_word_a_peer_is_told_in_the_present_spelling() -> None:
    sim = station()
    peer = present(sim)
    assert peer.result("hello")["interface"] == "present"
    assert "evse_temperature_C" in peer.result("get", {"variable": "evse_manager.telemetry"})


@pytest.mark.parametrize("interface", ["2022", "Present", "", 2023, None])
def test_a_generation_that_never_was_is_refused_and_nothing_changes(interface: Any) -> None:
    sim = station()
    peer = older(sim)
    assert peer.error("hello", {"interface": interface})[::2] == (BAD_PARAMS, "interface")
    assert peer.connection.interface is Interface.SEED


def test_what_was_followed_before_stays_as_it_was_asked_for() -> None:
    sim = station()
    peer = present(sim)
    peer.result("subscribe", {"variable": "evse_manager.telemetry"})
    peer.result("hello", {"interface": "2023"})
    sim.run_for(3_000)
    assert all("evse_temperature_C" in p["value"] for p in peer.notified("evse_manager.telemetry"))


# --- values ---------------------------------------------------------------------------------------


def test_every_type_with_an_older_shape_that_goes_out_is_in_this_test() -> None:
    emitted = {v.type for v in EVSE_MANAGER.variables if v.type in SHAPES}
    assert {SHAPES[type_].seed for type_ in emitted} == {*OLDER.values(), SeedSessionEvent}


def test_no_command_of_the_core_answers_in_a_type_that_was_another_then() -> None:
    """So the older spelling is a matter of variables alone."""
    core = (EVSE_MANAGER, ISO15118_EXTENSIONS)
    assert not [c.name for page in core for c in page.commands if c.result in SHAPES]


@pytest.mark.parametrize("variable", OLDER)
def test_get_and_subscribe_tell_the_shape_of_2023(variable: str) -> None:
    sim = station()
    peer, strict = older(sim), OLDER[variable]
    got = peer.result("get", {"variable": variable})
    msgspec.convert(got, strict)
    assert set(got) <= set(strict.__struct_encode_fields__)
    assert peer.result("subscribe", {"variable": variable})["value"] == got
    charge(sim)
    told = [params["value"] for params in peer.notified(variable)]
    assert told or variable == "evse_manager.hw_capabilities", "which does not change by charging"
    for value in told:
        msgspec.convert(value, strict)
        assert set(value) <= set(strict.__struct_encode_fields__)


@pytest.mark.parametrize("variable", sorted(VARIABLES - OLDER.keys() - {SESSION_EVENT}))
def test_what_has_one_shape_is_told_alike_in_both(variable: str) -> None:
    sim = station()
    charge(sim)
    was, now = (p.result("get", {"variable": variable}) for p in (older(sim), present(sim)))
    assert was == now


def test_both_generations_are_told_of_the_same_value_at_once() -> None:
    sim = station()
    peers = older(sim), present(sim)
    for peer in peers:
        peer.result("subscribe", {"variable": "evse_manager.telemetry"})
    sim.run_for(3_000)
    was, now = (p.notified("evse_manager.telemetry") for p in peers)
    assert len(was) == len(now) > 0
    for one, other in zip(was, now, strict=True):
        assert one["value"]["temperature"] == other["value"]["evse_temperature_C"]


def test_enforced_limits_end_when_they_were_told_to_and_not_later() -> None:
    """`valid_for` counts from the telling, not from a later `get`."""
    limits = msgspec.convert(
        {"uuid": "u", "valid_for": 60, "limits_root_side": {}, "schedule": []}, EnforcedLimits
    )
    hub = Hub()
    moments = iter([NOW])
    hub.spelling = Spelling(lambda: next(moments))
    hub.publish("evse_manager.enforced_limits", 1, limits)
    told = hub.last("evse_manager.enforced_limits", 1, Interface.SEED)
    assert told.valid_until == "2026-11-21T08:31:00.000Z"


@given(st.data())
def test_whatever_is_told_has_the_older_shape_where_there_is_one(data: st.DataObject) -> None:
    type_ = data.draw(
        st.sampled_from([Telemetry, Powermeter, HardwareCapabilities, EVInfo, EnforcedLimits])
    )
    value = msgspec.convert(data.draw(plain_values(type_)), type_)
    told = Spelling().told(Interface.SEED, value, NOW)
    msgspec.convert(json_of(told), SHAPES[type_].seed)
    assert Spelling().told(Interface.PRESENT, value, NOW) is value


@given(st.sampled_from(STRUCTS), st.data())
def test_no_value_of_any_page_can_not_be_told(type_: type[Any], data: st.DataObject) -> None:
    value = msgspec.convert(data.draw(plain_values(type_)), type_)
    json_of(Spelling().told(Interface.SEED, value, NOW))


# --- session events -------------------------------------------------------------------------------


def test_a_session_is_told_as_in_2023() -> None:
    sim = station()
    peer = older(sim)
    peer.result("subscribe", {"variable": SESSION_EVENT})
    charge(sim)
    caller = present(sim)
    caller.result("evse_manager.pause_charging")
    sim.run_for(10_000)
    caller.result("evse_manager.resume_charging")
    sim.run_for(15_000)
    caller.result("evse_manager.stop_transaction", {"request": {"reason": "EVSEDisabled"}})
    sim.run_for(10_000)
    assert events(peer) == [
        "SessionStarted",
        "AuthRequired",
        "TransactionStarted",
        "PrepareCharging",
        "ChargingStarted",
        "StoppingCharging",
        "ChargingPausedEVSE",
        "PrepareCharging",
        "ChargingResumed",
        "StoppingCharging",
        "ChargingFinished",
        "TransactionFinished",
    ]
    for params in peer.notified(SESSION_EVENT):
        msgspec.convert(params["value"], SeedSessionEvent)
        assert params["seq"] > 0
    by_name = {p["value"]["event"]: p["value"] for p in peer.notified(SESSION_EVENT)}
    assert by_name["TransactionStarted"]["transaction_started"]["id_tag"]["id_token"] == "CARD"
    assert by_name["TransactionFinished"]["transaction_finished"]["reason"] == "Other"


def test_from_the_middle_of_the_journal_the_same_is_told_as_from_its_start() -> None:
    """ChargingResumed or ChargingStarted depends on what was before."""
    sim = station()
    charge(sim)
    caller = present(sim)
    for _ in range(2):
        caller.result("evse_manager.pause_charging")
        sim.run_for(10_000)
        caller.result("evse_manager.resume_charging")
        sim.run_for(15_000)
    whole = older(sim)
    last = whole.result("subscribe", {"variable": SESSION_EVENT, "from_seq": 1})["last_seq"]
    everything = whole.notified(SESSION_EVENT)
    assert "ChargingResumed" in events(whole)
    for from_seq in range(1, last + 2):
        late = older(sim)
        late.result("subscribe", {"variable": SESSION_EVENT, "from_seq": from_seq})
        assert late.notified(SESSION_EVENT) == [p for p in everything if p["seq"] >= from_seq]


def test_get_tells_the_newest_event_as_in_2023_or_nothing() -> None:
    sim = station()
    peer = older(sim)
    assert peer.result("get", {"variable": SESSION_EVENT})["event"] == "Enabled"
    charge(sim)
    caller = present(sim)
    caller.result("evse_manager.pause_charging")
    sim.run_for(10_000)
    caller.result("evse_manager.resume_charging")
    sim.run_for(15_000)
    assert caller.result("get", {"variable": SESSION_EVENT})["event"] == "ChargingStarted"
    assert peer.result("get", {"variable": SESSION_EVENT})["event"] == "ChargingResumed"


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.integers(1, 2), st.sampled_from(list(range(9)))), max_size=25), st.data()
)
def test_any_history_is_told_alike_wherever_one_begins(
    history: list[tuple[int, int]], data: st.DataObject
) -> None:
    rig = JournalRig()
    for evse, kind in history:
        rig.journal.append(evse, _event(kind), b"")
    rig.storage.drain()
    whole = _older_consumer(rig, 1)
    late = _older_consumer(rig, data.draw(st.integers(1, len(history) + 1)))
    begin = late[0]
    assert late[1] == [params for params in whole[1] if params["seq"] >= begin]


KINDS = [
    "SessionStarted",
    "TransactionStarted",
    "ChargingStarted",
    "ChargingPausedEV",
    "ChargingPausedEVSE",
    "TransactionFinished",
    "SessionFinished",
    "Authorized",
    "PluginTimeout",
]


def _event(kind: int) -> bytes:
    event = {"uuid": "u", "event": KINDS[kind], "timestamp": "2026-11-21T08:30:00.000Z"}
    return msgspec.json.encode(msgspec.convert(event, SessionEvent))


def _older_consumer(rig: JournalRig, from_seq: int) -> tuple[int, list[dict[str, Any]]]:
    peer = Peer(rig.hub)
    peer.connection.interface = Interface.SEED
    peer.call("subscribe", {"variable": SESSION_EVENT, "from_seq": from_seq})
    rig.storage.drain()
    return from_seq, peer.notified(SESSION_EVENT)


# --- faults ---------------------------------------------------------------------------------------


def test_a_fault_that_blocks_is_an_event_of_2023_and_so_is_its_end() -> None:
    sim = station()
    peer, now = older(sim), present(sim)
    for each in (peer, now):
        each.result("subscribe", {"variable": SESSION_EVENT})
    charge(sim)
    sim.plants[1].set_fault("diode_short")
    sim.wake()
    sim.run_for(5_000)
    told = [p for p in peer.notified(SESSION_EVENT) if p["value"]["event"] == "Error"]
    assert [p["value"]["error"]["error_code"] for p in told] == ["CarDiodeFault"]
    assert all("seq" not in p for p in told), "no journal has it"
    assert told[0]["value"]["uuid"] == now.notified(SESSION_EVENT)[0]["value"]["uuid"]
    sim.plants[1].set_fault("diode_short", False)
    sim.plants[1].car.unplug()
    sim.wake()
    sim.run_for(20_000)
    assert events(peer).count("AllErrorsCleared") == 1
    assert {"Error", "AllErrorsCleared"}.isdisjoint(events(now))


def test_a_warning_is_no_error_of_2023() -> None:
    sim = station()
    peer = older(sim)
    peer.result("subscribe", {"variable": SESSION_EVENT})
    blocking = FaultReport(
        type="evse_board_support/DiodeFault",
        sub_type="",
        uuid="f",
        severity="High",
        message="m",
        description="d",
        blocks=True,
        state="Active",
        timestamp="2026-11-21T08:30:00.000Z",
    )
    warning = msgspec.structs.replace(blocking, blocks=False)
    hub = hub_of(sim)
    hub.publish("sys.fault", 1, warning)
    hub.publish("sys.faults", 1, [warning])
    hub.publish("sys.faults", 1, [])
    assert events(peer) == []
    hub.publish("sys.fault", 1, blocking)
    hub.publish("sys.faults", 1, [blocking, warning])
    hub.publish("sys.fault", 1, msgspec.structs.replace(blocking, state="Cleared"))
    hub.publish("sys.faults", 1, [warning])
    assert events(peer) == ["Error", "AllErrorsCleared"]
