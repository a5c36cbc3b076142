"""One line, many on it: an adapter that hears itself, the dead beside the living, two by one
address, and what the doctor is given to judge."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import MeterError, MeterTimeout
from drivers.metering.bus import ModbusBus
from drivers.metering.catalogue import load_map
from drivers.metering.map import Line, Request
from drivers.metering.meter import MeterPoller, ModbusMeter
from drivers.metering.signs import Sign
from drivers.metering.turns import SHARE, Turns
from evse.clock import MonotonicClock
from evse.model import MeterReading
from hil.plant.meter_process import MeterPort, Slave
from hil.plant.meter_sim import MeterMode, SimulatedMeter, sealed
from hil.plant.model import MeterTruth

TRUTH = MeterTruth((230.0, 231.0, 229.5), (16.0, 15.5, 0.0), (3680.0, 3580.5, 0.0), 12_345.0, 50.0)
FAST = Line(baud=115_200)
SDM630 = load_map("sdm630")


def meter(unit: int = 1) -> SimulatedMeter:
    return SimulatedMeter(lambda: TRUTH, unit=unit)


class Echoing:
    """An adapter that hears what it sends, and the line behind it."""

    def __init__(self, then: Slave) -> None:
        self._then = then

    def feed(self, data: bytes, now_ms: int) -> bytes:
        return data + self._then.feed(data, now_ms)


class Counting:
    """Counts the requests to each unit, and lets `then` answer."""

    def __init__(self, then: Slave) -> None:
        self.asked: list[int] = []
        self._then = then

    def feed(self, data: bytes, now_ms: int) -> bytes:
        self.asked.append(data[0])
        return self._then.feed(data, now_ms)


class Confirming:
    """Confirms a write of one register, or keeps silent."""

    def __init__(self, *, silent: bool = False) -> None:
        self._silent = silent

    def feed(self, data: bytes, now_ms: int) -> bytes:
        if data[1] == 6:
            return b"" if self._silent else data
        return meter().feed(data, now_ms)


def on_line(
    link: Path,
    slave: Slave,
    scenario: Callable[[ModbusBus], Coroutine[Any, Any, None]],
    *,
    timeout_ms: int = 60,
) -> None:
    async def run() -> None:
        port = MeterPort(slave, link, MonotonicClock())
        bus = ModbusBus(str(link), FAST, timeout_ms=timeout_ms)
        try:
            await scenario(bus)
        finally:
            await bus.aclose()
            port.close()

    asyncio.run(run())


def sign(bus: ModbusBus, unit: int = 1) -> Sign | None:
    found = bus.diagnosis(unit)
    return None if found is None else found.sign


def test_an_adapter_that_hears_itself_is_no_obstacle_and_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(bus: ModbusBus) -> None:
        reader = ModbusMeter(bus, SDM630, 1, MonotonicClock())
        for _ in range(3):
            assert (await reader.read()).voltage_v == TRUTH.voltage_v
        assert bus.echoes
        assert bus.counters.requests == 3
        assert sign(bus) is None

    with caplog.at_level(logging.INFO):
        on_line(tmp_path / "m", Echoing(meter()), scenario)
    assert [record.message[-44:] for record in caplog.records] == [
        "the adapter hears what it sends; that is skipped"[-44:]
    ]


def test_an_echo_alone_is_silence_with_its_own_sentence(tmp_path: Path) -> None:
    async def scenario(bus: ModbusBus) -> None:
        with pytest.raises(MeterTimeout):
            await bus.read(1, 4, Request(0, 2))
        assert sign(bus) is Sign.ECHO_ONLY

    on_line(tmp_path / "m", Echoing(SimulatedMeter(lambda: None)), scenario)


@pytest.mark.parametrize("silent", [False, True])
def test_an_echo_is_not_taken_for_the_confirmation_of_a_write(tmp_path: Path, silent: bool) -> None:
    """The confirmation of function 6 is the request itself."""

    async def scenario(bus: ModbusBus) -> None:
        await bus.read(1, 4, Request(0, 2))  # here it is learnt
        if silent:
            with pytest.raises(MeterTimeout):
                await bus.write(1, 7051, [0x4200])
        else:
            await bus.write(1, 7051, [0x4200])

    on_line(tmp_path / "m", Echoing(Confirming(silent=silent)), scenario)


def test_two_devices_by_one_address_are_told_of_though_the_first_answer_is_sound(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Twice:
        def feed(self, data: bytes, now_ms: int) -> bytes:
            return 2 * meter().feed(data, now_ms)

    async def scenario(bus: ModbusBus) -> None:
        for _ in range(3):
            await bus.read(1, 4, Request(0, 2))
        assert sign(bus) is Sign.DOUBLED

    on_line(tmp_path / "m", Twice(), scenario)
    assert [record.message.partition(": ")[2] for record in caplog.records] == [
        "two devices answer as unit 1"
    ]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (MeterMode.SILENT, Sign.SILENT),
        (MeterMode.GARBAGE, Sign.CLASH),
        (MeterMode.EXCEPTION, Sign.BUSY),
    ],
)
def test_what_a_meter_does_wrong_is_named_from_the_exchanges(
    tmp_path: Path, mode: MeterMode, expected: Sign
) -> None:
    slave = meter()
    slave.set_mode(mode)

    async def scenario(bus: ModbusBus) -> None:
        for _ in range(2):
            with pytest.raises(MeterError):
                await bus.read(1, 4, Request(0, 2))
        assert sign(bus) is expected
        slave.set_mode(MeterMode.NORMAL)
        await bus.read(1, 4, Request(0, 2))
        assert sign(bus) is (Sign.SPORADIC if mode is MeterMode.GARBAGE else None)

    on_line(tmp_path / "m", slave, scenario)


def test_a_foreign_device_by_another_address_is_named(tmp_path: Path) -> None:
    class Foreign:
        def feed(self, data: bytes, now_ms: int) -> bytes:
            return sealed(bytes([9, 4, 4, 1, 2, 3, 4]))

    async def scenario(bus: ModbusBus) -> None:
        with pytest.raises(MeterError):
            await bus.read(1, 4, Request(0, 2))
        found = bus.diagnosis(1)
        assert found is not None
        assert found.says == "unit 9 answers what unit 1 is asked"

    on_line(tmp_path / "m", Foreign(), scenario)


def test_seven_dead_meters_leave_the_eighth_most_of_the_line(tmp_path: Path) -> None:
    """Asked in turn, one sound answer would come after each seven missing ones."""
    line = Counting(meter(8))
    settled: list[int] = []

    async def scenario(bus: ModbusBus) -> None:
        clock = MonotonicClock()
        read: asyncio.Queue[MeterReading] = asyncio.Queue()
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(
                    MeterPoller(
                        ModbusMeter(bus, SDM630, unit, clock),
                        clock,
                        poll_ms=5,
                        on_reading=read.put_nowait,
                        on_failure=lambda _error: None,
                    ).run()
                )
                for unit in range(1, 9)
            ]
            while not all(bus.is_dead(unit) for unit in range(1, 8)):
                await read.get()
            line.asked.clear()
            for _ in range(40):
                await read.get()
            settled.extend(line.asked)
            for task in tasks:
                task.cancel()

    on_line(tmp_path / "m", line, scenario, timeout_ms=40)
    dead = [unit for unit in settled if unit != 8]
    assert 40 <= settled.count(8) >= 3 * len(dead)
    assert len(set(dead)) == len(dead) or len(set(dead)) == 7, "each dead one gets its try"


def test_a_dead_meter_that_comes_back_is_found_again(tmp_path: Path) -> None:
    truth: list[MeterTruth | None] = [None]
    slave = SimulatedMeter(lambda: truth[0])

    async def scenario(bus: ModbusBus) -> None:
        for _ in range(3):
            with pytest.raises(MeterTimeout):
                await bus.read(1, 4, Request(0, 2))
        assert bus.is_dead(1)
        truth[0] = TRUTH
        await bus.read(1, 4, Request(0, 2))
        assert not bus.is_dead(1)

    on_line(tmp_path / "m", slave, scenario, timeout_ms=20)


def test_while_nobody_answers_nobody_waits() -> None:
    turns = Turns()
    for unit in (1, 2):
        for _ in range(2):
            turns.note(unit, alive=False, began_ms=0, ended_ms=1_000)
    assert turns.wait_ms(1, 1_000) == 0
    turns.note(3, alive=True, began_ms=1_000, ended_ms=1_100)
    assert turns.wait_ms(1, 1_100) == 2_900
    assert turns.wait_ms(3, 1_100) == 0


@given(st.integers(0, 7), st.integers(50, 2_000), st.integers(5, 300))
def test_the_age_of_a_sound_reading_is_bounded_however_many_are_dead(
    dead: int, fails_ms: int, answers_ms: int
) -> None:
    """In virtual time: eight meters, first come, first served. Once the dead are known, a living
    one waits for one of them at most, and for each other living one once."""
    turns, now_ms, taken_ms, worst_ms = Turns(), 0, dict.fromkeys(range(8), 0), 0
    queue = list(range(8))
    spent_on_dead_ms = 0
    for _ in range(400):
        ready = [unit for unit in queue if turns.wait_ms(unit, now_ms) == 0]
        unit = ready[0]
        queue.remove(unit)
        queue.append(unit)
        began_ms, alive = now_ms, unit >= dead
        now_ms += answers_ms if alive else fails_ms
        turns.note(unit, alive=alive, began_ms=began_ms, ended_ms=now_ms)
        if not alive:
            spent_on_dead_ms += fails_ms
        else:
            if all(turns.is_dead(one) for one in range(dead)):
                worst_ms = max(worst_ms, now_ms - taken_ms[unit])
            taken_ms[unit] = now_ms
    first_tries_ms = 2 * dead * fails_ms
    settled_ms = first_tries_ms + 8 * answers_ms
    assert spent_on_dead_ms - first_tries_ms <= now_ms / SHARE + fails_ms
    rounds = 8 * answers_ms // (SHARE * fails_ms) + 1
    assert worst_ms <= max(settled_ms, 8 * answers_ms + (rounds + 1) * fails_ms)
