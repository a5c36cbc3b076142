"""A TCP proxy that does to a connection what networks do: delays, swallows, cuts, resets."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import socket
import struct

CHUNK_BYTES = 65_536


class Way(enum.Enum):
    """The direction of what a proxy passes on."""

    TO_SERVER = "to the server"
    TO_CLIENT = "to the client"


class FaultProxy:
    """Listens on loopback and passes on to `target_port` of loopback. Faults hold for what stands
    and for what comes, until `heal`."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.port = 0
        self.delay_s = 0.0
        """Of each piece, in both directions."""
        self.connections = 0
        """So many have been accepted."""
        self._swallows = False
        self._cuts: dict[Way, int] = {}
        self._server: asyncio.Server | None = None
        self._pairs: set[_Pair] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Whatever stands is reset, and nothing is accepted."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.reset()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def heal(self) -> None:
        """Pass on from now on. What was swallowed is lost for good."""
        self._swallows = False
        self._cuts.clear()
        self.delay_s = 0.0

    def swallow(self) -> None:
        """A black hole: connections stand, new ones too, and nothing passes."""
        self._swallows = True

    def reset(self) -> None:
        """Both ends get a RST."""
        for pair in list(self._pairs):
            pair.reset()

    def half_open(self) -> None:
        """The server sees its connections end; the client sees nothing, and is not heard."""
        for pair in list(self._pairs):
            pair.forget_server()

    def cut_after(self, count: int, way: Way) -> None:
        """The next connection to pass so many bytes that way is reset then, once."""
        self._cuts[way] = count

    def _takes(self, data: bytes, way: Way) -> tuple[bytes, bool]:
        """What of `data` passes, and whether the connection is to be reset behind it."""
        if self._swallows:
            return b"", False
        left = self._cuts.get(way)
        if left is None:
            return data, False
        if len(data) < left:
            self._cuts[way] = left - len(data)
            return data, False
        del self._cuts[way]
        return data[:left], True

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            far = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            _abort(writer)
            return
        pair = _Pair(self, (reader, writer), far)
        self._pairs.add(pair)
        try:
            await pair.run()
        finally:
            self._pairs.discard(pair)


class _Pair:
    """Two connections, one passed on to the other."""

    def __init__(
        self,
        proxy: FaultProxy,
        near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._proxy = proxy
        self._near = near
        self._far = far
        self._forgotten = False

    async def run(self) -> None:
        try:
            await asyncio.gather(
                self._pass(self._near[0], self._far[1], Way.TO_SERVER),
                self._pass(self._far[0], self._near[1], Way.TO_CLIENT),
            )
        finally:
            self.reset()

    def reset(self) -> None:
        self._forgotten = False
        _abort(self._near[1])
        _abort(self._far[1])

    def forget_server(self) -> None:
        self._forgotten = True
        _abort(self._far[1])

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                if self._proxy.delay_s:
                    await asyncio.sleep(self._proxy.delay_s)
                passed, cut = self._proxy._takes(data, way)
                if not self._forgotten:
                    writer.write(passed)
                if cut:
                    with contextlib.suppress(OSError):
                        await writer.drain()
                    self.reset()
        if not self._forgotten:
            _abort(writer)


def _abort(writer: asyncio.StreamWriter) -> None:
    """A RST, where the kernel would say goodbye."""
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
