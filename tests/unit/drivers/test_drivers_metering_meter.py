"""The real driver on a real pty, against meters that answer, fail, vanish and lie."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.errors import (
    MeterError,
    MeterGarbled,
    MeterRejected,
    MeterTimeout,
    MeterUnreachable,
)
from drivers.metering.bus import ModbusBus
from drivers.metering.catalogue import load_map
from drivers.metering.frames import answer_in, character_s
from drivers.metering.map import Line, Request
from drivers.metering.meter import MeterPoller, ModbusMeter
from evse.clock import MonotonicClock, VirtualClock
from evse.model import MeterReading
from hil.plant.meter_process import MeterPort, Slave
from hil.plant.meter_sim import MeterMode, SimulatedMeter, sealed
from hil.plant.model import MeterTruth

TRUTH = MeterTruth((230.0, 231.0, 229.5), (16.0, 15.5, 0.0), (3680.0, 3580.5, 0.0), 12_345.0, 50.0)
FAST = Line(baud=115_200)
SDM630 = load_map("sdm630")
ONE_VALUE = Request(0, 2)


class Script:
    """A slave that answers the n-th request with the n-th entry, then like `then`."""

    def __init__(self, then: Slave, *entries: bytes) -> None:
        self._then = then
        self._entries = list(entries)

    def feed(self, data: bytes, now_ms: int) -> bytes:
        answer = self._then.feed(data, now_ms)
        return self._entries.pop(0) if self._entries else answer


class Both:
    """Two slaves on one line."""

    def __init__(self, *slaves: Slave) -> None:
        self._slaves = slaves

    def feed(self, data: bytes, now_ms: int) -> bytes:
        return b"".join(slave.feed(data, now_ms) for slave in self._slaves)


def sound(unit: int = 1) -> SimulatedMeter:
    return SimulatedMeter(lambda: TRUTH, unit=unit)


class Rig:
    """One driver and one slave on a pty."""

    def __init__(
        self, link: Path, slave: Slave, *, timeout_ms: int = 30, delay_ms: int = 0
    ) -> None:
        self.link = link
        self.clock = MonotonicClock()
        self.port = MeterPort(slave, link, self.clock, answer_delay_ms=delay_ms)
        self.bus = ModbusBus(str(link), FAST, timeout_ms=timeout_ms)
        self.meter = ModbusMeter(self.bus, SDM630, 1, self.clock)

    async def aclose(self) -> None:
        await self.bus.aclose()
        self.port.close()


def on_rig(
    link: Path, slave: Slave, scenario: Callable[[Rig], Coroutine[Any, Any, None]], **options: int
) -> None:
    """Runs `scenario`; whatever the event loop would only have logged fails the test."""

    async def run() -> None:
        unheard: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: unheard.append(what))
        rig = Rig(link, slave, **options)
        try:
            await scenario(rig)
        finally:
            await rig.aclose()
        assert unheard == []

    asyncio.run(run())


def test_one_reading_holds_what_the_meter_measures(tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        before_ms = rig.clock.now_ms()
        reading = await rig.meter.read()
        assert before_ms <= reading.taken_ms <= rig.clock.now_ms()
        assert reading.voltage_v == TRUTH.voltage_v
        assert reading.current_a == TRUTH.current_a
        assert reading.power_phase_w == TRUTH.power_w
        assert reading.power_w == sum(TRUTH.power_w)
        assert reading.frequency_hz == 50.0
        assert reading.energy_import_wh == pytest.approx(TRUTH.energy_import_wh)
        assert rig.bus.counters.requests == 1

    on_rig(tmp_path / "m", sound(), scenario)


@pytest.mark.parametrize(
    ("mode", "error", "sentence", "requests"),
    [
        (MeterMode.SILENT, MeterTimeout, r"unit 1 address 0x0000: no answer in 74 ms", 2),
        (MeterMode.GARBAGE, MeterGarbled, r"unit 1 address 0x0000: 157 bytes came, no answer", 2),
        (MeterMode.EXCEPTION, MeterRejected, r"unit 1 address 0x0000: exception 6 \(busy\)", 1),
    ],
)
def test_each_way_to_fail_has_its_error_and_the_meter_is_read_again_afterwards(
    tmp_path: Path, mode: MeterMode, error: type[MeterError], sentence: str, requests: int
) -> None:
    slave = sound()

    async def scenario(rig: Rig) -> None:
        slave.set_mode(mode)
        with pytest.raises(error, match=sentence):
            await rig.meter.read()
        assert rig.bus.counters.requests == requests
        slave.set_mode(MeterMode.NORMAL)
        assert (await rig.meter.read()).voltage_v == TRUTH.voltage_v

    on_rig(tmp_path / "m", slave, scenario, timeout_ms=60)


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"\x00\xff\x13",
        sealed(bytes([1, 4, 4, 0, 0, 0, 0])),
        sealed(bytes([1, 4, 152]) + bytes(151)),
        sealed(bytes([2, 4, 152]) + bytes(152)),
        sealed(bytes([1, 3, 152]) + bytes(152)),
        sealed(bytes([1, 0x2B, 0x0E, 1])),
        sealed(bytes([1, 0x99])),
        bytes(200),
    ],
)
def test_a_lost_or_wrong_answer_is_asked_for_once_more(tmp_path: Path, wrong: bytes) -> None:
    async def scenario(rig: Rig) -> None:
        assert (await rig.meter.read()).voltage_v == TRUTH.voltage_v
        assert rig.bus.counters.requests == 2
        assert rig.bus.counters.garbled == bool(wrong)
        assert rig.bus.counters.timeouts == (not wrong)

    on_rig(tmp_path / "m", Script(sound(), wrong), scenario, timeout_ms=60)


def test_a_late_answer_is_not_taken_for_that_to_the_next_request(tmp_path: Path) -> None:
    """Answers count for 222 ms. The first comes after 300; the second, 150 ms after its request,
    would come behind it if that request did not wait."""
    truth = [TRUTH]
    later = MeterTruth((100.0,) * 3, (0.0,) * 3, (0.0,) * 3, 99_000.0, 50.0)

    async def scenario(rig: Rig) -> None:
        with pytest.raises(MeterTimeout):
            await rig.bus.read(1, 4, Request(0, 76))
        truth[0], rig.port.answer_delay_ms = later, 150
        assert (await rig.meter.read()).voltage_v == later.voltage_v
        assert rig.bus.counters.requests == 2

    slave = SimulatedMeter(lambda: truth[0])
    on_rig(tmp_path / "m", slave, scenario, timeout_ms=200, delay_ms=300)


def test_a_device_that_vanishes_and_returns_is_found_again(tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.meter.read()
        rig.port.close()
        with pytest.raises(MeterUnreachable, match=r"/m is not there"):
            await rig.meter.read()
        rig.port = MeterPort(sound(), rig.link, rig.clock)
        await rig.meter.read()
        assert rig.bus.opened == 2

    on_rig(tmp_path / "m", sound(), scenario)


def test_a_device_that_vanishes_during_a_request_is_an_error_in_bounded_time(
    tmp_path: Path,
) -> None:
    class Unplugged:
        port: MeterPort

        def feed(self, data: bytes, now_ms: int) -> bytes:
            self.port.close()
            return b""

    slave = Unplugged()

    async def scenario(rig: Rig) -> None:
        slave.port = rig.port
        async with asyncio.timeout(2):
            with pytest.raises(MeterUnreachable):
                await rig.meter.read()

    on_rig(tmp_path / "m", slave, scenario, timeout_ms=60)


def test_a_port_that_another_program_holds_is_not_shared(tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.meter.read()
        second = ModbusBus(str(rig.link), FAST, timeout_ms=30)
        with pytest.raises(MeterUnreachable, match="is in use by another program"):
            await second.read(1, 4, ONE_VALUE)
        await rig.meter.read()

    on_rig(tmp_path / "m", sound(), scenario)


def test_line_settings_that_a_port_refuses_are_named_each_time(tmp_path: Path) -> None:
    """A pty has no parity. A refusal must not leave the port locked for the next try."""

    async def scenario(rig: Rig) -> None:
        bus = ModbusBus(str(rig.link), Line(baud=9_600, parity="E"), timeout_ms=30)
        for _ in range(2):
            with pytest.raises(MeterUnreachable, match="refuses baud rate, parity or stop bits"):
                await bus.read(1, 4, ONE_VALUE)
        assert bus.counters.unreachable == 2
        await rig.meter.read()

    on_rig(tmp_path / "m", sound(), scenario)


def test_what_is_no_serial_port_is_unreachable(tmp_path: Path) -> None:
    async def scenario() -> None:
        for path in (Path(os.devnull), tmp_path):
            with pytest.raises(MeterUnreachable, match=str(path)):
                await ModbusBus(str(path), FAST).read(1, 4, ONE_VALUE)

    asyncio.run(scenario())


def test_a_silent_meter_does_not_fill_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(rig: Rig) -> None:
        with pytest.raises(MeterTimeout):
            await rig.bus.read(1, 4, ONE_VALUE)
        assert caplog.records == []

    on_rig(tmp_path / "m", SimulatedMeter(lambda: None), scenario, timeout_ms=30)


def test_two_meters_share_a_line_one_request_at_a_time(tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        other = ModbusMeter(rig.bus, SDM630, 2, rig.clock)
        readings = await asyncio.gather(
            *(meter.read() for meter in (rig.meter, other) for _ in range(5))
        )
        assert all(reading.voltage_v == TRUTH.voltage_v for reading in readings)
        assert rig.bus.counters.requests == 10

    on_rig(tmp_path / "m", Both(sound(1), sound(2)), scenario)


def test_a_dead_neighbour_does_not_keep_a_meter_from_being_read(tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        dead = ModbusMeter(rig.bus, SDM630, 2, rig.clock)
        failing = asyncio.create_task(dead.read())
        assert (await rig.meter.read()).voltage_v == TRUTH.voltage_v
        with pytest.raises(MeterTimeout, match="unit 2"):
            await failing

    on_rig(tmp_path / "m", sound(1), scenario, timeout_ms=60)


def test_a_cancelled_read_leaves_the_line_usable(tmp_path: Path) -> None:
    slave = sound()

    async def scenario(rig: Rig) -> None:
        slave.set_mode(MeterMode.SILENT)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await rig.bus.read(1, 4, ONE_VALUE)
        slave.set_mode(MeterMode.NORMAL)
        assert await rig.bus.read(1, 4, ONE_VALUE) == [0x4366, 0x0000]

    on_rig(tmp_path / "m", slave, scenario, timeout_ms=60)


def test_a_foreign_slave_is_read_too(tmp_path: Path) -> None:
    """The server of pymodbus behind two ptys that pass bytes to one another."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        masters, slaves = zip(*(os.openpty() for _ in range(2)), strict=True)
        for slave in slaves:
            tty.setraw(slave)
        for source, target in (masters, masters[::-1]):
            loop.add_reader(source, lambda s=source, t=target: os.write(t, os.read(s, 512)))
        values = [SimData(0, values=[230.25] * 38, datatype=DataType.FLOAT32)]
        server = ModbusSerialServer(SimDevice(1, values), port=os.ttyname(slaves[0]))
        await server.serve_forever(background=True)
        bus = ModbusBus(os.ttyname(slaves[1]), FAST)
        reading = await ModbusMeter(bus, SDM630, 1, VirtualClock(7)).read()
        assert reading.taken_ms == 7
        assert reading.voltage_v == (230.25, 230.25, 230.25)
        assert reading.energy_import_wh == 230_250.0
        with pytest.raises(MeterRejected, match=r"exception 2 \(illegal address\)"):
            await bus.read(1, 4, Request(0x100, 2))
        await bus.aclose()
        await server.shutdown()
        for master, slave in zip(masters, slaves, strict=True):
            loop.remove_reader(master)
            os.close(master)
            os.close(slave)

    asyncio.run(scenario())


