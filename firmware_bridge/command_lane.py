"""Stop-and-wait: one command at a time on the wire, the others in line behind it."""

from __future__ import annotations

from collections import deque

from evse.model import CommandStatus, CommandVerb
from firmware_bridge.events import CommandDone
from firmware_bridge.messages import Command
from firmware_bridge.sequence import U16
from firmware_bridge.timing import LinkTiming

MAX_WAITING = 16
"""Commands come from people and from the session chart; a longer line is a fault upstream."""


class CommandLane:
    """Numbers, sends, repeats and finishes commands. Every one ends in exactly one CommandDone."""

    def __init__(self, timing: LinkTiming) -> None:
        self._timing = timing
        self._last_id = 0
        self._line: deque[Command] = deque()
        self._tries = 0
        self._sent_ms = 0
        self._due = False
        self.retries = 0
        self.lost = 0
        self.unexpected_results = 0

    @property
    def next_deadline_ms(self) -> int | None:
        return self._sent_ms + self._timing.command_timeout_ms if self._line else None

    @property
    def full(self) -> bool:
        return len(self._line) >= MAX_WAITING

    def next_id(self) -> int:
        """The number for the next command, modulo 2**16."""
        self._last_id = (self._last_id + 1) % U16
        return self._last_id

    def add(self, command: Command, now_ms: int) -> None:
        self._line.append(command)
        if len(self._line) == 1:
            self._start(now_ms)

    def take_due(self) -> Command | None:
        """The command to put on the wire now, if any; one copy, however late it is taken."""
        if not self._due:
            return None
        self._due = False
        return self._line[0]

    def on_result(
        self, id_: int, status: CommandStatus, now_ms: int
    ) -> tuple[CommandDone, int | None] | None:
        """Finish the outstanding command, with its round trip in ms where it was sent once.

        None when `id_` is not outstanding.
        """
        if not self._line or self._line[0].id != id_:
            self.unexpected_results += 1
            return None
        # Of a repeated command, nobody knows which copy was answered (Karn's rule).
        rtt_ms = now_ms - self._sent_ms if self._tries == 1 else None
        return self._finish(status, now_ms), rtt_ms

    def poll(self, now_ms: int) -> CommandDone | None:
        """Repeat the outstanding command when its time is over, or give it up."""
        deadline_ms = self.next_deadline_ms
        if deadline_ms is None or now_ms < deadline_ms:
            return None
        if self._tries >= self._timing.command_tries:
            return self._finish(None, now_ms)
        self.retries += 1
        self._send(now_ms)
        return None

    def lose(self, command: Command) -> CommandDone:
        """Give up a command that never came into the line."""
        self.lost += 1
        return _done(command, None)

    def lose_all(self) -> list[CommandDone]:
        """The link is down: nothing waits for a better day."""
        lost = [self.lose(command) for command in self._line]
        self._line.clear()
        self._due = False
        return lost

    def _start(self, now_ms: int) -> None:
        self._tries = 0
        self._send(now_ms)

    def _send(self, now_ms: int) -> None:
        self._tries += 1
        self._sent_ms = now_ms
        self._due = True

    def _finish(self, status: CommandStatus | None, now_ms: int) -> CommandDone:
        command = self._line.popleft()
        self.lost += status is None
        self._due = False
        if self._line:
            self._start(now_ms)
        return _done(command, status)


def _done(command: Command, status: CommandStatus | None) -> CommandDone:
    return CommandDone(command.id, command.evse, CommandVerb(command.verb), status)
