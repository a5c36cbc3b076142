"""The core's side of the board: what ring 1 tells goes in, commands and the lease go out."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from evse.clock import Clock
from evse.config.load import guard_config_crc
from evse.config.station import BoardTable, StationConfig
from evse.core import Core
from evse.model import X1_BP, BoardIdentity, CommandVerb
from evse.run.life import Life
from evse.run.process import BOARD_SOCKET
from evse.run.record import LinkRecording
from firmware_bridge.events import Analog, HostEvent, LinkDown, LinkUp, Status
from firmware_bridge.host_session import HostSession
from firmware_bridge.host_stats import HostLinkStats
from firmware_bridge.link import BoardLink, random_nonce
from firmware_bridge.ports import open_port
from firmware_bridge.transports import Transport

RENEW_MS = 100
"""Pace of the lease (DESIGN)."""
FAREWELL_MS = 1_500
"""How long a stopping core keeps telling ring 1 to open, at most."""

_log = logging.getLogger(__name__)


class Board:
    """The core's BoardPort, over a link that comes and goes."""

    def __init__(
        self,
        config: StationConfig,
        clock: Clock,
        life: Life,
        *,
        run_dir: Path,
        recording: LinkRecording | None = None,
    ) -> None:
        """`run_dir` holds the port of a simulated and of a native board; `recording` gets what
        crosses the wire."""
        table = config.board
        self._port = _port(table, run_dir)
        self._baud = table.baud
        self._clock = clock
        self._life = life
        self._recording = recording
        session = HostSession(
            evses=len(config.evses),
            next_nonce=random_nonce,
            expected_config_crc=guard_config_crc(config),
        )
        self.link = BoardLink(session, self._open, clock, life.guarded(self._on_event))

    def start(self, core: Core) -> None:
        """Talk to ring 1 for `core` from now on."""
        self._core = core
        core.on_settled = self.renew
        self.link.start()

    def stop(self) -> None:
        """Let go of the port; the lease runs out."""
        self.link.stop()

    @property
    def stats(self) -> HostLinkStats:
        """The counters of the link."""
        return self.link.session.stats

    def command(self, evse: int, verb: CommandVerb) -> None:
        self.link.command(evse, verb)

    def renew(self) -> None:
        """Fresh permits for every EVSE: the wish of the core, or none when it ends or failed."""
        if self._life.failed or not self.link.session.up:
            return
        stopping = self._life.stopping
        for evse, wish in self._core.wishes().items():
            self.link.permit(
                evse,
                close=wish.close and not stopping,
                duty_bp=X1_BP if stopping else wish.duty_bp,
                lock=wish.lock,
                phases=wish.phases,
                indicator=wish.indicator,
            )

    async def farewell(self) -> None:
        """Permits that deny, until the contactors are open or it has taken too long."""
        give_up_ms = self._clock.now_ms() + FAREWELL_MS
        while self._clock.now_ms() < give_up_ms:
            self.renew()
            if not any(s.status.energised for s in self._core.sessions.values()):
                break
            await asyncio.sleep(RENEW_MS / 1000)
        self.renew()

    def _open(self) -> Transport:
        transport = open_port(self._port, baud=self._baud)
        return transport if self._recording is None else self._recording.around(transport)

    def _on_event(self, event: HostEvent) -> None:
        if isinstance(event, Status):
            self._core.on_status(event.evse, event.status)
        elif isinstance(event, Analog):
            self._core.on_analog(event.evse, event.analog)
        elif isinstance(event, LinkUp):
            _log.info("board up: %s", _named(event.identity))
            self._core.on_board_up(event.identity)
        elif isinstance(event, LinkDown):
            _log.warning("board lost: %s", event.why)
            self._core.on_board_lost(event.why)


def _port(table: BoardTable, run_dir: Path) -> str:
    if table.kind == "simulated":
        return str(run_dir / "board.tty")
    return f"unix:{run_dir / BOARD_SOCKET}" if table.kind == "native" else table.port


def _named(identity: BoardIdentity) -> str:
    """Who answered, for people."""
    able = ", ".join(str(c.name).lower() for c in identity.capabilities) or "nothing"
    return f"{identity.board} {identity.firmware}, {identity.evses} EVSE(s), can {able}"
