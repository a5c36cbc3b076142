"""A limit of the whole station, told at the door, as the metal follows it."""

from __future__ import annotations

from typing import Any

import pytest

from evse.clock import rfc3339
from hil.bench.station import StationSetup
from hil.sim.simulation import Simulation

pytestmark = pytest.mark.timeout(120)

MINUTE_MS = 60_000
CABLE_A = 16.0
"""What the cars of this file are rated for."""


def station(evses: int = 2) -> Simulation:
    sim = Simulation(StationSetup(authorization="free", evses=evses).config(), seed=1)
    sim.run_for(3_000)
    return sim


def tell(sim: Simulation, amps: float | None, **more: Any) -> None:
    entry = {
        "timestamp": rfc3339(sim.clock.utc()),
        "limits_to_root": {"ac_max_current_A": {"value": amps, "source": "OCPP"}},
    }
    value = {"schedule_import": [] if amps is None else [entry]}
    sim.peer().ask("evse_manager.set_external_limits", {"evse": 0, "value": value, **more})


def plug(sim: Simulation, evse: int) -> None:
    sim.plants[evse].car.plug(draw_a=32.0)
    sim.wake()


def drawn_a(sim: Simulation) -> list[float]:
    return [max(plant.meter(sim.now_ms).current_a) for plant in sim.plants.values()]


def test_one_car_has_the_whole_limit_and_two_share_it() -> None:
    sim = station()
    tell(sim, 15.0)
    plug(sim, 1)
    sim.run_for(30_000)
    assert drawn_a(sim) == pytest.approx([15.0, 0.0], abs=0.3)
    plug(sim, 2)
    sim.run_for(MINUTE_MS)
    assert drawn_a(sim) == pytest.approx([7.5, 7.5], abs=0.3)
    tell(sim, None)
    sim.run_for(MINUTE_MS)
    assert drawn_a(sim) == pytest.approx([CABLE_A, CABLE_A], abs=0.5)


def test_too_little_for_both_is_taken_in_turns() -> None:
    sim = station()
    for evse in (1, 2):
        plug(sim, evse)
    sim.run_for(30_000)
    tell(sim, 8.0)
    sim.run_for(MINUTE_MS)
    assert sorted(drawn_a(sim)) == pytest.approx([0.0, 8.0], abs=0.3)


def test_0_a_pauses_everybody_and_ends_no_transaction() -> None:
    """Pitfall 18: a limit only suspends."""
    sim = station()
    for evse in (1, 2):
        plug(sim, evse)
    sim.run_for(30_000)
    tell(sim, 0.0)
    sim.run_for(MINUTE_MS)
    assert drawn_a(sim) == [0.0, 0.0]
    assert sim.station is not None
    assert all(s.record.transaction for s in sim.station.core.sessions.values())
    why = sim.peer().ask("sys.why", {"evse": 1})
    assert "OCPP limits it to 0 A" in str(why)


def test_a_single_evse_is_held_to_it_and_says_who() -> None:
    sim = station(1)
    tell(sim, 9.0, source="OCPP")
    plug(sim, 1)
    sim.run_for(30_000)
    assert drawn_a(sim) == pytest.approx([9.0], abs=0.3)


def test_a_core_that_starts_again_keeps_to_it() -> None:
    sim = station()
    tell(sim, 15.0)
    for evse in (1, 2):
        plug(sim, evse)
    sim.run_for(MINUTE_MS)
    sim.kill_core()
    sim.run_for(10_000)
    sim.start_core()
    for _ in range(120):
        sim.run_for(500)
        assert sum(drawn_a(sim)) <= 15.5
    assert sum(drawn_a(sim)) == pytest.approx(15.0, abs=0.5)


def test_a_lifetime_ends_it() -> None:
    sim = station()
    tell(sim, 10.0, lifetime_s=60, fallback_a=12.0)
    plug(sim, 1)
    sim.run_for(30_000)
    assert max(drawn_a(sim)) == pytest.approx(10.0, abs=0.3)
    sim.run_for(60_000)
    assert max(drawn_a(sim)) == pytest.approx(12.0, abs=0.3)
