"""The core's door for an OCPP engine of the same process, as ocpp_link.core_client on a socket.

Nothing reaches the engine while it acts: answers and notifications wait in an inbox, as they wait
in a socket, and `deliver` hands them over in order. Calls that a dying core left open fail in
words.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from typing import Any

from evse.door.jsonrpc import NOT_AVAILABLE, RpcError
from evse.door.roles import Role
from hil.sim.station import LocalPeer, SimStation
from ocpp_link.charge_point import ChargePoint
from ocpp_link.core_client import (
    CONSUMER,
    FAULTS,
    PROVIDED,
    PUBLIC_KEY,
    RESERVATION,
    SESSION_EVENT,
    VALIDATE_TOKEN,
)
from ocpp_link.ports import CoreReply

Serve = Callable[[str, dict[str, Any], Callable[[Any], None]], None]
"""Answers a call to what the link provides, at once or later; may raise RpcError instead."""
OnReply = Callable[[CoreReply], None]


class LocalCore:
    """CorePort at whichever core of the simulation is alive; one a life of the engine."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._peer: LocalPeer | None = None
        self._inbox: deque[Callable[[], None]] = deque()
        self._open: dict[int, tuple[str, OnReply]] = {}
        self._ids = itertools.count()
        self._standing: dict[str, Any] = {}

    @property
    def attached(self) -> bool:
        return self._peer is not None

    @property
    def waiting(self) -> bool:
        """`deliver` has something to do."""
        return bool(self._inbox)

    def call(self, method: str, params: dict[str, Any], on_reply: OnReply) -> None:
        """CorePort."""
        if self._peer is None:
            on_reply(CoreReply(error="the core is away"))
            return
        call_id = next(self._ids)
        self._open[call_id] = (method, on_reply)
        self._peer.call(method, params, lambda r, e: self._answered(call_id, r, e))

    def acknowledge(self, seq: int) -> None:
        """CorePort."""
        self.call("journal.acknowledge", {"consumer": CONSUMER, "seq": seq}, _unheeded)

    def publish(self, variable: str, value: Any, *, stands: bool = True) -> None:
        """A variable of the link; what stands is told again to a core that comes back."""
        if stands:
            self._standing[variable] = value
        if self._peer is not None:
            self._peer.call("publish", {"variable": variable, "value": value})

    def deliver(self) -> bool:
        """Hand over what waits; False when nothing did."""
        delivered = bool(self._inbox)
        while self._inbox:
            self._inbox.popleft()()
        return delivered

    def attach(self, station: SimStation, engine: ChargePoint) -> None:
        """Follow this core's variables, events from the last acknowledged one on."""
        self._peer = peer = LocalPeer(station.hub, Role.OCPP)
        peer.on_notification = lambda variable, params: self._inbox.append(
            lambda: _tell(engine, variable, params)
        )
        peer.on_request = lambda *call: self._requested(engine, peer, *call)
        wanted: dict[str, Any] = {"consumer": CONSUMER}
        if engine.journal_id is not None:
            wanted = {"from_seq": engine.next_seq, "journal": engine.journal_id}
        told = peer.ask("subscribe", {"variable": SESSION_EVENT, **wanted})
        engine.on_journal(told["journal"], first_seq=told["first_seq"], from_seq=told["from_seq"])
        metered = ("evse_manager.powermeter", PUBLIC_KEY)
        for variable in (*metered, "evse_manager.limits", FAULTS, RESERVATION):
            peer.ask("subscribe", {"variable": variable})
        for evse in station.core.sessions:
            limits = peer.ask("get", {"variable": "evse_manager.limits", "evse": evse})
            if limits is not None:
                engine.on_limits(evse, limits)
            if key := peer.ask("get", {"variable": PUBLIC_KEY, "evse": evse}):
                engine.on_public_key(evse, key)
            engine.on_faults(evse, peer.ask("get", {"variable": FAULTS, "evse": evse}) or [])
        for namespace in PROVIDED:
            peer.ask("provide", {"namespace": namespace})
        for variable, value in self._standing.items():
            peer.call("publish", {"variable": variable, "value": value})
        self._inbox.append(engine.on_core_connected)

    def lost(self, engine: ChargePoint) -> None:
        """The core died: open calls fail, and what it had said has been read."""
        self._peer = None
        self.deliver()
        calls, self._open = self._open, {}
        for method, on_reply in calls.values():
            on_reply(CoreReply(error=f"{method}: the door closed"))
        engine.on_core_lost()

    def leave(self) -> None:
        """The engine's process dies: the core sees the connection go."""
        peer, self._peer = self._peer, None
        self._inbox.clear()
        self._open.clear()
        if peer is not None:
            peer.leave()

    def _requested(
        self,
        engine: ChargePoint,
        peer: LocalPeer,
        method: str,
        params: dict[str, Any],
        reply: Callable[[Any], None],
    ) -> None:
        """What the core asks of what is provided. A token waits in the inbox like all that
        concerns the engine; a core that has died since hears no answer."""
        if method != VALIDATE_TOKEN:
            try:
                self._serve(method, params, reply)
            except RpcError as error:
                reply(error)
            return

        def on_reply(said: CoreReply) -> None:
            if self._peer is peer:
                reply(RpcError(NOT_AVAILABLE, said.error) if said.error else said.result)

        self._inbox.append(lambda: engine.validate(params["provided_token"], on_reply))

    def _answered(self, call_id: int, result: Any, error: Any) -> None:
        method, on_reply = self._open.pop(call_id, ("", _unheeded))
        words = "" if error is None else f"{method}: {error['message']}"
        self._inbox.append(lambda: on_reply(CoreReply(result=result, error=words)))


def _tell(engine: ChargePoint, variable: str, params: dict[str, Any]) -> None:
    match variable:
        case "evse_manager.session_event":
            engine.on_session_event(params["evse"], params["value"], params["seq"])
        case "evse_manager.powermeter":
            engine.on_powermeter(params["evse"], params["value"])
        case "evse_manager.powermeter_public_key_ocmf":
            engine.on_public_key(params["evse"], params["value"])
        case "evse_manager.limits":
            engine.on_limits(params["evse"], params["value"])
        case "sys.faults":
            engine.on_faults(params["evse"], params["value"])
        case "reservation.reservation_update":
            engine.on_reservation(params["value"])


def _unheeded(_reply: CoreReply) -> None:
    """An acknowledgement that is lost is given again with the next event."""