def test_an_answer_may_take_as_long_as_its_bytes_at_the_baud_rate() -> None:
    """8N1 is ten bits a character: 255 bytes at 9600 baud are 266 ms beside the waiting time."""
    assert character_s(Line(baud=9_600)) == pytest.approx(10 / 9_600)
    assert character_s(Line(baud=9_600, parity="E")) == pytest.approx(11 / 9_600)
    assert character_s(Line(baud=9_600, parity="E", stop_bits=2)) == pytest.approx(12 / 9_600)


@given(st.binary(max_size=300), st.integers(1, 125))
def test_noise_is_no_answer(noise: bytes, count: int) -> None:
    frame = answer_in(noise, 1, 4, count)
    assert frame == b"" or sealed(frame[:-2]) == frame


@given(st.binary(max_size=20), st.binary(min_size=4, max_size=4), st.binary(max_size=20))
def test_an_answer_is_found_between_noise(before: bytes, values: bytes, after: bytes) -> None:
    frame = sealed(bytes([17, 4, 4]) + values)
    assert answer_in(before.replace(b"\x11", b"") + frame + after, 17, 4, 2) == frame


@given(st.integers(0, 70), st.integers(1, 255))
def test_one_changed_byte_is_never_taken_for_an_answer(at: int, change: int) -> None:
    frame = bytearray(sealed(bytes([1, 4, 64]) + bytes(range(64))))
    frame[at % len(frame)] ^= change
    assert answer_in(bytes(frame), 1, 4, 32) == b""


