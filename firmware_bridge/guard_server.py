"""The guard process's end of the link: one synchronous pump, called from the guard loop.

Guarantees: never blocks, never raises on what a host does, and reads at most READ_BYTES a call,
so that no host can hold up the loop that opens the contactor. When the port is full, telemetry
is overtaken by newer telemetry and nothing piles up.
"""

from __future__ import annotations

from firmware_bridge.board_ports import BoardPort
from firmware_bridge.board_session import BoardSession
from firmware_bridge.events import BoardEvent

READ_BYTES = 1024
"""A call; at a guard period of 10 ms that is nine times what 115200 baud can carry."""


class GuardServer:
    def __init__(self, session: BoardSession, port: BoardPort) -> None:
        self.session = session
        self._port = port
        self._tail = b""
        self.hosts = 0
        """Byte streams that began anew (Unix socket)."""

    def pump(self, now_ms: int) -> list[BoardEvent]:
        """Take what the host sent and let go what is due. Call it once a guard period."""
        data = self._port.read(READ_BYTES)
        if data is None:
            self.hosts += 1
            self._tail = b""
            self.session.connected()
            data = b""
        events = self.session.receive(data, now_ms) if data else []
        self.session.poll(now_ms)
        self.flush()
        return events

    def flush(self) -> None:
        """Let go what became due since `pump`: call it after the status was told."""
        if not self._tail:
            self._tail = self.session.data_to_send()
        if self._tail:
            self._tail = self._tail[self._port.write(self._tail) :]

    def close(self) -> None:
        """Let go of the port. Idempotent."""
        self._port.close()
