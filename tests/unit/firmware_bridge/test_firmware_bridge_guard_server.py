"""The guard's end over real descriptors: never blocks, never raises, one host at a time."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from bridge_wire import identity, nonces

from evse.model import BoardAnalog, BoardStatus, CommandStatus, CommandVerb
from firmware_bridge.board_ports import BoardPort, PtyPort, SocketPort
from firmware_bridge.board_session import BoardSession
from firmware_bridge.errors import PortError
from firmware_bridge.events import (
    CommandDone,
    CommandReceived,
    HostEvent,
    HostHello,
    LinkUp,
    PermitReceived,
    Status,
)
from firmware_bridge.frames import Decoder, encode
from firmware_bridge.guard_server import GuardServer
from firmware_bridge.host_session import HostSession
from firmware_bridge.loopback import Loopback


class HostEnd:
    """A host session on a bare descriptor."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self.session = HostSession(evses=1, next_nonce=nonces())
        self.session.connected(0)

    def send(self) -> None:
        os.write(self.fd, self.session.data_to_send())

    def receive(self, now_ms: int) -> list[HostEvent]:
        try:
            return self.session.receive(os.read(self.fd, 65536), now_ms)
        except BlockingIOError:
            return []


@pytest.fixture
def pty_port(tmp_path: Path) -> Iterator[PtyPort]:
    port = PtyPort(tmp_path / "board")
    yield port
    port.close()


@pytest.fixture
def socket_port(tmp_path: Path) -> Iterator[SocketPort]:
    port = SocketPort(tmp_path / "board.sock")
    yield port
    port.close()


def serve(port: BoardPort) -> GuardServer:
    return GuardServer(BoardSession(identity()), port)


def converse(server: GuardServer, host: HostEnd) -> None:
    """Hello, status, permit, command and its answer."""
    server.session.send_status(1, BoardStatus(), 0)
    host.send()
    assert [type(event) for event in server.pump(1)] == [HostHello]
    assert [type(event) for event in host.receive(2)] == [LinkUp, Status]
    host.session.send_permit(1, close=True, duty_bp=2666, now_ms=3)
    id_ = host.session.command(1, CommandVerb.ACKNOWLEDGE, now_ms=3)
    host.send()
    events = server.pump(4)
    assert [type(event) for event in events] == [PermitReceived, CommandReceived]
    server.session.send_result(id_, CommandStatus.DONE)
    server.flush()
    assert host.receive(5) == [CommandDone(id_, 1, CommandVerb.ACKNOWLEDGE, CommandStatus.DONE)]


def test_a_conversation_over_a_pseudo_terminal(pty_port: PtyPort, tmp_path: Path) -> None:
    server = serve(pty_port)
    fd = os.open(tmp_path / "board", os.O_RDWR | os.O_NOCTTY)
    try:
        converse(server, HostEnd(fd))
    finally:
        os.close(fd)


def test_a_host_that_comes_and_goes_on_a_pseudo_terminal(pty_port: PtyPort) -> None:
    server = serve(pty_port)
    for round_ in range(3):
        fd = os.open(pty_port.path, os.O_RDWR | os.O_NOCTTY)
        server.session.poll(round_ * 1000)
        host = HostEnd(fd)
        host.session = HostSession(evses=1, next_nonce=nonces(round_ + 1))
        host.session.connected(0)
        converse(server, host)
        os.close(fd)
        assert server.pump(6) == []


def test_nothing_is_echoed_before_a_host_has_set_up_its_end(pty_port: PtyPort) -> None:
    pty_port.write(encode(b"telemetry"))
    assert pty_port.read(100) == b""


