"""The network between a simulated station and its back office: a TCP relay that can be cut."""

from __future__ import annotations

import asyncio


class SimNetwork:
    """Listens on loopback once `mend` has been awaited, and passes on what it hears to
    `target_port`; the port of its own stays the same over cuts."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.port = 0
        self.silent = False
        """Connections stand, and nothing passes."""
        self._server: asyncio.Server | None = None
        self._legs: set[_Leg] = set()

    async def mend(self) -> None:
        """Let connections through from now on."""
        self.silent = False
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._accept, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Both ends notice at once; new connections are refused."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.drop()

    def drop(self) -> None:
        """End what stands; new connections are let through."""
        for leg in list(self._legs):
            leg.abort()

    def _accept(self) -> _Leg:
        return _Leg(self)


class _Leg(asyncio.Protocol):
    """One of the two connections of a relayed one."""

    def __init__(self, network: SimNetwork, other: _Leg | None = None) -> None:
        self._network = network
        self._other = other
        self._transport: asyncio.Transport | None = None
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._network._legs.add(self)
        if self._other is None:
            transport.pause_reading()
            self._connecting = asyncio.get_running_loop().create_task(self._connect())

    def data_received(self, data: bytes) -> None:
        if self._other is not None and not self._network.silent:
            self._other.write(data)

    def connection_lost(self, _error: Exception | None) -> None:
        self._network._legs.discard(self)
        if self._connecting is not None:
            self._connecting.cancel()
        if self._other is not None:
            self._other.close()

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def _connect(self) -> None:
        try:
            _, self._other = await asyncio.get_running_loop().create_connection(
                lambda: _Leg(self._network, self), "127.0.0.1", self._network.target_port
            )
        except OSError:
            self.abort()
        else:
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()
