"""One RS-485 line with Modbus RTU: one request at a time, oldest first, from the event loop.

The port is opened when first needed and again after any failure, so that an adapter that was
unplugged, or a simulated meter that was restarted, is found again by itself. After a failure the
line rests for one answer time: RTU frames carry no transaction number, and a late answer must not
be taken for that to the next request. Retrying is the caller's decision; pymodbus retries nothing.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import struct
import termios
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import serial
from pymodbus import ModbusException
from pymodbus.client import AsyncModbusSerialClient
from pymodbus.exceptions import ConnectionException
from pymodbus.framer.rtu import FramerRTU
from pymodbus.pdu import ModbusPDU

from drivers.errors import MeterGarbled, MeterRejected, MeterTimeout, MeterUnreachable
from drivers.metering.map import Line, Request

EXCEPTION_FLAG = 0x80
"""Added to the function code of an exception answer (Modbus Application Protocol 1.1b3, 7)."""
ANSWER_OVERHEAD = 5
"""Unit, function code, byte count and CRC around the registers."""
MOST_WRITTEN = 123
"""Registers of one write (Modbus Application Protocol 1.1b3, 6.12)."""
LONGEST_ANSWER = ANSWER_OVERHEAD + 2 * 125
WRITE_ONE, WRITE_SEVERAL = 6, 16
"""Function codes of a write (Modbus Application Protocol 1.1b3, 6.6 and 6.12)."""
SILENCE_CHARACTERS = 3.5
FASTEST_SILENCE_S = 0.00175
"""Silence between frames: 3.5 characters, fixed above 19200 baud (Modbus over Serial Line 1.02,
2.5.1.1)."""

_EXCEPTIONS = {
    1: "illegal function",
    2: "illegal address",
    3: "illegal value",
    4: "device failure",
    6: "busy",
}


_OBSTACLES: dict[int | None, str] = {
    errno.ENOENT: "is not there",
    errno.EAGAIN: "is in use by another program",
    errno.EACCES: "may not be opened",
    errno.EINVAL: "refuses baud rate, parity or stop bits",
}


class BusCounters(msgspec.Struct):
    """What happened on the line since the start."""

    requests: int = 0
    timeouts: int = 0
    garbled: int = 0
    rejected: int = 0
    unreachable: int = 0
    opened: int = 0


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
        if len(frame) == length and FramerRTU.check_CRC(
            frame[:-2], int.from_bytes(frame[-2:], "big")
        ):
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
        if FramerRTU.check_CRC(frame[:-2], int.from_bytes(frame[-2:], "big")):
            return frame
    return b""


def character_s(line: Line) -> float:
    """Seconds that one character takes: start bit, eight data bits, parity, stop bits."""
    return (9 + (line.parity != "N") + line.stop_bits) / line.baud


def _probe(port: str, line: Line) -> None:
    """Opens and closes `port`, or raises MeterUnreachable with the reason.

    pymodbus keeps that reason to itself, and leaves the port locked when the line settings are
    refused the second time that it applies them.
    """
    try:
        with serial.Serial(
            port, line.baud, parity=line.parity, stopbits=line.stop_bits, exclusive=True
        ) as device:
            device.timeout = 0
    except (OSError, termios.error) as error:
        number = error.errno if isinstance(error, OSError) else error.args[0]
        says = _OBSTACLES.get(number, f"can not be opened: {error}")
        raise MeterUnreachable(f"{port} {says}") from error


def _hush_pymodbus() -> None:
    """It dumps past frames to the log for each missing answer; our errors say what is needed.
    Who set a level before wants to see them."""
    logger = logging.getLogger("pymodbus")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.CRITICAL)


class ModbusBus:
    """The master of the line at `port`; belongs to one event loop."""

    def __init__(self, port: str, line: Line, *, timeout_ms: int = 500) -> None:
        """`timeout_ms`: longest wait for an answer to begin; its time on the wire is added."""
        _hush_pymodbus()
        self.port = port
        self.counters = BusCounters()
        self._line = line
        self._answer_s = timeout_ms / 1000 + LONGEST_ANSWER * character_s(line)
        self._silence_s = max(SILENCE_CHARACTERS * character_s(line), FASTEST_SILENCE_S)
        self._lock = asyncio.Lock()
        self._client: AsyncModbusSerialClient | None = None
        self._quiet_from = 0.0
        self._screen: Callable[[bytes], bytes] = bytes
        self._heard = 0

    async def read(self, unit: int, function_code: int, request: Request) -> list[int]:
        """The registers of `request`, from holding (3) or input registers (4).

        Raises MeterUnreachable, MeterTimeout, MeterGarbled or MeterRejected, each naming port,
        unit and address.
        """

        def call(client: AsyncModbusSerialClient) -> Awaitable[ModbusPDU]:
            holding = function_code == 3
            ask = client.read_holding_registers if holding else client.read_input_registers
            return ask(request.address, count=request.count, device_id=unit)

        def screen(data: bytes) -> bytes:
            return answer_in(data, unit, function_code, request.count)

        answer = await self._exchange(f"unit {unit} address {request.address:#06x}", call, screen)
        return list(answer.registers)

    async def write(self, unit: int, address: int, values: Sequence[int]) -> None:
        """Write holding registers from `address` on: one with function 6, several with 16. Done
        once the device has confirmed; a write that was not confirmed may have been done.

        Raises as `read` does, and ValueError for no values or more than 123.
        """
        if not 1 <= len(values) <= MOST_WRITTEN:
            raise ValueError(f"{len(values)} registers can not be written at once")
        several = len(values) > 1
        head = struct.pack(
            ">BBHH",
            unit,
            WRITE_SEVERAL if several else WRITE_ONE,
            address,
            len(values) if several else values[0],
        )

        def call(client: AsyncModbusSerialClient) -> Awaitable[ModbusPDU]:
            if several:
                return client.write_registers(address, list(values), device_id=unit)
            return client.write_register(address, values[0], device_id=unit)

        await self._exchange(
            f"unit {unit} writing {address:#06x}", call, lambda data: confirmation_in(data, head)
        )

    async def _exchange(
        self,
        where: str,
        call: Callable[[AsyncModbusSerialClient], Awaitable[ModbusPDU]],
        screen: Callable[[bytes], bytes],
    ) -> ModbusPDU:
        """One request and its answer, with the line's silence before and after."""
        async with self._lock:
            loop = asyncio.get_running_loop()
            await asyncio.sleep(max(0.0, self._quiet_from - loop.time()))
            self.counters.requests += 1
            rest_s = self._answer_s
            try:
                answer = await self._transact(where, call, screen)
                rest_s = self._silence_s
            except (MeterRejected, MeterUnreachable):
                rest_s = self._silence_s
                raise
            finally:
                self._quiet_from = loop.time() + rest_s
                if rest_s != self._silence_s:
                    self._close()
            return answer

    async def aclose(self) -> None:
        """Give the port back, after the request under way."""
        async with self._lock:
            self._close()

    async def _transact(
        self,
        where: str,
        call: Callable[[AsyncModbusSerialClient], Awaitable[ModbusPDU]],
        screen: Callable[[bytes], bytes],
    ) -> ModbusPDU:
        client = await self._connected()
        self._screen, self._heard = screen, 0
        where = f"{self.port} {where}"
        try:
            answer = await call(client)
        except ConnectionException as error:
            self.counters.unreachable += 1
            raise MeterUnreachable(f"{self.port} went away") from error
        except ModbusException as error:
            if self._heard:
                self.counters.garbled += 1
                raise MeterGarbled(f"{where}: {self._heard} bytes came, no answer") from error
            self.counters.timeouts += 1
            raise MeterTimeout(f"{where}: no answer in {self._answer_s * 1000:.0f} ms") from error
        if answer.isError():
            self.counters.rejected += 1
            code = answer.exception_code
            raise MeterRejected(f"{where}: exception {code} ({_EXCEPTIONS.get(code, 'unnamed')})")
        return answer

    async def _connected(self) -> AsyncModbusSerialClient:
        if self._client is not None and self._client.connected:
            return self._client
        self._close()
        return await self._open()

    async def _open(self) -> AsyncModbusSerialClient:
        try:
            _probe(self.port, self._line)
        except MeterUnreachable:
            self.counters.unreachable += 1
            raise
        client = AsyncModbusSerialClient(
            self.port,
            baudrate=self._line.baud,
            parity=self._line.parity,
            stopbits=self._line.stop_bits,
            timeout=self._answer_s,
            retries=0,
            reconnect_delay=0,
            trace_packet=self._screened,
        )
        if not await client.connect():
            self.counters.unreachable += 1
            raise MeterUnreachable(f"{self.port} went away")
        self.counters.opened += 1
        self._client = client
        return client

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _screened(self, sending: bool, data: bytes) -> bytes:
        """Lets nothing but the awaited answer reach pymodbus, which raises inside the event
        loop's reader on a frame that it cannot decode and accepts one of a wrong length."""
        if sending:
            return data
        self._heard = len(data)
        return self._screen(data)
