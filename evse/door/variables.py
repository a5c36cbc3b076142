"""The variables at the door: `subscribe`, `get`, and session events from the journal.

A follower of session events names the number it wants to begin with and gets every durable record
from there on, in order, first from the disk and then live. Other variables give their last value.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from evse.door import jsonrpc
from evse.door.hub import Connection, Follower, Hub, Reply, event_line
from evse.door.jsonrpc import RpcError
from evse.journal import Journal
from evse.journal_rows import Record

SESSION_EVENT = "evse_manager.session_event"
BATCH = 200
"""Records fetched at a time for a follower that catches up."""
MAX_SEQ = (1 << 63) - 1
"""What a number in the journal's file can be."""

VARIABLES = frozenset(
    {
        SESSION_EVENT,
        "evse_manager.limits",
        "evse_manager.enforced_limits",
        "evse_manager.telemetry",
        "evse_manager.powermeter",
        "evse_manager.evse_id",
        "auth_token_provider.provided_token",
        "sys.fault",
        "sys.faults",
    }
)


class Subscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    variable: str
    evse: int | UnsetType = UNSET
    from_seq: Annotated[int, Meta(ge=0, le=MAX_SEQ)] | UnsetType = UNSET
    journal: str | UnsetType = UNSET
    """Whose number `from_seq` is; of another journal than this one, all events are told."""


class Get(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    variable: str
    evse: int | UnsetType = UNSET


def refuse_while_busy(journal: Journal) -> None:
    """Raises RpcError while the disk leaves earlier questions unanswered."""
    if journal.busy:
        raise RpcError(jsonrpc.NOT_AVAILABLE, "the disk has not answered earlier questions yet")


class Variables:
    """Registers `subscribe` and `get` at the hub and feeds followers from the journal."""

    def __init__(self, hub: Hub, journal: Journal, evses: list[int]) -> None:
        self._hub = hub
        self._journal = journal
        self._evses = evses
        hub.register("subscribe", self._subscribe)
        hub.register("get", self._get)
        journal.on_durable = self._durable

    def _subscribe(self, connection: Connection, params: Raw | UnsetType, reply: Reply) -> None:
        wanted: Subscribe = jsonrpc.decode_params(params, Subscribe)
        self._check(wanted.variable, wanted.evse)
        evse = None if isinstance(wanted.evse, UnsetType) else wanted.evse
        if wanted.variable == SESSION_EVENT:
            refuse_while_busy(self._journal)
            reply(self._standing())
            other = wanted.journal not in (UNSET, self._journal.journal_id)
            self._follow_events(connection, evse, 1 if other else wanted.from_seq)
        elif isinstance(wanted.from_seq, int):
            field = {"field": "from_seq"}
            raise RpcError(jsonrpc.INVALID_PARAMS, f"{wanted.variable} has no numbers", field)
        else:
            self._hub.follow(connection, wanted.variable, Follower(evse, None))
            reply({"value": self._last(wanted.variable, evse)})

    def _standing(self) -> dict[str, Any]:
        """Events before `first_seq` are forgotten: whoever asks for one learns here that it comes
        too late. Numbers of another `journal` mean other events."""
        journal = self._journal
        return {
            "last_seq": journal.durable_seq,
            "first_seq": journal.first_seq,
            "journal": journal.journal_id,
        }

    def _follow_events(
        self, connection: Connection, evse: int | None, from_seq: int | UnsetType
    ) -> None:
        next_seq = from_seq if isinstance(from_seq, int) else self._journal.durable_seq + 1
        follower = Follower(evse, max(1, next_seq))
        self._hub.follow(connection, SESSION_EVENT, follower)
        self._catch_up(connection, follower)

    def _catch_up(self, connection: Connection, follower: Follower) -> None:
        """Fetch from the disk until nothing durable is left behind, then go live."""

        def fetched(found: list[Record]) -> None:
            if connection.follows.get(SESSION_EVENT) is not follower or not connection.open:
                return
            for record in found:
                self._hand_out(connection, follower, record)
            if len(found) < BATCH:  # what is written later is told later: outcomes come in order
                follower.live = True
            else:
                self._catch_up(connection, follower)

        self._journal.read(follower.next_seq or 1, BATCH, fetched)

    def _durable(self, record: Record) -> None:
        for connection, follower in self._hub.followers(SESSION_EVENT):
            if follower.live and record.seq >= (follower.next_seq or 0):
                self._hand_out(connection, follower, record)

    @staticmethod
    def _hand_out(connection: Connection, follower: Follower, record: Record) -> None:
        follower.next_seq = record.seq + 1
        if follower.evse in (None, record.evse):
            line = event_line(SESSION_EVENT, record.evse, Raw(record.body), record.seq)
            connection.wire.send(line)

    def _get(self, _connection: Connection, params: Raw | UnsetType, reply: Reply) -> None:
        wanted: Get = jsonrpc.decode_params(params, Get)
        self._check(wanted.variable, wanted.evse)
        evse = None if isinstance(wanted.evse, UnsetType) else wanted.evse
        if evse is None and wanted.variable.startswith("evse_manager.") and len(self._evses) > 1:
            raise RpcError(
                jsonrpc.INVALID_PARAMS, f"evse is needed: one of {self._evses}", {"field": "evse"}
            )
        if wanted.variable == SESSION_EVENT:
            refuse_while_busy(self._journal)
            self._journal.last(evse, lambda found: reply(Raw(found[0].body) if found else None))
        else:
            reply(self._last(wanted.variable, evse))

    def _last(self, variable: str, evse: int | None) -> Any:
        if evse is None and len(self._evses) == 1:
            evse = self._evses[0]
        for key in (evse, None):
            value = self._hub.last(variable, key)
            if value is not None:
                return value
        return None

    def _check(self, variable: str, evse: int | UnsetType) -> None:
        namespace = variable.partition(".")[0]
        if variable not in VARIABLES and self._hub.provider(namespace) is None:
            raise RpcError(jsonrpc.INVALID_PARAMS, f"no variable {variable}", {"field": "variable"})
        if evse is not UNSET and evse not in self._evses:
            known = f"one of {self._evses}"
            raise RpcError(
                jsonrpc.INVALID_PARAMS, f"evse {evse} is not here: {known}", {"field": "evse"}
            )
