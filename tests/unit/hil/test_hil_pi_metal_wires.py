"""The computer made of memory is no kinder than metal: coil, bridge, watchdog, what remembers."""

from __future__ import annotations

import socket
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest
from gpiozero import OutputDevice
from hypothesis import given
from hypothesis import strategies as st

from drivers.board.native import NativeBoard
from drivers.board.profile import load_profile, parse_profile
from evse.board_faults import BoardFault
from evse.guard.facts import Inputs, Outputs
from evse.guard.lock_drive import LockDrive
from evse.model import X1_BP
from evse.pilot import PilotSample
from hil.pi.front_end import FULL_MV, PeakCapacitor, Reserve
from hil.pi.machine import UDEV_MS, FakePi
from hil.plant.model import Driven, PlantConfig
from hil.plant.pin_wire import RemotePins, decode_turn
from hil.plant.plant import Plant

PULL_IN, HOLD, LOCK, UNLOCK, HEARTBEAT = 17, 15, 20, 21, 23
REFERENCE = resources.files("drivers.board").joinpath("profiles", "pievse-reference.toml")
WITHOUT = "coils = [{ pull_in = { gpio = 17 } }]"
ECONOMISER = "coils = [{ pull_in = { gpio = 17 }, hold = { gpio = 15 } }]"


class Metal:
    """What hears of the outputs, and shows what it is told to."""

    def __init__(self) -> None:
        self.heard: list[tuple[Outputs, bool]] = []
        self.inputs = Inputs(sample=PilotSample(6_000, -12_000))

    def read(self, evse: int, now_ms: int) -> Inputs:
        return self.inputs

    def write(self, evse: int, outputs: Outputs, now_ms: int, feeds: bool = True) -> None:
        self.heard.append((outputs, feeds))


class Bench:
    """A Pi by itself, and a hand at its pins."""

    def __init__(self, text: str | None = None) -> None:
        shipped = REFERENCE.read_text("utf-8").replace(WITHOUT, ECONOMISER)
        self.profile = parse_profile(text or shipped, "mine.toml")
        self.metal = Metal()
        self.now_ms = 0
        self.violated: list[tuple[int, str]] = []
        self.pi = FakePi(
            self.profile,
            {1: self.metal},
            lambda: self.now_ms,
            violated=lambda evse, rule: self.violated.append((evse, rule)),
        )

    def output(self, gpio: int) -> OutputDevice:
        return OutputDevice(gpio, pin_factory=self.pi.gpio)

    @property
    def outputs(self) -> Outputs:
        return self.metal.heard[-1][0] if self.metal.heard else Outputs()


def test_a_coil_is_pulled_in_by_full_voltage_alone_and_then_held() -> None:
    bench = Bench()
    pull_in, hold = bench.output(PULL_IN), bench.output(HOLD)
    seen = []
    for turn in (hold.on, pull_in.on, pull_in.off, hold.off, hold.on):
        turn()
        seen.append(bench.outputs.coil)
    assert seen == [False, True, True, False, False]


def test_both_halves_of_a_bridge_move_nothing_and_are_a_violation_each_time() -> None:
    bench = Bench()
    lock, unlock = bench.output(LOCK), bench.output(UNLOCK)
    seen = []
    for turn in (lock.on, unlock.on, lock.off, unlock.off) * 2:
        turn()
        seen.append(bench.outputs.lock_drive)
    assert seen == [LockDrive.LOCK, LockDrive.OFF, LockDrive.UNLOCK, LockDrive.OFF] * 2
    assert bench.pi.shoot_through == 2
    assert bench.violated == [(1, "both halves of the lock's bridge are on")] * 2


def test_a_plant_keeps_what_its_board_did_wrong() -> None:
    plant = Plant(PlantConfig(), seed=1, evse=3)
    plant.violated("shoot-through")
    assert [(v.evse, v.rule) for v in plant.violations] == [(3, "shoot-through")]


def test_the_coil_supply_s_watchdog_hears_edges_and_nothing_else() -> None:
    bench = Bench()
    lock, heartbeat = bench.output(LOCK), bench.output(HEARTBEAT)
    lock.on()
    lock.off()
    assert [feeds for _, feeds in bench.metal.heard] == [False, False]
    heartbeat.on()
    heartbeat.off()
    assert [feeds for _, feeds in bench.metal.heard[2:]] == [True, True]


def test_outputs_that_change_do_not_keep_a_plant_s_coil() -> None:
    plant = Plant(PlantConfig(coil_watchdog_ms=200, lock=False, socket=False), seed=1)
    closed = {}
    for now_ms in range(0, 600, 10):
        plant.drive(Driven(coil=True, duty_bp=1_000 + now_ms), now_ms, feeds=now_ms == 150)
        closed[now_ms] = plant.energised
    assert (closed[150], closed[300], closed[590]) == (False, True, False)


def test_a_remote_plant_hears_who_was_fed(tmp_path: Path) -> None:
    path = str(tmp_path / "pins")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        pins = RemotePins(path)
        plant, _ = listening.accept()
    with plant:
        plant.sendall(b"{}\n{}\n")
        pins.write(1, Outputs(), 0, False)
        pins.write(2, Outputs(), 0)
        pins.flush()
        pins.flush()
        pins.close()
        turns = [decode_turn(line) for line in plant.recv(65_536).splitlines()]
    assert [turn.unfed for turn in turns] == [frozenset({1}), frozenset({1, 2})]
    assert all(set(turn.drive) == {1, 2} for turn in turns)


