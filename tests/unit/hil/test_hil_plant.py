"""The plant as a whole: faults in the sensors, exact energy, skipping equals ticking, truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evse.model import X1_BP
from hil.errors import OutOfRange, TimeRunsBack, UnknownFault
from hil.plant.ev import VARIANTS
from hil.plant.faults import FAULT_SUPPLY_MV, FAULTS
from hil.plant.model import Driven, LockDrive, PlantConfig, Sensed
from hil.plant.plant import Plant
from hil.trace import Lane, Trace

QUIET = PlantConfig(coil_watchdog_ms=None, noise_mv=0)
CLOSED_16_A = Driven(duty_bp=2666, coil=True, lock=LockDrive.LOCK)


def charging(config: PlantConfig = QUIET, **plug: Any) -> Plant:
    """A plant that has been charging for a while, at 10 s."""
    metal = Plant(config, seed=1, trace=Trace())
    metal.car.plug(**plug)
    metal.drive(Driven(duty_bp=2666, lock=LockDrive.LOCK), 0)
    metal.drive(CLOSED_16_A, 1500)
    metal.advance(10_000)
    return metal


SHOWS: dict[str, Callable[[Sensed], bool]] = {
    "diode_short": lambda s: s.hi_mv == -s.lo_mv and s.hi_mv > 2000,
    "pilot_short": lambda s: s.hi_mv == -s.lo_mv == 889,
    "pilot_open": lambda s: s.hi_mv == 12_000,
    "ventilation": lambda s: 2000 < s.hi_mv < 4000,
    "pp_open": lambda s: s.pp_ohm is None,
    "pp_short": lambda s: s.pp_ohm is not None and s.pp_ohm < 60,
    "rcd_dc": lambda s: s.rcd_tripped,
    "leak_dc": lambda s: s.rcd_tripped,
    "contactor_stuck_open": lambda s: not s.mirror_closed,
    "mirror_stuck_open": lambda s: not s.mirror_closed,
    "lock_feedback_lost": lambda s: not s.lock_locked and not s.lock_unlocked,
    "over_temperature": lambda s: (s.temperature_dc or 0) > 900,
    "emergency_stop": lambda s: s.emergency_stop,
    "adc_stuck": lambda s: not s.sampled,
    "adc_rail": lambda s: s.hi_mv == s.lo_mv == 15_000,
    "mains_lost": lambda s: s.current_ma == 0,
    "supply_sag": lambda s: s.supply_mv == FAULT_SUPPLY_MV,
    "power_cut": lambda s: not s.sampled and s.temperature_dc is None and not s.mirror_closed,
}


@pytest.mark.parametrize("fault", SHOWS)
def test_each_fault_shows_in_the_sensors_while_charging_and_goes(fault: str) -> None:
    metal = charging()
    shows = SHOWS[fault]
    assert not shows(metal.sense(10_000))
    metal.set_fault(fault)
    assert shows(metal.sense(12_000))
    metal.set_fault(fault, False)
    assert not shows(metal.sense(30_000))


def test_a_weld_shows_when_the_coil_drops() -> None:
    metal = charging()
    metal.set_fault("contactor_weld")
    metal.drive(Driven(), 10_000)
    assert metal.sense(11_000).mirror_closed
    assert metal.energised


def test_stuck_closed_shows_without_a_coil_and_a_stuck_mirror_is_not_the_truth() -> None:
    metal = Plant(QUIET, seed=1)
    metal.set_fault("mirror_stuck_closed")
    assert metal.sense(100).mirror_closed
    assert not metal.energised
    metal.set_fault("mirror_stuck_closed", False)
    metal.set_fault("contactor_stuck_closed")
    assert metal.sense(200).mirror_closed
    assert metal.energised


def test_a_jammed_bolt_stays_between_its_ends() -> None:
    metal = Plant(QUIET, seed=1)
    metal.drive(Driven(lock=LockDrive.LOCK), 0)
    metal.advance(100)
    metal.set_fault("lock_jam")
    sensed = metal.sense(5000)
    assert (sensed.lock_locked, sensed.lock_unlocked) == (False, False)
    metal.set_fault("lock_jam", False)
    assert metal.sense(5200).lock_locked


def test_a_dead_test_input_trips_nothing() -> None:
    metal = Plant(QUIET, seed=1)
    metal.drive(Driven(rcd_test=True), 0)
    assert metal.sense(100).rcd_tripped
    metal.drive(Driven(), 100)
    assert not metal.sense(400).rcd_tripped
    metal.set_fault("rcd_test_dead")
    metal.drive(Driven(rcd_test=True), 1000)
    assert not metal.sense(60_000).rcd_tripped


def test_a_leak_in_the_car_flows_only_while_energised() -> None:
    metal = charging()
    metal.set_fault("leak_dc")
    assert metal.sense(11_000).rcd_tripped
    metal.drive(Driven(), 11_000)
    assert not metal.sense(12_300).rcd_tripped


def test_a_lost_phase_takes_its_current_and_voltage() -> None:
    metal = charging()
    metal.set_fault("phase_lost")
    truth = metal.meter(10_000)
    assert truth.voltage_v == (230.0, 0.0, 230.0)
    assert truth.current_a == (15.996, 0.0, 15.996)


def test_after_lost_mains_the_car_ramps_up_anew() -> None:
    metal = charging()
    metal.set_fault("mains_lost")
    assert metal.current_a == 0
    metal.advance(20_000)
    metal.set_fault("mains_lost", False)
    assert metal.current_a == 0
    metal.advance(25_000)
    assert metal.current_a == 15.996


def test_a_power_cut_drops_the_coil_and_leaves_the_bolt() -> None:
    metal = charging()
    metal.set_fault("power_cut")
    metal.drive(Driven(lock=LockDrive.UNLOCK, coil=True), 10_000)
    metal.advance(10_020)
    assert not metal.energised
    assert metal.locked


def test_every_fault_is_shown_by_a_test() -> None:
    elsewhere = {
        "contactor_weld",
        "contactor_stuck_closed",
        "mirror_stuck_closed",
        "lock_jam",
        "rcd_test_dead",
        "phase_lost",
        "phase_contact_stuck",
        "phase_contact_open",
        *(name for name in FAULTS if name.startswith("meter_")),
    }
    assert set(SHOWS) | elsewhere == set(FAULTS)


def test_an_unknown_fault_is_refused_by_name() -> None:
    metal = Plant(QUIET, seed=1)
    with pytest.raises(UnknownFault, match=r"'weld': the plant knows .*contactor_weld"):
        metal.set_fault("weld")


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"phases": 4}, "phases 4"),
        ({"coil_watchdog_ms": 0}, "coil_watchdog_ms 0"),
        ({"noise_mv": -1}, "noise_mv -1"),
        ({"heating_tau_s": 0}, "heating_tau_s 0"),
    ],
)
def test_metal_that_cannot_exist_is_refused(config: dict[str, Any], says: str) -> None:
    with pytest.raises(OutOfRange, match=says):
        PlantConfig(**config)


def test_a_phase_that_is_not_there_has_no_voltage_to_set() -> None:
    metal = Plant(PlantConfig(phases=1), seed=1)
    metal.set_voltage_v(225.5, phase=1)
    assert metal.meter(0).voltage_v == (225.5, 0.0, 0.0)
    with pytest.raises(OutOfRange, match="phase 2: this station has 1 to 1"):
        metal.set_voltage_v(230.0, phase=2)


def test_ring_0_drops_the_coil_200_ms_after_the_last_refresh_and_leaves_the_pilot() -> None:
    metal = Plant(PlantConfig(noise_mv=0), seed=1, trace=Trace())
    metal.car.plug()
    for now_ms in range(0, 5000, 10):
        metal.drive(Driven(duty_bp=2666, coil=now_ms > 1500, lock=LockDrive.LOCK), now_ms)
    assert metal.energised
    metal.advance(5400)
    assert metal.trace is not None
    opened_ms = metal.trace.first(Lane.CONTACTOR, "open", from_ms=4000)
    assert opened_ms is not None
    assert 4990 + 200 < opened_ms <= 4990 + 220
    assert metal.trace.at(Lane.DUTY, 5400) == 2666
    metal.drive(Driven(duty_bp=2666, coil=True, lock=LockDrive.LOCK), 6000)
    metal.advance(6030)
    assert metal.energised


def test_a_gated_front_end_goes_to_x1_with_the_coil() -> None:
    metal = Plant(PlantConfig(noise_mv=0, pilot_gated=True), seed=1)
    metal.drive(Driven(duty_bp=2666), 0)
    assert metal.next_change_ms == 200
    assert metal.sense(199).lo_mv == -12_000
    assert metal.sense(200).lo_mv == 12_000


def test_noise_is_small_steady_within_10_ms_and_differs_with_the_seed() -> None:
    one, other = Plant(PlantConfig(), seed=1), Plant(PlantConfig(), seed=2)
    levels = [one.sense(now_ms).hi_mv for now_ms in range(5000)]
    assert all(abs(level - 12_000) <= 30 for level in levels)
    assert len(set(levels)) > 50
    assert all(len(set(levels[k : k + 10])) == 1 for k in range(0, 5000, 10))
    assert levels != [other.sense(now_ms).hi_mv for now_ms in range(5000)]


def test_without_pwm_both_readings_are_of_one_level() -> None:
    metal = Plant(PlantConfig(), seed=1)
    assert all(s.hi_mv == s.lo_mv for s in (metal.sense(t) for t in range(0, 1000, 10)))


def test_time_never_runs_back() -> None:
    metal = Plant(QUIET, seed=1)
    metal.advance(100)
    with pytest.raises(TimeRunsBack, match="is at 100 ms, not back at 99 ms"):
        metal.sense(99)


def test_tethered_cables_have_no_pp_and_no_bolt() -> None:
    metal = charging(PlantConfig(coil_watchdog_ms=None, socket=False, lock=False))
    sensed = metal.sense(10_000)
    assert (sensed.pp_ohm, sensed.lock_locked, sensed.lock_unlocked) == (None, False, False)
    assert metal.violations == []


def test_temperature_follows_the_current_where_heating_is_configured() -> None:
    metal = charging(PlantConfig(coil_watchdog_ms=None, heating_dc=400))
    assert metal.sense(7_200_000).temperature_dc == pytest.approx(350, abs=1)
    metal.set_temperature_dc(450)
    assert metal.sense(7_200_000).temperature_dc == pytest.approx(550, abs=1)


# Energy and determinism


def test_energy_is_exactly_the_sum_of_what_every_millisecond_shows() -> None:
    metal = Plant(QUIET, seed=1)
    metal.car.plug(draw_a=13.7, phases=2)
    metal.set_voltage_v(231.7, phase=2)
    joules = 0.0
    for now_ms in range(20_000):
        if now_ms == 100:
            metal.drive(Driven(duty_bp=2666), now_ms)
        if now_ms == 2000:
            metal.drive(CLOSED_16_A, now_ms)
        if now_ms == 12_000:
            metal.drive(Driven(duty_bp=X1_BP, coil=True), now_ms)
        joules += sum(metal.meter(now_ms).power_w) / 1000
    assert metal.meter(20_000).energy_import_wh == pytest.approx(joules / 3600, rel=1e-9)
    assert joules > 50_000


Action = tuple[str, Any]
DUTIES = st.sampled_from([0, 500, 1000, 2666, 5333, 9600, X1_BP])
ACTIONS: st.SearchStrategy[Action] = st.one_of(
    st.tuples(
        st.just("drive"),
        st.builds(
            Driven, coil=st.booleans(), duty_bp=DUTIES, lock=st.sampled_from(list(LockDrive))
        ),
    ),
    st.tuples(
        st.just("fault"),
        st.tuples(st.sampled_from(sorted(FAULTS)), st.booleans()),
    ),
    st.tuples(st.just("plug"), st.tuples(st.sampled_from(sorted(VARIANTS)), st.integers(1, 3))),
    st.tuples(st.sampled_from(["unplug", "pull", "pause", "resume", "vent"]), st.none()),
    st.tuples(st.just("residual"), st.sampled_from([0.0, 5.0, 6.0, 80.0, 300.0])),
)
SCRIPTS = st.lists(st.tuples(st.integers(0, 3000), ACTIONS), max_size=25)


def act(metal: Plant, action: Action) -> None:
    name, value = action
    if isinstance(value, Driven):
        metal.drive(value, metal.now_ms)
    elif name == "fault":
        metal.set_fault(*value)
    elif name == "plug":
        variant, phases = value
        if metal.car.drivetrain is None:
            metal.car.plug(variant=variant, phases=phases, battery_wh=60.0)
    elif name == "residual":
        metal.set_residual_ma(value)
    else:
        {
            "unplug": metal.car.unplug,
            "pull": metal.car.pull_at_station,
            "pause": metal.car.pause,
            "resume": metal.car.resume,
            "vent": metal.car.request_ventilation,
        }[name]()


Script = list[tuple[int, Action]]


def live(config: PlantConfig, seed: int, script: Script, tick_ms: int | None) -> list[object]:
    """Run a script, looking at everything each `tick_ms`; None: never looking."""
    metal = Plant(config, seed=seed, trace=Trace())
    for wait_ms, action in script:
        until_ms = metal.now_ms + wait_ms
        if tick_ms:
            for now_ms in range(metal.now_ms, until_ms, tick_ms):
                metal.sense(now_ms)
                metal.meter(now_ms)
        metal.advance(until_ms)
        act(metal, action)
    end_ms = metal.now_ms + 20_000
    assert metal.trace is not None
    return [metal.sense(end_ms), metal.meter(end_ms), metal.violations, metal.trace.lines()]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 99), SCRIPTS, st.sampled_from([1, 7, 10, 33]), st.sampled_from([None, 200]))
def test_skipping_and_ticking_give_the_same_trace(
    seed: int, script: Script, tick_ms: int, watchdog_ms: int | None
) -> None:
    config = PlantConfig(coil_watchdog_ms=watchdog_ms, heating_dc=300)
    assert live(config, seed, script, None) == live(config, seed, script, tick_ms)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 99), SCRIPTS)
def test_nothing_sensed_or_metered_changes_before_next_change(seed: int, script: Script) -> None:
    metal = Plant(PlantConfig(noise_mv=0, heating_dc=300), seed=seed)
    for wait_ms, action in script:
        until_ms = metal.now_ms + wait_ms
        while metal.now_ms < until_ms:
            sensed, shape = metal.sense(metal.now_ms), metal.meter(metal.now_ms)
            change_ms = metal.next_change_ms
            last_ms = until_ms if change_ms is None else min(until_ms, change_ms)
            assert change_ms is None or change_ms > metal.now_ms
            if last_ms - 1 > metal.now_ms:
                assert metal.sense(last_ms - 1) == sensed
                assert metal.meter(last_ms - 1).current_a == shape.current_a
            metal.advance(last_ms)
        act(metal, action)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 99), SCRIPTS)
def test_without_voltage_or_contacts_there_is_no_current(seed: int, script: Script) -> None:
    metal = Plant(PlantConfig(coil_watchdog_ms=None), seed=seed)
    for wait_ms, action in script:
        metal.advance(metal.now_ms + wait_ms)
        act(metal, action)
        truth = metal.meter(metal.now_ms)
        assert metal.energised or truth.current_a == (0, 0, 0)
        assert all(v or not i for v, i in zip(truth.voltage_v, truth.current_a, strict=True))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_times() -> None:
    def run(seed: int) -> bytes:
        metal = Plant(PlantConfig(coil_watchdog_ms=None), seed=seed, trace=Trace())
        for _ in range(10):
            metal.car.plug(variant="bouncing")
            metal.drive(CLOSED_16_A, metal.now_ms + 1000)
            metal.drive(Driven(lock=LockDrive.UNLOCK), metal.now_ms + 10_000)
            metal.car.unplug()
            metal.advance(metal.now_ms + 1000)
        assert metal.trace is not None
        return metal.trace.to_json()

    assert run(1) == run(1)
    assert run(1) != run(2)


# What no station may do: each rule seen broken, and kept in a clean session


def broken(metal: Plant) -> list[str]:
    return [violation.rule for violation in metal.violations]


def test_a_clean_session_breaks_no_rule() -> None:
    metal = charging()
    metal.drive(Driven(duty_bp=X1_BP, coil=True), 10_000)
    metal.drive(Driven(duty_bp=X1_BP), 11_250)
    metal.drive(Driven(duty_bp=X1_BP, lock=LockDrive.UNLOCK), 12_000)
    metal.car.unplug()
    metal.advance(20_000)
    assert metal.violations == []


def test_seq_2_2_energised_for_more_than_100_ms_after_the_car_left() -> None:
    metal = charging()
    metal.car.unplug()
    metal.advance(10_100)
    assert broken(metal) == []
    metal.advance(10_101)
    assert broken(metal) == ["energised_without_car"]


def test_seq_2_2_opening_within_100_ms_is_in_order() -> None:
    metal = charging()
    metal.car.unplug()
    metal.drive(Driven(duty_bp=2666), 10_070)
    metal.advance(20_000)
    assert broken(metal) == []


def test_seq_8_1_energised_for_more_than_100_ms_after_s2_opened() -> None:
    metal = charging()
    metal.car.pause()
    metal.advance(20_000)
    assert broken(metal) == ["energised_without_demand"]


def test_seq_10_2_energised_for_more_than_6_s_after_x1() -> None:
    metal = charging(variant="rude")
    metal.drive(Driven(duty_bp=X1_BP, coil=True), 10_000)
    metal.advance(16_100)
    assert broken(metal) == []
    metal.advance(16_101)
    assert broken(metal) == ["energised_without_offer"]


def test_unlocking_under_load_is_seen_in_its_millisecond() -> None:
    metal = charging()
    metal.set_fault("lock_feedback_lost")
    metal.drive(Driven(duty_bp=2666, coil=True, lock=LockDrive.UNLOCK), 10_000)
    assert broken(metal) == ["unlocked_under_load"]
    assert metal.violations[0].t_ms == 10_000
    assert metal.violations[0].faults == ("lock_feedback_lost",)


def test_pulling_the_plug_from_an_unlocked_live_socket() -> None:
    metal = charging()
    metal.drive(Driven(duty_bp=2666, coil=True, lock=LockDrive.UNLOCK), 10_000)
    metal.advance(10_500)
    metal.car.pull_at_station()
    assert broken(metal) == ["unlocked_under_load", "energised_without_plug"]


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("rcd_dc", "energised_after_residual_trip"),
        ("emergency_stop", "energised_in_emergency"),
    ],
)
def test_staying_closed_on_an_electrical_reason(fault: str, rule: str) -> None:
    metal = charging()
    metal.set_fault(fault)
    metal.advance(11_101)
    assert broken(metal) == [rule]
    assert metal.trace is not None
    faults = [entry.value for entry in metal.trace.changes(Lane.FAULT)]
    assert faults == [f"+{fault}", f"violation {rule}"]


def test_offering_more_than_the_cable_carries() -> None:
    metal = Plant(QUIET, seed=1)
    metal.car.plug(cable_a=13)
    metal.drive(Driven(duty_bp=2166), 0)
    assert broken(metal) == []
    metal.drive(Driven(duty_bp=2666), 1)
    assert broken(metal) == ["offer_above_cable"]


def test_a_rule_broken_twice_is_noted_twice() -> None:
    metal = Plant(QUIET, seed=1)
    metal.car.plug(cable_a=13)
    for duty_bp in (2666, 1000, 2666):
        metal.drive(Driven(duty_bp=duty_bp), metal.now_ms + 1000)
    assert len(metal.violations) == 2
