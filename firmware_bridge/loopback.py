"""A host's transport and a board's port joined in memory, for simulations in virtual time.

Not like a line: bytes are neither delayed nor damaged, and move only when `deliver` is called.
"""

from __future__ import annotations

from collections.abc import Callable

CAPACITY_BYTES = 4096
"""As much as a pseudo-terminal holds; a full one takes nothing."""


class Loopback:
    def __init__(self) -> None:
        self.host = LoopbackTransport()
        self.board = LoopbackPort(self.host)

    def deliver(self) -> bool:
        """Hand the board's bytes to the host; False when there were none."""
        data = bytes(self.host.incoming)
        self.host.incoming.clear()
        if data:
            self.host.on_data(data)
        return bool(data)


class LoopbackTransport:
    """The host's end: a Transport."""

    name = "loopback"

    def __init__(self) -> None:
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.on_data: Callable[[bytes], None] = _nobody
        self._on_lost: Callable[[str], None] | None = None

    @property
    def ready(self) -> bool:
        return len(self.outgoing) < CAPACITY_BYTES

    def start(
        self,
        on_data: Callable[[bytes], None],
        on_ready: Callable[[], None],  # noqa: ARG002  # What is taken is taken whole.
        on_lost: Callable[[str], None],
    ) -> None:
        self.on_data = on_data
        self._on_lost = on_lost

    def write(self, data: bytes) -> None:
        self.outgoing += data

    def lose(self, why: str) -> None:
        """The board's end went away."""
        on_lost = self._on_lost
        self.close()
        if on_lost is not None:
            on_lost(why)

    def close(self) -> None:
        self.on_data = _nobody
        self._on_lost = None
        self.incoming.clear()
        self.outgoing.clear()


class LoopbackPort:
    """The board's end: a BoardPort."""

    def __init__(self, host: LoopbackTransport) -> None:
        self._host = host

    def read(self, limit: int) -> bytes:
        data = bytes(self._host.outgoing[:limit])
        del self._host.outgoing[:limit]
        return data

    def write(self, data: bytes) -> int:
        room = max(0, CAPACITY_BYTES - len(self._host.incoming))
        self._host.incoming += data[:room]
        return min(room, len(data))

    def close(self) -> None:
        self._host.lose("loopback: the other end hung up")


def _nobody(data: bytes) -> None:
    """Bytes that arrive before `start` or after `close` are dropped."""