def test_udev_takes_its_time() -> None:
    bench = Bench()
    board = NativeBoard(bench.pi, bench.profile, 1)
    ready = []
    for bench.now_ms in range(0, 50, 10):
        board.write(1, Outputs(duty_bp=5_000), bench.now_ms)
        ready.append(bench.outputs.duty_bp)
    assert ready == [X1_BP] * (UDEV_MS // 10) + [5_000] * (5 - UDEV_MS // 10)


# detectors


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 40), st.integers(-12_000, 12_000), st.booleans()), max_size=30
    )
)
def test_a_detector_stays_on_its_side_and_below_what_it_was_shown(
    steps: list[tuple[int, int, bool]],
) -> None:
    highest, lowest = PeakCapacitor(1), PeakCapacitor(-1)
    now_ms, most, least = 0, 0, 0
    for lasted_ms, level_mv, resetting in steps:
        now_ms += lasted_ms
        highest.turn(now_ms, level_mv, resetting=resetting)
        lowest.turn(now_ms, level_mv, resetting=resetting)
        most, least = max(most, level_mv), min(least, level_mv)
        assert -0.01 <= highest.mv(now_ms, level_mv) <= most + 0.01
        assert least - 0.01 <= lowest.mv(now_ms, level_mv) <= 0.01


def test_a_detector_remembers_droops_and_is_emptied_by_its_reset_alone() -> None:
    detector = PeakCapacitor(1)
    detector.turn(0, 9_000, resetting=False)
    assert detector.mv(3, 9_000) == pytest.approx(9_000, abs=10)
    detector.turn(3, 6_000, resetting=False)
    remembered = detector.mv(23, 6_000)
    assert 8_800 < remembered < 9_000
    detector.turn(23, 6_000, resetting=True)
    assert detector.mv(24, 6_000) > 200, "1 ms is too short"
    assert detector.mv(27, 6_000) < 10
    detector.turn(27, 6_000, resetting=False)
    assert detector.mv(28, 6_000) < 5_800, "1 ms is too short to settle, too"
    assert detector.mv(31, 6_000) == pytest.approx(6_000, abs=10)


def test_detectors_of_a_board_follow_their_reset_line() -> None:
    profile = load_profile("pievse-peaks")
    metal = Metal()
    now = [0]
    pi = FakePi(profile, {1: metal}, lambda: now[0])
    reset = OutputDevice(15, pin_factory=pi.gpio)
    held = profile.evse[0].pilot

    def high_mv() -> float:
        section = held.high  # type: ignore[union-attr]  # it is one of peaks
        pin_mv = pi.converter.pins[section.channel](0.0)
        return (pin_mv * 4_095 / 3_300 - section.zero_counts) * section.gain_mv

    reset.on()
    now[0] = 10
    reset.off()
    now[0] = 20
    assert high_mv() == pytest.approx(6_000, abs=20)
    metal.inputs = Inputs(sample=PilotSample(3_000, -12_000))
    now[0] = 30
    assert high_mv() > 5_800, "it remembers"
    reset.on()
    now[0] = 40
    assert high_mv() < 20
    reset.off()
    now[0] = 50
    assert high_mv() == pytest.approx(3_000, abs=20)


# reserve


def levels(turn: Callable[[Reserve, int], None], *, mains: bool, for_ms: int) -> list[float]:
    reserve = Reserve()
    found = []
    for now_ms in range(0, for_ms, 100):
        turn(reserve, now_ms)
        found.append(reserve.mv(now_ms, mains=mains))
    return found


def test_a_reserve_drains_with_each_pulse_and_without_mains_and_recharges() -> None:
    idle = levels(lambda reserve, now_ms: None, mains=True, for_ms=5_000)
    assert set(idle) == {FULL_MV}
    away = levels(lambda reserve, now_ms: None, mains=False, for_ms=40_000)
    assert away == sorted(away, reverse=True)
    assert away[-1] == 0
    reserve = Reserve()
    reserve.turn(0, driven=True, mains=False)
    reserve.turn(600, driven=False, mains=False)
    pulsed = reserve.mv(600, mains=True)
    assert pulsed < FULL_MV - 500
    assert reserve.mv(90_600, mains=True) > FULL_MV - 50


def test_a_board_sees_its_reserve_sag() -> None:
    bench = Bench()
    unlock = bench.output(UNLOCK)
    section = bench.profile.evse[0].lock_reserve
    assert section is not None

    def reserve_mv() -> float:
        return bench.pi.converter.pins[section.channel](0.0) * 4_095 / 3_300 * section.gain_mv

    assert reserve_mv() == pytest.approx(FULL_MV, rel=0.01)
    bench.metal.inputs = Inputs(faults=BoardFault.POWER_LOSS)
    bench.now_ms = 10
    unlock.on()
    bench.now_ms = 610
    unlock.off()
    assert reserve_mv() < FULL_MV - 500
