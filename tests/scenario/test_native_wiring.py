"""Wires, converters and outputs of the native board that fail: each is named with what to do, opens
what carries current, and is over by itself when it is mended."""

from __future__ import annotations

import errno
import itertools
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from scenario_steps import charging, closed

from evse.board_faults import Wiring
from evse.config.station import StationConfig
from evse.faults import of_wiring
from hil.bench.plugin import started, unexcused
from hil.bench.sim import SimBench
from hil.bench.station import StationSetup
from hil.pi.header import Source
from hil.pi.machine import FakePi
from hil.pi.waveform import GOLDEN, steady
from hil.sim.native import NativeSimBoard
from hil.trace import Lane

OPENING_MS = 100
MENDED_S = 60
"""Within it a car charges again, or another one does."""
Undo = Callable[[], None]
Break = Callable[[FakePi], Undo]

MIRROR, LOCKED, UNLOCKED, RCD, STOP, BUTTON, TILT = 22, 5, 6, 24, 26, 18, 19
"""Of the profile pievse-reference."""
PILOT_CHANNEL, NTC_CHANNEL = 0, 2


def hum() -> Callable[[], bool]:
    """50 Hz: another level at each look of 10 ms."""
    looks = itertools.cycle((True, False))
    return lambda: next(looks)


def wire(gpio: int, make: Callable[[], Source]) -> Break:
    def breaks(pi: FakePi) -> Undo:
        before = pi.header.pad(gpio).outside
        pi.header.drive(gpio, make())
        return lambda: pi.header.drive(gpio, before)

    return breaks


def channel(number: int, pin_mv: float) -> Break:
    def breaks(pi: FakePi) -> Undo:
        before = pi.converter.pins[number]
        pi.converter.pins[number] = steady(pin_mv)
        return lambda: pi.converter.pins.update({number: before})

    return breaks


def converter(name: str, value: object) -> Break:
    def breaks(pi: FakePi) -> Undo:
        setattr(pi.converter, name, value)
        return lambda: setattr(pi.converter, name, None)

    return breaks


def pwm_removed(pi: FakePi) -> Undo:
    chip = pi.pwm.chips[0]
    chip.there = False

    def back() -> None:
        chip.probe_again(chip.number)
        chip.there = True

    return back


def pwm_renumbered(pi: FakePi) -> Undo:
    """Unbound and bound again: as if by an update of the overlay. Nothing has to mend it."""
    pi.pwm.chips[0].probe_again(7)
    return lambda: None


def noise(pi: FakePi) -> Undo:
    before = pi.converter.pins[PILOT_CHANNEL]
    looks = itertools.count(1)
    pi.converter.pins[PILOT_CHANNEL] = lambda _at_us: 150 + 3_000 * (next(looks) * GOLDEN % 1)
    return lambda: pi.converter.pins.update({PILOT_CHANNEL: before})


def pins_lost(pi: FakePi) -> Undo:
    pi.header.lose()
    return pi.header.find


class Case(NamedTuple):
    """What breaks, what it is called, and how soon the contactor is open."""

    breaks: Break
    flag: Wiring
    opens_ms: int | None = OPENING_MS


