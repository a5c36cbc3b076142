"""TCP to the first address that answers, through the network interface that is wanted."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections import deque
from collections.abc import Sequence

from ocpp_link.wire.failure import NETWORK_WORDS, AttemptFailed, Failure, Phase
from ocpp_link.wire.resolve import Target

STAGGER_S = 0.25
"""Before the next address is tried beside the one that does not answer (RFC 8305 §5)."""
KEEPALIVE_IDLE_S = 30
KEEPALIVE_INTERVAL_S = 10
KEEPALIVE_COUNT = 3
"""A peer that vanished is noticed after a minute, also where WebSocket pings are off."""
SEND_STALL_MS = 30_000
"""Unacknowledged data older than this ends the connection."""


async def open_tcp(targets: Sequence[Target], interface: str = "") -> socket.socket:
    """A connected, non-blocking socket; the caller closes it.

    `interface` is the name of one (`wwan0`), or a local IP address, or empty for the system's
    choice. Raises AttemptFailed where it can not be used, else what the first address raised.
    """
    waiting = deque(_reachable_from(interface, targets))
    running: set[asyncio.Task[socket.socket]] = set()
    errors: list[BaseException] = []
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.ensure_future(_connect(waiting.popleft(), interface)))
            done, _ = await asyncio.wait(
                running,
                timeout=STAGGER_S if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                error = task.exception()
                if error is None:
                    running.discard(task)
                    return task.result()
                running.discard(task)
                errors.append(error)
    finally:
        await _give_up(running)
    raise errors[0]


async def _give_up(running: set[asyncio.Task[socket.socket]]) -> None:
    for task in running:
        task.cancel()
    for outcome in await asyncio.gather(*running, return_exceptions=True):
        if isinstance(outcome, socket.socket):
            outcome.close()


async def _connect(target: Target, interface: str) -> socket.socket:
    sock = socket.socket(target.family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        _watch(sock)
        if interface:
            _bind(sock, interface)
        await asyncio.get_running_loop().sock_connect(sock, target.sockaddr)
    except BaseException:
        sock.close()
        raise
    return sock


def _watch(sock: socket.socket) -> None:
    """Let the kernel end a connection whose peer is gone."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_NODELAY", 1),
        ("TCP_KEEPIDLE", KEEPALIVE_IDLE_S),
        ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL_S),
        ("TCP_KEEPCNT", KEEPALIVE_COUNT),
        ("TCP_USER_TIMEOUT", SEND_STALL_MS),
    ):
        if (option := getattr(socket, name, None)) is not None:  # a Mac lacks some
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def _bind(sock: socket.socket, interface: str) -> None:
    try:
        if _family_of(interface) is None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        else:
            sock.bind((interface, 0))
    except OSError as error:
        known = NETWORK_WORDS.get(error.errno or 0) or error.strerror
        words = f"the connection can not go through {interface}: {known}"
        raise AttemptFailed(Failure(Phase.TCP, words)) from error


def _reachable_from(interface: str, targets: Sequence[Target]) -> list[Target]:
    """Raises AttemptFailed where the bound address is of the other family."""
    family = _family_of(interface)
    found = [target for target in targets if family in (None, target.family)]
    if not found:
        words = f"the back office has no address that {interface or 'this machine'} could reach"
        raise AttemptFailed(Failure(Phase.TCP, words))
    return found


def _family_of(interface: str) -> socket.AddressFamily | None:
    """Of a local IP address; None for the name of an interface."""
    try:
        version = ipaddress.ip_address(interface).version
    except ValueError:
        return None
    return socket.AF_INET6 if version == 6 else socket.AF_INET
