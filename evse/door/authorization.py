"""The door's methods of the authorization broker: tokens, what they hold, and reservations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from evse.core import Core
from evse.door.hub import Reply
from evse.door.jsonrpc import INVALID_PARAMS, RpcError
from evse.types.authorization import (
    MAX_CONNECTION_TIMEOUT_S,
    IdToken,
    ProvidedIdToken,
    WithdrawAuthorizationRequest,
)
from evse.types.reservation import Reservation, ReservationCheck


class Present(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: ProvidedIdToken


class Withdraw(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    request: WithdrawAuthorizationRequest


class Select(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`evse` for the token that waits, or for the last one that does."""

    evse: int
    id_token: IdToken | UnsetType = UNSET


class SetConnectionTimeout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    connection_timeout_s: Annotated[int, Meta(ge=1, le=MAX_CONNECTION_TIMEOUT_S)]


class SetDeparture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """StopTransactionOnEVSideDisconnect and UnlockConnectorOnEVSideDisconnect of OCPP 1.6."""

    stop_transaction: bool
    unlock_connector: bool


class SetForeignTokens(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether tokens are asked about that could end no transaction, nor start one."""

    ask: bool


class SetGroup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    evse: int
    id_token: str
    parent_id_token: Annotated[str, Meta(min_length=1, max_length=36)]


class ReserveNow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reservation: Reservation


class CancelReservation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reservation_id: int


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    check: ReservationCheck


def _present(core: Core, params: Present, reply: Reply) -> None:
    reply(core.authorization.present(params.token))


def _withdraw(core: Core, params: Withdraw, reply: Reply) -> None:
    reply(core.authorization.withdraw(params.request))


def _select(core: Core, params: Select, reply: Reply) -> None:
    _known(core, "evse", params.evse)
    reply(core.authorization.select(params.evse, params.id_token))


def _set_connection_timeout(core: Core, params: SetConnectionTimeout, reply: Reply) -> None:
    core.authorization.set_connection_timeout(params.connection_timeout_s)
    reply(None)


def _set_departure(core: Core, params: SetDeparture, reply: Reply) -> None:
    for session in core.sessions.values():
        session.set_departure(
            ends_transaction=params.stop_transaction, frees_plug=params.unlock_connector
        )
    reply(None)


def _set_foreign_tokens(core: Core, params: SetForeignTokens, reply: Reply) -> None:
    core.authorization.stopping.asks_foreign = params.ask
    reply(None)


def _set_group(core: Core, params: SetGroup, reply: Reply) -> None:
    _known(core, "evse", params.evse)
    known = core.authorization.assignments
    reply(known.set_group(params.evse, params.id_token, params.parent_id_token))


def _reserve_now(core: Core, params: ReserveNow, reply: Reply) -> None:
    reply(core.authorization.reservations.reserve_now(params.reservation))


def _cancel_reservation(core: Core, params: CancelReservation, reply: Reply) -> None:
    reply(core.authorization.reservations.cancel(params.reservation_id))


def _check(core: Core, params: Check, reply: Reply) -> None:
    if isinstance(params.check.evse_id, int):
        _known(core, "check.evse_id", params.check.evse_id)
    reply(core.authorization.reservations.check(params.check))


def _known(core: Core, field: str, evse: int) -> None:
    if evse not in core.sessions:
        known = f"one of {list(core.sessions)}"
        raise RpcError(INVALID_PARAMS, f"evse {evse} is not here: {known}", {"field": field})


TABLE: dict[str, tuple[type[Any], Callable[[Core, Any, Reply], None]]] = {
    "auth_token_provider.present": (Present, _present),
    "authorization.withdraw": (Withdraw, _withdraw),
    "authorization.select": (Select, _select),
    "authorization.set_connection_timeout": (SetConnectionTimeout, _set_connection_timeout),
    "authorization.set_ev_side_disconnect": (SetDeparture, _set_departure),
    "authorization.set_foreign_tokens": (SetForeignTokens, _set_foreign_tokens),
    "authorization.set_group": (SetGroup, _set_group),
    "reservation.reserve_now": (ReserveNow, _reserve_now),
    "reservation.cancel_reservation": (CancelReservation, _cancel_reservation),
    "reservation.check": (Check, _check),
}
"""Method -> (type of its params, function), as in door/methods.py."""
