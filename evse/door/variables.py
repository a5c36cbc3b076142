"""The variables at the door: `subscribe`, `get`, and session events from the journal.

A follower of session events names the number it wants to begin with and gets every durable record
from there on, in order, first from the disk and then live. Other variables give their last value.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from evse.config.read import nearest
from evse.door import jsonrpc
from evse.door.hub import Connection, Follower, Hub, Reply, event_line
from evse.door.jsonrpc import RpcError
from evse.door.providers import published_by
from evse.door.roles import NAMESPACES
from evse.door.spelling import Interface
from evse.journal.entries import Record
from evse.journal.journal import Journal

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
        "evse_manager.hw_capabilities",
        "evse_manager.ev_info",
        "evse_manager.car_manufacturer",
        "evse_manager.iso15118_certificate_request",
        "evse_manager.ready",
        "evse_manager.selected_protocol",
        "evse_manager.powermeter_public_key_ocmf",
        "evse_manager.telemetry",
        "evse_manager.powermeter",
        "evse_manager.evse_id",
        "auth_token_provider.provided_token",
        "auth_token_provider.token_validation_status",
        "reservation.reservation_update",
        "sys.fault",
        "sys.faults",
        "uk_random_delay.countdown",
    }
)


class Subscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    variable: str
    evse: int | UnsetType = UNSET
    from_seq: Annotated[int, Meta(ge=0, le=MAX_SEQ)] | UnsetType = UNSET
    journal: str | UnsetType = UNSET
    """Whose number `from_seq` is; of another journal than this one, all events are told."""
    consumer: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    """Without `from_seq`: begin behind what this consumer has acknowledged. For one that has lost
    its own memory."""


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
            self._follow_events(connection, evse, self._begin(wanted), reply)
        elif isinstance(wanted.from_seq, int):
            field = {"field": "from_seq"}
            raise RpcError(jsonrpc.INVALID_PARAMS, f"{wanted.variable} has no numbers", field)
        else:
            follower = Follower(evse, None, connection.interface)
            self._hub.follow(connection, wanted.variable, follower)
            reply({"value": self._last(connection, wanted.variable, evse)})

    def _begin(self, wanted: Subscribe) -> int:
        """The number to begin with."""
        journal = self._journal
        if isinstance(wanted.from_seq, int):
            other = wanted.journal not in (UNSET, journal.journal_id)
            return 1 if other else max(1, wanted.from_seq)
        if isinstance(wanted.consumer, str):
            return journal.unread_from(wanted.consumer)
        return journal.durable_seq + 1

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
        self, connection: Connection, evse: int | None, from_seq: int, reply: Reply
    ) -> None:
        follower = Follower(evse, from_seq, connection.interface)
        self._hub.follow(connection, SESSION_EVENT, follower)
        reply({**self._standing(), "from_seq": from_seq})
        if connection.interface is Interface.PRESENT:
            self._catch_up(connection, follower)
        else:
            self._with_older(follower, from_seq, lambda: self._catch_up(connection, follower))

    def _with_older(self, follower: Follower, seq: int, then: Callable[[], None]) -> None:
        """Let `follower` be told in the older spelling from event `seq` on."""
        from evse.door.older_events import OlderEvents, charged_before  # few ever ask for it

        follower.older = older = OlderEvents()

        def found(charged: Any) -> None:
            older.begin(charged)
            then()

        job = functools.partial(charged_before, seq=seq, evses=self._evses)
        self._journal.query(job, found)

    def _catch_up(self, connection: Connection, follower: Follower) -> None:
        """Fetch from the disk until nothing durable is left behind, then go live."""

        def fetched(found: list[Record]) -> None:
            if connection.follows.get(SESSION_EVENT) is not follower or not connection.open:
                return
            for record in found:
                self._hand_out(connection, follower, record)
            if len(found) < BATCH:  # what is written later is told later: outcomes come in order
                follower.live = True
            else:  # the disk is faster than a peer
                connection.when_ready(lambda: self._catch_up(connection, follower))

        self._journal.read(follower.next_seq or 1, BATCH, fetched)

    def _durable(self, record: Record) -> None:
        for connection, follower in self._hub.followers(SESSION_EVENT):
            if follower.live and record.seq >= (follower.next_seq or 0):
                self._hand_out(connection, follower, record)

    @staticmethod
    def _hand_out(connection: Connection, follower: Follower, record: Record) -> None:
        follower.next_seq = record.seq + 1
        if follower.evse not in (None, record.evse):
            return
        told = _told(follower, record)
        if told is not None:
            connection.wire.send(event_line(SESSION_EVENT, record.evse, told, record.seq))

    def _get(self, connection: Connection, params: Raw | UnsetType, reply: Reply) -> None:
        wanted: Get = jsonrpc.decode_params(params, Get)
        self._check(wanted.variable, wanted.evse)
        evse = None if isinstance(wanted.evse, UnsetType) else wanted.evse
        if evse is None and wanted.variable.startswith("evse_manager.") and len(self._evses) > 1:
            raise RpcError(
                jsonrpc.INVALID_PARAMS, f"evse is needed: one of {self._evses}", {"field": "evse"}
            )
        if wanted.variable == SESSION_EVENT:
            refuse_while_busy(self._journal)
            self._get_event(connection.interface, evse, reply)
        else:
            reply(self._last(connection, wanted.variable, evse))

    def _get_event(self, interface: Interface, evse: int | None, reply: Reply) -> None:
        """The newest event; nothing where the asked-for generation has no such event."""
        follower = Follower(evse, None, interface)

        def found(records: list[Record]) -> None:
            if not records:
                reply(None)
            elif interface is Interface.PRESENT:
                reply(Raw(records[0].body))
            else:
                seq = records[0].seq
                self._with_older(follower, seq, lambda: reply(_told(follower, records[0])))

        self._journal.last(evse, found)

    def _last(self, connection: Connection, variable: str, evse: int | None) -> Any:
        if evse is None and len(self._evses) == 1:
            evse = self._evses[0]
        for key in (evse, None):
            value = self._hub.last(variable, key, connection.interface)
            if value is not None:
                return value
        return None

    def _check(self, variable: str, evse: int | UnsetType) -> None:
        if variable not in VARIABLES:
            namespace = variable.partition(".")[0]
            provided = published_by(namespace) if namespace in NAMESPACES else {}
            if variable not in provided:
                near = nearest(variable, provided or _alike(variable))
                text = f"no variable {variable}{near}"
                raise RpcError(jsonrpc.INVALID_PARAMS, text, {"field": "variable"})
        if evse is not UNSET and evse not in self._evses:
            known = f"one of {self._evses}"
            raise RpcError(
                jsonrpc.INVALID_PARAMS, f"evse {evse} is not here: {known}", {"field": "evse"}
            )


def _told(follower: Follower, record: Record) -> Any:
    """What a follower hears of a record; None: nothing."""
    if follower.older is None:
        return Raw(record.body)
    return follower.older.told(record.evse, record.body)


def _alike(variable: str) -> list[str]:
    """The variables of the same namespace, or all where there is none."""
    namespace = f"{variable.partition('.')[0]}."
    return [name for name in VARIABLES if name.startswith(namespace)] or sorted(VARIABLES)
