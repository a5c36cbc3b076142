"""Names, addresses and network interfaces below the WebSocket."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest
from wire_rig import run

from ocpp_link.wire import tcp
from ocpp_link.wire.address import address
from ocpp_link.wire.failure import AttemptFailed
from ocpp_link.wire.resolve import Target, resolve
from ocpp_link.wire.tcp import open_tcp
from ocpp_link.wire.within import within

V4, V6 = socket.AF_INET, socket.AF_INET6
STREAM = socket.SOCK_STREAM


def row(family: int, host: str) -> tuple[Any, ...]:
    return family, STREAM, 6, "", (host, 80)


def test_the_name_is_looked_up_anew_and_families_take_turns() -> None:
    """RFC 8305 §4, and DNS anew at each attempt: a back office that moved is found."""
    asked: list[tuple[str, int]] = []

    def lookup(host: str, port: int, type: int) -> list[Any]:
        asked.append((host, port))
        rows = [row(V6, "::1"), row(V6, "::2"), row(V4, "1.1.1.1"), row(V6, "::1")]
        return rows[len(asked) - 1 :]

    async def test() -> None:
        where = address("ws://office.example", "CP")
        first = await resolve(where, lookup)
        assert first == [
            Target(V6, ("::1", 80)),
            Target(V4, ("1.1.1.1", 80)),
            Target(V6, ("::2", 80)),
        ]
        assert (await resolve(where, lookup))[0] == Target(V6, ("::2", 80))
        assert asked == [("office.example", 80)] * 2

    run(test)


def test_an_ip_address_needs_no_name_server() -> None:
    async def test() -> None:
        threads = threading.active_count()
        assert await resolve(address("ws://127.0.0.1:81", "CP")) == [Target(V4, ("127.0.0.1", 81))]
        assert threading.active_count() == threads

    run(test)


def test_a_silent_name_server_holds_up_no_exit() -> None:
    """The lookup goes on in a daemon's thread, and its late answer harms nobody."""
    gate = threading.Event()

    def lookup(_host: str, _port: int, type: int) -> list[Any]:
        gate.wait(10)
        return [row(V4, "1.1.1.1")]

    async def test() -> None:
        with pytest.raises(TimeoutError):
            await within(0.01, resolve(address("ws://office.example", "CP"), lookup), asyncio.sleep)

    run(test)
    (thread,) = [t for t in threading.enumerate() if t.name == "lookup"]
    assert thread.daemon
    gate.set()
    thread.join(5)


def test_what_the_resolver_raises_arrives() -> None:
    def unknown(_host: str, _port: int, type: int) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def test() -> None:
        with pytest.raises(socket.gaierror):
            await resolve(address("ws://office.example", "CP"), unknown)
        with pytest.raises(socket.gaierror):
            await resolve(address(f"ws://{'x' * 70}.example", "CP"))

    run(test)


def listener(host: str = "127.0.0.1") -> socket.socket:
    made = socket.socket()
    made.bind((host, 0))
    made.listen()
    return made


def test_an_address_that_refuses_is_followed_by_the_next() -> None:
    async def test() -> None:
        with listener() as server:
            port = server.getsockname()[1]
            targets = [Target(V4, ("127.0.0.1", 1)), Target(V4, ("127.0.0.1", port))]
            sock = await open_tcp(targets)
            assert sock.getpeername()[1] == port
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == tcp.SEND_STALL_MS
            sock.close()

    run(test)


def test_an_address_that_is_silent_does_not_hold_up_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """RFC 8305 §5: the next one is tried beside it."""
    monkeypatch.setattr(tcp, "STAGGER_S", 0.01)

    async def test() -> None:
        full = listener()
        full.listen(0)
        crowd = [socket.socket() for _ in range(4)]  # who comes after them gets no answer
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        with listener() as server:
            targets = [Target(V4, full.getsockname()), Target(V4, server.getsockname())]
            async with asyncio.timeout(5):
                sock = await open_tcp(targets)
            assert sock.getpeername() == server.getsockname()
            sock.close()
        for one in (*crowd, full):
            one.close()

    run(test)


def test_the_first_error_is_told_where_all_fail() -> None:
    async def test() -> None:
        with pytest.raises(ConnectionRefusedError):
            await open_tcp([Target(V4, ("127.0.0.1", 1)), Target(V6, ("::1", 1))])

    run(test)


def test_a_source_address_is_bound_and_the_other_family_is_out() -> None:
    async def test() -> None:
        with listener() as server:
            target = Target(V4, server.getsockname())
            sock = await open_tcp([target], "127.0.0.9")
            assert sock.getsockname()[0] == "127.0.0.9"
            sock.close()
            with pytest.raises(AttemptFailed, match="no address that ::1 could reach"):
                await open_tcp([target], "::1")
            sock = await open_tcp([target], "lo")
            sock.close()

    run(test)
