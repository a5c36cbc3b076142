"""A broker with real sessions on boards that behave, a validator at the door, and displays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
from session_rig import Rig, cable_evse, socket_evse, token

from evse.authorization.broker import PROVIDED_TOKEN, Broker
from evse.authorization.outcome import STATUS_VARIABLE
from evse.authorization.reservations import UPDATE_VARIABLE, Reservations, restore
from evse.authorization.validators import METHOD, NAMESPACE
from evse.clock import VirtualClock, rfc3339
from evse.config.access import AuthorizationTable
from evse.door.jsonrpc import NOT_AVAILABLE, RpcError
from evse.model import PilotState
from evse.types.authorization import (
    AuthorizationStatus,
    IdToken,
    IdTokenType,
    ProvidedIdToken,
    ValidationResult,
)
from evse.types.reservation import Reservation


def of_group(group: str) -> IdToken:
    return IdToken(value=group, type=IdTokenType.Central)


def good(group: str = "", **more: Any) -> ValidationResult:
    """Accepted, perhaps as one of a group."""
    if group:
        more["parent_id_token"] = of_group(group)
    return ValidationResult(authorization_status=AuthorizationStatus.Accepted, **more)


def bad(status: str = "Blocked") -> ValidationResult:
    return ValidationResult(authorization_status=AuthorizationStatus(status))


class Door:
    """Where validators are asked: keeps what was asked until the test answers."""

    def __init__(self) -> None:
        self.there = True
        self.asked: list[tuple[ProvidedIdToken, Callable[[Any], None]]] = []

    def ask(self, method: str, params: dict[str, Any], reply: Callable[[Any], None]) -> None:
        assert method == METHOD
        if self.there:
            self.asked.append((params["provided_token"], reply))
        else:
            reply(RpcError(NOT_AVAILABLE, f"nobody provides {NAMESPACE}.* now"))

    def provider(self, namespace: str) -> object | None:
        return self if self.there and namespace == NAMESPACE else None

    def answer(self, *results: ValidationResult, number: int = -1) -> None:
        """The last question, or that of `number`, is answered as over the wire."""
        self.say(msgspec.to_builtins(list(results)), number=number)

    def say(self, outcome: Any, *, number: int = -1) -> None:
        self.asked.pop(number)[1](outcome)


class AuthRig:
    """`evses` EVSEs; more keyword arguments go into `[authorization]`."""

    def __init__(self, evses: int = 1, *, kept: bytes | None = None, **config: Any) -> None:
        self.clock = VirtualClock(1_000_000)
        self.door = Door()
        self.statuses: list[str] = []
        """What displays were told, `CARD Accepted`."""
        self.updates: list[str] = []
        """What became of reservations, `7 Placed`."""
        self.kept = kept
        self.said: list[str] = []
        tables = [socket_evse(n, meter=False) for n in range(1, evses + 1)]
        self.rigs = {table.id: Rig(table, clock=self.clock) for table in tables}
        self.config = AuthorizationTable(**{"mode": "door", **config})
        self._start()

    def _start(self) -> None:
        sessions = {evse: rig.session for evse, rig in self.rigs.items()}
        reservations = Reservations(
            sessions,
            self.clock,
            self._publish,
            keep=self._keep,
            restored=restore(self.kept, self.said.append),
        )
        self.broker = Broker(
            self.config,
            sessions,
            self.clock,
            self._publish,
            reservations=reservations,
            settle=self.settle,
        )
        self.broker.attach(self.door)
        self.settle()

    def restart(self) -> None:
        """Another life of the core: the disk and the metal are what remains."""
        for evse, old in self.rigs.items():
            new = Rig(old.config, clock=self.clock)
            new.board.car = old.board.car
            self.rigs[evse] = new
        self._start()

    def change_connector(self, evse: int) -> None:
        """A fixed cable instead of the socket; before anything has happened."""
        self.rigs[evse] = Rig(cable_evse(evse), clock=self.clock)
        self._start()

    # --- what a test does -------------------------------------------------------------------------

    def settle(self) -> None:
        """Boards tell, sessions move, the broker looks."""
        for _ in range(2):
            for rig in self.rigs.values():
                rig.tick(0)
            self.broker.poll()

    def run(self, ms: int) -> None:
        """Deadline by deadline, and each second."""
        end_ms = self.clock.now_ms() + ms
        while (now_ms := self.clock.now_ms()) < end_ms:
            due_ms = self.broker.next_deadline_ms or end_ms
            self.clock.advance_to(max(now_ms + 1, min(end_ms, due_ms, now_ms + 1_000)))
            self.settle()

    def plug(self, *evses: int) -> None:
        for evse in evses:
            self._car(evse, PilotState.B)

    def unplug(self, *evses: int) -> None:
        for evse in evses:
            self._car(evse, PilotState.A)

    def _car(self, evse: int, state: PilotState) -> None:
        self.rigs[evse].board.car = state
        self.settle()

    def swipe(self, value: str = "CARD", **more: Any) -> str:
        told = self.broker.present(token(value, **more))
        self.settle()
        return told.value

    def start(self, evse: int, value: str = "CARD", group: str = "") -> None:
        """A transaction of a card on `evse`."""
        self.plug(evse)
        assert self.swipe(value, connectors=(evse,)) == "Processing"
        self.door.answer(good(group))
        self.settle()
        assert self.running() == {**self.running(), evse: value}

    def reserve(self, reservation_id: int = 7, value: str = "CARD", **more: Any) -> str:
        expiry = self.clock.utc() + timedelta(seconds=more.pop("seconds", 600))
        wanted = Reservation(
            reservation_id=reservation_id, id_token=value, expiry_time=rfc3339(expiry), **more
        )
        told = self.broker.reservations.reserve_now(wanted)
        self.settle()
        return told.value

    # --- what is there ----------------------------------------------------------------------------

    def running(self) -> dict[int, str]:
        """EVSE -> card of its transaction."""
        return {
            evse: rig.session.record.token.id_token.value
            for evse, rig in self.rigs.items()
            if rig.session.record.transaction and rig.session.record.token is not None
        }

    def authorized(self) -> dict[int, str]:
        """EVSE -> card that holds it, with or without a transaction."""
        return {
            evse: rig.session.record.token.id_token.value
            for evse, rig in self.rigs.items()
            if rig.session.authorized and rig.session.record.token is not None
        }

    def state(self, evse: int = 1) -> str:
        return self.rigs[evse].session.state

    def says(self, evse: int = 1) -> str:
        """Why the last token at `evse` came to what it came to."""
        outcome = self.broker.last_outcome(evse)
        return "" if outcome is None else outcome.says

    def reasons(self) -> list[str]:
        """Why transactions ended."""
        return [n for rig in self.rigs.values() for n in rig.names if "TransactionFinished" in n]

    def _keep(self, body: bytes) -> None:
        self.kept = body

    def _publish(self, variable: str, evse: int | None, value: Any) -> None:
        assert evse is None
        if variable == STATUS_VARIABLE:
            self.statuses.append(f"{value.token.id_token.value} {value.status.value}")
        elif variable == UPDATE_VARIABLE:
            self.updates.append(f"{value.reservation_id} {value.reservation_status.value}")
        else:
            assert variable == PROVIDED_TOKEN