@pytest.mark.parametrize("kind", ["pty", "socket"])
def test_a_host_that_does_not_read_never_blocks_and_gets_the_newest(
    kind: str, pty_port: PtyPort, socket_port: SocketPort
) -> None:
    if kind == "pty":
        server = serve(pty_port)
        fd = os.open(pty_port.path, os.O_RDWR | os.O_NOCTTY)
    else:
        server = serve(socket_port)
        stream = socket.socket(socket.AF_UNIX)
        stream.connect(str(socket_port._path))
        fd = stream.detach()
    host = HostEnd(fd)
    host.send()
    server.pump(0)
    for now_ms in range(10, 100_000, 10):
        server.session.send_status(1, BoardStatus(cable_a=now_ms // 10 % 64), now_ms)
        server.session.send_analog(1, BoardAnalog(hi_mv=now_ms % 12_000))
        server.pump(now_ms)
    events: list[HostEvent] = []
    for _ in range(1000):
        more = host.receive(100_000)
        server.pump(100_000)
        if not more:
            break
        events += more
    last = [event for event in events if isinstance(event, Status)][-1]
    assert last.status == BoardStatus(cable_a=9999 % 64)
    assert host.session.stats.status_lost > 1000
    assert host.session.stats.bad_frames == 0, "no frame is torn by a full port"
    os.close(fd)


def test_the_link_is_replaced_at_once_and_removed_with_its_owner(tmp_path: Path) -> None:
    link = tmp_path / "board"
    old = PtyPort(link)
    new = PtyPort(link)
    assert str(link.readlink()) == new.path
    old.close()
    assert link.is_symlink(), "it is not the old one's any more"
    new.close()
    new.close()
    assert not link.is_symlink()
    assert new.read(10) == b""
    assert new.write(b"x") == 0


def test_a_path_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(PortError, match="precious exists and is no link"):
        PtyPort(path)
    with pytest.raises(PortError, match="precious exists and is no socket"):
        SocketPort(path)
    with pytest.raises(PortError, match=r"cannot offer .*: No such file or directory"):
        PtyPort(tmp_path / "missing" / "board")
    assert path.read_text() == "data"


def connected(port: SocketPort) -> socket.socket:
    stream = socket.socket(socket.AF_UNIX)
    stream.connect(str(port._path))
    return stream


def test_a_conversation_over_a_socket(socket_port: SocketPort) -> None:
    server = serve(socket_port)
    assert server.pump(0) == [], "nobody there"
    with connected(socket_port) as stream:
        server.pump(0)
        converse(server, HostEnd(stream.fileno()))
    assert server.hosts == 1


def test_the_next_host_on_a_socket_waits_until_the_first_has_gone(
    socket_port: SocketPort,
) -> None:
    server = serve(socket_port)
    first, second = connected(socket_port), connected(socket_port)
    server.pump(0)
    second.send(b"half a fra")
    assert server.hosts == 1
    first.close()
    server.pump(10)
    server.pump(20)
    assert server.hosts == 2
    second.close()


def test_halves_of_the_last_hosts_frames_do_not_reach_the_next(socket_port: SocketPort) -> None:
    server = serve(socket_port)
    first = connected(socket_port)
    server.pump(0)
    first.setblocking(False)
    first.send(encode(b"torn by a kill")[:7])
    for now_ms in range(10, 50_000, 10):
        server.session.send_status(1, BoardStatus(cable_a=now_ms // 10 % 64), now_ms)
        server.pump(now_ms)
    first.close()
    server.pump(50_000)
    with connected(socket_port) as second:
        server.pump(50_010)
        second.setblocking(False)
        second.send(encode(b"\xeea good frame"))
        server.pump(50_020)
        decoder = Decoder()
        assert decoder.feed(second.recv(4096))
        assert decoder.errors == 0
    stats = server.session.stats
    assert (stats.bad_frames, stats.malformed) == (0, 1)


def test_the_rest_of_a_torn_frame_is_not_sent_to_the_next_host() -> None:
    class Narrow:
        """Takes a few bytes, then another host comes."""

        def __init__(self) -> None:
            self.room = 5
            self.taken = b""
            self.incoming: list[bytes | None] = [b"", None]

        def read(self, limit: int) -> bytes | None:
            return self.incoming.pop(0) if self.incoming else b""

        def write(self, data: bytes) -> int:
            self.taken += data[: self.room]
            return min(self.room, len(data))

        def close(self) -> None:
            self.room = 0

    port = Narrow()
    server = serve(port)
    server.session.send_status(1, BoardStatus(), 0)
    server.pump(0)
    port.room, port.taken = 1000, b""
    server.session.send_status(1, BoardStatus(coil=True), 1)
    server.pump(1)
    decoder = Decoder()
    assert len(decoder.feed(port.taken)) == 1
    assert decoder.errors == 0


def test_a_host_that_dies_on_a_socket_costs_nothing(socket_port: SocketPort) -> None:
    server = serve(socket_port)
    stream = connected(socket_port)
    server.pump(0)
    stream.close()
    server.session.send_status(1, BoardStatus(), 0)
    for now_ms in range(0, 1000, 10):
        assert server.pump(now_ms) == []
    with connected(socket_port) as again:
        server.pump(1000)
        converse(server, HostEnd(again.fileno()))


def test_a_dead_socket_is_taken_over_and_a_live_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "board.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    port = SocketPort(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    with pytest.raises(PortError, match=r"another process serves .*board\.sock"):
        SocketPort(path)
    port.close()
    port.close()
    assert not path.exists()


def test_a_flood_is_taken_in_small_bites() -> None:
    loopback = Loopback()
    server = serve(loopback.board)
    loopback.host.write(b"\xaa" * 100_000)
    before = len(loopback.host.outgoing)
    assert server.pump(0) == []
    assert before - len(loopback.host.outgoing) == 1024


def test_a_loopback_carries_a_conversation_and_can_be_lost() -> None:
    loopback = Loopback()
    server = serve(loopback.board)
    host = HostSession(evses=1, next_nonce=nonces())
    seen: list[HostEvent] = []
    lost: list[str] = []
    loopback.host.start(lambda data: seen.extend(host.receive(data, 1)), tuple, lost.append)
    host.connected(0)
    loopback.host.write(host.data_to_send())
    server.pump(1)
    assert loopback.deliver()
    assert not loopback.deliver()
    assert [type(event) for event in seen] == [LinkUp]
    server.close()
    assert lost == ["loopback: the other end hung up"]
