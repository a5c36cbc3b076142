"""Two sessions on a wire in virtual time: delay, damage and a board that can restart."""

from __future__ import annotations

import itertools
import random
from collections import deque
from collections.abc import Callable
from typing import Any

from evse.clock import earliest
from evse.model import BoardAnalog, BoardIdentity, BoardStatus, Capability, CommandStatus
from firmware_bridge.board_session import BoardSession
from firmware_bridge.events import (
    BoardEvent,
    CommandReceived,
    HostEvent,
    PermitReceived,
)
from firmware_bridge.host_session import HostSession

Damage = Callable[[bytes], bytes]
PERMIT_PERIOD_MS = 100


def identity(**changes: Any) -> BoardIdentity:
    fields: dict[str, Any] = {
        "board": "virtual",
        "firmware": "1.0",
        "boot_id": 1,
        "capabilities": Capability.LOCK | Capability.RCD,
        "config_crc": 0xC0FFEE,
        "evses": 1,
    }
    return BoardIdentity(**(fields | changes))


def nonces(start: int = 1000) -> Callable[[], int]:
    return itertools.count(start).__next__


def whole(data: bytes) -> bytes:
    return data


def noisy(rng: random.Random, rate: float) -> Damage:
    """Each byte is lost, flipped, doubled or joined by a stranger at `rate` in all."""

    def damage(data: bytes) -> bytes:
        damaged = bytearray()
        for byte in data:
            fate = rng.random() / rate if rate else 1.0
            if fate >= 1.0:
                damaged.append(byte)
            elif fate < 0.25:
                damaged.append(byte ^ 1 << rng.randrange(8))
            elif fate < 0.5:
                damaged += bytes((byte, byte))
            elif fate < 0.75:
                damaged += bytes((byte, rng.randrange(256)))
        return bytes(damaged)

    return damage


class Wire:
    """Host, board and the wire between; the host renews permits, the board does commands."""

    def __init__(
        self,
        *,
        evses: int = 1,
        delay_ms: int = 2,
        damage: Damage = whole,
        expected_config_crc: int | None = None,
        board: BoardSession | None = None,
    ) -> None:
        self.now_ms = 0
        self.damage = damage
        self.delay_ms = delay_ms
        self.evses = evses
        self.host = HostSession(
            evses=evses, next_nonce=nonces(), expected_config_crc=expected_config_crc
        )
        self.host_events: list[HostEvent] = []
        self.board_events: list[BoardEvent] = []
        self.status = BoardStatus()
        self.permitting = True
        self.board_alive = True
        self.executed: list[CommandReceived] = []
        self._to_board: deque[tuple[int, bytes]] = deque()
        self._to_host: deque[tuple[int, bytes]] = deque()
        self._next_permit_ms = 0
        self.board = board or BoardSession(identity(evses=evses))
        self._tell_board_status()
        self.host_events += self.host.connected(0)

    def restart_board(self, boot_id: int) -> None:
        """A board that has just started, on the same wire."""
        self.board = BoardSession(identity(boot_id=boot_id, evses=self.evses))
        self.board_alive = True
        self._tell_board_status()

    def change_status(self, status: BoardStatus) -> None:
        self.status = status
        self._tell_board_status()

    def send_analog(self, analog: BoardAnalog) -> None:
        self.board.send_analog(1, analog)

    def run_for(self, span_ms: int) -> None:
        end_ms = self.now_ms + span_ms
        while True:
            self._carry()
            next_ms = self._next_ms()
            if next_ms > end_ms:
                self.now_ms = end_ms
                return
            self.now_ms = max(self.now_ms, next_ms)
            self._step()

    def permits(self, evse: int = 1) -> list[PermitReceived]:
        return [
            event
            for event in self.board_events
            if isinstance(event, PermitReceived) and event.evse == evse
        ]

    def of(self, kind: type[HostEvent]) -> list[HostEvent]:
        return [event for event in self.host_events if isinstance(event, kind)]

    def _tell_board_status(self) -> None:
        for evse in range(1, self.evses + 1):
            self.board.send_status(evse, self.status, self.now_ms)

    def _next_ms(self) -> int:
        arrivals = [queue[0][0] for queue in (self._to_board, self._to_host) if queue]
        board_ms = self.board.next_deadline_ms if self.board_alive else None
        next_ms = earliest(*arrivals, self._next_permit_ms, self.host.next_deadline_ms, board_ms)
        assert next_ms is not None
        return next_ms

    def _step(self) -> None:
        while self._to_board and self._to_board[0][0] <= self.now_ms:
            self._arrive_at_board(self._to_board.popleft()[1])
        while self._to_host and self._to_host[0][0] <= self.now_ms:
            self.host_events += self.host.receive(self._to_host.popleft()[1], self.now_ms)
        if self.now_ms >= self._next_permit_ms:
            self._next_permit_ms = self.now_ms + PERMIT_PERIOD_MS
            self._renew_permits()
        self.host_events += self.host.poll(self.now_ms)
        if self.board_alive:
            self.board.poll(self.now_ms)

    def _renew_permits(self) -> None:
        if self.permitting and self.host.up:
            for evse in range(1, self.evses + 1):
                self.host.send_permit(evse, close=True, duty_bp=2666, now_ms=self.now_ms)

    def _arrive_at_board(self, data: bytes) -> None:
        if not self.board_alive:
            return
        for event in self.board.receive(data, self.now_ms):
            self.board_events.append(event)
            if isinstance(event, CommandReceived):
                self.executed.append(event)
                self.board.send_result(event.id, CommandStatus.DONE)

    def _carry(self) -> None:
        due_ms = self.now_ms + self.delay_ms
        data = self.host.data_to_send()
        if data:
            self._to_board.append((due_ms, self.damage(data)))
        data = self.board.data_to_send() if self.board_alive else b""
        if data:
            self._to_host.append((due_ms, self.damage(data)))
