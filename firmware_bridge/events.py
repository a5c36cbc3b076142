"""What the two sessions tell their owners."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from evse.model import (
    BoardAnalog,
    BoardIdentity,
    BoardStatus,
    CommandStatus,
    CommandVerb,
    Permit,
)


class LinkUp(msgspec.Struct, frozen=True, gc=False):
    """The hello was accepted: permits flow from now on."""

    identity: BoardIdentity


class LinkDown(msgspec.Struct, frozen=True, gc=False):
    """Nothing is known of the board any more; `why` is a sentence for people. Told again only
    when the sentence changes."""

    why: str


class Restarted(msgspec.Struct, frozen=True, gc=False):
    """Ring 1 is another run than before the link went down. Comes just before LinkUp."""

    old_boot_id: int
    new_boot_id: int


class Status(msgspec.Struct, frozen=True, gc=False):
    evse: int
    status: BoardStatus
    t_ms: int
    """Board clock, modulo 2**32: good for differences, not for comparing with the host's."""


class Analog(msgspec.Struct, frozen=True, gc=False):
    evse: int
    analog: BoardAnalog


class CommandDone(msgspec.Struct, frozen=True, gc=False):
    """The end of a command; comes exactly once for each."""

    id: int
    evse: int
    verb: CommandVerb
    status: CommandStatus | None
    """None = lost: no answer after the last try, or no link. The board may have acted."""


HostEvent: TypeAlias = LinkUp | LinkDown | Restarted | Status | Analog | CommandDone


class HostHello(msgspec.Struct, frozen=True, gc=False):
    """A host opened a new session: permit numbers start anew."""

    session: int


class PermitReceived(msgspec.Struct, frozen=True, gc=False):
    evse: int
    permit: Permit


class CommandReceived(msgspec.Struct, frozen=True, gc=False):
    """To be done once, and answered with `BoardSession.send_result(id, ...)`."""

    id: int
    evse: int
    verb: CommandVerb
    arg: int


BoardEvent: TypeAlias = HostHello | PermitReceived | CommandReceived
