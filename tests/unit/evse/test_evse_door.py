"""The door on a real Unix socket, from both sides: rude peers cost themselves and nobody else."""

from __future__ import annotations

import asyncio
import socket
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from journal_rig import SteppedStorage, new_disk

from evse.clock import VirtualClock
from evse.door import jsonrpc
from evse.door.client import DoorClient
from evse.door.hub import Connection, Follower, Hub, Reply
from evse.door.jsonrpc import MAX_LINE_BYTES, RpcError
from evse.door.providers import Providers
from evse.door.roles import Role
from evse.door.server import (
    LINES_A_TURN,
    MAX_HELD_BYTES,
    MAX_PEERS,
    MAX_UNREAD_BYTES,
    DoorServer,
)
from evse.door.variables import SESSION_EVENT, Variables
from evse.journal.journal import Journal
from evse.journal.rows import Found
from evse.journal.storage import Done, Job

LINE = b'{"jsonrpc":"2.0","id":1,"method":"core.echo","params":{}}\n'


class Door:
    """A hub behind a socket, and every exception that nobody caught."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.hub = Hub()
        Providers(self.hub, [1])
        self.hub.register("core.echo", self._echo)
        self.hub.register("core.follow", self._follow)
        self.server = DoorServer(self.hub, path)
        self.uncaught: list[dict[str, Any]] = []

    @staticmethod
    def _echo(_connection: Connection, params: Any, reply: Reply) -> None:
        reply(jsonrpc.decode_params(params, dict[str, Any]))

    def _follow(self, connection: Connection, _params: Any, reply: Reply) -> None:
        self.hub.follow(connection, "core.v", Follower(None, None))
        reply(True)

    async def raw(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(str(self.path), limit=4 * MAX_LINE_BYTES)

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():  # noqa: ASYNC110 the test's own patience is pytest's timeout
            await asyncio.sleep(0)


def with_door(tmp_path: Path, test: Callable[[Door], Awaitable[None]]) -> None:
    async def run() -> None:
        door = Door(tmp_path / "core.sock")
        asyncio.get_running_loop().set_exception_handler(
            lambda _loop, context: door.uncaught.append(context)
        )
        await door.server.start()
        try:
            await test(door)
        finally:
            await door.server.aclose()
        assert door.uncaught == []

    asyncio.run(run())


def deafen(writer: asyncio.StreamWriter) -> None:
    """Read nothing more of what comes."""
    assert isinstance(writer.transport, asyncio.Transport), "of a socket"
    writer.transport.pause_reading()


async def one_line(reader: asyncio.StreamReader) -> dict[str, Any]:
    line = await reader.readline()
    return dict(msgspec.json.decode(line))


# --- the server -----------------------------------------------------------------------------------


def test_a_peer_that_sends_much_at_once_does_not_hold_up_the_loop(tmp_path: Path) -> None:
    """The live loop renews the lease: 3000 calls in one read took it 0.1 s, and a Pi 1 s."""
    lines = 1_000
    turns: list[int] = []

    async def check(door: Door) -> None:
        taken = 0

        def count(_connection: Connection, _params: Any, _reply: Reply) -> None:
            nonlocal taken
            taken += 1

        door.hub.register("core.count", count)
        _, writer = await door.raw()
        writer.write(b'{"jsonrpc":"2.0","method":"core.count"}\n' * lines)
        writer.close()
        while taken < lines:
            before = taken
            await asyncio.sleep(0)
            turns.append(taken - before)

    with_door(tmp_path, check)
    assert sum(turns) == lines
    assert max(turns) <= LINES_A_TURN


def test_lines_are_answered_however_they_are_cut(tmp_path: Path) -> None:
    async def check(door: Door) -> None:
        reader, writer = await door.raw()
        for byte in LINE * 2:
            writer.write(bytes([byte]))
            await writer.drain()
        writer.write(LINE * 3 + b"\n  \n\r\n" + LINE)
        for _ in range(6):
            assert (await one_line(reader))["result"] == {}
        writer.close()

    with_door(tmp_path, check)


def test_the_socket_is_closed_to_other_users_and_gone_afterwards(tmp_path: Path) -> None:
    async def check(door: Door) -> None:
        assert stat.S_IMODE(door.path.stat().st_mode) == 0o660

    with_door(tmp_path, check)
    assert not (tmp_path / "core.sock").exists()


def test_a_huge_line_is_refused_in_words_and_ends_that_peer_alone(tmp_path: Path) -> None:
    async def check(door: Door) -> None:
        good = await DoorClient.connect(door.path)
        for tail in (b"", b"\n"):
            reader, writer = await door.raw()
            writer.write(b"x" * (MAX_LINE_BYTES + 1) + tail)
            error = (await one_line(reader))["error"]
            assert error["message"] == f"a line is longer than {MAX_LINE_BYTES} bytes"
            assert await reader.read() == b""
            writer.close()
        assert await good.call("core.echo", {"a": 1}) == {"a": 1}
        await good.aclose()

    with_door(tmp_path, check)


def test_the_longest_line_is_taken(tmp_path: Path) -> None:
    async def check(door: Door) -> None:
        reader, writer = await door.raw()
        head = b'{"jsonrpc":"2.0","id":1,"method":"core.echo","params":{"a":"'
        body = head + b"x" * (MAX_LINE_BYTES - len(head) - 3) + b'"}}'
        assert len(body) == MAX_LINE_BYTES
        writer.write(body + b"\n")
        assert len((await one_line(reader))["result"]["a"]) > 1_000_000
        writer.close()

    with_door(tmp_path, check)


def test_a_follower_that_does_not_read_is_cut_off(tmp_path: Path) -> None:
    async def check(door: Door) -> None:
        deaf_reader, deaf = await door.raw()
        deaf.write(LINE.replace(b"core.echo", b"core.follow"))
        await one_line(deaf_reader)
        deafen(deaf)
        good = await DoorClient.connect(door.path)
        await door.until(lambda: len(door.server.peers) == 2)
        for _ in range(2 + MAX_UNREAD_BYTES // 1_000_000):
            door.hub.publish("core.v", None, "x" * 1_000_000)
        await door.until(lambda: len(door.server.peers) == 1)
        assert await good.call("core.echo", {"a": 1}) == {"a": 1}
        await good.aclose()
        deaf.transport.abort()
        await asyncio.sleep(0)

    with_door(tmp_path, check)


def test_a_caller_that_does_not_read_its_answers_is_cut_off(tmp_path: Path) -> None:
    async def check(door: Door) -> None:
        _reader, writer = await door.raw()
        deafen(writer)
        await door.until(lambda: len(door.server.peers) == 1)
        big = LINE.replace(b"{}", b'{"a":"' + b"x" * 500_000 + b'"}')
        for _ in range(4 + MAX_UNREAD_BYTES // 500_000):
            writer.write(big)
        await door.until(lambda: not door.server.peers and len(door.hub._connections) == 0)
        writer.transport.abort()
        await asyncio.sleep(0)

    with_door(tmp_path, check)


def test_peers_that_read_nothing_hold_no_more_than_all_may_together(tmp_path: Path) -> None:
    """64 of them with 4 MiB each were more than a small computer has to spare."""
    deaf = 12
    held: list[int] = []

    async def check(door: Door) -> None:
        writers = []
        for _ in range(deaf):
            reader, writer = await door.raw()
            writer.write(LINE.replace(b"core.echo", b"core.follow"))
            await one_line(reader)
            deafen(writer)
            writers.append(writer)
        for _ in range(15):
            door.hub.publish("core.v", None, "x" * 200_000)
            held.append(sum(peer.held_bytes for peer in door.server.peers))
            await asyncio.sleep(0)
        assert 0 < len(door.server.peers) < deaf
        good = await DoorClient.connect(door.path)
        assert await good.call("core.echo", {"a": 1}) == {"a": 1}
        await good.aclose()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    with_door(tmp_path, check)
    line = 200_100
    assert max(held) <= MAX_HELD_BYTES + line
    assert max(held) > MAX_HELD_BYTES / 2


def test_a_deaf_crowd_does_not_cost_the_ocpp_link_its_place(tmp_path: Path) -> None:
    """Whoever a station can not do without is cut off last, also where it holds most."""

    async def check(door: Door) -> None:
        writers = []
        for number in range(8):
            reader, writer = await door.raw()
            writer.write(LINE.replace(b"core.echo", b"core.follow"))
            await one_line(reader)
            deafen(writer)
            writers.append(writer)
            door.hub.connections[number].role = Role.OBSERVER if number else Role.OCPP
        link = door.hub.connections[0]
        link.wire.send(b"x" * 2_000_000 + b"\n")
        for _ in range(10):
            door.hub.publish("core.v", None, "x" * 200_000)
            await asyncio.sleep(0)
        assert link in door.hub.connections
        assert len(door.hub.connections) < 8
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    with_door(tmp_path, check)


def test_lines_that_are_never_finished_cost_their_senders_alone(tmp_path: Path) -> None:
    senders = 16

    async def check(door: Door) -> None:
        good = await DoorClient.connect(door.path)
        writers = []
        for _ in range(senders):
            _reader, writer = await door.raw()
            writer.write(b"x" * 900_000)
            writers.append(writer)
        await door.until(lambda: sum(p.held_bytes for p in door.server.peers) > MAX_HELD_BYTES / 2)
        for _ in range(2_000):
            await asyncio.sleep(0)
            assert sum(p.held_bytes for p in door.server.peers) <= MAX_HELD_BYTES + 65_536 * 4
        assert len(door.server.peers) < senders
        assert await good.call("core.echo", {"a": 1}) == {"a": 1}
        await good.aclose()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    with_door(tmp_path, check)


def test_one_peer_too_many_is_told_so(tmp_path: Path) -> None:
    async def check(door: Door) -> None:
        peers = [await door.raw() for _ in range(MAX_PEERS)]
        await door.until(lambda: len(door.server.peers) == MAX_PEERS)
        reader, writer = await door.raw()
        assert (await one_line(reader))["error"][
            "message"
        ] == f"the door is full: {MAX_PEERS} peers"
        assert await reader.read() == b""
        writer.close()
        peers[0][1].close()
        await door.until(lambda: len(door.server.peers) == MAX_PEERS - 1)
        reader, writer = await door.raw()
        writer.write(LINE)
        assert (await one_line(reader))["result"] == {}
        for _, each in [*peers[1:], (reader, writer)]:
            each.close()
        await door.until(lambda: not door.server.peers)

    with_door(tmp_path, check)


def test_a_peer_that_vanishes_in_the_middle_of_a_line_leaves_nothing(tmp_path: Path) -> None:
    async def check(door: Door) -> None:
        _reader, writer = await door.raw()
        writer.write(LINE[:20])
        await writer.drain()
        await door.until(lambda: len(door.server.peers) == 1)
        writer.transport.abort()
        await door.until(lambda: not door.server.peers)

    with_door(tmp_path, check)


class OnTheLoop(SteppedStorage):
    """A disk that answers in the loop's next turn, always faster than any peer reads."""

    def submit(self, job: Job, done: Done) -> None:
        super().submit(job, done)
        asyncio.get_running_loop().call_soon(self.drain)


