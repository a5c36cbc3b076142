"""The host's end of the direct link: firmware_bridge.host_session in values instead of frames.

Each core has an end of its own. What it sends goes to `send` at once, as from a port that is never
full; what comes back comes in one piece a period.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from evse.model import BoardIdentity, BoardStatus, CommandVerb, Wish
from firmware_bridge.command_lane import MAX_WAITING
from firmware_bridge.hello_lane import UNANSWERED_HELLOS
from firmware_bridge.timing import LinkTiming
from hil.sim.link import Listener

TIMING = LinkTiming()


class Hello(NamedTuple):
    session: int


class Permits(NamedTuple):
    """A permit of each EVSE."""

    session: int
    wishes: dict[int, Wish]


class Order(NamedTuple):
    """A command."""

    session: int
    evse: int
    verb: CommandVerb


Message: TypeAlias = Hello | Permits | Order


class Answer(NamedTuple):
    """What the board's port lets go in one period."""

    hello: int | None
    """The session whose hello is answered."""
    session: int
    done: bool
    """The command has been done."""
    statuses: list[tuple[int, BoardStatus]]


class HostEnd:
    """Asks who is there as soon as it is made."""

    def __init__(
        self,
        listener: Listener,
        next_session: Callable[[], int],
        send: Callable[[Message], None],
        now_ms: int,
    ) -> None:
        self._listener = listener
        self._next_session = next_session
        self._send = send
        self.up = False
        self.session = 0
        self.wishes: dict[int, Wish] = {}
        self.heard_ms: dict[int, int] = {}
        """When each EVSE was last heard."""
        self.told: dict[int, BoardStatus] = {}
        """What the core knows of each EVSE."""
        self._asked_ms = 0
        self._asks = 0
        self._why_down: str | None = None
        self._line: deque[tuple[int, CommandVerb]] = deque()
        self._tries = 0
        self._sent_ms = 0
        self._ask(now_ms)

    # --- from the core ----------------------------------------------------------------------------

    def wish(self, wishes: dict[int, Wish]) -> None:
        """Other wishes than before."""
        self.wishes = wishes
        self.renew()

    def renew(self) -> None:
        if self.up and self.wishes:
            self._send(Permits(self.session, self.wishes))

    def command(self, evse: int, verb: CommandVerb, now_ms: int) -> None:
        if self.up and len(self._line) < MAX_WAITING:
            self._line.append((evse, verb))
            if len(self._line) == 1:
                self._start(now_ms)

    # --- time -------------------------------------------------------------------------------------

    @property
    def next_deadline_ms(self) -> int | None:
        """Of questions and commands without an answer; silence is `silent_ms`."""
        if not self.up:
            return self._asked_ms + TIMING.hello_retry_ms
        return self._sent_ms + TIMING.command_timeout_ms if self._line else None

    @property
    def silent_ms(self) -> int:
        """When the first EVSE will have been silent for too long."""
        return min(self.heard_ms.values()) + TIMING.silence_ms

    def poll(self, now_ms: int) -> None:
        deadline_ms = self.next_deadline_ms
        due = deadline_ms is not None and now_ms >= deadline_ms
        if not self.up:
            if due:
                self._question(now_ms)
            if self._asks > UNANSWERED_HELLOS:
                self._tell_down("the board does not answer the hello")
            return
        if due:
            self._retry(now_ms)
        for evse, heard_ms in self.heard_ms.items():
            if now_ms - heard_ms >= TIMING.silence_ms:
                silent_ms = now_ms - heard_ms
                self._fall(f"the board sent no status of EVSE {evse} for {silent_ms} ms", now_ms)
                return

    # --- from the board ---------------------------------------------------------------------------

    def receive(self, answer: Answer, identity: BoardIdentity, now_ms: int) -> None:
        """All of it is taken before the core hears of any."""
        came_up = not self.up and answer.hello == self.session
        if came_up:
            self._come_up(identity, now_ms)
        if not self.up:
            return
        if answer.session != self.session:
            if answer.statuses:
                self._fall(
                    "the board forgot this session: it restarted, or another host spoke to it",
                    now_ms,
                )
            return
        if answer.done and self._line:
            self._finish(now_ms)
        news = self._hear(answer.statuses, now_ms)
        if came_up:
            self._listener.on_board_up(identity)
        for evse, status in news:
            self._listener.on_status(evse, status)

    def _hear(
        self, statuses: list[tuple[int, BoardStatus]], now_ms: int
    ) -> list[tuple[int, BoardStatus]]:
        news = []
        for evse, status in statuses:
            self.heard_ms[evse] = now_ms
            if status != self.told.get(evse):
                self.told[evse] = status
                news.append((evse, status))
        return news

    def _come_up(self, identity: BoardIdentity, now_ms: int) -> None:
        self.up = True
        self._asks = 0
        self._why_down = None
        self.told = {}
        self.heard_ms = dict.fromkeys(range(1, identity.evses + 1), now_ms)

    # --- within -----------------------------------------------------------------------------------

    def _ask(self, now_ms: int) -> None:
        self.up = False
        self.session = self._next_session()
        self._asks = 0
        self._question(now_ms)

    def _question(self, now_ms: int) -> None:
        self._asks += 1
        self._asked_ms = now_ms
        self._send(Hello(self.session))

    def _fall(self, why: str, now_ms: int) -> None:
        self._line.clear()
        self._ask(now_ms)
        self._tell_down(why)

    def _tell_down(self, why: str) -> None:
        if why != self._why_down:
            self._why_down = why
            self._listener.on_board_lost(why)

    def _start(self, now_ms: int) -> None:
        self._tries = 0
        self._give(now_ms)

    def _give(self, now_ms: int) -> None:
        self._tries += 1
        self._sent_ms = now_ms
        self._send(Order(self.session, *self._line[0]))

    def _retry(self, now_ms: int) -> None:
        if self._tries >= TIMING.command_tries:
            self._finish(now_ms)
        else:
            self._give(now_ms)

    def _finish(self, now_ms: int) -> None:
        self._line.popleft()
        if self._line:
            self._start(now_ms)
