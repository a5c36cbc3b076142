"""Name lookup that neither blocks the loop nor holds up the end of the process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from itertools import chain, zip_longest
from typing import Any, NamedTuple

from ocpp_link.wire.address import Address


class Target(NamedTuple):
    """Where a TCP connection may go: what `socket.socket` and its `connect` want."""

    family: socket.AddressFamily
    sockaddr: tuple[Any, ...]


Lookup = Callable[..., list[Any]]
"""Has the shape of `socket.getaddrinfo`."""


async def resolve(where: Address, lookup: Lookup = socket.getaddrinfo) -> list[Target]:
    """Every address of the host, looked up anew, IPv6 and IPv4 taking turns (RFC 8305 §4).

    The C library can only block, so each lookup has a thread of its own for as long as it takes;
    it is a daemon, because a name server that is silent must not keep a process from ending.
    Raises socket.gaierror.
    """
    if where.is_literal:
        return _in_turn(lookup(where.host, where.port, type=socket.SOCK_STREAM))
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[Any]] = loop.create_future()

    def settle(found: list[Any] | OSError) -> None:
        if answer.done():
            return
        if isinstance(found, OSError):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def look_up() -> None:
        found: list[Any] | OSError
        try:
            found = lookup(where.host, where.port, type=socket.SOCK_STREAM)
        except UnicodeError as error:
            found = socket.gaierror(socket.EAI_NONAME, f"no name: {error}")
        except OSError as error:
            found = error
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(settle, found)

    threading.Thread(target=look_up, name="lookup", daemon=True).start()
    return _in_turn(await answer)


def _in_turn(found: list[Any]) -> list[Target]:
    """The first family that the resolver prefers, then the other, one by one."""
    targets = [Target(family, sockaddr) for family, _type, _proto, _name, sockaddr in found]
    first = [t for t in targets if t.family == targets[0].family]
    other = [t for t in targets if t.family != targets[0].family]
    mixed = chain.from_iterable(zip_longest(first, other))
    return list(dict.fromkeys(t for t in mixed if t is not None))
