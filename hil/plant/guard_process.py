"""The guard as a process on simulated metal: the product's kernel and link, pins to the plant.

One synchronous loop of 10 ms, as in the native guard. On SIGTERM, and when the plant is gone, the
outputs are made safe as far as anybody still listens; ring 0's watchdog covers the rest.
"""

from __future__ import annotations

import argparse
import logging
import secrets
import signal
import time
from pathlib import Path

from evse.config.load import load
from evse.config.station import StationConfig
from evse.guard.host import PERIOD_MS, GuardHost
from evse.run.process import die_with_parent, log_to_stderr
from firmware_bridge.board_ports import PtyPort
from firmware_bridge.board_session import BoardSession
from firmware_bridge.events import BoardEvent, CommandReceived, HostHello, PermitReceived
from firmware_bridge.guard_server import GuardServer
from hil.plant.pin_wire import RemotePins
from hil.plant.virtual_board import analog, guard_host, identity

ANALOG_MS = 1_000
PLANT_WAIT_S = 10.0
OVERSLEPT_MS = 150
"""A little less than ring 0's watchdog waits."""

_log = logging.getLogger(__name__)


class GuardLoop:
    """Ring 1 between its pins and its port."""

    def __init__(self, config: StationConfig, pins: RemotePins, port: PtyPort) -> None:
        self._config = config
        self._pins = pins
        self._port = port
        self._analog_ms = 0
        self.running = True
        self._begin()

    def _begin(self) -> None:
        """Ring 1 as after a restart: nothing is believed, and the core is told by the boot id."""
        self._host: GuardHost = guard_host(self._config, self._pins)
        session = BoardSession(identity(self._config, secrets.randbits(32)))
        self._server = GuardServer(session, self._port)

    def run(self) -> None:
        """Until `running` is False. Raises OSError when the plant is gone."""
        next_s = time.monotonic()
        last_ms = time.monotonic_ns() // 1_000_000
        while self.running:
            now_ms = time.monotonic_ns() // 1_000_000
            if now_ms - last_ms > OVERSLEPT_MS and self._driving:
                self._begin_anew(now_ms, now_ms - last_ms)
            self.turn(now_ms)
            last_ms = now_ms
            next_s = max(next_s + PERIOD_MS / 1000, time.monotonic())
            time.sleep(max(0.0, next_s - time.monotonic()))
        self._make_safe(time.monotonic_ns() // 1_000_000)

    def _begin_anew(self, now_ms: int, overslept_ms: int) -> None:
        """Stopped for so long that ring 0 has dropped the coil, or is about to: an open mirror
        under a coil that was driven is then no fault of the metal, and the next output must not
        close again what nobody watched."""
        _log.error("overslept %d ms with the coil on: beginning anew", overslept_ms)
        self._make_safe(now_ms)
        self._begin()

    def _make_safe(self, now_ms: int) -> None:
        self._host.make_safe(now_ms)
        self._pins.flush()

    @property
    def _driving(self) -> bool:
        return any(guard.status().coil for guard in self._host.guards.values())

    def turn(self, now_ms: int) -> None:
        """One period: hear the core, decide, drive, tell the core."""
        for event in self._server.pump(now_ms):
            self._obey(event, now_ms)
        for evse, status in self._host.step(now_ms).items():
            self._server.session.send_status(evse, status, now_ms)
        self._pins.flush()
        if now_ms - self._analog_ms >= ANALOG_MS:
            self._analog_ms = now_ms
            for evse in self._host.guards:
                self._server.session.send_analog(evse, analog(self._pins.read(evse, now_ms)))
        self._server.flush()

    def _obey(self, event: BoardEvent, now_ms: int) -> None:
        if isinstance(event, HostHello):
            self._host.new_session()
        elif isinstance(event, PermitReceived):
            self._host.permit(event.evse, event.permit, now_ms)
        elif isinstance(event, CommandReceived):
            status = self._host.command(event.evse, event.verb, now_ms)
            self._server.session.send_result(event.id, status)


def _reach_plant(path: Path) -> RemotePins:
    """Raises OSError when no plant comes up within PLANT_WAIT_S."""
    give_up_s = time.monotonic() + PLANT_WAIT_S
    while True:
        try:
            return RemotePins(str(path))
        except OSError:
            if time.monotonic() >= give_up_s:
                raise
            time.sleep(0.05)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="ring 1 on simulated metal")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--run-dir", type=Path, required=True)
    given = parser.parse_args(arguments)
    die_with_parent()
    log_to_stderr("guard")
    pins = _reach_plant(given.run_dir / "pins.sock")
    port = PtyPort(given.run_dir / "board.tty")
    loop = GuardLoop(load(given.config), pins, port)

    def stop(_number: int, _frame: object) -> None:
        loop.running = False

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        loop.run()
    except OSError as error:
        _log.error("pins lost: %s", error)
        raise SystemExit(1) from error
    finally:
        port.close()
        pins.close()


if __name__ == "__main__":
    main()
