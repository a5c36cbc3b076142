"""The random delay as it is told, and ended by a person (SI 2021/1467 regulation 11)."""

from __future__ import annotations

from typing import Any

from station_rig import BAD_PARAMS, Peer, config

from evse.config.load import parse
from evse.types.uk_random_delay import CountDown
from hil.sim.simulation import Simulation

COUNTDOWN = "uk_random_delay.countdown"
STATION = """
[station]
identity = "DELAY-1"
[board]
kind = "simulated"
[[evse]]
id = 1
evse_id = "DE*PNX*E1*1"
connector = "cable"
max_current_a = 32.0
[authorization]
mode = "free"
[limits.random_delay]
enabled = true
"""
LIMIT = {
    "timestamp": "2020-01-01T00:00:00Z",
    "limits_to_leaves": {"ac_max_current_A": {"value": 10.0, "source": "grid"}},
}


ZERO = {
    "timestamp": "2020-01-01T00:00:00Z",
    "limits_to_leaves": {"ac_max_current_A": {"value": 0.0, "source": "grid"}},
}


def drawn_a(sim: Simulation) -> list[int]:
    return [round(max(plant.meter(sim.now_ms).current_a)) for plant in sim.plants.values()]


def charging() -> tuple[Simulation, Peer]:
    """A car charges at 32 A, and somebody follows the countdown from the start."""
    sim = Simulation(parse(STATION), seed=3)
    sim.run_for(3_000)
    assert sim.station is not None
    peer = Peer(sim.station.hub)
    peer.result("subscribe", {"variable": COUNTDOWN})
    sim.plants[1].car.plug()
    sim.wake()
    sim.run_for(20_000)
    assert sim.station.core.sessions[1].state == "charging"
    return sim, peer


def told(peer: Peer) -> list[Any]:
    return [note["value"] for note in peer.notified(COUNTDOWN)]


def delay(sim: Simulation, peer: Peer) -> dict[str, Any]:
    """A back office lowers the limit; what was told of the delay first."""
    peer.lines.clear()
    peer.result("evse_manager.set_external_limits", {"value": {"schedule_import": [LIMIT]}})
    sim.wake()
    return dict(told(peer)[0])


def test_a_delay_is_counted_down_second_by_second_and_its_end_is_told_once() -> None:
    sim, peer = charging()
    first = delay(sim, peer)
    assert (first["current_limit_during_delay_A"], first["current_limit_after_delay_A"]) == (32, 10)
    assert first["start_time"].endswith("Z")
    span_s = first["countdown_s"]
    assert 0 < span_s <= 600
    sim.run_for(span_s * 1_000 + 30_000)
    seen = told(peer)
    assert [row["countdown_s"] for row in seen] == list(range(span_s, -1, -1))
    assert {row.get("start_time") for row in seen[:-1]} == {first["start_time"]}
    last = {"countdown_s": 0, "current_limit_after_delay_A": 10.0}
    assert seen[-1] == {**last, "current_limit_during_delay_A": 10.0}
    assert peer.result("get", {"variable": COUNTDOWN}) == seen[-1]


def test_a_person_ends_it_at_once() -> None:
    sim, peer = charging()
    assert delay(sim, peer)["countdown_s"] > 10
    assert peer.result("uk_random_delay.cancel") is None
    sim.wake()
    assert told(peer)[-1]["countdown_s"] == 0
    sim.run_for(10_000)
    assert max(sim.plants[1].meter(sim.now_ms).current_a) <= 10.5


def test_where_no_delay_is_configured_none_is_told() -> None:
    sim = Simulation(config(mode="free"))
    sim.run_for(3_000)
    assert sim.station is not None
    peer = Peer(sim.station.hub)
    assert peer.result("get", {"variable": COUNTDOWN}) is None
    code, text, field = peer.error("get", {"variable": "uk_random_delay.count"})
    assert (code, field) == (BAD_PARAMS, "variable")
    assert COUNTDOWN in text


def test_the_wire_has_the_names_of_the_interface() -> None:
    assert CountDown.__struct_encode_fields__ == (
        "countdown_s",
        "current_limit_after_delay_A",
        "current_limit_during_delay_A",
        "start_time",
    )


def test_a_shared_fuse_follows_a_delayed_limit_when_the_delay_is_over() -> None:
    """Both take 10 A; what one has to give back after its delay the other one gets then."""
    second = STATION[STATION.index("[[evse]]") : STATION.index("[authorization]")]
    second = second.replace("id = 1", "id = 2").replace("*E1*1", "*E2*1")
    text = STATION.replace("[authorization]", f"{second}[authorization]")
    text = text.replace('identity = "DELAY-1"', 'identity = "DELAY-1"\nfuse_a = 20.0')
    sim = Simulation(parse(text), seed=3)
    sim.run_for(3_000)
    for plant in sim.plants.values():
        plant.car.plug(draw_a=32.0)
    sim.wake()
    sim.run_for(40_000)
    assert sim.station is not None
    peer = Peer(sim.station.hub)
    schedule = {"schedule_import": [ZERO]}
    peer.result("evse_manager.set_external_limits", {"evse": 1, "value": schedule})
    sim.wake()
    sim.run_for(8_000)
    assert drawn_a(sim) == [10, 10]
    peer.result("uk_random_delay.cancel", {"evse": 1})
    sim.wake()
    sim.run_for(30_000)
    assert drawn_a(sim) == [0, 20]
