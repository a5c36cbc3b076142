"""The link in skipped time: values instead of frames, at the instants at which frames would come.

While all is well nothing of the link needs a period of its own: heartbeats and renewals are kept
in closed form. What is not so is lived through: what is on the wire, a hello and its repeats,
silence, a board that forgot the session, the next renewal after a gap. A property test holds this
against `FrameLink` over random scripts, to the byte of the trace.
"""

from __future__ import annotations

import itertools

from evse.clock import earliest
from evse.guard.host import PERIOD_MS, GuardHost
from evse.model import BoardIdentity, CommandVerb, Wish
from hil.sim.direct_board import HEARTBEAT_MS, BoardEnd
from hil.sim.direct_host import HostEnd, Message
from hil.sim.link import RENEW_MS, Listener


class DirectLink:
    """hil.sim.link.SimLink without frames."""

    def __init__(self) -> None:
        self._host: HostEnd | None = None
        self._board: BoardEnd | None = None
        self._wire: list[Message] = []
        """On its way to the board; it arrives with the next period."""
        self._cut = False
        self._sessions = itertools.count(1)
        self._ticked_ms = 0
        self._due_ms: int | None = None
        self._stale = True
        """Something happened since `_due_ms` was worked out, which is asked for at every turn."""

    @property
    def _joined(self) -> bool:
        """Both ends are there, agree on the session, and hear each other."""
        host, board = self._host, self._board
        if host is None or board is None or self._cut:
            return False
        return host.up and host.session == board.session

    # --- what the simulation does to it -----------------------------------------------------------

    def wish(self, wishes: dict[int, Wish], now_ms: int) -> None:  # noqa: ARG002 FrameLink's need
        if self._host is not None and wishes != self._host.wishes:
            self._stale = True
            self._host.wish(wishes)

    def command(self, evse: int, verb: CommandVerb, now_ms: int) -> None:
        if self._host is not None:
            self._stale = True
            self._host.command(evse, verb, now_ms)

    def lived_through(self, period_ms: int) -> None:
        self._stale = True
        board = self._board
        if board is not None:
            board.catch_up(period_ms, self._host if self._joined else None)
            board.lapse(period_ms)

    def attach(self, listener: Listener | None, now_ms: int) -> None:
        self._host = None
        if listener is not None:
            self._host = HostEnd(listener, lambda: next(self._sessions), self._send, now_ms)

    def board(self, host: GuardHost | None, identity: BoardIdentity) -> None:
        self._board = None if host is None else BoardEnd(host, identity)
        self._wire = []

    def cut(self, cut: bool) -> None:
        self._cut = cut
        self._wire = []

    def _send(self, message: Message) -> None:
        if self._board is not None and not self._cut:
            self._wire.append(message)

    # --- one period -------------------------------------------------------------------------------

    def tick(self, now_ms: int) -> None:
        self._stale = True
        host, board = self._host, self._board
        if board is not None:
            board.catch_up(now_ms - PERIOD_MS, host if self._joined else None)
        self._ticked_ms = now_ms
        if host is not None:
            host.poll(now_ms)
            if now_ms % RENEW_MS == 0:
                host.renew()
        if board is not None:
            self._tick_board(board, now_ms)

    def _tick_board(self, board: BoardEnd, now_ms: int) -> None:
        host, arrived = self._host, self._wire
        self._wire = []
        renewed_for = host.session if host is not None and host.up and not self._cut else None
        if renewed_for is None:
            board.lapse(now_ms - PERIOD_MS)
        answer = board.period(arrived, now_ms, renewed_for)
        if host is not None and not self._cut:
            host.receive(answer, board.identity, now_ms)

    def due_ms(self, now_ms: int) -> int | None:
        if self._stale:
            self._stale = False
            self._due_ms = self._work_out_due_ms(now_ms)
        due_ms = self._due_ms
        return due_ms if due_ms is None or due_ms > now_ms else now_ms

    def _work_out_due_ms(self, now_ms: int) -> int | None:
        host, board = self._host, self._board
        if self._wire:
            return now_ms
        guard_ms = board.host.next_deadline_ms if board is not None else None
        if host is None:
            return guard_ms
        if not host.up:
            return earliest(guard_ms, host.next_deadline_ms)
        if board is None or not self._joined:
            return earliest(guard_ms, host.next_deadline_ms, host.silent_ms)
        return earliest(guard_ms, host.next_deadline_ms, *self._restless_ms(host, board, now_ms))

    def _restless_ms(self, host: HostEnd, board: BoardEnd, now_ms: int) -> list[int]:
        """What keeps two joined ends from skipping: a lease that is not yet being renewed, news
        that waits for a heartbeat, and a heartbeat that will come too late."""
        found = []
        if host.wishes != board.held:
            next_ms = max(now_ms, self._ticked_ms + 1)
            found.append(-(-next_ms // RENEW_MS) * RENEW_MS)
        for evse, (status, seen_ms) in board.seen.items():
            beat_ms = seen_ms + HEARTBEAT_MS
            if status != host.told.get(evse):
                found.append(beat_ms)
            if host.heard_ms[evse] < seen_ms and host.silent_ms <= beat_ms:
                found.append(host.silent_ms)
        return found
