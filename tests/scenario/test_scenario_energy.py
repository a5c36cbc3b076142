"""A station's energy from the metal's side: a shared fuse, a meter at the mains, heat, sun, phases.

What flows is measured on the supply's lines of the plant, not asked of the product.
"""

from __future__ import annotations

import random

import pytest

from evse.config.load import parse
from evse.energy.granting import RELEASE_MS
from hil.sim.mains import SimMains
from hil.sim.simulation import Simulation

pytestmark = pytest.mark.timeout(120)

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
FOLLOW_MS = 7_000
"""What a car and the guard may need to follow a lower offer, in all (spec C1: 6 s and margin)."""


def station(
    evses: int = 2, *, fuse_a: float | None = None, mains: str = "", more: str = ""
) -> Simulation:
    lines = ["[station]", 'identity = "ENERGY-1"']
    if fuse_a is not None:
        lines.append(f"fuse_a = {fuse_a}")
    lines += ["fuse_turn_s = 300", "[board]", 'kind = "simulated"']
    for number in range(1, evses + 1):
        lines += [
            "[[evse]]",
            f"id = {number}",
            f'evse_id = "DE*PNX*E{number:07}*1"',
            'connector = "socket"',
            "max_current_a = 32.0",
            more,
            "[evse.meter]",
            'kind = "modbus"',
            "[evse.lock]",
        ]
    lines += ["[authorization]", 'mode = "free"', mains]
    return Simulation(parse("\n".join(lines) + "\n"))


MAINS = """
[mains]
mode = "{mode}"
max_mains_a = 25
fallback_a = {fallback}
{more}
[mains.meter]
kind = "modbus"
"""


def smart(fallback: float = 6.0, *, mode: str = "smart", more: str = "") -> str:
    return MAINS.format(mode=mode, fallback=fallback, more=more)


def plug(sim: Simulation, evse: int, draw_a: float = 32.0, variant: str = "normal") -> None:
    sim.plants[evse].car.plug(draw_a=draw_a, variant=variant)
    sim.wake()


def unplug(sim: Simulation, evse: int) -> None:
    sim.plants[evse].car.unplug()
    sim.wake()


def drawn_a(sim: Simulation) -> tuple[float, ...]:
    """What all EVSEs take on each line of the supply (wired straight)."""
    rows = [plant.meter(sim.now_ms).current_a for plant in sim.plants.values()]
    return tuple(sum(line) for line in zip(*rows, strict=True))


def states(sim: Simulation) -> list[str]:
    assert sim.station is not None
    return [session.state for session in sim.station.core.sessions.values()]


def fault_codes(sim: Simulation, evse: int = 1) -> list[str]:
    assert sim.station is not None
    return [fault.code for fault in sim.station.core.sessions[evse].faults]


