"""One reader on an event loop: opened when it is there, read when it tells, looked for when gone.

Nothing here waits for the device, and no error of it leaves: each is told as Lost, and the port is
opened again, at first soon and then every few seconds.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from drivers.rfid.events import Back, Dialect, Lost, ReaderEvent
from drivers.rfid.ports import Opener, Port, obstacle
from evse.clock import Clock

FIRST_RETRY_MS = 500
LAST_RETRY_MS = 5_000
READ_BYTES = 4_096
HUNG_UP = Lost("went away", "Check the plug and the cable.")


class Reader:
    """Belongs to one event loop. `on_event` is called there and must not wait; Lost and Back are
    told in turns, Lost again where its cause is another one."""

    def __init__(
        self,
        dialect: Dialect,
        opener: Opener,
        clock: Clock,
        on_event: Callable[[ReaderEvent], None],
    ) -> None:
        self._dialect = dialect
        self._opener = opener
        self._clock = clock
        self._on_event = on_event
        self._told: Lost | Back | None = None

    async def run(self) -> None:
        """Until cancelled."""
        retry_ms = FIRST_RETRY_MS
        while True:
            begun_ms = self._clock.now_ms()
            try:
                port = self._opener()
            except OSError as error:
                self._tell([obstacle(error)])
            else:
                await _Serving(self._dialect, port, self._clock, self._tell).until_gone()
            if self._clock.now_ms() - begun_ms >= LAST_RETRY_MS:
                retry_ms = FIRST_RETRY_MS  # it was there; one that comes and goes is not spun on
            await asyncio.sleep(retry_ms / 1000)
            retry_ms = min(2 * retry_ms, LAST_RETRY_MS)

    def _tell(self, events: list[ReaderEvent]) -> None:
        for event in events:
            if isinstance(event, Lost | Back):
                if event == self._told:
                    continue
                self._told = event
            self._on_event(event)


class _Serving:
    """One open port, until it is gone."""

    def __init__(
        self,
        dialect: Dialect,
        port: Port,
        clock: Clock,
        tell: Callable[[list[ReaderEvent]], None],
    ) -> None:
        self._dialect = dialect
        self._port = port
        self._clock = clock
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._gone: asyncio.Future[Lost] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None

    async def until_gone(self) -> None:
        try:
            self._loop.add_reader(self._port.fd, self._readable)
            self._heard(self._dialect.opened(self._clock.now_ms()))
            lost = await self._gone
        finally:
            self._loop.remove_reader(self._port.fd)
            self._port.close()
            if self._timer is not None:
                self._timer.cancel()
            self._dialect.closed(self._clock.now_ms())
        self._tell([lost])

    def _readable(self) -> None:
        try:
            data = os.read(self._port.fd, READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(obstacle(error))
            return
        if data:
            self._heard(self._dialect.received(data, self._clock.now_ms()))
        else:
            self._end(HUNG_UP)

    def _due(self) -> None:
        self._timer = None
        self._heard(self._dialect.poll(self._clock.now_ms()))

    def _heard(self, events: list[ReaderEvent]) -> None:
        self._tell(events)
        try:
            if out := self._dialect.take_output():
                self._port.write(out)
        except OSError as error:
            self._end(obstacle(error))
            return
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due_ms = self._dialect.next_deadline_ms
        wait_ms = None if due_ms is None else max(0, due_ms - self._clock.now_ms())
        self._timer = None if wait_ms is None else self._loop.call_later(wait_ms / 1000, self._due)

    def _end(self, lost: Lost) -> None:
        self._loop.remove_reader(self._port.fd)
        if not self._gone.done():
            self._gone.set_result(lost)
