"""The door's wire: newline-delimited JSON-RPC on a Unix socket, and what a slow or rude peer costs.

A peer without a role is not let in. A line longer than MAX_LINE_BYTES or a peer that does not read
ends that one connection and nothing else; a follower of events that was cut off reconnects and asks
again from where it stood.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path

from evse.door.hub import Connection, Hub
from evse.door.jsonrpc import INVALID_REQUEST, MAX_LINE_BYTES, NOT_ALLOWED, RpcError, failure
from evse.door.peer import credentials, gid_of
from evse.door.roles import Access, Credentials, Role

MAX_UNREAD_BYTES = 4 << 20
"""A peer that lets so much pile up is cut off."""
MAX_HELD_BYTES = 8 << 20
"""What all peers together may leave unread or half sent; beyond it, whoever holds most is cut."""
SMALL_BYTES = 64 << 10
"""A peer that holds less is not looked at: with MAX_PEERS of them 4 MiB more."""
MAX_PEERS = 64
NEEDED = (Role.ADMIN, Role.OCPP)
"""A station can not do without these: they are cut off last."""
KEPT_PLACES = 16
"""Of MAX_PEERS, for those that are NEEDED."""
READ_S = 0.5
"""For who is not let in to read why: a door that closes under a peer that writes is one that went
away, as far as the peer can see."""
LINES_A_TURN = 16
"""A peer that has sent more waits for the loop's next turn: the lease is renewed on it."""


SOCKET_MODE = 0o660
"""Only its owner and its group may connect at all."""

_log = logging.getLogger(__name__)


class DoorServer:
    """Serves a hub at a Unix socket. `access` says who is what; left out, its own user and root are
    admins and nobody else is let in. `group`, a name or number, is the socket's."""

    def __init__(
        self, hub: Hub, path: Path, *, access: Access | None = None, group: str = ""
    ) -> None:
        self._hub = hub
        self._path = path
        self._access = Access(own_uid=os.getuid()) if access is None else access
        self._group = group
        self._server: asyncio.Server | None = None
        self.closed = False
        self.peers: set[_Peer] = set()
        self.turned_away: set[_Peer] = set()

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
        self._path.chmod(SOCKET_MODE)
        if self._group:
            self._give_to_group()

    def _give_to_group(self) -> None:
        """A group that can not have it costs its members the way in, and nobody the station."""
        try:
            os.chown(self._path, -1, gid_of(self._group))
        except (OSError, KeyError) as error:
            _log.error("%s can not be given to the group %s: %s", self._path, self._group, error)

    def role_of(self, peer: Credentials) -> Role | None:
        return self._access.role_of(peer)

    def has_place_for(self, role: Role) -> bool:
        kept = 0 if role in NEEDED else KEPT_PLACES
        return len(self.peers) < MAX_PEERS - kept

    def hold(self, peer: _Peer) -> None:
        """`peer` holds more than a little: cut off whoever is too much."""
        if peer.unread_bytes > MAX_UNREAD_BYTES:
            peer.abort()
        elif sum(each.held_bytes for each in self.peers) > MAX_HELD_BYTES:
            large = [each for each in self.peers if each.held_bytes > SMALL_BYTES]
            max(large, key=lambda each: (each.role not in NEEDED, each.held_bytes)).abort()

    async def aclose(self) -> None:
        if self._server is None:
            return
        self.closed = True
        self._server.close()
        for peer in (*self.peers, *self.turned_away):
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
        self._full = False
        self._waits: Callable[[], None] | None = None
        self._leaves: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._door.closed:  # it was being let in while the door closed
            transport.abort()
            return
        who = credentials(transport.get_extra_info("socket"))
        role = self._door.role_of(who)
        if role is None:
            self._turn_away(
                f"uid {who.uid} has no role here: [door] in the configuration", NOT_ALLOWED
            )
        elif not self._door.has_place_for(role):
            self._turn_away(f"the door is full: {len(self._door.peers)} peers", INVALID_REQUEST)
        else:
            self._door.peers.add(self)
            self._connection = self._hub.connect(self, role)
            self._connection.when_ready = self._when_ready

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 asyncio's signature
        self._door.peers.discard(self)
        self._door.turned_away.discard(self)
        if self._leaves is not None:
            self._leaves.cancel()
        if self._connection is not None:
            self._hub.disconnect(self._connection)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        waits, self._waits = self._waits, None
        if waits is not None:
            waits()

    def _when_ready(self, then: Callable[[], None]) -> None:
        if self._full:
            self._waits = then
        else:
            then()

    @property
    def role(self) -> Role | None:
        return None if self._connection is None else self._connection.role

    @property
    def unread_bytes(self) -> int:
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    @property
    def held_bytes(self) -> int:
        """What this peer costs: lines it has not read, and those it has not finished."""
        return self.unread_bytes + len(self._buffer)

    def data_received(self, data: bytes) -> None:
        if self._connection is None:  # it was not let in
            return
        self._buffer += data
        self._take_lines()
        if len(self._buffer) > SMALL_BYTES:
            self._door.hold(self)

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
        if transport.get_write_buffer_size() > SMALL_BYTES:
            self._door.hold(self)

    def abort(self) -> None:
        """End it at once, and forget what it held."""
        self._buffer.clear()
        if self._transport is not None:
            self._transport.abort()

    def cut(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _turn_away(self, why: str, code: int) -> None:
        """Say why, and leave a moment to read it."""
        self.send(failure(None, RpcError(code, why)))
        transport = self._transport
        if transport is None or len(self._door.turned_away) >= MAX_PEERS:
            self.cut()
            return
        self._door.turned_away.add(self)
        transport.write_eof()
        self._leaves = asyncio.get_running_loop().call_later(READ_S, self.cut)

    def _refuse(self, why: str) -> None:
        self._buffer.clear()
        self.send(failure(None, RpcError(INVALID_REQUEST, why)))
        self.cut()