def test_a_follower_that_reads_slowly_gets_years_of_events_and_little_waits_for_it(
    tmp_path: Path,
) -> None:
    """It was cut off each time that 8 MiB had piled up, and the disk is always faster."""
    stored, held = 20_000, []
    disk = new_disk()
    disk.executemany(
        "INSERT INTO event VALUES (?, 1, 0, ?)",
        [(seq, msgspec.json.encode({"n": "x" * 400})) for seq in range(1, stored + 1)],
    )

    async def check(door: Door) -> None:
        journal = Journal(OnTheLoop(disk), VirtualClock(), found=Found("j", 1, stored))
        Variables(door.hub, journal, [1])
        reader, writer = await door.raw()
        writer.write(jsonrpc.request(1, "subscribe", {"variable": SESSION_EVENT, "from_seq": 1}))
        assert (await one_line(reader))["result"]["last_seq"] == stored
        for seq in range(1, stored + 1):
            assert (await one_line(reader))["params"]["seq"] == seq
            if seq % 100 == 0:
                held.append(sum(peer.held_bytes for peer in door.server.peers))
                await asyncio.sleep(0)
        writer.close()
        await door.until(lambda: not door.server.peers)

    with_door(tmp_path, check)
    disk.close()
    assert max(held) < 1 << 20


