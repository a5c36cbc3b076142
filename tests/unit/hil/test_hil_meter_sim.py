"""The simulated meter answers like the vendor's document and like a real line fails."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pymodbus.client import ModbusSerialClient

from evse.clock import MonotonicClock, VirtualClock
from hil.plant.meter_process import MeterPort, TruthLine, follow_plant
from hil.plant.meter_sim import MeterMode, SimulatedMeter, sealed
from hil.plant.model import MeterTruth

TRUTH = MeterTruth((230.2, 231.0, 229.5), (16.0, 15.5, 0.0), (3680.0, 3580.5, 0.0), 12_345.6, 50.0)
READ_L1 = sealed(bytes.fromhex("01 04 0000 0002"))


def request(address: int, count: int, *, unit: int = 1, function: int = 4) -> bytes:
    return sealed(struct.pack(">BBHH", unit, function, address, count))


def floats(answer: bytes) -> list[float]:
    assert sealed(answer[:-2]) == answer
    return list(struct.unpack(f">{answer[2] // 4}f", answer[3:-2]))


@pytest.fixture
def meter() -> SimulatedMeter:
    return SimulatedMeter(lambda: TRUTH)


def test_vendors_example_of_phase_1_voltage() -> None:
    """SDM630 protocol description, request and answer for 230.2 V (here to the last bit)."""
    (voltage_v,) = struct.unpack(">f", bytes.fromhex("43663334"))
    meter = SimulatedMeter(lambda: replace(TRUTH, voltage_v=(voltage_v, 0.0, 0.0)))
    assert bytes.fromhex("010400000002 71CB") == READ_L1
    assert meter.feed(READ_L1, 0) == bytes.fromhex("010404 43663334 1B38")


def test_values_stand_where_the_register_list_says(meter: SimulatedMeter) -> None:
    assert floats(meter.feed(request(0x06, 6), 0)) == pytest.approx([16.0, 15.5, 0.0])
    assert floats(meter.feed(request(0x0C, 6), 0)) == pytest.approx([3680.0, 3580.5, 0.0])
    assert floats(meter.feed(request(0x34, 2), 0)) == pytest.approx([7260.5])
    assert floats(meter.feed(request(0x46, 6), 0)) == pytest.approx([50.0, 12.3456, 0.0])
    assert floats(meter.feed(request(0x156, 2), 0)) == pytest.approx([12.3456])
    assert len(floats(meter.feed(request(0x00, 76), 0))) == 38


def test_current_that_flows_out_has_its_sign_in_the_power_alone() -> None:
    out = replace(TRUTH, current_a=(16.0, -15.5, 0.0), power_w=(3680.0, -3580.5, 0.0))
    meter = SimulatedMeter(lambda: out)
    assert floats(meter.feed(request(0x06, 6), 0)) == pytest.approx([16.0, 15.5, 0.0])
    assert floats(meter.feed(request(0x0C, 6), 0)) == pytest.approx([3680.0, -3580.5, 0.0])
    assert floats(meter.feed(request(0x34, 2), 0)) == pytest.approx([99.5])


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (request(0x00, 2, function=3), 1),
        (request(0x00, 82), 3),
        (request(0x00, 0), 3),
        (request(0x158, 2), 2),
        (request(0xFFFF, 2), 2),
        (sealed(bytes.fromhex("01 10 000C 0002 04 00000000")), 1),
    ],
)
def test_what_it_does_not_have_is_an_exception(
    meter: SimulatedMeter, asked: bytes, code: int
) -> None:
    assert meter.feed(asked, 0) == sealed(bytes([1, asked[1] | 0x80, code]))


def test_other_units_and_broadcasts_are_not_answered(meter: SimulatedMeter) -> None:
    assert meter.feed(request(0, 2, unit=2) + request(0, 2, unit=0), 0) == b""


def test_modes(meter: SimulatedMeter) -> None:
    good = meter.feed(READ_L1, 0)
    meter.set_mode(MeterMode.SILENT)
    assert meter.feed(READ_L1, 0) == b""
    meter.set_mode(MeterMode.EXCEPTION)
    assert meter.feed(READ_L1, 0) == sealed(bytes([1, 0x84, 6]))
    meter.set_mode(MeterMode.GARBAGE)
    assert meter.feed(READ_L1, 0)[:-1] == good[:-1]
    assert meter.feed(READ_L1, 0) != good
    meter.set_mode(MeterMode.NORMAL)
    assert meter.feed(READ_L1, 0) == good


def test_frozen_keeps_the_values_of_the_moment() -> None:
    truth = [TRUTH]
    meter = SimulatedMeter(lambda: truth[0])
    meter.set_mode(MeterMode.FROZEN)
    truth[0] = MeterTruth((1.0,) * 3, (0.0,) * 3, (0.0,) * 3, 0.0, 50.0)
    meter.set_mode(MeterMode.FROZEN)
    assert floats(meter.feed(READ_L1, 0)) == pytest.approx([230.2])
    meter.set_mode(MeterMode.NORMAL)
    assert floats(meter.feed(READ_L1, 0)) == pytest.approx([1.0])


def test_without_a_supply_it_is_silent() -> None:
    assert SimulatedMeter(lambda: None).feed(READ_L1, 0) == b""


def test_a_request_may_come_byte_by_byte(meter: SimulatedMeter) -> None:
    answers = [meter.feed(bytes([byte]), 0) for byte in READ_L1]
    assert answers[:-1] == [b""] * 7
    assert floats(answers[-1]) == pytest.approx([230.2])


def test_a_torn_request_is_forgotten_after_the_frame_gap(meter: SimulatedMeter) -> None:
    assert meter.feed(READ_L1[:5], 0) == b""
    assert meter.feed(READ_L1[5:], 51) == b""
    assert meter.feed(READ_L1, 200) != b""


@given(st.binary(max_size=40))
def test_noise_never_raises_and_a_request_behind_it_is_answered(noise: bytes) -> None:
    meter = SimulatedMeter(lambda: TRUTH)
    meter.feed(noise, 0)
    assert floats(meter.feed(READ_L1, 1_000)) == pytest.approx([230.2])


@contextmanager
def foreign_master(port: Path) -> Iterator[ModbusSerialClient]:
    client = ModbusSerialClient(str(port), baudrate=9600, timeout=2, retries=0)
    assert client.connect()
    try:
        yield client
    finally:
        client.close()


def read_with_a_foreign_master(port: Path) -> list[float]:
    with foreign_master(port) as client:
        answer = client.read_input_registers(0x00, count=76, device_id=1)
        values = client.convert_from_registers(answer.registers, client.DATATYPE.FLOAT32)
        assert isinstance(values, list)
        return [float(value) for value in values if not isinstance(value, str)]


def test_a_foreign_master_reads_it_over_the_pty_again_and_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        link = tmp_path / "meter"
        meter = SimulatedMeter(lambda: TRUTH)
        for _ in range(2):
            port = MeterPort(meter, link, MonotonicClock())
            for _ in range(2):
                values = await asyncio.to_thread(read_with_a_foreign_master, link)
                assert values[:3] == pytest.approx([230.2, 231.0, 229.5])
                assert values[0x48 // 2] == pytest.approx(12.3456)
            port.close()
            port.close()
            assert not link.is_symlink()

    asyncio.run(scenario())


def test_closing_leaves_the_link_of_a_successor_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        link = tmp_path / "meter"
        first = MeterPort(SimulatedMeter(lambda: TRUTH), link, VirtualClock())
        second = MeterPort(SimulatedMeter(lambda: TRUTH), link, VirtualClock())
        first.close()
        assert link.exists()
        second.close()

    asyncio.run(scenario())


def test_the_plant_is_followed_over_its_restarts_and_torn_lines(tmp_path: Path) -> None:
    line = b'{"v":[230,231,229],"a":[1,2,3],"w":[230,462,687],"wh":5.5,"mode":"frozen"}\n'
    expected = TruthLine(
        (230.0, 231.0, 229.0), (1.0, 2.0, 3.0), (230.0, 462.0, 687.0), 5.5, mode=MeterMode.FROZEN
    )

    async def scenario() -> None:
        path = tmp_path / "plant"
        heard: asyncio.Queue[TruthLine | None] = asyncio.Queue()
        follower = asyncio.create_task(follow_plant(path, heard.put_nowait))
        for sent in (line, line + b"{torn\n"):

            async def plant(
                _: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes = sent
            ) -> None:
                writer.write(sent)
                writer.close()
                await writer.wait_closed()

            server = await asyncio.start_unix_server(plant, str(path))
            async with server, asyncio.timeout(5):
                while await heard.get() != expected:
                    pass
                assert await heard.get() is None, "without a plant there is no truth"
            path.unlink(missing_ok=True)
        follower.cancel()

    asyncio.run(scenario())


def test_a_truth_survives_the_line() -> None:
    assert TruthLine.of(TRUTH).truth() == TRUTH
