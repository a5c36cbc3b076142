"""Modbus RTU frames in bytes off a line: the awaited one, an echo, and what else may be there.

Pure. References: MAP is the Modbus Application Protocol 1.1b3, MSL Modbus over Serial Line 1.02.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pymodbus.framer.rtu import FramerRTU

from drivers.metering.map import Line

EXCEPTION_FLAG = 0x80
"""Added to the function code of an exception answer (MAP 7)."""
EXCEPTIONS = {
    1: "illegal function",
    2: "illegal address",
    3: "illegal value",
    4: "device failure",
    5: "acknowledged, not done",
    6: "busy",
    10: "gateway without a path",
    11: "gateway without an answer",
}
"""MAP 7."""
READS = (3, 4)
"""Function codes of a read: holding and input registers (MAP 6.3 and 6.4)."""
WRITE_ONE, WRITE_SEVERAL = 6, 16
"""Function codes of a write (MAP 6.6 and 6.12)."""
MOST_READ, MOST_WRITTEN = 125, 123
"""Registers of one request (MAP 6.3 and 6.12)."""
ANSWER_OVERHEAD = 5
"""Bytes around the registers of an answer: unit, function code, byte count and CRC; an exception's
whole length."""
REQUEST_BYTES = 8
"""Of a read: unit, function code, address, count, CRC."""
LONGEST_FRAME = 256
"""MSL 2.3."""


def character_s(line: Line) -> float:
    """Seconds that one character takes: start bit, eight data bits, parity, stop bits."""
    return (9 + (line.parity != "N") + line.stop_bits) / line.baud


def is_intact(frame: bytes) -> bool:
    """Does it end with its own checksum?"""
    return len(frame) >= 4 and FramerRTU.check_CRC(frame[:-2], int.from_bytes(frame[-2:], "big"))


def answer_in(data: bytes, unit: int, function_code: int, count: int) -> bytes:
    """The complete and intact answer to a read of `count` registers in `data`; b"" if none is.

    Noise before the answer is skipped; an answer of another unit or length is none.
    """
    for start in range(len(data) - ANSWER_OVERHEAD + 1):
        if data[start] != unit:
            continue
        code, size = data[start + 1], data[start + 2]
        if code == function_code and size == 2 * count:
            length = ANSWER_OVERHEAD + size
        elif code == function_code | EXCEPTION_FLAG:
            length = ANSWER_OVERHEAD
        else:
            continue
        frame = data[start : start + length]
        if len(frame) == length and is_intact(frame):
            return frame
    return b""


def confirmation_in(data: bytes, wanted: bytes) -> bytes:
    """The intact confirmation of a write in `data`: `wanted` (unit, function code, address, and
    the value or how many) with its checksum, or an exception; b"" if there is none."""
    refused = bytes([wanted[0], wanted[1] | EXCEPTION_FLAG])
    for start in range(len(data) - ANSWER_OVERHEAD + 1):
        if data.startswith(wanted, start):
            frame = data[start : start + len(wanted) + 2]
        elif data.startswith(refused, start):
            frame = data[start : start + ANSWER_OVERHEAD]
        else:
            continue
        if is_intact(frame):
            return frame
    return b""


def answers_in(data: bytes) -> list[bytes]:
    """Every intact answer to a read in `data`, whoever it is from: registers or an exception."""
    return list(_frames(data[:LONGEST_FRAME], _answer_length))


def requests_in(data: bytes) -> list[bytes]:
    """Every intact request for a read in `data`."""
    return list(_frames(data[:LONGEST_FRAME], _request_length))


def _frames(data: bytes, length_of: Callable[[bytes, int], int]) -> Iterator[bytes]:
    start = 0
    while start + ANSWER_OVERHEAD <= len(data):
        frame = data[start : start + length_of(data, start)]
        if len(frame) >= ANSWER_OVERHEAD and is_intact(frame):
            yield frame
            start += len(frame)
        else:
            start += 1


def _answer_length(data: bytes, start: int) -> int:
    """Of the answer that would begin there; 0 where none can."""
    code, size = data[start + 1], data[start + 2]
    if code in READS and size % 2 == 0 and 2 <= size <= 2 * MOST_READ:
        return ANSWER_OVERHEAD + size
    return ANSWER_OVERHEAD if code & ~EXCEPTION_FLAG in READS and code & EXCEPTION_FLAG else 0


def _request_length(data: bytes, start: int) -> int:
    return REQUEST_BYTES if data[start + 1] in READS else 0
