"""The engine on an asyncio loop: after every input its frames go out and its timer is set."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ocpp_link.charge_point import ChargePoint


class Runner:
    """`touch` after every input that did not come through `run`."""

    def __init__(self, engine: ChargePoint, loop: asyncio.AbstractEventLoop) -> None:
        self.engine = engine
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._on_frames: Callable[[list[str]], None] | None = None

    @property
    def ping_interval_s(self) -> int:
        """WebSocket pings wanted; 0 = none. May change at any time."""
        return self.engine.ping_interval_s

    def now_ms(self) -> int:
        return self.engine.station.clock.now_ms()

    def run(self, act: Callable[[], None]) -> None:
        """Give the engine an input. What it wanted before an error in `act` is still done."""
        if self._closed:
            return
        try:
            act()
        finally:
            self.touch()

    def connect(self, on_frames: Callable[[list[str]], None], subprotocol: str) -> None:
        """A connection stands; frames go to `on_frames`, which must not block."""
        self._on_frames = on_frames
        self.run(lambda: self.engine.on_connected(subprotocol))

    def receive(self, text: str) -> None:
        """A text frame of the peer."""
        self.run(lambda: self.engine.on_frame(text))

    def disconnect(self) -> None:
        """The connection went."""
        self._on_frames = None
        self.run(self.engine.on_disconnected)

    def touch(self) -> None:
        """Carry out what the engine wants now."""
        frames = self.engine.take_frames()
        if frames and self._on_frames:
            self._on_frames(frames)
        self._arm()

    def close(self) -> None:
        """The engine gets no input any more."""
        self._closed = True
        if self._timer:
            self._timer.cancel()

    def _arm(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        deadline_ms = self.engine.next_deadline_ms
        if deadline_ms is not None:
            delay_ms = max(0, deadline_ms - self.now_ms())
            self._timer = self._loop.call_later(delay_ms / 1_000, self._due)

    def _due(self) -> None:
        self._timer = None
        self.run(self.engine.poll)
