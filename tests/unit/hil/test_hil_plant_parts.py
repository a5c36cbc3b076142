"""The plant's parts one by one: contactor, lock motor, residual monitor, heat, energy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.plant.contactor import Contactor
from hil.plant.energy import NJ_PER_WH, Battery, Integrator
from hil.plant.lock import LockMotor
from hil.plant.model import NEVER_MS, ContactorSpec, LockDrive, ResidualSpec
from hil.plant.residual import ResidualMonitor
from hil.plant.thermal import Thermal


def pull(contactor: Contactor, now_ms: int, coil: bool, **faults: bool) -> None:
    known = {"weld": False, "stuck_closed": False, "stuck_open": False}
    contactor.refresh(now_ms, coil=coil, **{**known, **faults})


def run(contactor: Contactor, until_ms: int) -> list[tuple[int, bool, bool]]:
    """Every move until then: (time, contacts, mirror)."""
    moves = []
    while contactor.due_ms <= until_ms:
        at_ms = contactor.due_ms
        contactor.fire(at_ms)
        moves.append((at_ms, contactor.closed, contactor.mirror))
    return moves


@given(st.integers(0, 2**64))
def test_contactor_travels_and_its_mirror_bounces(seed: int) -> None:
    contactor = Contactor(ContactorSpec(), seed)
    pull(contactor, 0, True)
    first, *bounces = run(contactor, 1000)
    assert 20 <= first[0] <= 30
    assert first[1:] == (True, True)
    assert [move[1:] for move in bounces] == [(True, False), (True, True)]
    pull(contactor, 1000, False)
    first, *bounces = run(contactor, 2000)
    assert 1015 <= first[0] <= 1020
    assert first[1:] == (False, False)
    assert [move[1:] for move in bounces] == [(False, True), (False, False)]


def test_a_coil_pulse_shorter_than_the_travel_moves_nothing() -> None:
    contactor = Contactor(ContactorSpec(), 1)
    pull(contactor, 0, True)
    pull(contactor, 10, False)
    assert run(contactor, 1000) == []
    assert not contactor.closed


def test_a_weld_holds_once_closed_and_lets_go_when_healed() -> None:
    contactor = Contactor(ContactorSpec(), 1)
    pull(contactor, 0, False, weld=True)
    assert run(contactor, 100) == []
    pull(contactor, 100, True, weld=True)
    run(contactor, 200)
    pull(contactor, 200, False, weld=True)
    assert run(contactor, 1000) == []
    assert contactor.closed
    assert contactor.mirror
    pull(contactor, 1000, False)
    assert run(contactor, 1100)[-1][1:] == (False, False)


def test_a_stuck_open_contactor_never_closes_and_a_stuck_closed_one_closes_alone() -> None:
    contactor = Contactor(ContactorSpec(), 1)
    pull(contactor, 0, True, stuck_open=True)
    assert run(contactor, 1000) == []
    pull(contactor, 1000, False, stuck_closed=True)
    assert run(contactor, 1100)[-1][1:] == (True, True)


def test_the_bolt_travels_between_its_ends() -> None:
    lock = LockMotor(300)
    assert (lock.locked, lock.unlocked) == (False, True)
    lock.refresh(1000, LockDrive.LOCK)
    assert lock.state == "moving"
    assert lock.due_ms == 1300
    lock.fire(1300)
    assert (lock.locked, lock.unlocked) == (True, False)
    assert lock.due_ms == NEVER_MS


def test_a_bolt_stopped_half_way_needs_the_other_half() -> None:
    lock = LockMotor(300)
    lock.refresh(0, LockDrive.LOCK)
    lock.refresh(100, LockDrive.OFF)
    assert lock.state == "moving"
    assert lock.due_ms == NEVER_MS
    lock.refresh(5000, LockDrive.LOCK)
    assert lock.due_ms == 5200


def test_a_bolt_at_its_end_stays_there_however_long_it_is_driven() -> None:
    lock = LockMotor(300)
    lock.refresh(0, LockDrive.LOCK)
    lock.fire(300)
    lock.refresh(400, LockDrive.LOCK)
    assert lock.locked
    assert lock.due_ms == NEVER_MS
    lock.refresh(900, LockDrive.UNLOCK)
    assert not lock.locked
    assert lock.due_ms == 1200


@pytest.mark.parametrize(("residual_ma", "longest_ms"), [(6.0, 10_000), (60.0, 300), (200.0, 100)])
def test_iec_62955_trip_times(residual_ma: float, longest_ms: int) -> None:
    monitor = ResidualMonitor(ResidualSpec())
    monitor.refresh(0, residual_ma, test=False)
    assert monitor.due_ms <= longest_ms
    monitor.fire(monitor.due_ms)
    assert monitor.tripped


def test_below_6_ma_nothing_trips() -> None:
    monitor = ResidualMonitor(ResidualSpec())
    monitor.refresh(0, 5.9, test=False)
    assert monitor.due_ms == NEVER_MS


def test_a_growing_current_shortens_the_wait_and_a_vanishing_one_ends_it() -> None:
    monitor = ResidualMonitor(ResidualSpec())
    monitor.refresh(0, 6.0, test=False)
    monitor.refresh(500, 200.0, test=False)
    assert monitor.due_ms == 580
    monitor.refresh(550, 0.0, test=False)
    assert monitor.due_ms == NEVER_MS
    assert not monitor.tripped


def test_the_output_frees_only_after_the_release_time() -> None:
    monitor = ResidualMonitor(ResidualSpec())
    monitor.refresh(0, 30.0, test=False)
    monitor.fire(monitor.due_ms)
    monitor.refresh(5000, 0.0, test=False)
    assert monitor.due_ms == 6200
    monitor.refresh(6000, 8.0, test=False)
    assert monitor.due_ms == NEVER_MS
    monitor.refresh(7000, 0.0, test=False)
    monitor.fire(8200)
    assert not monitor.tripped


def test_the_test_winding_trips_and_frees_the_real_output() -> None:
    monitor = ResidualMonitor(ResidualSpec())
    monitor.refresh(0, 0.0, test=True)
    monitor.fire(100)
    assert monitor.tripped
    monitor.refresh(200, 0.0, test=False)
    monitor.fire(500)
    assert not monitor.tripped


def test_heat_settles_at_the_square_of_the_current_and_then_rests() -> None:
    thermal = Thermal(250, 400, 600)
    thermal.refresh(0, 16_000)
    steps = 0
    while thermal.due_ms != NEVER_MS:
        thermal.fire(thermal.due_ms)
        steps += 1
    assert thermal.temperature_dc == pytest.approx(250 + 100, abs=1)
    assert steps < 1000


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**11)), max_size=30),
    st.lists(st.integers(0, 10**6), max_size=30),
)
def test_energy_does_not_depend_on_who_looked_when(
    changes: list[tuple[int, int]], looks: list[int]
) -> None:
    quiet, watched = Integrator(), Integrator()
    by_time = sorted(changes, key=lambda change: change[0])
    for at_ms, power_uw in by_time:
        quiet.change(at_ms, power_uw)
    todo = sorted(
        [(at, 1, power) for at, power in by_time] + [(at, 0, 0) for at in looks],
        key=lambda x: x[:2],
    )
    for at_ms, is_change, power_uw in todo:
        watched.energy_nj(at_ms)
        watched.change(at_ms, power_uw if is_change else watched.power_uw)
    assert quiet.energy_nj(10**6) == watched.energy_nj(10**6)


@given(st.integers(1, 10**11), st.integers(0, 10**18), st.integers(0, 10**6))
def test_reaches_is_the_first_instant(power_uw: int, energy_nj: int, since_ms: int) -> None:
    integrator = Integrator(since_ms)
    integrator.change(since_ms, power_uw)
    at_ms = integrator.reaches_ms(energy_nj)
    assert integrator.energy_nj(at_ms) >= energy_nj
    assert at_ms == since_ms or integrator.energy_nj(at_ms - 1) < energy_nj


def test_a_battery_tapers_and_is_full_at_its_capacity() -> None:
    battery = Battery(0, 10_000, 79)
    power_uw = 10**10
    battery.change(0, power_uw)
    shares = [battery.share_percent]
    while not battery.full:
        battery.fire(battery.due_ms)
        shares.append(battery.share_percent)
    assert shares == [100, 80, 65, 50, 30, 0]
    assert battery.due_ms == NEVER_MS


def test_a_full_battery_is_full_at_once() -> None:
    assert Battery(0, 10_000, 100).full
    assert NJ_PER_WH == 3600 * 10**9
