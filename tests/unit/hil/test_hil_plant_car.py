"""The car at the plant: S2, current, battery, and the manners of each variant."""

from __future__ import annotations

from typing import Any

import pytest

from evse.model import F_BP, X1_BP
from hil.errors import PlugError
from hil.plant.ev import VARIANTS
from hil.plant.model import Driven, LockDrive, PlantConfig
from hil.plant.plant import Plant
from hil.trace import Lane, Trace

QUIET = PlantConfig(coil_watchdog_ms=None, noise_mv=0)
OFFER_16_A = Driven(duty_bp=2666)
CLOSED_16_A = Driven(duty_bp=2666, coil=True)
STOPPED = Driven(duty_bp=X1_BP, coil=True)


def plant(config: PlantConfig = QUIET) -> Plant:
    return Plant(config, seed=1, trace=Trace())


def s2_times(metal: Plant) -> list[tuple[int, bool]]:
    """When the pilot went to C (True) or back to B (False)."""
    assert metal.trace is not None
    levels = [(e.t_ms, e.value) for e in metal.trace.changes(Lane.PILOT)]
    return [(t, mv == 5995) for t, mv in levels if mv in (5995, 8979)]


def charging(metal: Plant, **plug: Any) -> int:
    """Plug in at 0, offer, close once S2 is closed, and wait; returns the time."""
    metal.car.plug(**plug)
    metal.drive(OFFER_16_A, 0)
    metal.drive(OFFER_16_A, 1500)
    metal.drive(CLOSED_16_A, 1500)
    metal.advance(10_000)
    return 10_000


def test_s2_closes_a_second_after_the_offer_and_never_without() -> None:
    metal = plant()
    metal.car.plug()
    metal.advance(60_000)
    assert s2_times(metal) == [(0, False)]
    metal.drive(OFFER_16_A, 60_000)
    metal.advance(70_000)
    assert s2_times(metal)[-1] == (61_000, True)


@pytest.mark.parametrize("duty_bp", [F_BP, 500, 799, 9701, X1_BP])
def test_table_a8_no_offer_no_s2(duty_bp: int) -> None:
    metal = plant()
    metal.car.plug()
    metal.drive(Driven(duty_bp=duty_bp), 0)
    metal.advance(60_000)
    assert not metal.car.demands


@pytest.mark.parametrize(
    ("duty_bp", "cable_a", "draw_a", "phases", "current_a"),
    [
        (2666, 32, 16.0, 3, (15.996, 15.996, 15.996)),
        (5333, 32, 16.0, 3, (16.0, 16.0, 16.0)),
        (5333, 20, 32.0, 1, (20.0, 0.0, 0.0)),
        (1000, 32, 32.0, 2, (6.0, 6.0, 0.0)),
        (8500, 63, 63.0, 3, (51.0, 51.0, 51.0)),
    ],
)
def test_current_is_the_least_of_offer_cable_and_car_on_each_phase_used(
    duty_bp: int, cable_a: int, draw_a: float, phases: int, current_a: tuple[float, ...]
) -> None:
    metal = plant()
    metal.car.plug(cable_a, draw_a, phases)
    metal.drive(Driven(duty_bp=duty_bp), 0)
    metal.drive(Driven(duty_bp=duty_bp, coil=True), 1500)
    assert metal.meter(10_000).current_a == pytest.approx(current_a)


def test_no_current_before_the_contacts_are_closed() -> None:
    metal = plant()
    metal.car.plug()
    metal.drive(OFFER_16_A, 0)
    assert metal.meter(60_000).energy_import_wh == 0.0


def test_seq_6_the_car_adapts_within_5_s() -> None:
    metal = plant()
    at_ms = charging(metal)
    metal.drive(Driven(duty_bp=1000, coil=True), at_ms)
    metal.advance(at_ms + 5000)
    assert metal.current_a == 6.0
    metal.drive(Driven(duty_bp=2666, coil=True), at_ms + 5000)
    metal.advance(at_ms + 10_000)
    assert metal.current_a == 15.996


def test_seq_6_offers_that_change_all_the_time_still_move_the_current() -> None:
    metal = plant()
    at_ms = charging(metal)
    for k in range(60):
        metal.drive(Driven(duty_bp=1000 + k % 2, coil=True), at_ms + 100 * k)
    assert metal.current_a == pytest.approx(6.0, abs=0.01)


