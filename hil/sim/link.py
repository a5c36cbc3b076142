"""The link between core and ring 1 in simulations, two ways that must not differ.

`FrameLink` carries every permit and status through the real sessions and frames, ticking at the
real pace. `DirectLink` (hil/sim/direct.py) hands the same values over at the same instants and
skips quiet time. A property test shows that both give the same trace.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Protocol

from evse.guard.host import PERIOD_MS, GuardHost
from evse.model import BoardIdentity, BoardStatus, CommandVerb, Wish
from firmware_bridge.board_session import BoardSession
from firmware_bridge.events import (
    CommandReceived,
    HostEvent,
    HostHello,
    LinkDown,
    LinkUp,
    PermitReceived,
    Status,
)
from firmware_bridge.host_session import HostSession

RENEW_MS = 100
"""Pace of the lease (DESIGN)."""


class Listener(Protocol):
    """The core, as the link sees it."""

    def on_board_up(self, identity: BoardIdentity) -> None: ...
    def on_board_lost(self, why: str) -> None: ...
    def on_status(self, evse: int, status: BoardStatus) -> None: ...


class SimLink(Protocol):
    """What the simulation needs of either way."""

    def wish(self, wishes: dict[int, Wish], now_ms: int) -> None:
        """What the live core wants now; called after everything that it did."""

    def command(self, evse: int, verb: CommandVerb, now_ms: int) -> None: ...
    def lived_through(self, period_ms: int) -> None:
        """All periods up to this one have been: something is about to change between the two.
        Called before each of `attach`, `board` and `cut`."""

    def attach(self, listener: Listener | None, now_ms: int) -> None:
        """A core came up (or went: None). What it had sent is on the wire still."""

    def board(self, host: GuardHost | None, identity: BoardIdentity) -> None:
        """A board came up (or went: None), and nothing is on the wire."""

    def cut(self, cut: bool) -> None:
        """The cable between them, with what was on the wire."""

    def tick(self, now_ms: int) -> None:
        """One period of ring 1."""

    def due_ms(self, now_ms: int) -> int | None:
        """When `tick` is needed next, before rounding up to the period."""


class FrameLink:
    """Every byte of the real protocol over an in-memory wire; ticks every period."""

    def __init__(self, evses: int, config_crc: int, next_nonce: Callable[[], int]) -> None:
        self._new_session: Callable[[], HostSession] = functools.partial(
            HostSession, evses=evses, next_nonce=next_nonce, expected_config_crc=config_crc
        )
        self._host: GuardHost | None = None
        self._board: BoardSession | None = None
        self._listener: Listener | None = None
        self._session = self._new_session()
        self._wishes: dict[int, Wish] = {}
        self._cut = False
        self._to_board = b""
        self.frames_bytes = 0

    def wish(self, wishes: dict[int, Wish], now_ms: int) -> None:
        if wishes != self._wishes:
            self._wishes = wishes
            self._renew(now_ms)

    def command(self, evse: int, verb: CommandVerb, now_ms: int) -> None:
        self._session.command(evse, verb, now_ms=now_ms)
        self._flush()

    def lived_through(self, period_ms: int) -> None:
        """Every period has been ticked."""

    def attach(self, listener: Listener | None, now_ms: int) -> None:
        self._listener = listener
        self._wishes = {}
        self._session = self._new_session()
        if listener is not None:
            self._settle(self._session.connected(now_ms))

    def board(self, host: GuardHost | None, identity: BoardIdentity) -> None:
        self._host = host
        self._board = None if host is None else BoardSession(identity)
        self._to_board = b""

    def cut(self, cut: bool) -> None:
        self._cut = cut
        self._to_board = b""

    def tick(self, now_ms: int) -> None:
        if self._listener is not None:
            self._settle(self._session.poll(now_ms))
            if now_ms % RENEW_MS == 0:
                self._renew(now_ms)
        if self._host is not None and self._board is not None:
            self._tick_board(self._host, self._board, now_ms)

    def due_ms(self, now_ms: int) -> int | None:
        return now_ms

    def _tick_board(self, host: GuardHost, board: BoardSession, now_ms: int) -> None:
        arrived, self._to_board = self._to_board, b""
        for event in board.receive(arrived, now_ms):
            if isinstance(event, HostHello):
                host.new_session()
            elif isinstance(event, PermitReceived):
                host.permit(event.evse, event.permit, now_ms)
            elif isinstance(event, CommandReceived):
                board.send_result(event.id, host.command(event.evse, event.verb, now_ms))
        for evse, status in host.step(now_ms).items():
            board.send_status(evse, status, now_ms)
        board.poll(now_ms)
        back = self._carried(board.data_to_send())
        if self._listener is not None:
            self._settle(self._session.receive(back, now_ms))

    def _renew(self, now_ms: int) -> None:
        for evse, wish in self._wishes.items():
            self._session.send_permit(
                evse,
                close=wish.close,
                duty_bp=wish.duty_bp,
                lock=wish.lock,
                phases=wish.phases,
                indicator=wish.indicator,
                now_ms=now_ms,
            )
        self._flush()

    def _settle(self, events: list[HostEvent]) -> None:
        """Bytes first, as firmware_bridge.link does it."""
        self._flush()
        self._tell(events)

    def _flush(self) -> None:
        self._to_board += self._carried(self._session.data_to_send())

    def _carried(self, data: bytes) -> bytes:
        self.frames_bytes += len(data)
        return data if self._board is not None and not self._cut else b""

    def _tell(self, events: list[HostEvent]) -> None:
        listener = self._listener
        if listener is None:
            return
        for event in events:
            if isinstance(event, LinkUp):
                listener.on_board_up(event.identity)
            elif isinstance(event, LinkDown):
                listener.on_board_lost(event.why)
            elif isinstance(event, Status):
                listener.on_status(event.evse, event.status)


def next_tick(at_ms: int, after_ms: int) -> int:
    """The first period at or after `at_ms` that lies after `after_ms`."""
    earliest_ms = max(at_ms, after_ms + 1)
    return -(-earliest_ms // PERIOD_MS) * PERIOD_MS