class Watch:
    """No line of the supply carries more than the fuse, but while a car follows a lower offer."""

    def __init__(self, sim: Simulation, fuse_a: float) -> None:
        self._sim = sim
        self._fuse_a = fuse_a
        self._over_since_ms: int | None = None
        self.most_a = 0.0

    def run(self, span_ms: int, every_ms: int = 500) -> None:
        for _ in range(span_ms // every_ms):
            self._sim.run_for(every_ms)
            top_a = max(drawn_a(self._sim))
            self.most_a = max(self.most_a, top_a)
            if top_a <= self._fuse_a * 1.01:
                self._over_since_ms = None
            elif self._over_since_ms is None:
                self._over_since_ms = self._sim.now_ms
            else:
                assert self._sim.now_ms - self._over_since_ms <= FOLLOW_MS, top_a


# --- the shared fuse ------------------------------------------------------------------------------


def test_two_cars_share_a_fuse_equally_and_one_alone_has_it_all() -> None:
    sim = station(fuse_a=32.0)
    watch = Watch(sim, 32.0)
    sim.run_for(3_000)
    plug(sim, 1)
    watch.run(20_000)
    assert max(drawn_a(sim)) == pytest.approx(32.0, abs=0.5)
    plug(sim, 2)
    watch.run(MINUTE_MS)
    assert states(sim) == ["charging", "charging"]
    shares = [max(plant.meter(sim.now_ms).current_a) for plant in sim.plants.values()]
    assert shares == pytest.approx([16.0, 16.0], abs=0.5)
    unplug(sim, 1)
    watch.run(MINUTE_MS)
    assert max(drawn_a(sim)) == pytest.approx(32.0, abs=0.5)


def test_nobody_is_offered_what_another_car_may_still_be_taking() -> None:
    sim = station(fuse_a=32.0)
    sim.run_for(3_000)
    plug(sim, 1, variant="slow")
    sim.run_for(20_000)
    plug(sim, 2)
    begin_ms = sim.now_ms
    while sim.now_ms - begin_ms < MINUTE_MS:
        sim.run_for(100)
        assert max(drawn_a(sim)) <= 32.0 * 1.01


def test_a_car_that_takes_little_lends_the_rest() -> None:
    sim = station(fuse_a=32.0)
    sim.run_for(3_000)
    plug(sim, 1, 8.0)
    plug(sim, 2)
    Watch(sim, 32.0).run(5 * MINUTE_MS)
    assert max(sim.plants[2].meter(sim.now_ms).current_a) >= 20.0


def test_where_there_is_not_6_a_for_everybody_they_take_turns() -> None:
    sim = station(3, fuse_a=13.0)
    sim.run_for(3_000)
    for evse in sim.plants:
        plug(sim, evse)
    watch = Watch(sim, 13.0)
    watch.run(HOUR_MS, every_ms=2_000)
    energies = [plant.meter(sim.now_ms).energy_import_wh for plant in sim.plants.values()]
    assert min(energies) >= 0.9 * max(energies), energies


def test_a_core_that_restarts_offers_nothing_before_it_has_shared_anew() -> None:
    sim = station(fuse_a=16.0)
    watch = Watch(sim, 16.0)
    sim.run_for(3_000)
    plug(sim, 1)
    plug(sim, 2)
    watch.run(MINUTE_MS)
    sim.kill_core()
    watch.run(1_000)
    sim.start_core()
    watch.run(2 * MINUTE_MS)
    assert "charging" in states(sim)


# --- the meter at the mains -----------------------------------------------------------------------


def test_the_house_comes_first_and_the_cars_get_what_is_left() -> None:
    sim = station(mains=smart())
    mains = SimMains(sim, (5.0, 3.0, 3.0))
    sim.run_for(3_000)
    plug(sim, 1)
    sim.run_for(5 * MINUTE_MS)
    assert max(mains.drawn_a(sim.now_ms)) == pytest.approx(20.0, abs=1.0)
    mains.house_a = (17.0, 3.0, 3.0)
    sim.run_for(15_000)
    assert max(mains.drawn_a(sim.now_ms)) <= 8.5
    mains.house_a = (24.0, 3.0, 3.0)
    sim.run_for(MINUTE_MS)
    assert max(mains.drawn_a(sim.now_ms)) == 0.0
    assert states(sim)[0] == "paused_evse"
    mains.house_a = (2.0, 2.0, 2.0)
    sim.run_for(10 * MINUTE_MS)
    assert states(sim)[0] == "charging"


def test_a_lost_mains_meter_leaves_the_fall_back_and_no_more() -> None:
    sim = station(mains=smart(fallback=13.0))
    mains = SimMains(sim)
    sim.run_for(3_000)
    plug(sim, 1)
    plug(sim, 2)
    sim.run_for(5 * MINUTE_MS)
    assert max(mains.drawn_a(sim.now_ms)) > 20.0
    mains.silent = True
    sim.run_for(30_000)
    assert max(mains.drawn_a(sim.now_ms)) <= 13.0 * 1.01
    assert "charging" in states(sim)


def test_without_any_reading_at_all_the_fall_back_holds_from_the_start() -> None:
    sim = station(mains=smart(fallback=0.0))
    sim.run_for(3_000)
    plug(sim, 1)
    sim.run_for(MINUTE_MS)
    assert states(sim)[0] == "preparing"
    assert max(drawn_a(sim)) == 0.0


def test_sun_alone_charges_and_its_end_stops_after_the_configured_time() -> None:
    sim = station(1, mains=smart(mode="solar", more="solar_stop_s = 300"))
    mains = SimMains(sim, (1.0, 1.0, 1.0))
    sim.run_for(3_000)
    plug(sim, 1)
    sim.run_for(10 * MINUTE_MS)
    assert states(sim) == ["preparing"]
    mains.house_a = (-8.0, -8.0, -8.0)
    sim.run_for(20 * MINUTE_MS)
    assert states(sim) == ["charging"]
    assert max(mains.drawn_a(sim.now_ms)) == pytest.approx(8.0, abs=1.0)
    mains.house_a = (2.0, 2.0, 2.0)
    sim.run_for(4 * MINUTE_MS)
    assert max(mains.drawn_a(sim.now_ms)) == pytest.approx(6.0, abs=0.5)
    sim.run_for(4 * MINUTE_MS)
    assert states(sim) == ["paused_evse"]


def test_a_wild_house_never_overloads_the_mains_for_longer_than_a_car_needs_to_follow() -> None:
    sim = station(mains=smart())
    mains = SimMains(sim)
    rng = random.Random(20261121)
    sim.run_for(3_000)
    plug(sim, 1)
    plug(sim, 2)
    over_ms = 0
    for _ in range(240):
        one, two, three = rng.choices((0.0, 4.0, 9.0, 15.0, 22.0), k=3)
        mains.house_a = (one, two, three)
        for _ in range(15):
            sim.run_for(1_000)
            total = [h + d for h, d in zip(mains.house_a, mains.drawn_a(sim.now_ms), strict=True)]
            over_ms = over_ms + 1_000 if max(total) > 25.5 else 0
            assert over_ms <= FOLLOW_MS + 1_000 + RELEASE_MS, total


# --- heat, over-current, phases -------------------------------------------------------------------


def test_a_hot_station_offers_half_then_a_quarter_then_nothing_and_comes_back_cooled() -> None:
    sim = station(1)
    sim.run_for(3_000)
    plug(sim, 1)
    offers = []
    sim.run_for(20_000)
    for temperature_dc in (400, 660, 690, 720, 640, 500):
        sim.plants[1].set_temperature_dc(temperature_dc)
        sim.wake()
        sim.run_for(90_000)
        offers.append(round(max(drawn_a(sim))))
    assert offers[:4] == [32, 16, 8, 0]
    sim.run_for(6 * MINUTE_MS)
    assert round(max(drawn_a(sim))) == 32


def test_a_car_that_takes_more_than_it_is_offered_is_stopped_until_it_is_unplugged() -> None:
    sim = station(1, more="fault_pulse_ms = 300")
    sim.run_for(3_000)
    plug(sim, 1, variant="overcurrent")
    sim.run_for(30_000)
    assert states(sim) == ["paused_evse"]
    assert "evse_manager/MREC4OverCurrentFailure" in fault_codes(sim)
    assert max(drawn_a(sim)) == 0.0
    sim.run_for(10 * MINUTE_MS)
    assert states(sim) == ["paused_evse"]
    unplug(sim, 1)
    sim.run_for(5_000)
    assert fault_codes(sim) == []
    plug(sim, 1)
    sim.run_for(30_000)
    assert states(sim) == ["charging"]


def test_a_sleepy_car_is_woken_and_charges() -> None:
    sim = station(1)
    sim.run_for(3_000)
    plug(sim, 1, variant="sleepy")
    sim.run_for(30_000)
    assert states(sim) == ["preparing"]
    sim.run_for(20_000)
    assert states(sim) == ["charging"]
    assert fault_codes(sim) == []


SWITCHED = "\n".join(("[evse.phase_switch]", 'mode = "both"', "[evse.over_current]"))


def switched(sim: Simulation) -> None:
    plug(sim, 1, 16.0)
    sim.run_for(20_000)
    assert states(sim) == ["charging"]
    assert drawn_a(sim) == pytest.approx((16.0, 16.0, 16.0), abs=0.5)


def test_a_car_is_switched_to_one_phase_and_back_without_current_on_the_contact() -> None:
    sim = station(1, more=SWITCHED)
    sim.run_for(3_000)
    switched(sim)
    assert sim.station is not None
    session = sim.station.core.sessions[1]
    for three, lines in ((False, (16.0, 0.0, 0.0)), (True, (16.0, 16.0, 16.0))):
        assert session.switch_three_phases(three) == "Success"
        sim.wake()
        sim.run_for(40_000)
        assert states(sim) == ["charging"]
        assert drawn_a(sim) == pytest.approx(lines, abs=0.5)
        shown = sim.peer().ask("sys.inspect", {"evse": 1})["limit"]["phases"]
        assert shown == (3 if three else 1), "what a technician is told"
    assert sim.plants[1].violations == []


def test_a_limit_to_one_phase_is_followed_and_its_watts_are_then_spread_over_one() -> None:
    sim = station(1, more=SWITCHED)
    sim.run_for(3_000)
    switched(sim)
    peer = sim.peer()
    limit = {
        "timestamp": "2020-01-01T00:00:00Z",
        "limits_to_leaves": {
            "total_power_W": {"value": 2_300.0, "source": "grid"},
            "ac_max_phase_count": {"value": 1, "source": "grid"},
        },
    }
    peer.ask("evse_manager.set_external_limits", {"value": {"schedule_import": [limit]}})
    sim.run_for(60_000)
    assert states(sim) == ["charging"]
    assert drawn_a(sim) == pytest.approx((10.0, 0.0, 0.0), abs=0.5)
    assert sim.plants[1].violations == []


def test_a_phase_contact_that_sticks_is_a_fault_and_charging_goes_on_where_it_is() -> None:
    sim = station(1, more=SWITCHED)
    sim.run_for(3_000)
    switched(sim)
    assert sim.station is not None
    sim.plants[1].set_fault("phase_contact_stuck")
    sim.wake()
    assert sim.station.core.sessions[1].switch_three_phases(False) == "Success"
    sim.wake()
    seen = set()
    for _ in range(60):
        sim.run_for(1_000)
        seen.update(fault_codes(sim))
    assert "evse_board_support/MREC17EVSEContactorFault" in seen
    assert states(sim) == ["charging"]
    assert drawn_a(sim) == pytest.approx((16.0, 16.0, 16.0), abs=0.5)
    assert sim.plants[1].violations == []
