"""An asyncio loop whose time is a simulation's: sockets are real, waiting is not.

Time moves only when the wire is quiet: nothing is ready to run, every byte that one end of a
connection has sent was read by the other, no connection is half made or half gone, and no thread
or process works for the loop. So what happens, and when on the station's clock, does not depend
on how fast the machine is, and an hour of waiting costs what happens in it.

Both ends of each TCP connection belong into the loop; one whose other end is elsewhere (a transfer
in a process of its own) keeps the wire from being quiet as long as it stands. Linux only.
"""

from __future__ import annotations

import asyncio
import math
import selectors
import socket
import struct
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Protocol, TypeVar, TypeVarTuple, Unpack

STUCK_S = 20.0
"""Real seconds without any event on a wire that is not quiet: something is broken."""
_ESTABLISHED, _SYN_SENT, _FIN_WAIT_1, _FIN_WAIT_2 = 1, 2, 4, 5
_TCP_INFO_BYTES = 216
_RECEIVED_AT = 128
_UNSENT_AT = 144
_SENT_AT = 200
_RESENT_AT = 208
"""tcpi_bytes_received, tcpi_notsent_bytes, tcpi_bytes_sent and tcpi_bytes_retrans, which counts
among the sent ones, in Linux's struct tcp_info (include/uapi/linux/tcp.h)."""

Name = tuple[Any, ...]
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class World(Protocol):
    """Whose time it is."""

    @property
    def now_ms(self) -> int: ...

    def step(self, limit_ms: int) -> None:
        """Go to the next moment at which something happens, `limit_ms` at the latest."""


class WireStuck(RuntimeError):
    """The wire did not become quiet: a peer neither reads nor closes, or a job hangs."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop of `world`, which is set before it first runs."""

    world: World

    def __init__(self) -> None:
        self._wire = _QuietSelector(self._pass)
        self._jobs: set[asyncio.Future[Any]] = set()
        self._children: list[asyncio.SubprocessTransport] = []
        super().__init__(self._wire)

    def time(self) -> float:
        """Seconds on the world's clock."""
        return self.world.now_ms / 1_000

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """As ever; until the job is done the wire is not quiet."""
        job = super().run_in_executor(executor, func, *args)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)
        return job

    async def subprocess_exec(self, *args: Any, **kwargs: Any) -> Any:
        """As ever; until the process has ended the wire is not quiet."""
        transport, protocol = await super().subprocess_exec(*args, **kwargs)
        self._children.append(transport)
        return transport, protocol

    def _pass(self, timeout_s: float | None) -> bool:
        """Let time pass; False where something is still under way."""
        self._children = [child for child in self._children if child.get_returncode() is None]
        if self._jobs or self._children:
            return False
        if timeout_s is None:
            raise WireStuck("nothing will ever happen again: no timer runs, and nothing is sent")
        self.world.step(self.world.now_ms + math.ceil(timeout_s * 1_000 - 1e-3))
        return True


class _QuietSelector(selectors.DefaultSelector):
    """Asks `let_pass` to move time instead of waiting, where the wire is quiet."""

    def __init__(self, let_pass: Callable[[float | None], bool]) -> None:
        super().__init__()
        self._let_pass = let_pass
        self._streams: dict[int, socket.socket] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = super().register(fileobj, events, data)
        stream = _tcp_of(key.fd)
        if stream is not None:
            self._streams[key.fd] = stream
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = super().unregister(fileobj)
        stream = self._streams.pop(key.fd, None)
        if stream is not None:
            stream.detach()
        return key

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if found or (timeout is not None and timeout <= 0):
            return found
        if not self._all_arrived():
            return self._wait()
        found = super().select(0)  # what had arrived has been read, too
        if found:
            return found
        return [] if self._let_pass(timeout) else self._wait()

    def _wait(self) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(STUCK_S)
        if not found:
            names = [f"{_name(s.getsockname)} to {_name(s.getpeername)}" for s in self._open()]
            raise WireStuck(f"for {STUCK_S:g} s nothing was heard of {names or 'a job'}")
        return found

    def _open(self) -> list[socket.socket]:
        return [stream for stream in self._streams.values() if _state(stream) == _ESTABLISHED]

    def _all_arrived(self) -> bool:
        ends: dict[tuple[Name, Name], bytes] = {}
        for stream in self._streams.values():
            info = _info(stream)
            if info[0] == _SYN_SENT:
                return False
            if info[0] in (_ESTABLISHED, _FIN_WAIT_1, _FIN_WAIT_2):
                try:
                    ends[stream.getsockname(), stream.getpeername()] = info
                except OSError:
                    return False
        for (here, there), info in ends.items():
            peer = ends.get((there, here))
            if peer is None or _held_back(info):
                return False
            if _count(peer, _RECEIVED_AT) < _count(info, _SENT_AT) - _count(info, _RESENT_AT):
                return False
        return True


def _tcp_of(fd: int) -> socket.socket | None:
    """A second handle on the TCP socket `fd`, to be detached and never closed; None where it is
    something else, or listens."""
    try:
        stream = socket.socket(fileno=fd)
    except OSError:
        return None
    if stream.family not in (socket.AF_INET, socket.AF_INET6) or stream.getsockopt(
        socket.SOL_SOCKET, socket.SO_ACCEPTCONN
    ):
        stream.detach()
        return None
    return stream


def _info(stream: socket.socket) -> bytes:
    return stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)


def _state(stream: socket.socket) -> int:
    return _info(stream)[0]


def _count(info: bytes, offset: int) -> int:
    value: int = struct.unpack_from("=Q", info, offset)[0]
    return value


def _held_back(info: bytes) -> bool:
    """The kernel has data that it did not send yet (Nagle's rule, automatic corking)."""
    value: int = struct.unpack_from("=I", info, _UNSENT_AT)[0]
    return value > 0


def _name(of: Callable[[], Any]) -> str:
    try:
        return str(of())
    except OSError:
        return "nobody"