BROKEN: dict[str, Case] = {
    "converter gone": Case(converter("errno", errno.ENODEV), Wiring.ADC_SILENT),
    "converter all ones": Case(converter("silence", "all_ones"), Wiring.ADC_ALL_ONES),
    "converter all zeros": Case(converter("silence", "all_zeros"), Wiring.ADC_ALL_ZEROS),
    "pilot at the upper rail": Case(channel(PILOT_CHANNEL, 3_300), Wiring.ADC_RAIL),
    "pilot at the lower rail": Case(channel(PILOT_CHANNEL, 0), Wiring.ADC_RAIL),
    "pilot without levels": Case(noise, Wiring.PILOT_NO_PLATEAU),
    "PWM removed": Case(pwm_removed, Wiring.PWM_GONE),
    "PWM renumbered": Case(pwm_renumbered, Wiring.PWM_GONE),
    "mirror floats": Case(wire(MIRROR, hum), Wiring.MIRROR_FLOATING),
    "residual-current device floats": Case(wire(RCD, hum), Wiring.RCD_FLOATING),
    "emergency stop floats": Case(wire(STOP, hum), Wiring.INPUT_FLOATING),
    "tilt floats": Case(wire(TILT, hum), Wiring.INPUT_FLOATING, 400),
    "stop button floats": Case(wire(BUTTON, hum), Wiring.INPUT_FLOATING, None),
    "lock's switch floats": Case(wire(LOCKED, hum), Wiring.LOCK_FLOATING),
    "both switches of the lock": Case(wire(UNLOCKED, lambda: False), Wiring.LOCK_CONTRADICTS),
    "temperature sensor open": Case(channel(NTC_CHANNEL, 3_300), Wiring.TEMPERATURE_RANGE, 6_000),
    "temperature sensor shorted": Case(channel(NTC_CHANNEL, 0), Wiring.TEMPERATURE_RANGE, 6_000),
}
"""The tilt contact is filtered for 0.2 s; a temperature may be unknown for 5 s; a button protects
nobody."""
IDLE_TOO = ("PWM removed", "mirror floats", "lock's switch floats", "converter all ones")
"""Those that a test without a car is made of, too."""


@pytest.fixture
def bench() -> Iterator[SimBench]:
    bench = SimBench(native=True)
    started(bench)
    yield bench
    assert unexcused(bench, set()) == []
    bench.close()


def board(bench: SimBench) -> NativeSimBoard:
    found = bench.rig.sim.board
    assert isinstance(found, NativeSimBoard)
    return found


def break_it(bench: SimBench, breaks: Break) -> Undo:
    """From now on every period is lived through, until it is undone."""
    native = board(bench)
    assert native.pins is not None
    with bench.rig.by_hand():
        native.pins.skips = False
        undo = breaks(native.pi)

    def mended() -> None:
        with bench.rig.by_hand():
            undo()

    return mended


def named(bench: SimBench, flag: Wiring) -> bool:
    """With its hint."""
    row, why = of_wiring(flag), bench.probe.why()
    return row.says in why and row.hint in why


def charges_again(bench: SimBench) -> None:
    """The same car, or where it has to leave, another one."""
    try:
        bench.clock.run_until(lambda: bench.probe.metal().current_a > 1, within=MENDED_S)
    except TimeoutError:
        bench.ev.unplug()
        bench.clock.run_for(10)
        charging(bench)


def mended(bench: SimBench, mend: Undo, flag: Wiring) -> None:
    """From then on quiet time is skipped again."""
    mend()
    bench.clock.run_until(lambda: not named(bench, flag), within=30, what=f"{flag.name} is over")
    native = board(bench)
    assert native.pins is not None
    native.pins.skips = True


@pytest.mark.parametrize("name", BROKEN)
def test_what_breaks_under_load_opens_in_time_is_named_and_is_over_when_mended(
    bench: SimBench, name: str
) -> None:
    case = BROKEN[name]
    charging(bench)
    begin_ms = bench.clock.now_ms()
    mend = break_it(bench, case.breaks)
    bench.clock.run_until(lambda: named(bench, case.flag), within=3, what=f"{case.flag.name}")
    if case.opens_ms is None:
        bench.clock.run_for(1)
        assert closed(bench)
    else:
        bench.clock.run_until(lambda: not closed(bench), within=case.opens_ms / 1_000, what="open")
        opened_ms = bench.probe.first_ms(Lane.CONTACTOR, "open", begin_ms)
        assert opened_ms is not None
        assert opened_ms - begin_ms <= case.opens_ms
    mended(bench, mend, case.flag)
    charges_again(bench)