def test_seq_10_1_after_x1_current_first_then_s2_within_3_s() -> None:
    metal = plant()
    at_ms = charging(metal)
    metal.drive(STOPPED, at_ms)
    metal.advance(at_ms + 3000)
    assert metal.trace is not None
    off_ms = metal.trace.first(Lane.CURRENT, 0, from_ms=at_ms)
    left_ms, in_c = s2_times(metal)[-1]
    assert off_ms is not None
    assert not in_c
    assert at_ms < off_ms < left_ms <= at_ms + 3000


def test_seq_10_1_s2_opens_in_time_when_the_contactor_opens_in_mid_ramp() -> None:
    metal = plant()
    at_ms = charging(metal)
    metal.drive(STOPPED, at_ms)
    metal.drive(Driven(duty_bp=X1_BP), at_ms + 700)
    metal.advance(at_ms + 3000)
    assert not metal.car.demands


def test_seq_7_the_car_pauses_and_resumes_by_itself() -> None:
    metal = plant()
    at_ms = charging(metal)
    metal.car.pause()
    metal.advance(at_ms + 3000)
    assert metal.current_a == 0
    assert not metal.car.demands
    metal.car.resume()
    metal.advance(at_ms + 4000)
    assert metal.car.demands


def test_an_offer_that_comes_back_while_stopping_keeps_s2() -> None:
    metal = plant()
    at_ms = charging(metal)
    metal.drive(STOPPED, at_ms)
    metal.drive(CLOSED_16_A, at_ms + 1600)
    metal.advance(at_ms + 10_000)
    assert metal.car.demands
    assert metal.current_a == 15.996


def test_opening_the_contactor_ends_the_current_at_once() -> None:
    metal = plant()
    at_ms = charging(metal)
    metal.drive(OFFER_16_A, at_ms)
    metal.advance(at_ms + 20)
    assert metal.current_a == 0


def test_state_d_while_ventilation_is_wanted() -> None:
    metal = plant()
    at_ms = charging(metal)
    metal.car.request_ventilation()
    assert metal.sense(at_ms).hi_mv == pytest.approx(2930, abs=10)
    metal.car.request_ventilation(False)
    assert metal.sense(at_ms).hi_mv == pytest.approx(6000, abs=10)


def test_a_battery_fills_to_the_nanojoule_per_millisecond_and_s2_opens() -> None:
    metal = plant()
    metal.car.plug(battery_wh=1000, soc_percent=50, taper=False)
    metal.drive(OFFER_16_A, 0)
    metal.drive(CLOSED_16_A, 1500)
    metal.advance(3_600_000)
    assert not metal.car.demands
    # 500 Wh, and what the ramp down still takes.
    assert metal.meter(3_600_000).energy_import_wh == pytest.approx(500 + 1.9, abs=0.5)


def test_a_tapering_battery_slows_down() -> None:
    metal = plant()
    charging(metal, battery_wh=10_000, soc_percent=79.5)
    metal.advance(60_000)
    assert metal.current_a == pytest.approx(12.8)


def test_sleepy_wakes_only_after_3_s_of_f() -> None:
    metal = plant()
    metal.car.plug(variant="sleepy")
    metal.drive(OFFER_16_A, 0)
    metal.drive(Driven(duty_bp=F_BP), 30_000)
    metal.drive(OFFER_16_A, 32_999)
    metal.advance(60_000)
    assert not metal.car.demands
    metal.drive(Driven(duty_bp=F_BP), 60_000)
    metal.drive(OFFER_16_A, 64_000)
    metal.advance(65_000)
    assert metal.car.demands


def test_seq_10_2_rude_keeps_drawing_after_x1() -> None:
    metal = plant()
    at_ms = charging(metal, variant="rude")
    metal.drive(STOPPED, at_ms)
    metal.advance(at_ms + 60_000)
    assert metal.current_a == 15.996


def test_slow_opens_s2_between_3_and_6_s_after_x1() -> None:
    metal = plant()
    at_ms = charging(metal, variant="slow")
    metal.drive(STOPPED, at_ms)
    metal.advance(at_ms + 6000)
    left_ms, in_c = s2_times(metal)[-1]
    assert not in_c
    assert at_ms + 3000 < left_ms < at_ms + 6000