class Seen(list[MeterReading | MeterError]):
    """What a poller reported; `grown` is set with each entry."""

    def __init__(self) -> None:
        self.grown = asyncio.Event()

    def note(self, outcome: MeterReading | MeterError) -> None:
        self.append(outcome)
        self.grown.set()

    async def next(self) -> MeterReading | MeterError:
        await self.grown.wait()
        self.grown.clear()
        return self[-1]


class HandMeter:
    """A meter whose answers a test gives by hand."""

    def __init__(self) -> None:
        self.reads = 0
        self.asked = asyncio.Event()
        self._answer: asyncio.Future[MeterReading] | None = None

    async def read(self) -> MeterReading:
        self.reads += 1
        self._answer = asyncio.get_running_loop().create_future()
        self.asked.set()
        return await self._answer

    async def answer(self, outcome: MeterReading | MeterError) -> None:
        """Waits for the next question and answers it."""
        await self.asked.wait()
        self.asked.clear()
        assert self._answer is not None
        if isinstance(outcome, MeterError):
            self._answer.set_exception(outcome)
        else:
            self._answer.set_result(outcome)


def of(energy_wh: float) -> MeterReading:
    return MeterReading(taken_ms=0, energy_import_wh=energy_wh)


def polled(
    scenario: Callable[[HandMeter, MeterPoller, Seen], Coroutine[Any, Any, None]],
    *,
    poll_ms: int = 60_000,
) -> None:
    async def run() -> None:
        meter, seen = HandMeter(), Seen()
        poller = MeterPoller(
            meter,
            MonotonicClock(),
            poll_ms=poll_ms,
            on_reading=seen.note,
            on_failure=seen.note,
        )
        task = asyncio.create_task(poller.run())
        async with asyncio.timeout(5):
            await scenario(meter, poller, seen)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(run())


