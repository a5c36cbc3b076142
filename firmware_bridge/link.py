"""The live link of the core: a host session, a port that may come and go, and the event loop.

Guarantees: never blocks the loop; bytes are asked of the session only when all before have left,
so that the newest permit wins also on a slow port; a port that vanishes is told as a LinkDown
that names it, and is tried again soon.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable

from evse.clock import Clock
from evse.model import CommandVerb, LockTarget
from evse.panel import Indicator
from firmware_bridge.errors import PortError
from firmware_bridge.events import HostEvent, LinkUp
from firmware_bridge.host_session import HostSession
from firmware_bridge.transports import Transport

REOPEN_FIRST_MS = 100
REOPEN_MAX_MS = 1000
"""A USB board is back about a second after its reset; waiting longer gains nothing."""


def random_nonce() -> int:
    """32 random bits, for HostSession."""
    return secrets.randbits(32)


class BoardLink:
    """Starts, keeps and reopens the link to one board. All calls belong on the event loop."""

    def __init__(
        self,
        session: HostSession,
        open_port: Callable[[], Transport],
        clock: Clock,
        on_event: Callable[[HostEvent], None],
    ) -> None:
        """`open_port` returns at once, or raises PortError; `on_event` gets every event once."""
        self.session = session
        self._open_port = open_port
        self._clock = clock
        self._on_event = on_event
        self._loop: asyncio.AbstractEventLoop | None = None
        self._transport: Transport | None = None
        self._events: deque[HostEvent] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms = 0
        self._reopen: asyncio.TimerHandle | None = None
        self._reopen_ms = REOPEN_FIRST_MS

    def start(self) -> None:
        """Open the port and ask who is there; without a port, keep trying."""
        self._loop = asyncio.get_running_loop()
        self._try_open()

    def stop(self) -> None:
        """Let go of the port; no event comes any more. Idempotent."""
        self._loop = None
        self._events.clear()
        for handle in (self._timer, self._reopen):
            if handle is not None:
                handle.cancel()
        self._timer = self._reopen = None
        if self._transport is not None:
            self._transport.close()
            self._transport = None
        self.session.disconnected("the link was stopped", self._clock.now_ms())

    def permit(
        self,
        evse: int,
        *,
        close: bool,
        duty_bp: int,
        lock: LockTarget = LockTarget.KEEP,
        phases: int = 3,
        indicator: Indicator = Indicator.OFF,
    ) -> bool:
        """Send a permit now; False when the link is down. See HostSession.send_permit."""
        now_ms = self._clock.now_ms()
        accepted = self.session.send_permit(
            evse,
            close=close,
            duty_bp=duty_bp,
            lock=lock,
            phases=phases,
            indicator=indicator,
            now_ms=now_ms,
        )
        self._flush()
        return accepted

    def command(self, evse: int, verb: CommandVerb, arg: int = 0) -> int:
        """Send a command in its turn; its CommandDone comes as an event, never from within."""
        id_ = self.session.command(evse, verb, arg, now_ms=self._clock.now_ms())
        self._flush()
        self._schedule()
        return id_

    def _try_open(self) -> None:
        self._reopen = None
        try:
            transport = self._open_port()
        except PortError as error:
            self._wait_for_port(str(error))
            return
        self._transport = transport
        transport.start(self._on_data, self._flush, self._on_lost)
        self._settle(self.session.connected(self._clock.now_ms()))

    def _on_data(self, data: bytes) -> None:
        self._settle(self.session.receive(data, self._clock.now_ms()))

    def _on_lost(self, why: str) -> None:
        self._transport = None
        self._wait_for_port(why)

    def _wait_for_port(self, why: str) -> None:
        if self._loop is None:
            return
        self._reopen = self._loop.call_later(self._reopen_ms / 1000, self._try_open)
        self._reopen_ms = min(2 * self._reopen_ms, REOPEN_MAX_MS)
        self._settle(self.session.disconnected(why, self._clock.now_ms()))

    def _on_timer(self) -> None:
        self._timer = None
        self._settle(self.session.poll(self._clock.now_ms()))

    def _settle(self, events: list[HostEvent]) -> None:
        # Bytes and timer first: what the owner does with an event cannot hurt the link.
        self._events += events
        self._flush()
        self._schedule()
        self._deliver()

    def _flush(self) -> None:
        transport = self._transport
        if transport is not None and transport.ready:
            data = self.session.data_to_send()
            if data:
                transport.write(data)

    def _schedule(self) -> None:
        deadline_ms = self.session.next_deadline_ms
        if deadline_ms is None or self._loop is None:
            return
        if self._timer is not None:
            # Deadlines mostly move away: a timer that rings too early costs less than a new one.
            if self._timer_ms <= deadline_ms:
                return
            self._timer.cancel()
        delay_ms = max(0, deadline_ms - self._clock.now_ms())
        self._timer_ms = deadline_ms
        self._timer = self._loop.call_later(delay_ms / 1000, self._on_timer)

    def _deliver(self) -> None:
        try:
            while self._events:
                event = self._events.popleft()
                if isinstance(event, LinkUp):
                    self._reopen_ms = REOPEN_FIRST_MS
                self._on_event(event)
        finally:
            if self._events and self._loop is not None:
                self._loop.call_soon(self._deliver)
