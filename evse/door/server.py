"""The door's wire: newline-delimited JSON-RPC on a Unix socket, and what a slow or rude peer costs.

A line longer than MAX_LINE_BYTES or a peer that does not read ends that one connection and
nothing else; a follower of events that was cut off reconnects and asks again from where it stood.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from pathlib import Path

from evse.door.hub import Connection, Hub
from evse.door.jsonrpc import INVALID_REQUEST, MAX_LINE_BYTES, RpcError, failure

MAX_UNREAD_BYTES = 8 << 20
"""A peer that lets so much pile up is cut off."""
MAX_PEERS = 64
LINES_A_TURN = 16
"""A peer that has sent more waits for the loop's next turn: the lease is renewed on it."""


class DoorServer:
    """Serves a hub at a Unix socket. Other users of the machine may not even connect (`mode`)."""

    def __init__(self, hub: Hub, path: Path, *, mode: int = 0o660) -> None:
        self._hub = hub
        self._path = path
        self._mode = mode
        self._server: asyncio.Server | None = None
        self.closed = False
        self.peers: set[_Peer] = set()

    @property
    def path(self) -> Path:
        return self._path

    async def start(self) -> None:
        """Bind. A socket that a dead process left is replaced; raises OSError otherwise."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        _remove_dead_socket(self._path)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(
            lambda: _Peer(self._hub, self), str(self._path)
        )
        self._path.chmod(self._mode)

    async def aclose(self) -> None:
        if self._server is None:
            return
        self.closed = True
        self._server.close()
        for peer in tuple(self.peers):
            peer.cut()
        self._server = None
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()


def _remove_dead_socket(path: Path) -> None:
    """Raises OSError when somebody answers there, or may: only a refusal proves it dead."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        code = probe.connect_ex(str(path))
    if code != errno.ECONNREFUSED:
        raise OSError(errno.EADDRINUSE, f"{path}: another station is running there")
    path.unlink()


class _Peer(asyncio.Protocol):
    """One connection."""

    def __init__(self, hub: Hub, door: DoorServer) -> None:
        self._hub = hub
        self._door = door
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._connection: Connection | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._door.closed:  # it was being let in while the door closed
            transport.abort()
            return
        if len(self._door.peers) >= MAX_PEERS:
            self._refuse(f"the door is full: {MAX_PEERS} peers")
            return
        self._door.peers.add(self)
        self._connection = self._hub.connect(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 asyncio's signature
        self._door.peers.discard(self)
        if self._connection is not None:
            self._hub.disconnect(self._connection)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._take_lines()

    def _take_lines(self) -> None:
        """A few lines; what is left of them is taken before anything more is read."""
        connection, transport = self._connection, self._transport
        if connection is None or transport is None or not connection.open:
            return
        for _ in range(LINES_A_TURN):
            end = self._buffer.find(b"\n")
            if not 0 <= end <= MAX_LINE_BYTES:
                break
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            if line.strip():
                self._hub.receive(connection, line)
        else:
            transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._take_lines)
            return
        if end > MAX_LINE_BYTES or len(self._buffer) > MAX_LINE_BYTES:
            self._refuse(f"a line is longer than {MAX_LINE_BYTES} bytes")
        else:
            transport.resume_reading()

    def send(self, line: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(line)
        if transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            transport.abort()

    def cut(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _refuse(self, why: str) -> None:
        self._buffer.clear()
        self.send(failure(None, RpcError(INVALID_REQUEST, why)))
        self.cut()
