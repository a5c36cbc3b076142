"""What the board remembers of commands, so that a repeated one is answered and not done again."""

from __future__ import annotations

import enum

from evse.model import CommandStatus
from firmware_bridge.sequence import U16, is_newer


class Arrival(enum.Enum):
    NEW = "new"
    """Do it."""
    REPEATED = "repeated"
    """Being done, or done: its answer leaves again if there is one."""
    OLD = "old"
    """A late copy of one that the host has finished with."""


class CommandMemory:
    """The last command of the session. One is enough, because the host stops and waits."""

    def __init__(self) -> None:
        self._id: int | None = None
        self._status: CommandStatus | None = None
        self._due = False

    def arrive(self, id_: int) -> Arrival:
        if self._id is None or is_newer(id_, self._id, U16):
            self._id = id_
            self._status = None
            self._due = False
            return Arrival.NEW
        if id_ == self._id:
            self._due = self._status is not None
            return Arrival.REPEATED
        return Arrival.OLD

    def answer(self, id_: int, status: CommandStatus) -> bool:
        """Keep the answer and make it due; False when `id_` is not the command in hand."""
        if id_ != self._id:
            return False
        self._status = status
        self._due = True
        return True

    def take_due(self) -> tuple[int, CommandStatus] | None:
        """The answer to put on the wire now, if any."""
        if not self._due or self._id is None or self._status is None:
            return None
        self._due = False
        return self._id, self._status

    def forget(self) -> None:
        """A new session: its first command is new whatever its number."""
        self._id = self._status = None
        self._due = False
