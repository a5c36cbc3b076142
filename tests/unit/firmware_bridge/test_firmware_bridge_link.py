"""The live link on an event loop: real descriptors, ports that vanish and come back."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from bridge_wire import identity, nonces

from evse.clock import MonotonicClock, VirtualClock
from evse.model import BoardStatus, CommandStatus, CommandVerb, PilotState
from firmware_bridge.board_ports import PtyPort, SocketPort
from firmware_bridge.board_session import BoardSession
from firmware_bridge.capture import Direction, RecordedTransport, Recorder
from firmware_bridge.errors import PortError
from firmware_bridge.events import (
    CommandDone,
    CommandReceived,
    HostEvent,
    LinkDown,
    LinkUp,
    PermitReceived,
    Restarted,
    Status,
)
from firmware_bridge.guard_server import GuardServer
from firmware_bridge.host_session import HostSession
from firmware_bridge.link import BoardLink, random_nonce
from firmware_bridge.loopback import Loopback
from firmware_bridge.ports import open_port
from firmware_bridge.transports import FdTransport, Transport

CLOCK = MonotonicClock()


class Board:
    """A guard server that an event loop pumps, with a permit counter."""

    def __init__(self, port: PtyPort | SocketPort, boot_id: int = 1) -> None:
        self.port = port
        self.server = GuardServer(BoardSession(identity(boot_id=boot_id)), port)
        self.permits = 0
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while True:
            now_ms = CLOCK.now_ms()
            for event in self.server.pump(now_ms):
                if isinstance(event, PermitReceived):
                    self.permits += 1
                elif isinstance(event, CommandReceived):
                    self.server.session.send_result(event.id, CommandStatus.DONE)
            pilot = PilotState.C if self.permits else PilotState.A
            self.server.session.send_status(1, BoardStatus(pilot=pilot), now_ms)
            self.server.flush()
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self.server.close()


class Seen:
    """Events as they come, and a way to wait for one."""

    def __init__(self) -> None:
        self.events: list[HostEvent] = []
        self._news = asyncio.Event()

    def __call__(self, event: HostEvent) -> None:
        self.events.append(event)
        self._news.set()

    async def until(self, wanted: Callable[[HostEvent], bool]) -> HostEvent:
        async with asyncio.timeout(10):
            while True:
                for event in self.events:
                    if wanted(event):
                        self.events.clear()
                        return event
                self._news.clear()
                await self._news.wait()


def of(kind: type[HostEvent]) -> Callable[[HostEvent], bool]:
    return lambda event: isinstance(event, kind)


def link_to(address: str, seen: Seen, recorder: Recorder | None = None) -> BoardLink:
    def open_it() -> Transport:
        port = open_port(address)
        return port if recorder is None else RecordedTransport(port, recorder, CLOCK)

    session = HostSession(evses=1, next_nonce=random_nonce)
    return BoardLink(session, open_it, CLOCK, seen)


@pytest.mark.parametrize("kind", ["pty", "socket"])
def test_a_live_link_carries_permits_commands_and_status(kind: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "board"
        board = Board(PtyPort(path) if kind == "pty" else SocketPort(path))
        seen, recorder = Seen(), Recorder()
        link = link_to(str(path) if kind == "pty" else f"unix:{path}", seen, recorder)
        link.start()
        await seen.until(of(LinkUp))
        assert link.permit(1, close=True, duty_bp=2666)
        id_ = link.command(1, CommandVerb.ACKNOWLEDGE)
        done = await seen.until(of(CommandDone))
        assert done == CommandDone(id_, 1, CommandVerb.ACKNOWLEDGE, CommandStatus.DONE)
        await seen.until(
            lambda event: isinstance(event, Status) and event.status.pilot is PilotState.C
        )
        assert board.permits == 1
        link.stop()
        link.stop()
        assert not link.permit(1, close=True, duty_bp=2666)
        await board.stop()
        assert {record.direction for record in recorder.records()} == set(Direction)

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", ["pty", "socket"])
def test_a_port_that_vanishes_is_named_and_the_link_comes_back(kind: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "board"
        address = str(path) if kind == "pty" else f"unix:{path}"

        def offer() -> PtyPort | SocketPort:
            return PtyPort(path) if kind == "pty" else SocketPort(path)

        seen = Seen()
        link = link_to(address, seen)
        link.start()
        down = await seen.until(of(LinkDown))
        assert down == LinkDown(f"cannot open {address}: No such file or directory")
        board = Board(offer(), boot_id=1)
        await seen.until(of(LinkUp))
        await board.stop()
        down = await seen.until(of(LinkDown))
        assert isinstance(down, LinkDown)
        assert down.why.startswith(address)
        board = Board(offer(), boot_id=2)
        assert await seen.until(of(Restarted)) == Restarted(1, 2)
        link.stop()
        await board.stop()

    asyncio.run(scenario())


def test_a_board_that_falls_silent_is_told_while_the_port_stays(tmp_path: Path) -> None:
    async def scenario() -> None:
        port = PtyPort(tmp_path / "board")
        board = Board(port)
        seen = Seen()
        link = link_to(str(tmp_path / "board"), seen)
        link.start()
        await seen.until(of(LinkUp))
        board._task.cancel()
        down = await seen.until(of(LinkDown))
        assert isinstance(down, LinkDown)
        assert down.why.startswith("the board sent no status of EVSE 1 for 6")
        link.stop()
        await board.stop()

    asyncio.run(scenario())


def test_an_owner_that_raises_loses_no_event_and_no_link(tmp_path: Path) -> None:
    async def scenario() -> None:
        board = Board(PtyPort(tmp_path / "board"))
        complaints: list[str] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: complaints.append(str(context["exception"]))
        )
        seen = Seen()

        def fussy(event: HostEvent) -> None:
            seen(event)
            if event == LinkUp(identity()):
                raise RuntimeError("not now")

        session = HostSession(evses=1, next_nonce=nonces())
        link = BoardLink(session, lambda: open_port(str(tmp_path / "board")), CLOCK, fussy)
        link.start()
        await seen.until(of(Status))
        await seen.until(of(Status))
        assert complaints == ["not now"]
        link.stop()
        await board.stop()

    asyncio.run(scenario())


def test_while_the_port_takes_nothing_the_newest_permit_replaces_the_older() -> None:
    class Slow:
        """Takes one write and is then busy until told."""

        name = "slow"
        ready = True
        written: list[bytes]

        def start(
            self,
            on_data: Callable[[bytes], None],
            on_ready: Callable[[], None],
            on_lost: Callable[[str], None],
        ) -> None:
            self.on_data, self.on_ready, self.written = on_data, on_ready, []

        def write(self, data: bytes) -> None:
            self.ready = False
            self.written.append(data)

        def close(self) -> None:
            self.ready = False

    async def scenario() -> None:
        slow = Slow()
        board = BoardSession(identity())
        clock = VirtualClock()
        link = BoardLink(
            HostSession(evses=1, next_nonce=nonces()), lambda: slow, clock, lambda event: None
        )
        link.start()
        board.receive(slow.written.pop(), 0)
        slow.on_data(board.data_to_send())
        for duty_bp in range(1000, 1050):
            link.permit(1, close=True, duty_bp=duty_bp)
        assert slow.written == []
        slow.ready = True
        slow.on_ready()
        events = board.receive(slow.written.pop(), 0)
        assert [event.permit.duty_bp for event in events if isinstance(event, PermitReceived)] == [
            1049
        ]
        assert link.session.stats.permits_replaced == 49
        link.stop()

    asyncio.run(scenario())


def test_a_link_runs_over_a_loopback() -> None:
    async def scenario() -> None:
        loopback = Loopback()
        server = GuardServer(BoardSession(identity()), loopback.board)
        seen = Seen()
        session = HostSession(evses=1, next_nonce=nonces())
        link = BoardLink(session, lambda: loopback.host, VirtualClock(), seen)
        link.start()
        server.pump(0)
        loopback.deliver()
        assert [type(event) for event in seen.events] == [LinkUp]
        loopback.host.lose("the board is gone")
        assert seen.events[-1] == LinkDown("the board is gone")
        link.stop()

    asyncio.run(scenario())


def test_events_behind_one_that_raised_come_without_waiting_for_more_bytes() -> None:
    async def scenario() -> None:
        loopback = Loopback()
        server = GuardServer(BoardSession(identity()), loopback.board)
        server.session.send_status(1, BoardStatus(), 0)
        seen = Seen()

        def fussy(event: HostEvent) -> None:
            seen(event)
            if event == LinkUp(identity()):
                raise RuntimeError("not now")

        session = HostSession(evses=1, next_nonce=nonces())
        link = BoardLink(session, lambda: loopback.host, VirtualClock(), fussy)
        link.start()
        server.pump(0)
        with pytest.raises(RuntimeError, match="not now"):
            loopback.deliver()
        await asyncio.sleep(0)
        assert [type(event) for event in seen.events] == [LinkUp, Status]
        link.stop()

    asyncio.run(scenario())


def test_a_command_is_repeated_in_its_own_time_not_in_that_of_the_heartbeat() -> None:
    async def scenario() -> None:
        loopback = Loopback()
        server = GuardServer(BoardSession(identity()), loopback.board)
        seen = Seen()
        session = HostSession(evses=1, next_nonce=nonces())
        link = BoardLink(session, lambda: loopback.host, CLOCK, seen)
        link.start()
        server.pump(CLOCK.now_ms())
        loopback.deliver()
        id_ = link.command(1, CommandVerb.ACKNOWLEDGE)
        done = await seen.until(of(CommandDone))
        assert done == CommandDone(id_, 1, CommandVerb.ACKNOWLEDGE, None)
        assert link.session.up
        assert link.session.stats.command_retries == 2
        link.stop()

    asyncio.run(scenario())


def test_a_second_owner_of_a_port_is_refused_by_name(tmp_path: Path) -> None:
    board = PtyPort(tmp_path / "board")
    address = str(tmp_path / "board")
    first = open_port(address)
    with pytest.raises(PortError, match="another process has it open"):
        open_port(address)
    first.close()
    first.close()
    open_port(address).close()
    board.close()


def test_what_is_no_port_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for address, cause in (
        (str(tmp_path / "file"), "Inappropriate ioctl for device"),
        (str(tmp_path / "none"), "No such file or directory"),
        (f"unix:{tmp_path}/none", "No such file or directory"),
        (f"unix:{tmp_path}/file", "Connection refused"),
        ("unix:" + "x" * 200, "AF_UNIX path too long"),
    ):
        with pytest.raises(PortError, match=f"cannot open .*: .*{cause}"):
            open_port(address)


def test_a_serial_device_opens_raw_exclusive_and_without_false_hangups(tmp_path: Path) -> None:
    async def scenario() -> None:
        # A pseudo-terminal stands in for the UART; it has no modem lines and no speed.
        from firmware_bridge.ports import _open_serial

        board = PtyPort(tmp_path / "board")
        transport = _open_serial(board.path, 115_200)
        received = asyncio.Queue[bytes]()
        lost = asyncio.Queue[str]()
        transport.start(received.put_nowait, lambda: None, lost.put_nowait)
        board.write(b"\0\x11\x13\r\n\xff")
        assert await asyncio.wait_for(received.get(), 5) == b"\0\x11\x13\r\n\xff"
        transport._read()
        assert lost.empty(), "nothing to read is no hang-up"
        transport.write(b"\x03\x04\r\0")
        assert board.read(100) == b"\x03\x04\r\0"
        with pytest.raises(PortError, match="another process has it open"):
            open_port(board.path)
        board.close()
        assert board.path in await asyncio.wait_for(lost.get(), 5)

    asyncio.run(scenario())


def test_a_transport_finishes_what_a_full_port_left_over() -> None:
    async def scenario() -> None:
        near, far = socket.socketpair()
        near.setblocking(False)
        far.setblocking(False)
        transport = FdTransport(near.fileno(), "pair", near.close)
        ready, lost = asyncio.Event(), asyncio.Queue[str]()
        transport.start(lambda data: None, ready.set, lost.put_nowait)
        data = os.urandom(1_000_000)
        transport.write(data)
        assert not transport.ready
        received = b""
        loop = asyncio.get_running_loop()
        while len(received) < len(data):
            received += await asyncio.wait_for(loop.sock_recv(far, 65536), 5)
        assert received == data
        await asyncio.wait_for(ready.wait(), 5)
        assert transport.ready
        far.close()
        assert await asyncio.wait_for(lost.get(), 5) == "pair: the other end hung up"
        assert not transport.ready
        transport.write(b"into the void")

    asyncio.run(scenario())


def test_a_write_into_a_broken_port_is_told_later_and_once() -> None:
    async def scenario() -> None:
        near, far = socket.socketpair()
        near.setblocking(False)
        transport = FdTransport(near.fileno(), "pair", near.close)
        lost: list[str] = []
        transport.start(lambda data: None, lambda: None, lost.append)
        far.close()
        transport.write(b"x")
        transport.write(b"y")
        assert lost == []
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert lost == ["pair: Broken pipe"]

    asyncio.run(scenario())
