"""The link in skipped time: values instead of frames, at the instants at which frames would come.

While all is well nothing of the link needs a period of its own: heartbeats and renewals are kept
in closed form. What is not so is lived through: a hello and its repeats, silence, a board that
forgot the session, the next renewal after a gap, one command a period. A property test holds this
against `FrameLink` over random scripts, to the byte of the trace.
"""

from __future__ import annotations

import enum
from collections import deque

from evse.clock import earliest
from evse.guard.host import PERIOD_MS, GuardHost
from evse.model import BoardIdentity, BoardStatus, CommandVerb, Permit, Wish
from firmware_bridge.timing import LinkTiming
from hil.sim.link import RENEW_MS, Listener

FOR_EVER_MS = 10**13
"""Since when a lease counts that is being renewed: it does not run out."""
TIMING = LinkTiming()


class _Phase(enum.Enum):
    CLOSED = 0
    HELLO = 1
    UP = 2


class DirectLink:
    """hil.sim.link.SimLink without frames."""

    def __init__(self) -> None:
        self._host: GuardHost | None = None
        self._identity: BoardIdentity | None = None
        self._listener: Listener | None = None
        self._cut = False
        self._phase = _Phase.CLOSED
        self._known = False
        """The board answers under the host's present session."""
        self._asked_ms = 0
        self._hello_due = False
        self._hello_in_wire = False
        self._wishes: dict[int, Wish] = {}
        self._in_wire = False
        """Permits are on their way to the next period."""
        self._sent: dict[int, Wish] = {}
        self._renewing = False
        """What was sent is renewed at RENEW_MS, which needs no periods."""
        self._delivered_ms = 0
        self._commands: deque[tuple[int, CommandVerb]] = deque()
        self._command_ms: int | None = None
        """When the first command in line was sent."""
        self._seen: dict[int, tuple[BoardStatus, int]] = {}
        """The board's last status of each EVSE, and when it last told it."""
        self._heard_ms: dict[int, int] = {}
        self._unheard: set[int] = set()
        """EVSEs whose status the host waits for since the wire was mended."""
        self._told: dict[int, BoardStatus] = {}
        self._seq = 0
        self._ticked_ms = 0

    @property
    def _through(self) -> bool:
        return self._host is not None and not self._cut

    # --- what the simulation does to it -----------------------------------------------------------

    def wish(self, wishes: dict[int, Wish], now_ms: int) -> None:  # noqa: ARG002 FrameLink's need
        if wishes != self._wishes:
            self._wishes = wishes
            self._in_wire = self._phase is _Phase.UP and self._through

    def command(self, evse: int, verb: CommandVerb, now_ms: int) -> None:  # noqa: ARG002 as above
        if self._phase is _Phase.UP:
            self._commands.append((evse, verb))

    def attach(self, listener: Listener | None, now_ms: int) -> None:
        self._part(now_ms, wire_lost=False)
        self._listener = listener
        self._wishes = {}
        self._fall()
        if listener is not None:
            self._ask(now_ms)

    def board(self, host: GuardHost | None, identity: BoardIdentity, now_ms: int) -> None:
        self._part(now_ms, wire_lost=True)
        self._host, self._identity = host, identity
        self._known = False
        self._seen = {}
        self._hello_in_wire = False

    def cut(self, cut: bool, now_ms: int) -> None:
        self._part(now_ms, wire_lost=True)
        self._hello_in_wire = False
        if self._cut and not cut:
            self._unheard = set(self._heard_ms)
        self._cut = cut

    # --- one period -------------------------------------------------------------------------------

    def tick(self, now_ms: int) -> None:
        self._catch_up(now_ms - PERIOD_MS)
        self._ticked_ms = now_ms
        was_up = self._phase is _Phase.UP
        if self._listener is not None:
            self._poll_host(self._listener, now_ms)
        answered = self._arrive(now_ms, renews=was_up and now_ms % RENEW_MS == 0)
        leaving = self._step(now_ms)
        if self._listener is not None and self._through:
            if answered and self._identity is not None:
                self._come_up(self._listener, self._identity, now_ms)
            self._hear(self._listener, leaving, now_ms)
        if self._hello_due:
            self._hello_due = False
            self._hello_in_wire = not self._cut
        if self._phase is _Phase.UP and now_ms % RENEW_MS == 0 and not self._renewing:
            self._in_wire = self._through

    def due_ms(self, now_ms: int) -> int | None:
        own_ms = self._up_ms(now_ms) if self._phase is _Phase.UP else None
        if self._phase is _Phase.HELLO:
            own_ms = self._hello_ms(now_ms)
        guard_ms = self._host.next_deadline_ms if self._host is not None else None
        return earliest(own_ms, guard_ms) if own_ms is not None else guard_ms

    def _hello_ms(self, now_ms: int) -> int:
        waits = self._hello_due or self._hello_in_wire
        return now_ms if waits else self._asked_ms + TIMING.hello_retry_ms

    def _up_ms(self, now_ms: int) -> int | None:
        if not self._through:
            return earliest(self._silent_ms, now_ms if self._commands else None)
        if self._in_wire or self._commands:
            return now_ms
        late = not self._renewing or self._sent != self._wishes
        if not (late or self._unheard):
            return None
        now_ms = max(now_ms, self._ticked_ms + 1)
        return earliest(
            -(-now_ms // RENEW_MS) * RENEW_MS if late else None,
            self._silent_ms if self._unheard else None,
            *(self._next_heartbeat_ms(evse, now_ms) for evse in self._unheard),
        )

    # --- the host's end ---------------------------------------------------------------------------

    def _poll_host(self, listener: Listener, now_ms: int) -> None:
        if self._phase is _Phase.HELLO:
            if now_ms >= self._asked_ms + TIMING.hello_retry_ms:
                self._asked_ms, self._hello_due = now_ms, True
        elif self._phase is _Phase.UP and now_ms >= self._silent_ms:
            self._fall()
            listener.on_board_lost(f"the board sent no status for {TIMING.silence_ms} ms")
            self._ask(now_ms)
        if self._hello_due:
            self._hello_due = False
            self._hello_in_wire = not self._cut

    @property
    def _silent_ms(self) -> int:
        return min(self._heard_ms.values(), default=0) + TIMING.silence_ms

    def _ask(self, now_ms: int) -> None:
        self._phase = _Phase.HELLO
        self._known = False
        self._asked_ms, self._hello_due = now_ms, True

    def _fall(self) -> None:
        self._phase = _Phase.CLOSED
        self._hello_due = self._hello_in_wire = self._in_wire = False
        self._commands.clear()
        self._command_ms = None
        self._unheard = set()

    def _come_up(self, listener: Listener, identity: BoardIdentity, now_ms: int) -> None:
        self._phase = _Phase.UP
        self._told = {}
        self._heard_ms = dict.fromkeys(range(1, identity.evses + 1), now_ms)
        self._unheard = set()
        listener.on_board_up(identity)

    def _hear(self, listener: Listener, leaving: list[int], now_ms: int) -> None:
        for evse in leaving:
            if self._phase is not _Phase.UP:
                return
            if not self._known:
                self._fall()
                listener.on_board_lost("the board forgot this session")
                self._ask(now_ms)
                return
            self._heard_ms[evse] = now_ms
            self._unheard.discard(evse)
            status = self._seen[evse][0]
            if status != self._told.get(evse):
                self._told[evse] = status
                listener.on_status(evse, status)

    # --- the board's end --------------------------------------------------------------------------

    def _arrive(self, now_ms: int, *, renews: bool) -> bool:
        """What the wire carries arrives; True when a hello is answered."""
        host, through = self._host, self._through
        hello, self._hello_in_wire = self._hello_in_wire and host is not None, False
        permits, self._in_wire = (self._in_wire or renews) and through, False
        if host is None:
            self._retry_command(now_ms)
            return False
        if hello and not self._known:
            self._known = True
            host.new_session()
            self._seen = {evse: (status, now_ms) for evse, (status, _) in self._seen.items()}
        if permits and self._known:
            self._deliver(host, now_ms)
        if through and self._known and self._commands:
            host.command(*self._commands.popleft(), now_ms)
            self._command_ms = None
        else:
            self._retry_command(now_ms)
        return hello

    def _retry_command(self, now_ms: int) -> None:
        """Three tries, then the command is lost."""
        if not self._commands:
            return
        if self._command_ms is None:
            self._command_ms = now_ms
        elif now_ms - self._command_ms >= TIMING.command_tries * TIMING.command_timeout_ms:
            self._commands.popleft()
            self._command_ms = None

    def _deliver(self, host: GuardHost, now_ms: int) -> None:
        self._delivered_ms = now_ms
        for evse, wish in self._wishes.items():
            if not self._renewing or wish != self._sent.get(evse):
                self._renew(host, evse, wish, FOR_EVER_MS)
        self._sent = dict(self._wishes)
        self._renewing = True

    def _renew(self, host: GuardHost, evse: int, wish: Wish, since_ms: int) -> None:
        self._seq += 1
        host.permit(evse, Permit(self._seq, *wish), since_ms)

    def _step(self, now_ms: int) -> list[int]:
        """The guard's period; returns the EVSEs whose status leaves."""
        leaving: list[int] = []
        if self._host is None:
            return leaving
        for evse, status in self._host.step(now_ms).items():
            before = self._seen.get(evse)
            quiet_ms = 0 if before is None or before[0] != status else now_ms - before[1]
            if quiet_ms == 0 or quiet_ms >= TIMING.heartbeat_ms:
                self._seen[evse] = (status, now_ms)
                leaving.append(evse)
        return leaving

    # --- skipped time -----------------------------------------------------------------------------

    def _catch_up(self, until_ms: int) -> None:
        """The heartbeats of the periods up to `until_ms`, which nobody lived through."""
        if self._host is None:
            return
        for evse, (status, seen_ms) in self._seen.items():
            beats = (until_ms - seen_ms) // TIMING.heartbeat_ms
            if beats > 0:
                seen_ms += beats * TIMING.heartbeat_ms
                self._seen[evse] = (status, seen_ms)
                if self._through and self._phase is _Phase.UP and self._known:
                    self._heard_ms[evse] = seen_ms

    def _next_heartbeat_ms(self, evse: int, now_ms: int) -> int | None:
        if evse not in self._seen:
            return None
        seen_ms = self._seen[evse][1]
        beats = max(1, -(-(now_ms - seen_ms) // TIMING.heartbeat_ms))
        return seen_ms + beats * TIMING.heartbeat_ms

    def _part(self, now_ms: int, *, wire_lost: bool) -> None:
        """Something between the two changes: the lease runs from the last renewal there was.
        Unless the wire is lost, what is on its way still arrives with the next period."""
        last_ms = now_ms - now_ms % PERIOD_MS
        self._catch_up(last_ms)
        if self._host is not None and self._in_wire and self._known and not wire_lost:
            self._deliver(self._host, last_ms + PERIOD_MS)
        self._in_wire = False
        if self._host is not None and self._renewing:
            # Renewals leave before and after the period at which they are due.
            newest_ms = last_ms if wire_lost else last_ms + PERIOD_MS
            renewed_ms = min(newest_ms, last_ms - last_ms % RENEW_MS + PERIOD_MS)
            for evse, wish in self._sent.items():
                self._renew(self._host, evse, wish, max(self._delivered_ms, renewed_ms))
        self._renewing = False
        self._sent = {}
