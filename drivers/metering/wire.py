"""The serial line under the bus: opened when needed; only the awaited answer is let through.

An adapter that hears what it sends itself (RS-485 over two wires, its receiver always on) is
noticed by an exact copy of the request in front of the answer, which is skipped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from pymodbus.client import AsyncModbusSerialClient
from pymodbus.exceptions import ConnectionException
from pymodbus.pdu import ModbusPDU

from drivers.errors import MeterUnreachable
from drivers.metering.exchange import Outcome
from drivers.metering.map import Line
from drivers.metering.port import obstacle

_log = logging.getLogger(__name__)

NEVER_S = 60.0
"""pymodbus' own limit, which is never reached."""
Call = Callable[[AsyncModbusSerialClient], Awaitable[ModbusPDU]]
Screen = Callable[[bytes], bytes]
"""The awaited frame in all that came, or b"" while it is not there."""


class Wire:
    """The line at `port`. Of the last request it keeps what was `sent` and all that was `heard`."""

    def __init__(self, port: str, line: Line) -> None:
        _hush_pymodbus()
        self.port = port
        self.line = line
        self.opened = 0
        self.sent = self.heard = b""
        self.echoes = False
        """The adapter hears itself."""
        self.obstacle = Outcome.PORT_MISSING
        """Why it was unreachable the last time."""
        self._client: AsyncModbusSerialClient | None = None
        self._screen: Screen = bytes
        self._answered = False
        self._behind = b""

    async def ask(
        self, call: Call, screen: Screen, *, within_s: float, repeats: bool = False
    ) -> ModbusPDU:
        """Send with `call` and wait for what `screen` finds. `repeats`: the right answer is the
        request itself, so that only an adapter that is known to echo is taken to have done so.

        Raises MeterUnreachable naming the port, ModbusException or TimeoutError.
        """
        self.sent = self.heard = self._behind = b""
        self._answered = False
        client = await self._connected()

        def past_echo(data: bytes) -> bytes:
            if data.startswith(self.sent) and (self.echoes or not repeats):
                self._note_echo()
                data = data[len(self.sent) :]
            found = screen(data)
            if found:
                self._answered, self._behind = True, data.partition(found)[2]
            return found

        self._screen = past_echo
        try:
            async with asyncio.timeout(within_s):
                answer = await call(client)
                _heed_cancellation()
                return answer
        except ConnectionException as error:
            raise self._unreachable(Outcome.PORT_MISSING, "went away") from error

    @property
    def doubled(self) -> bool:
        """Did another answer by the same address begin behind the last one?"""
        return len(self._behind) >= 2 and self._behind[:2] == self.sent[:2]

    def close(self) -> None:
        """Give the port back; it is opened again when it is needed."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _connected(self) -> AsyncModbusSerialClient:
        if self._client is not None and self._client.connected:
            return self._client
        self.close()
        if (found := obstacle(self.port, self.line)) is not None:
            raise self._unreachable(*found)
        client = AsyncModbusSerialClient(
            self.port,
            baudrate=self.line.baud,
            parity=self.line.parity,
            stopbits=self.line.stop_bits,
            timeout=NEVER_S,
            retries=0,
            reconnect_delay=0,
            trace_packet=self._screened,
        )
        if not await client.connect():
            raise self._unreachable(Outcome.PORT_MISSING, "went away")
        self.opened += 1
        self._client = client
        return client

    def _unreachable(self, outcome: Outcome, says: str) -> MeterUnreachable:
        self.obstacle = outcome
        self.echoes = False  # what is plugged in next may be another adapter
        return MeterUnreachable(f"{self.port} {says}")

    def _note_echo(self) -> None:
        if not self.echoes:
            self.echoes = True
            _log.info("%s: the adapter hears what it sends; that is skipped", self.port)

    def _screened(self, sending: bool, data: bytes) -> bytes:
        """Lets nothing but the awaited answer reach pymodbus, which raises inside the event
        loop's reader on a frame that it cannot decode and accepts one of a wrong length."""
        if sending:
            self.sent = data
            return data
        if self._answered:
            self._behind = data
            return b""
        self.heard = data
        return self._screen(data)


def _hush_pymodbus() -> None:
    """It dumps past frames to the log for each missing answer; our errors say what is needed.
    Who set a level before wants to see them."""
    logger = logging.getLogger("pymodbus")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.CRITICAL)


def _heed_cancellation() -> None:
    """pymodbus waits by `asyncio.wait_for`, which on Python 3.11 forgets that it was cancelled
    where the answer comes at the same moment: a core that stops would wait for its polls for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