def test_all_who_ask_during_a_read_share_one_that_begins_afterwards() -> None:
    async def scenario(meter: HandMeter, poller: MeterPoller, seen: Seen) -> None:
        await meter.asked.wait()
        asked = [poller.read_now() for _ in range(3)]
        await meter.answer(of(1.0))
        await meter.answer(of(2.0))
        assert [await one for one in asked] == [of(2.0)] * 3
        assert meter.reads == 2
        assert seen == [of(1.0), of(2.0)]

    polled(scenario)


def test_asking_does_not_wait_for_the_next_poll() -> None:
    async def scenario(meter: HandMeter, poller: MeterPoller, seen: Seen) -> None:
        await meter.answer(of(1.0))
        assert await seen.next() == of(1.0)
        asked = poller.read_now()
        await meter.answer(of(2.0))
        assert await asked == of(2.0)

    polled(scenario)


def test_a_failed_read_is_reported_to_all_and_polling_goes_on() -> None:
    async def scenario(meter: HandMeter, poller: MeterPoller, seen: Seen) -> None:
        asked, given_up = poller.read_now(), poller.read_now()
        given_up.cancel()
        error = MeterTimeout("unit 1: no answer")
        await meter.answer(error)
        with pytest.raises(MeterTimeout, match="no answer"):
            await asked
        assert await seen.next() is error
        await meter.answer(of(1.0))
        assert await seen.next() == of(1.0)

    polled(scenario, poll_ms=5)


def test_who_waits_when_the_poller_stops_is_cancelled() -> None:
    waiting: list[asyncio.Future[MeterReading]] = []

    async def scenario(meter: HandMeter, poller: MeterPoller, seen: Seen) -> None:
        waiting.append(poller.read_now())
        await meter.asked.wait()
        waiting.append(poller.read_now())

    polled(scenario)
    assert all(future.cancelled() for future in waiting)