# --- one station a socket -------------------------------------------------------------------------


def test_a_second_station_on_the_same_socket_is_refused(tmp_path: Path) -> None:
    async def check(door: Door) -> None:
        with pytest.raises(OSError, match=r"core\.sock: another station is running there"):
            await DoorServer(Hub(), door.path).start()
        reader, writer = await door.raw()
        writer.write(LINE)
        assert (await one_line(reader))["result"] == {}
        writer.close()

    with_door(tmp_path, check)


def test_the_socket_of_a_dead_station_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "core.sock"))

    async def check(door: Door) -> None:
        assert await (await DoorClient.connect(door.path)).call("core.echo") == {}

    with_door(tmp_path, check)


def test_a_station_too_busy_to_answer_is_not_taken_for_dead(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(str(tmp_path / "core.sock"))
        busy.listen(0)
        queued = [socket.socket(socket.AF_UNIX) for _ in range(4)]
        for one in queued:
            one.setblocking(False)
            one.connect_ex(str(tmp_path / "core.sock"))
        with pytest.raises(OSError, match="another station"):
            asyncio.run(DoorServer(Hub(), tmp_path / "core.sock").start())
        for one in queued:
            one.close()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "core.sock").write_text("mine")
    with pytest.raises(OSError, match=r"core\.sock"):
        asyncio.run(DoorServer(Hub(), tmp_path / "core.sock").start())
    assert (tmp_path / "core.sock").read_text() == "mine"


