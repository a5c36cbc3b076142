"""The board's end of the direct link: firmware_bridge.board_session in values instead of frames.

Heartbeats and a lease that is being renewed are kept in closed form: `catch_up` and `lapse` say
what the periods that nobody lived through have done.
"""

from __future__ import annotations

from evse.guard.host import GuardHost
from evse.model import BoardIdentity, BoardStatus, Permit, Wish
from firmware_bridge.timing import LinkTiming
from hil.sim.direct_host import Answer, Hello, HostEnd, Message, Permits
from hil.sim.link import RENEW_MS

FOR_EVER_MS = 10**13
"""Since when a lease counts that is being renewed: it does not run out."""
HEARTBEAT_MS = LinkTiming().heartbeat_ms


class BoardEnd:
    """One run of ring 1."""

    def __init__(self, host: GuardHost, identity: BoardIdentity) -> None:
        self.host = host
        self.identity = identity
        self.session = 0
        """Of the last hello; 0: none."""
        self.seen: dict[int, tuple[BoardStatus, int]] = {}
        """The last status of each EVSE, and when it was last told."""
        self.held: dict[int, Wish] | None = None
        """The permits that are being renewed without a period of their own."""
        self._held_ms = 0
        self._seq = 0

    def period(self, arrived: list[Message], now_ms: int, renewed_for: int | None) -> Answer:
        """What the wire brought, then the guards' step. `renewed_for` is the session whose
        permits will be renewed from now on, if there is one."""
        hello, done = None, False
        for message in arrived:
            if isinstance(message, Hello):
                hello = message.session
                self._on_hello(hello, now_ms)
                done = False
            elif message.session != self.session:
                continue
            elif isinstance(message, Permits):
                self._on_permits(message.wishes, now_ms, renewed=self.session == renewed_for)
            else:
                self.host.command(message.evse, message.verb, now_ms)
                done = True
        return Answer(hello, self.session, done, self._step(now_ms))

    def _on_hello(self, session: int, now_ms: int) -> None:
        if session != self.session:
            self.session = session
            self.host.new_session()
            self.seen = {evse: (status, now_ms) for evse, (status, _) in self.seen.items()}

    def _on_permits(self, wishes: dict[int, Wish], now_ms: int, *, renewed: bool) -> None:
        if not renewed:
            self.held = None
            self._permit(wishes, now_ms)
        elif wishes != self.held:
            self.held = wishes
            self._permit(wishes, FOR_EVER_MS)
        self._held_ms = now_ms

    def _permit(self, wishes: dict[int, Wish], since_ms: int) -> None:
        self._seq += 1
        for evse, wish in wishes.items():
            self.host.permit(evse, Permit(self._seq, *wish), since_ms)

    def _step(self, now_ms: int) -> list[tuple[int, BoardStatus]]:
        """One period of every guard; the statuses that leave."""
        leaving = []
        for evse, status in self.host.step(now_ms).items():
            before = self.seen.get(evse)
            quiet_ms = 0 if before is None or before[0] != status else now_ms - before[1]
            if quiet_ms == 0 or quiet_ms >= HEARTBEAT_MS:
                self.seen[evse] = (status, now_ms)
                leaving.append((evse, status))
        return leaving

    # --- skipped time -----------------------------------------------------------------------------

    def catch_up(self, until_ms: int, listening: HostEnd | None) -> None:
        """The heartbeats of the periods up to `until_ms`, and who heard them."""
        for evse, (status, seen_ms) in self.seen.items():
            beats = (until_ms - seen_ms) // HEARTBEAT_MS
            if beats > 0:
                seen_ms += beats * HEARTBEAT_MS
                self.seen[evse] = (status, seen_ms)
                if listening is not None:
                    listening.heard_ms[evse] = seen_ms

    def lapse(self, until_ms: int) -> None:
        """Renewal ended: the lease runs from the last one in the periods up to `until_ms`."""
        if self.held is not None:
            self._permit(self.held, max(self._held_ms, until_ms - until_ms % RENEW_MS))
            self.held = None