@pytest.mark.parametrize("name", IDLE_TOO)
def test_what_is_broken_before_a_car_comes_lets_none_charge_and_is_over_when_mended(
    bench: SimBench, name: str
) -> None:
    case = BROKEN[name]
    mend = break_it(bench, case.breaks)
    bench.clock.run_until(lambda: named(bench, case.flag), within=3, what=f"{case.flag.name}")
    bench.ev.plug()
    bench.clock.run_for(3)
    assert not closed(bench)
    mended(bench, mend, case.flag)
    charges_again(bench)


def test_a_stuck_mirror_is_a_weld_until_the_car_has_left(bench: SimBench) -> None:
    charging(bench)
    mend = break_it(bench, wire(MIRROR, lambda: True))
    bench.clock.run_for(2)
    assert closed(bench), "it says what is so"
    bench.ev.pause()
    bench.clock.run_until(lambda: "stays closed" in bench.probe.why(), within=10, what="a weld")
    assert not closed(bench)
    mend()
    charges_again(bench)


def test_a_mirror_that_falls_open_opens_the_contactor(bench: SimBench) -> None:
    charging(bench)
    mend = break_it(bench, wire(MIRROR, lambda: False))
    bench.clock.run_until(lambda: not closed(bench), within=OPENING_MS / 1_000, what="open")
    mend()
    charges_again(bench)


def test_lost_pins_are_opened_by_the_coil_supplys_watchdog_alone_and_found_again() -> None:
    """Nothing that this computer could still drive: ring 0's 0.2 s, and the contactor's own."""
    bench = SimBench(native=True, frames=True)
    started(bench)
    charging(bench)
    begin_ms = bench.clock.now_ms()
    mend = break_it(bench, pins_lost)
    bench.clock.run_for(2)
    assert named(bench, Wiring.GPIO_GONE)
    opened_ms = bench.probe.first_ms(Lane.CONTACTOR, "open", begin_ms)
    assert opened_ms is not None
    assert opened_ms - begin_ms <= 250
    mended(bench, mend, Wiring.GPIO_GONE)
    charges_again(bench)
    assert unexcused(bench, set()) == []
    bench.close()


# sensors that a process of their own reads


class SlowSetup(StationSetup, frozen=True):
    """A station whose board has a slow temperature sensor."""

    profile: str = ""

    def config(self) -> StationConfig:
        config = super().config()
        board = msgspec.structs.replace(config.board, profile=self.profile)
        return msgspec.structs.replace(config, board=board)


SENSOR = "w1:28-0316a2795bff"
NTC = 'kind = "ntc"\nchannel = 2\n'


def silence(pi: FakePi) -> Undo:
    pi.slow.silent.add(SENSOR)
    return pi.slow.silent.clear


def reader_gone(pi: FakePi) -> Undo:
    pi.slow.gone = True
    return lambda: setattr(pi.slow, "gone", False)


@pytest.mark.parametrize("breaks", [silence, reader_gone])
def test_a_slow_sensor_that_falls_silent_stops_the_charge_and_lets_it_go_on(
    breaks: Break, tmp_path: Path
) -> None:
    shipped = resources.files("drivers.board").joinpath("profiles", "pievse-reference.toml")
    slow = f'kind = "slow"\nsensors = ["{SENSOR}"]\n'
    profile = tmp_path / "slow.toml"
    profile.write_text(shipped.read_text("utf-8").replace(NTC, slow), "utf-8")
    bench = SimBench(SlowSetup(profile=str(profile)), native=True)
    started(bench)
    charging(bench)
    mend = break_it(bench, breaks)
    bench.clock.run_for(2)
    assert closed(bench), "a temperature is good for 3 s"
    bench.clock.run_until(
        lambda: named(bench, Wiring.TEMPERATURE_SILENT), within=3, what="it is named"
    )
    bench.clock.run_until(lambda: not closed(bench), within=6, what="open")
    mended(bench, mend, Wiring.TEMPERATURE_SILENT)
    charges_again(bench)
    assert unexcused(bench, set()) == []
    bench.close()