# --- the client -----------------------------------------------------------------------------------


def test_pending_calls_fail_when_the_peer_dies(tmp_path: Path) -> None:
    async def check(door: Door) -> None:
        door.hub.register("core.never", lambda _connection, _params, _reply: None)
        client = await DoorClient.connect(door.path)
        calls = [asyncio.create_task(client.call("core.never")) for _ in range(3)]
        await asyncio.sleep(0)
        await door.server.aclose()
        for call in calls:
            with pytest.raises(ConnectionError, match="the door closed"):
                await call
        await client.closed()
        with pytest.raises(ConnectionError, match=r"core\.echo: the door is closed"):
            await client.call("core.echo")
        await client.aclose()

    with_door(tmp_path, check)


def test_a_refused_call_raises_with_its_field(tmp_path: Path) -> None:
    async def check(door: Door) -> None:
        client = await DoorClient.connect(door.path)
        with pytest.raises(RpcError) as caught:
            await client.call("provide", {"namespace": 1})
        assert caught.value.data == {"field": "namespace"}
        await client.aclose()

    with_door(tmp_path, check)


def test_a_followers_values_arrive_in_order(tmp_path: Path) -> None:
    async def check(door: Door) -> None:
        client = await DoorClient.connect(door.path)
        got: list[int] = []
        client._followers["core.v"] = lambda params: got.append(params["value"])
        await client.call("core.follow")
        for number in range(100):
            door.hub.publish("core.v", None, number)
        await door.until(lambda: len(got) == 100)
        assert got == list(range(100))
        await client.aclose()

    with_door(tmp_path, check)


def test_a_provider_serves_refuses_and_survives_its_own_defect(tmp_path: Path) -> None:
    async def serve(method: str, params: dict[str, Any]) -> Any:
        if method == "ocpp.refuse":
            raise RpcError(5, "no")
        if method == "ocpp.defect":
            raise ZeroDivisionError
        return {"method": method, **params}

    async def check(door: Door) -> None:
        provider = await DoorClient.connect(door.path)
        await provider.provide("ocpp", serve)
        caller = await DoorClient.connect(door.path)
        assert await caller.call("ocpp.get", {"a": 1}) == {"method": "ocpp.get", "a": 1}
        with pytest.raises(RpcError, match="no"):
            await caller.call("ocpp.refuse")
        with pytest.raises(RpcError, match=r"ocpp\.defect failed where it is served"):
            await caller.call("ocpp.defect")
        assert await caller.call("ocpp.get") == {"method": "ocpp.get"}
        await provider.publish("ocpp.is_connected", True)
        assert door.hub.last("ocpp.is_connected", None) is True
        await provider.aclose()
        with pytest.raises(RpcError, match="nobody provides"):
            await caller.call("ocpp.get")
        await caller.aclose()
        defects, door.uncaught = door.uncaught, []
        assert [type(d.get("exception")) for d in defects] in ([], [ZeroDivisionError])

    with_door(tmp_path, check)


def test_a_provider_that_leaves_while_it_is_asked_fails_the_caller(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def never(_method: str, _params: dict[str, Any]) -> Any:
        asked.set()
        await asyncio.Event().wait()

    async def check(door: Door) -> None:
        provider = await DoorClient.connect(door.path)
        await provider.provide("ocpp", never)
        caller = await DoorClient.connect(door.path)
        call = asyncio.create_task(caller.call("ocpp.get"))
        await asked.wait()
        await provider.aclose()
        with pytest.raises(RpcError, match=r"left before|failed where"):
            await call
        await caller.aclose()

    with_door(tmp_path, check)


@pytest.mark.parametrize("line", [b"junk\n", b"\xff\n", b'{"jsonrpc":"2.0","id":1}\n', b"[]\n"])
def test_a_door_that_talks_nonsense_ends_the_client_in_words(tmp_path: Path, line: bytes) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(line)
        await writer.drain()
        writer.close()

    async def run() -> None:
        server = await asyncio.start_unix_server(nonsense, str(tmp_path / "n.sock"))
        client = await DoorClient.connect(tmp_path / "n.sock")
        call = asyncio.create_task(client.call("core.echo"))
        if line.startswith(b'{"jsonrpc"'):  # an answer without a result is an answer
            assert await call is None
        else:
            with pytest.raises(ConnectionError, match="the door closed"):
                await call
        await client.closed()
        await client.aclose()
        server.close()

    asyncio.run(run())
