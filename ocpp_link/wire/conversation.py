"""One open WebSocket: frames both ways, pings, a way to be sure, and an end with its reason.

A peer whose pongs stay away is cut, also where the operating system has not noticed yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from ocpp_link.wire.address import Address
from ocpp_link.wire.failure import Failure, Phase, explain
from ocpp_link.wire.within import Sleep, within

PONG_TIMEOUT_S = 5.0
FLUSH_S = 2.0
"""How long an end may wait until the peer has what was sent before."""
MAX_UNSENT = 512
"""Frames that a peer which does not read may leave unsent before it is cut off."""


class Listener(Protocol):
    """Hears every frame that crosses the wire, in order. Never blocks, never raises."""

    def sent(self, text: str) -> None: ...
    def received(self, text: str) -> None: ...


class Nobody:
    """Listens to nothing."""

    def sent(self, text: str) -> None:
        """Nobody wants to know."""

    def received(self, text: str) -> None:
        """Nobody wants to know."""


class Conversation:
    """`run` carries frames until the connection ends, for whatever reason, and returns it.

    `on_frame` gets each text frame of the peer, in the loop's thread. `ping_interval_s` is asked
    at each turn; 0 = no pings. Pings of the server are answered in any case, by the library.
    """

    def __init__(
        self,
        websocket: ClientConnection,
        where: Address,
        *,
        on_frame: Callable[[str], None],
        ping_interval_s: Callable[[], int],
        listener: Listener,
        sleep: Sleep,
    ) -> None:
        self._websocket = websocket
        self._where = where
        self._on_frame = on_frame
        self._ping_interval_s = ping_interval_s
        self._listener = listener
        self._sleep = sleep
        self._unsent: asyncio.Queue[str] = asyncio.Queue(MAX_UNSENT)
        self._interval_changed = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None
        self._why = ""
        self.round_trip_s: float | None = None
        """Of the last ping that was answered."""

    @property
    def subprotocol(self) -> str:
        return str(self._websocket.subprotocol)

    def send(self, frames: list[str]) -> None:
        """Write these next. A peer that has left too much unread is cut off."""
        for frame in frames:
            try:
                self._unsent.put_nowait(frame)
            except asyncio.QueueFull:
                self.cut(f"{self._where.place} does not read what is sent")
                return

    def ping_interval_changed(self) -> None:
        """Begin the new interval now."""
        self._interval_changed.set()

    def cut(self, why: str) -> None:
        """End it at once, without a word to the peer."""
        self._why = self._why or why
        self._websocket.transport.abort()

    def end(self, why: str) -> None:
        """Send what waits, take leave, close; a peer that does not follow is cut."""
        self._why = self._why or why
        if self._ending is None:
            self._ending = asyncio.ensure_future(self._take_leave())

    async def flush(self, limit_s: float = FLUSH_S) -> bool:
        """Was everything that has been handed to `send` so far read by the peer's machine?

        A pong comes after what was sent before its ping (RFC 6455 §5.5.2), so that it proves more
        than an empty buffer of ours. False: not within `limit_s`, or the connection went.
        """
        try:
            await within(limit_s, self._everything_read(), self._sleep)
        except (TimeoutError, ConnectionClosed):
            return False
        return True

    async def run(self) -> Failure:
        """Raises what `on_frame` raises, with the connection closed."""
        tasks = [asyncio.ensure_future(self._send()), asyncio.ensure_future(self._ping())]
        try:
            return await self._receive()
        finally:
            if self._ending is not None:
                tasks.append(self._ending)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._websocket.close()

    async def _receive(self) -> Failure:
        try:
            while True:
                message = await self._websocket.recv()
                if isinstance(message, str):  # OCPP-J has no binary frames
                    self._listener.received(message)
                    self._on_frame(message)
        except ConnectionClosed as error:
            if self._why:
                return Failure(Phase.OPEN, self._why, is_wanted=self._ending is not None)
            return explain(Phase.OPEN, error, self._where)

    async def _send(self) -> None:
        while True:
            frame = await self._unsent.get()
            try:
                await self._websocket.send(frame)
            except ConnectionClosed:
                return  # `_receive` hears of it, too
            self._listener.sent(frame)
            self._unsent.task_done()

    async def _ping(self) -> None:
        while True:
            if await self._interval_passed() and not await self._answered():
                self.cut(f"{self._where.place} does not answer pings")
                return

    async def _interval_passed(self) -> bool:
        """False: the interval was changed meanwhile."""
        self._interval_changed.clear()
        interval_s = self._ping_interval_s()
        changed = self._interval_changed.wait()
        if not interval_s:
            await changed
            return False
        try:
            await within(interval_s, changed, self._sleep)
        except TimeoutError:
            return True
        return False

    async def _answered(self) -> bool:
        try:
            self.round_trip_s = await within(PONG_TIMEOUT_S, self._round_trip(), self._sleep)
        except (TimeoutError, ConnectionClosed):
            return False
        return True

    async def _round_trip(self) -> float:
        """A peer that reads nothing makes even the sending of a ping wait."""
        return await (await self._websocket.ping())

    async def _everything_read(self) -> None:
        await self._unsent.join()
        await self._round_trip()

    async def _take_leave(self) -> None:
        await self.flush()
        await self._websocket.close()
