"""An Eastron SDM630 as its master sees it: Modbus RTU bytes in, bytes out. Pure.

Written from the vendor's register list and apart from drivers/, so that driver and simulation
cannot share a mistake.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable, Iterator

from hil.plant.model import MeterTruth

READ_INPUT = 4
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, BUSY = 1, 2, 3, 6
"""Exception codes (Modbus Application Protocol 1.1b3, 7)."""
LAST_REGISTER = 0x0158
"""Behind the total of import and export energy; the list goes on, this simulation does not."""
MAX_REGISTERS = 80
"""Most in one request (SDM630 protocol description: 40 values)."""
LONGEST_FRAME = 256
"""Modbus over Serial Line 1.02, 2.3."""
FRAME_GAP_MS = 50
"""Bytes this far apart belong to different frames; generous, since a pty has no baud rate."""


class MeterMode(enum.StrEnum):
    """How the simulated meter behaves."""

    NORMAL = "normal"
    SILENT = "silent"
    FROZEN = "frozen"
    """Answers with the values of the moment at which it froze."""
    EXCEPTION = "exception"
    """Answers every request with exception 6, busy."""
    GARBAGE = "garbage"
    """Answers with a wrong checksum."""


def crc16(data: bytes) -> int:
    """CRC-16/MODBUS (Modbus over Serial Line 1.02, 2.5.1.2)."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def sealed(payload: bytes) -> bytes:
    """`payload` with its checksum, low byte first."""
    return payload + crc16(payload).to_bytes(2, "little")


def sdm630_floats(truth: MeterTruth) -> dict[int, float]:
    """Register address → value, each a 32-bit float over two registers, high word first."""
    volts, watts = truth.voltage_v, truth.power_w
    amps = [abs(phase_a) for phase_a in truth.current_a]  # the powers alone tell the direction
    apparent = [v * a for v, a in zip(volts, amps, strict=True)]
    energy_kwh = truth.energy_import_wh / 1000
    floats = {0x2A: sum(volts) / 3, 0x2E: sum(amps) / 3, 0x30: sum(amps)}
    for phase in range(3):
        at = 2 * phase
        floats |= {at: volts[phase], 0x06 + at: amps[phase], 0x0C + at: watts[phase]}
        floats |= {0x12 + at: apparent[phase], 0x1E + at: 1.0}
    floats |= {0x34: sum(watts), 0x38: sum(apparent), 0x3E: 1.0, 0x46: truth.frequency_hz}
    return floats | {0x48: energy_kwh, 0x4A: 0.0, 0x156: energy_kwh}


class SimulatedMeter:
    """One meter with address `unit`; `truth` tells what it measures, None = it has no supply."""

    def __init__(self, truth: Callable[[], MeterTruth | None], *, unit: int = 1) -> None:
        self._truth = truth
        self._unit = unit
        self._mode = MeterMode.NORMAL
        self._frozen: MeterTruth | None = None
        self._buffer = b""
        self._heard_ms = 0

    @property
    def mode(self) -> MeterMode:
        return self._mode

    def set_mode(self, mode: MeterMode) -> None:
        """Behave like this from the next request on."""
        if mode is MeterMode.FROZEN and self._mode is not MeterMode.FROZEN:
            self._frozen = self._truth()
        self._mode = mode

    def set_signing(self, signs: bool) -> None:
        """Of a meter that signs: whether it can, from the next command on."""

    def feed(self, data: bytes, now_ms: int) -> bytes:
        """What the meter sends on hearing `data` at `now_ms`."""
        if now_ms - self._heard_ms > FRAME_GAP_MS:
            self._buffer = b""
        self._heard_ms = now_ms
        self._buffer = (self._buffer + data)[-LONGEST_FRAME:]
        return b"".join(map(self._answer, self._frames()))

    def _frames(self) -> Iterator[bytes]:
        """The intact requests in the buffer, whoever they are for; noise before one is dropped."""
        start = 0
        while start + 4 <= len(self._buffer):
            rest = self._buffer[start:]
            length = _request_length(rest)
            frame = rest[:length]
            if len(frame) == length and sealed(frame[:-2]) == frame:
                self._buffer, start = rest[length:], 0
                yield frame
            else:
                start += 1

    def _answer(self, frame: bytes) -> bytes:
        truth = self._frozen if self._mode is MeterMode.FROZEN else self._truth()
        if frame[0] != self._unit or truth is None or self._mode is MeterMode.SILENT:
            return b""
        answer = sealed(self._reply(frame, truth))
        if self._mode is MeterMode.GARBAGE:
            return answer[:-1] + bytes([answer[-1] ^ 0x55])
        return answer

    def _reply(self, frame: bytes, truth: MeterTruth) -> bytes:
        function = frame[1]
        if function != READ_INPUT:
            return self._exception(function, ILLEGAL_FUNCTION)
        address, count = struct.unpack(">HH", frame[2:6])
        if not 1 <= count <= MAX_REGISTERS:
            return self._exception(function, ILLEGAL_VALUE)
        if address + count > LAST_REGISTER:
            return self._exception(function, ILLEGAL_ADDRESS)
        if self._mode is MeterMode.EXCEPTION:
            return self._exception(function, BUSY)
        memory = bytearray(2 * LAST_REGISTER)
        for at, value in sdm630_floats(truth).items():
            struct.pack_into(">f", memory, 2 * at, value)
        registers = memory[2 * address : 2 * (address + count)]
        return bytes([self._unit, function, len(registers)]) + registers

    def _exception(self, function: int, code: int) -> bytes:
        return bytes([self._unit, function | 0x80, code])


def _request_length(frame: bytes) -> int:
    """Length of the request that `frame` starts with; of an unknown one, all there is."""
    if 1 <= frame[1] <= 6:
        return 8
    if frame[1] in (15, 16) and len(frame) > 6:
        return 9 + frame[6]
    return len(frame)
