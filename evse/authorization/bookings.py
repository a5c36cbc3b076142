"""What is reserved for whom, as values; whether the EVSEs that are left can serve it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import UNSET, UnsetType

from evse.authorization.tokens import parent_of
from evse.types.authorization import ProvidedIdToken
from evse.types.evse_manager import ConnectorTypeEnum
from evse.types.reservation import Reservation

_ANY = (UNSET, ConnectorTypeEnum.Unknown, ConnectorTypeEnum.Undetermined)
"""What a reservation says that fits every connector."""


class Holder(msgspec.Struct, frozen=True):
    """Who asks: a token, and the group that it belongs to."""

    token: str
    group: str = ""
    claimed: int | None = None
    """The reservation that its validator names."""

    @classmethod
    def of(cls, token: ProvidedIdToken, claimed: int | None = None) -> Holder:
        return cls(token.id_token.value, parent_of(token), claimed)

    def may_use(self, reservation: Reservation) -> bool:
        """By the token itself, by its group (OCPP 1.6 5.13), or because its validator says so."""
        if self.claimed == reservation.reservation_id:
            return True
        if self.token.casefold() == reservation.id_token.casefold():
            return True
        parent = reservation.parent_id_token
        named = not isinstance(parent, UnsetType) and parent != ""
        return named and self.group.casefold() == str(parent).casefold()


def fits(reservation: Reservation, connector_type: str) -> bool:
    """Does the reservation take a connector of this type?"""
    wanted = reservation.connector_type
    return wanted in _ANY or wanted == connector_type


def can_serve(reservations: Iterable[Reservation], free: Mapping[int, str]) -> bool:
    """Can each of `reservations` have an EVSE of its own among `free` (number -> type of its
    connector), whoever comes first?"""
    wanted = list(reservations)
    given: dict[int, Reservation] = {}
    return all(_seat(reservation, free, given, set()) for reservation in wanted)


def _seat(
    reservation: Reservation,
    free: Mapping[int, str],
    given: dict[int, Reservation],
    tried: set[int],
) -> bool:
    """Give it an EVSE, moving others where that helps (an augmenting path)."""
    for evse in _fitting(reservation, free):
        if evse in tried:
            continue
        tried.add(evse)
        if evse not in given or _seat(given[evse], free, given, tried):
            given[evse] = reservation
            return True
    return False


def _fitting(reservation: Reservation, free: Mapping[int, str]) -> Sequence[int]:
    return [evse for evse, connector_type in free.items() if fits(reservation, connector_type)]