def test_a2_3_simplified_is_in_c_from_the_plug_on_and_draws_10_a() -> None:
    metal = plant()
    metal.car.plug(draw_a=32, variant="simplified")
    assert metal.car.demands
    metal.drive(CLOSED_16_A, 0)
    metal.advance(10_000)
    assert metal.current_a == 10.0
    metal.car.pause()
    metal.advance(20_000)
    assert metal.current_a == 0
    assert metal.car.demands


def test_overcurrent_draws_more_than_offered() -> None:
    metal = plant()
    charging(metal, variant="overcurrent")
    assert metal.current_a == pytest.approx(1.3 * 15.996, abs=0.01)


def test_bouncing_makes_and_breaks_the_pilot_while_it_goes_in() -> None:
    metal = plant()
    metal.car.plug(variant="bouncing")
    metal.advance(1000)
    assert metal.trace is not None
    levels = [entry.value for entry in metal.trace.changes(Lane.PILOT)]
    assert levels == [8979, 12_000] * 4 + [8979]
    assert metal.trace.end_ms < 600


def test_a_delayed_plug_comes_at_its_time_and_can_be_called_off() -> None:
    metal = plant()
    metal.car.plug(delay_ms=5000)
    assert metal.next_change_ms == 5000
    metal.car.unplug()
    assert metal.next_change_ms is None
    metal.car.plug(delay_ms=5000)
    assert metal.sense(4999).pp_ohm is None
    assert metal.sense(5000).pp_ohm == 220


@pytest.mark.parametrize(
    ("cable_a", "pp_ohm"), [(13, 1500), (20, 680), (32, 220), (63, 100), (70, 100)]
)
def test_annex_b_resistor_of_each_cable(cable_a: int, pp_ohm: int) -> None:
    metal = plant()
    metal.car.plug(cable_a)
    assert metal.sense(0).pp_ohm == pp_ohm


def test_unplug_takes_the_socket_end_only_when_the_bolt_lets_go() -> None:
    metal = plant()
    at_ms = charging(metal)
    metal.drive(Driven(duty_bp=2666, lock=LockDrive.LOCK), at_ms)
    metal.advance(at_ms + 500)
    metal.car.unplug()
    assert metal.sense(at_ms + 500).hi_mv == 12_000
    assert metal.sense(at_ms + 5000).pp_ohm == 220
    metal.drive(Driven(lock=LockDrive.UNLOCK), at_ms + 5000)
    assert metal.sense(at_ms + 5299).pp_ohm == 220
    assert metal.sense(at_ms + 5300).pp_ohm is None


def test_pulling_at_a_locked_socket_does_nothing() -> None:
    metal = plant()
    metal.car.plug()
    metal.drive(Driven(lock=LockDrive.LOCK), 0)
    metal.advance(500)
    metal.car.pull_at_station()
    assert metal.sense(1000).hi_mv == 8979


@pytest.mark.parametrize(
    ("plug", "says"),
    [
        ({"cable_a": 16}, "cable_a 16"),
        ({"phases": 4}, "phases 4"),
        ({"draw_a": -1}, "draw_ma -1000"),
        ({"draw_a": float("nan")}, "draw_a nan"),
        ({"delay_ms": -1}, "delay_ms -1"),
        ({"battery_wh": 0}, "battery_wh 0"),
        ({"soc_percent": 101}, "soc_percent 101"),
        ({"variant": "flying"}, "variant 'flying'"),
    ],
)
def test_a_car_that_cannot_exist_is_refused_and_changes_nothing(
    plug: dict[str, Any], says: str
) -> None:
    metal = plant()
    with pytest.raises(PlugError, match=says):
        metal.car.plug(**plug)
    metal.car.plug()


def test_a_second_car_is_refused() -> None:
    metal = plant()
    metal.car.plug()
    with pytest.raises(PlugError, match="plugged in already"):
        metal.car.plug()


def test_the_variants_are_those_that_the_scenarios_name() -> None:
    assert set(VARIANTS) == {
        "normal",
        "sleepy",
        "rude",
        "simplified",
        "slow",
        "overcurrent",
        "bouncing",
    }


def test_a_cable_that_is_still_in_the_socket_is_the_one_that_the_next_car_gets() -> None:
    metal = plant()
    metal.car.plug(cable_a=32)
    metal.drive(Driven(lock=LockDrive.LOCK), 0)
    metal.advance(1_000)
    metal.car.unplug()
    metal.car.plug(cable_a=13)
    assert metal.sense(1_000).pp_ohm == 220
    assert metal.car.drivetrain is not None
    assert metal.car.drivetrain.ev.cable_a == 32
