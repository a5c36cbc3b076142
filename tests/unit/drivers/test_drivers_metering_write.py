"""Writing registers on a real pty: nothing counts as written until the device has confirmed it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import MeterGarbled, MeterRejected, MeterTimeout
from drivers.metering.bus import ModbusBus
from drivers.metering.frames import confirmation_in
from drivers.metering.map import Line
from evse.clock import MonotonicClock
from hil.plant.meter_process import MeterPort, Slave
from hil.plant.meter_sim import sealed

ONE = bytes.fromhex("01061b8b4200")
SEVERAL = bytes.fromhex("01101bbc0003")


class Answers:
    """A slave that keeps what it hears and says what it was given."""

    def __init__(self, answer: bytes) -> None:
        self.heard = b""
        self._answer = answer

    def feed(self, data: bytes, now_ms: int) -> bytes:
        self.heard += data
        return self._answer


def written(link: Path, slave: Slave, values: list[int], address: int) -> None:
    async def run() -> None:
        port = MeterPort(slave, link, MonotonicClock())
        bus = ModbusBus(str(link), Line(baud=115_200), timeout_ms=30)
        try:
            await bus.write(1, address, values)
        finally:
            await bus.aclose()
            port.close()

    work: Coroutine[Any, Any, None] = run()
    asyncio.run(work)


def test_6_6_one_register_is_written_with_function_6(tmp_path: Path) -> None:
    slave = Answers(sealed(ONE))
    written(tmp_path / "meter", slave, [0x4200], 7051)
    assert slave.heard == sealed(ONE)


def test_6_12_several_registers_are_written_with_function_16(tmp_path: Path) -> None:
    slave = Answers(sealed(SEVERAL))
    written(tmp_path / "meter", slave, [1, 2, 3], 7100)
    assert slave.heard == sealed(SEVERAL + bytes.fromhex("06000100020003"))


def test_an_exception_names_unit_and_address(tmp_path: Path) -> None:
    with pytest.raises(MeterRejected, match=r"unit 1 writing 0x1b8b: exception 3"):
        written(tmp_path / "meter", Answers(sealed(b"\x01\x86\x03")), [0x4200], 7051)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", MeterTimeout),
        (sealed(bytes.fromhex("01061b8b4201")), MeterGarbled),
        (sealed(bytes.fromhex("02061b8b4200")), MeterGarbled),
        (sealed(ONE)[:-1] + b"\x00", MeterGarbled),
    ],
    ids=["silence", "another value", "another unit", "a wrong checksum"],
)
def test_what_does_not_confirm_the_write_is_an_error(
    tmp_path: Path, answer: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        written(tmp_path / "meter", Answers(answer), [0x4200], 7051)


@pytest.mark.parametrize("count", [0, 124])
def test_more_than_a_frame_holds_is_refused_before_anything_is_sent(count: int) -> None:
    bus = ModbusBus("/nowhere", Line(baud=9_600))
    with pytest.raises(ValueError, match="can not be written at once"):
        asyncio.run(bus.write(1, 7100, [0] * count))


@given(st.binary(max_size=30), st.binary(max_size=30))
def test_a_confirmation_is_found_behind_noise_and_nowhere_else(noise: bytes, tail: bytes) -> None:
    assert confirmation_in(noise.replace(b"\x01", b"") + sealed(ONE) + tail, ONE) == sealed(ONE)
    found = confirmation_in(noise, ONE)
    assert found in (b"", sealed(ONE)) or found[1] == 0x86
