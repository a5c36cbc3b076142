"""The loop of a guard process, whatever its pins are: one synchronous turn every 10 ms.

The same for the native board and for simulated metal. On SIGTERM, and when the pins are lost, the
outputs are made safe as far as anything still listens; ring 0's watchdog covers the rest. Nothing
in here waits but the sleep between two turns.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import Protocol

from evse.board_faults import Wiring
from evse.guard.host import PERIOD_MS, GuardHost, Panel, Pins, analog
from evse.guard.pace import Pace
from evse.guard.recorder import Cause
from evse.model import BoardIdentity
from evse.run.flight import FlightWriter
from firmware_bridge.board_ports import BoardPort
from firmware_bridge.board_session import BoardSession
from firmware_bridge.events import BoardEvent, CommandReceived, HostHello, PermitReceived
from firmware_bridge.guard_server import GuardServer

ANALOG_MS = 1_000
PERIOD_NS = PERIOD_MS * 1_000_000
OVERSLEPT_MS = 150
"""A little less than ring 0's watchdog waits."""

_log = logging.getLogger(__name__)


class LoopPins(Pins, Protocol):
    """Pins that may take a whole period's outputs at once."""

    def flush(self) -> None:
        """Let the outputs of this period take effect now. Raises OSError."""


class Idle(Protocol):
    """Called at the end of each turn with the time that is left."""

    def __call__(self, now_ms: int) -> None: ...


class GuardLoop:
    """Ring 1 between its pins and its port."""

    def __init__(
        self,
        make_host: Callable[[], GuardHost],
        identify: Callable[[int], BoardIdentity],
        pins: LoopPins,
        port: BoardPort,
        *,
        panel: Panel | None = None,
        flights: FlightWriter | None = None,
        on_turn: Idle | None = None,
        on_trouble: Callable[[Wiring], None] | None = None,
    ) -> None:
        """`make_host` gives ring 1 as after a restart; `identify` its hello for a boot id;
        `flights` keeps what happened before a fault, and is closed by whoever made it; `on_turn` is
        called after each turn that succeeded; `on_trouble` when the computer becomes too busy for
        ring 1, and when it is over."""
        self._make_host = make_host
        self._identify = identify
        self._pins = pins
        self._port = port
        self._panel = panel
        self._flights = flights
        self._on_turn = on_turn
        self._on_trouble = on_trouble
        self._analog_ms = 0
        self._busy = False
        self.pace = Pace()
        self.running = True
        self._begin(time.monotonic_ns() // 1_000_000)

    def _begin(self, now_ms: int) -> None:
        """Ring 1 as after a restart: nothing is believed, and the core is told by the boot id."""
        self.host: GuardHost = self._make_host()
        self.host.panel = self._panel
        boot_id = _boot_id()
        if self._flights is not None:
            self._flights.watch(self.host, boot_id, now_ms)
        session = BoardSession(self._identify(boot_id))
        self._server = GuardServer(session, self._port)

    def run(self) -> None:
        """Until `running` is False. Raises OSError when the pins are lost."""
        next_ns = last_ns = time.monotonic_ns()
        while self.running:
            now_ns = time.monotonic_ns()
            now_ms = now_ns // 1_000_000
            late_ns = max(0, now_ns - next_ns)
            self._keep_pace(now_ms, late_ns // 1_000)
            if (now_ns - last_ns) // 1_000_000 > OVERSLEPT_MS and self._driving:
                self._begin_anew(now_ms, (now_ns - last_ns) // 1_000_000)
            self.turn(now_ms)
            last_ns = now_ns
            after_ns = time.monotonic_ns()
            # From where it was due, so that a turn which takes too long makes the next one late;
            # from now on where a whole period is lost already.
            next_ns = (now_ns if late_ns >= PERIOD_NS else next_ns) + PERIOD_NS
            time.sleep(max(0, next_ns - after_ns) / 1e9)
        self.make_safe(time.monotonic_ns() // 1_000_000)

    def _keep_pace(self, now_ms: int, late_us: int) -> None:
        self.pace.turn(now_ms, late_us)
        busy = self.pace.too_late(now_ms)
        if busy is not self._busy:
            self._busy = busy
            if self._on_trouble is not None:
                self._on_trouble(Wiring.OVERSLEPT if busy else Wiring(0))

    def _begin_anew(self, now_ms: int, overslept_ms: int) -> None:
        """Stopped for so long that ring 0 has dropped the coil, or is about to: an open mirror
        under a coil that was driven is then no fault of the metal, and the next output must not
        close again what nobody watched."""
        _log.error("overslept %d ms with the coil on: beginning anew", overslept_ms)
        self.pace.overslept()
        self.make_safe(now_ms)
        if self._flights is not None:
            self._flights.trigger(Cause.OVERSLEPT, f"{overslept_ms} ms", now_ms)
        self._begin(now_ms)

    def make_safe(self, now_ms: int) -> None:
        """Everything off. Raises OSError where the pins are gone."""
        self.host.make_safe(now_ms)
        self._pins.flush()

    @property
    def _driving(self) -> bool:
        return any(guard.state.coil for guard in self.host.guards.values())

    def turn(self, now_ms: int) -> None:
        """One period: hear the core, decide, drive, tell the core."""
        for event in self._server.pump(now_ms):
            self._obey(event, now_ms)
        session = self._server.session
        for evse, status in self.host.step(now_ms).items():
            session.send_status(evse, status, now_ms)
        self._pins.flush()
        if now_ms - self._analog_ms >= ANALOG_MS:
            self._analog_ms = now_ms
            session.pace = self.pace.stats
            for evse, inputs in self.host.inputs.items():
                session.send_analog(evse, analog(inputs))
        self._server.flush()
        if self._flights is not None:
            self._flights.turn(now_ms)
        if self._on_turn is not None:
            self._on_turn(now_ms)

    def _obey(self, event: BoardEvent, now_ms: int) -> None:
        if isinstance(event, HostHello):
            self.host.new_session()
        elif isinstance(event, PermitReceived):
            self.host.permit(event.evse, event.permit, now_ms)
        elif isinstance(event, CommandReceived):
            status = self.host.command(event.evse, event.verb, now_ms)
            self._server.session.send_result(event.id, status)


def _boot_id() -> int:
    """32 random bits, without a library that brings OpenSSL into locked memory."""
    return int.from_bytes(os.urandom(4), "big")
